"""The device side of remote multicast set-up (TS005-1.0.0 and 2.0.0): groups, their keys and windows, and sessions.

Whether a frame on a group's address reaches the device is the air's matter; whether the device takes it (keys, counter)
is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final, Literal

from fleetcast.identifiers import DevAddr
from fleetcast.instants import InstantMs
from fleetcast.protocol.packages import Package
from fleetcast.protocol.ts005_multicast import v1
from fleetcast.protocol.wire import Command
from fleetcast.simulator.device_answers import NEVER, Answer
from fleetcast.simulator.device_body import Arrival, Body
from fleetcast.simulator.device_keys import GroupKeys, group_keys, unwrapped_mc_key
from fleetcast.simulator.quirks import Quirk

_DR_ERROR = 0x04
_FREQ_ERROR = 0x08
_START_MISSED = 0x20
_START_MISSED_BIT4 = 0x10
_CLOCK_FAR_OFF = 0xFFFFFF
_FREQUENCY_UNIT_HZ = 100
_BEACON_PERIOD_MS = 128_000
_RECORD_BYTES = 5


class Session:
    """One listening time of a group, planned or open."""

    __slots__ = (
        "data_rate", "dl_freq", "ends_at", "fragments_before", "mc_addr", "mc_group_id", "periodicity",
        "session_class", "start_time", "started_at", "time_out_ms",
    )  # fmt: skip

    def __init__(
        self, group: Group, request: v1.McClassCSessionReq | v1.McClassBSessionReq, time_out_ms: int, data_rate: int
    ) -> None:
        self.mc_group_id: Final = group.mc_group_id
        self.mc_addr = group.mc_addr
        self.session_class: Final[Literal["B", "C"]] = "B" if isinstance(request, v1.McClassBSessionReq) else "C"
        self.start_time: Final = request.session_time
        """GPS seconds modulo 2^32, as asked for; the device goes by its own clock."""
        self.time_out_ms: Final = time_out_ms
        self.dl_freq: Final = request.dl_freq
        self.data_rate: Final = data_rate
        self.periodicity: Final = request.periodicity if isinstance(request, v1.McClassBSessionReq) else 0
        """Ping-slot periodicity exponent (class B)."""
        self.started_at: InstantMs | None = None
        """When the device began to listen; None: not yet."""
        self.ends_at: InstantMs = NEVER
        self.fragments_before = 0

    @property
    def frequency_hz(self) -> int:
        """0: the default ping-slot channel (class B)."""
        return self.dl_freq * _FREQUENCY_UNIT_HZ


class Group:
    """A multicast group as one device knows it."""

    __slots__ = ("keys", "last_f_cnt", "max_f_cnt", "mc_addr", "mc_group_id", "min_f_cnt", "session")

    def __init__(self, mc_group_id: int, keys: GroupKeys, min_f_cnt: int, max_f_cnt: int) -> None:
        self.mc_group_id = mc_group_id
        self.mc_addr: DevAddr = keys.mc_addr
        self.keys = keys
        self.min_f_cnt = min_f_cnt
        self.max_f_cnt = max_f_cnt
        self.last_f_cnt = -1
        """The last counter taken; -1: none since the set-up."""
        self.session: Session | None = None


class MulticastSetup:
    """The multicast groups of one device."""

    __slots__ = ("_group_0_time_out_ms", "_groups", "stays_in_class_c")

    def __init__(self) -> None:
        self._groups: tuple[Group, ...] = ()
        """Lowest id first."""
        self._group_0_time_out_ms = 0
        self.stays_in_class_c = False
        """A stack that goes on listening after a class C session, until its application ends it."""

    def __iter__(self) -> Iterator[Group]:
        return iter(self._groups)

    def group(self, mc_group_id: int) -> Group | None:
        """The group with this McGroupID, if it is defined."""
        for group in self._groups:
            if group.mc_group_id == mc_group_id:
                return group
        return None

    def takes(self, body: Body, group: Group, f_cnt: int) -> bool:
        """Whether a frame with this 32-bit counter is taken, keys apart (TS005, McGroupSetupReq)."""
        traits = body.spec.model.traits
        if f_cnt <= group.last_f_cnt:
            return False
        if Quirk.FCNT16_FIRST in traits.quirks and group.last_f_cnt < 0 and group.min_f_cnt > 0xFFFF:
            return False  # it takes the first counter for the 16 bits that travel, below every valid one
        if not traits.f_cnt_range_checked:
            return True
        return group.min_f_cnt <= f_cnt < group.max_f_cnt + traits.f_cnt_max_inclusive

    def execute(self, body: Body, command: Command, arrival: Arrival) -> Answer | None:
        """Do what a command says."""
        match command:
            case v1.McGroupStatusReq():
                return self._status(body, command.req_group_mask)
            case v1.McGroupSetupReq():
                return self._set_up(body, command)
            case v1.McGroupDeleteReq():
                group = self.group(command.mc_group_id)
                if group is not None:
                    self._drop(group)
                return Answer(
                    v1.McGroupDeleteAns(mc_group_undefined=group is None, mc_group_id=command.mc_group_id).encode()
                )
            case v1.McClassCSessionReq() | v1.McClassBSessionReq():
                return self._plan_session(body, command, arrival.now)
            case _:
                return None

    def due(self, body: Body, now: InstantMs) -> InstantMs:
        """When the next session begins or ends, or NEVER."""
        due = NEVER
        for group in self._groups:
            session = group.session
            if session is None:
                continue
            if session.started_at is not None:
                turns = session.ends_at
            elif self._can_start(body):
                turns = max(body.clock.instant_of(session.start_time, now), now)
            else:
                continue
            if turns < due:
                due = turns
        return due

    def turn(self, body: Body, now: InstantMs, fragments_heard: int) -> bool:
        """Begin and end the sessions that are due; says whether any did.

        `fragments_heard` counts those of all blocks: a stack whose time-out begins anew with each fragment looks at it
        when the time is over, and listens on for a whole time-out if it has grown.
        """
        turned = False
        for group in self._groups:
            session = group.session
            if session is None:
                continue
            if session.started_at is None and self._can_start(body):
                begins = body.clock.instant_of(session.start_time, now)
                if begins <= now:
                    session.started_at = now
                    session.ends_at = min(begins, now) + session.time_out_ms
                    session.fragments_before = fragments_heard
                    turned = True
            if session.ends_at <= now:
                restarts = Quirk.TIMEOUT_RESTARTS in body.spec.model.traits.quirks
                if restarts and fragments_heard != session.fragments_before:
                    session.fragments_before = fragments_heard
                    session.ends_at = now + session.time_out_ms
                    continue
                self._end(body, group)
                turned = True
        return turned

    def open_sessions(self) -> tuple[Session, ...]:
        """The sessions in which the device listens now."""
        return tuple(
            [
                group.session
                for group in self._groups
                if group.session is not None and group.session.started_at is not None
            ]
        )

    def end_all(self, body: Body) -> None:
        """End every open session: the application goes back to class A."""
        for group in self._groups:
            if group.session is not None and group.session.started_at is not None:
                self._end(body, group)
        self.stays_in_class_c = False

    def reboot(self, body: Body) -> None:
        """Forget what a reboot does not leave."""
        persists = body.spec.model.traits.persists
        self.stays_in_class_c = False
        if not persists.mc_groups:
            self._groups = ()
        for group in self._groups:
            if not persists.mc_fcnt:
                group.last_f_cnt = -1
            if not persists.session_timer:
                group.session = None

    def misread(self, body: Body, payload: bytes, at: int) -> tuple[int, bytes] | None:
        """What a stack that does not know a command makes of it: bytes taken (0: all of it, unanswered), and answer."""
        quirks = body.spec.model.traits.quirks
        match payload[at]:
            case v1.McGroupStatusReq.cid:
                if Quirk.GROUP_STATUS_MISPARSE in quirks:
                    return 1, b""
                if Quirk.GROUP_STATUS_DROPS_ALL in quirks:
                    return 0, b""
            case v1.McClassBSessionReq.cid:
                if Quirk.CLASS_B_BYTES_NOT_SKIPPED in quirks:
                    return 1, b""
                if Quirk.CLASS_B_DROPS_ALL in quirks:
                    return 0, b""
        return None

    def _drop(self, group: Group) -> None:
        self._groups = tuple(one for one in self._groups if one is not group)

    def _status(self, body: Body, mask: int) -> Answer:
        buffer = body.spec.model.traits.answer_buffer_bytes.get(Package.MULTICAST_SETUP)

        def written(_now: InstantMs, room: int) -> bytes:
            most = (min(room, buffer or room) - 2) // _RECORD_BYTES
            listed = [group for group in self._groups if mask >> group.mc_group_id & 1][: max(most, 0)]
            return v1.McGroupStatusAns(
                nb_total_groups=len(self._groups),
                ans_group_mask=sum(1 << group.mc_group_id for group in listed),
                groups=tuple(v1.GroupRecord(mc_group_id=one.mc_group_id, mc_addr=one.mc_addr) for one in listed),
            ).encode()

        return Answer(written)

    def _set_up(self, body: Body, request: v1.McGroupSetupReq) -> Answer:
        refused = request.mc_group_id >= body.spec.model.traits.mc_groups or body.spec.defects.refuses_group
        if not refused:
            keys = group_keys(unwrapped_mc_key(body.spec, request.mc_key_encrypted), request.mc_addr)
            made = Group(request.mc_group_id, keys, request.min_mc_f_cnt, request.max_mc_f_cnt)
            old = self.group(request.mc_group_id)
            if old is not None:
                self._drop(old)
                made.session = old.session
                if made.session is not None:
                    made.session.mc_addr = made.mc_addr
            self._groups = tuple(sorted((*self._groups, made), key=_mc_group_id))
        return Answer(v1.McGroupSetupAns(id_error=refused, mc_group_id=request.mc_group_id).encode())

    def _plan_session(
        self, body: Body, request: v1.McClassCSessionReq | v1.McClassBSessionReq, now: InstantMs
    ) -> Answer | None:
        traits = body.spec.model.traits
        if isinstance(request, v1.McClassBSessionReq) and not traits.class_b:
            return None
        group = self.group(request.mc_group_id)
        errors = self._errors(body, request)
        cid, mc_group_id = request.cid, request.mc_group_id
        if errors and Quirk.SHORT_SESSION_ANSWER in traits.quirks:
            return Answer(bytes([cid]))
        if group is None:
            return Answer(bytes([cid, errors | traits.undefined_group_status | mc_group_id]))
        if errors:
            return Answer(bytes([cid, errors | mc_group_id]))
        knows_time = body.clock.known or traits.clock_unknown == "own_epoch"
        if knows_time and body.clock.seconds_until(request.session_time, now) < 0:
            if traits.start_in_past != "start_now":
                missed = _START_MISSED if traits.start_in_past == "bit5" else _START_MISSED_BIT4
                return Answer(bytes([cid, missed | mc_group_id]))
            self._replace(body, group, request)
            return Answer(bytes([cid, mc_group_id, 0, 0, 0]))
        self._replace(body, group, request)
        if mc_group_id != 0 and not traits.time_to_start_groups_1_3:
            return Answer(bytes([cid, mc_group_id]))
        saturates = traits.version(Package.MULTICAST_SETUP) >= 2

        def written(sent: InstantMs, _room: int) -> bytes:
            wait_s = _CLOCK_FAR_OFF
            if knows_time:
                wait_s = max(body.clock.seconds_until(request.session_time, sent), 0)
                wait_s = min(wait_s, _CLOCK_FAR_OFF) if saturates else wait_s & _CLOCK_FAR_OFF
            return bytes([cid, mc_group_id]) + wait_s.to_bytes(3, "little")

        return Answer(written)

    def _errors(self, body: Body, request: v1.McClassCSessionReq | v1.McClassBSessionReq) -> int:
        model = body.spec.model
        lowest, highest = model.frequencies_hz
        frequency = request.dl_freq * _FREQUENCY_UNIT_HZ
        default_channel = frequency == 0 and isinstance(request, v1.McClassBSessionReq)
        errors = body.spec.defects.refuses_session_bits
        if _data_rate(body, request) not in model.data_rates:
            errors |= _DR_ERROR
        if not default_channel and not lowest <= frequency <= highest:
            errors |= _FREQ_ERROR
        return errors

    def _replace(self, body: Body, group: Group, request: v1.McClassCSessionReq | v1.McClassBSessionReq) -> None:
        traits = body.spec.model.traits
        in_beacons = isinstance(request, v1.McClassBSessionReq) and Quirk.CLASS_B_TIMEOUT_SHORT not in traits.quirks
        time_out_ms = _time_out_ms(request.session_time_out, in_beacons=in_beacons)
        if traits.session_timer == "one_for_all_group0":
            # One timer for all: the newest session takes it, and it runs out after what group 0 was last told.
            if group.mc_group_id == 0:
                self._group_0_time_out_ms = time_out_ms
            time_out_ms = self._group_0_time_out_ms or 1000
            for other in self._groups:
                other.session = None
        group.session = Session(group, request, time_out_ms, _data_rate(body, request))

    def _can_start(self, body: Body) -> bool:
        return body.clock.known or body.spec.model.traits.clock_unknown == "own_epoch"

    def _end(self, body: Body, group: Group) -> None:
        session, group.session = group.session, None
        if session is not None and session.session_class == "C" and session.started_at is not None:
            self.stays_in_class_c |= body.spec.model.traits.class_after_session == "unchanged"


@cache
def _time_out_ms(time_out: int, *, in_beacons: bool) -> int:
    """One number for all devices that are told the same."""
    return (_BEACON_PERIOD_MS if in_beacons else 1000) << time_out


def _mc_group_id(group: Group) -> int:
    return group.mc_group_id


def _data_rate(body: Body, request: v1.McClassCSessionReq | v1.McClassBSessionReq) -> int:
    return request.dr & 0x0F if Quirk.DR_MASKED in body.spec.model.traits.quirks else request.dr
