"""The device side of fragmented data block transport (TS004-1.0.0 and 2.0.0): sessions, fragments, status, reports.

Counting and rebuilding is in `reception`, the wording of a status in `block_status`. What happens with a finished block
(upgrade image, reboot, class) is the device's business: it asks `take_finished`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fleetcast.fec import Scheme
from fleetcast.instants import InstantMs
from fleetcast.protocol.packages import Package
from fleetcast.protocol.ts004_fragmentation import v1, v2
from fleetcast.protocol.wire import Command
from fleetcast.simulator.device_answers import NEVER, Answer
from fleetcast.simulator.device_body import Arrival, Body
from fleetcast.simulator.device_keys import block_mic
from fleetcast.simulator.packages import block_status
from fleetcast.simulator.packages.fragment_setup import refusals, session_cnt_is_new
from fleetcast.simulator.packages.reception import Collected, Followed, Receiver, Reception
from fleetcast.simulator.quirks import Quirk
from fleetcast.simulator.traits import Traits

SetupReq = v1.FragSessionSetupReq | v2.FragSessionSetupReq
_PARITY_SLOW_S = 3.0
_WRAP_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Finished:
    """A data block whose reception is over."""

    frag_index: int
    block: bytes | None
    """The block without padding; None when it could not be rebuilt, and the stack says it is finished all the same."""
    descriptor: bytes
    block_ack_delay: int


class FragmentSession:
    """One data block on its way to one device."""

    __slots__ = (
        "ack_reception", "block_ack_delay", "busy_until", "descriptor", "frag_index", "frag_size", "is_over",
        "mc_group_bit_mask", "mic", "mic_error", "nb_frag", "padding", "receiver", "report_due", "report_multicast",
        "reports_left", "session_cnt",
    )  # fmt: skip

    def __init__(self, request: SetupReq, busy_until: InstantMs) -> None:
        self.frag_index: Final = request.frag_index
        self.mc_group_bit_mask: Final = request.mc_group_bit_mask
        self.nb_frag: Final = request.nb_frag
        self.frag_size: Final = request.frag_size
        self.padding: Final = request.padding
        self.block_ack_delay: Final = request.block_ack_delay
        self.descriptor: Final = request.descriptor
        second = request if isinstance(request, v2.FragSessionSetupReq) else None
        self.ack_reception: Final = second is not None and second.ack_reception
        self.session_cnt: Final = -1 if second is None else second.session_cnt
        self.mic: Final = None if second is None else second.mic
        self.receiver: Receiver | None = None
        """None until the first fragment."""
        self.busy_until = busy_until
        """Storing something: fragments before this instant are lost."""
        self.is_over = False
        """The block is complete, or was given up."""
        self.mic_error = False
        self.reports_left: int | None = 0
        """FragDataBlockReceivedReq still to be sent; None: until answered."""
        self.report_due: InstantMs = NEVER
        self.report_multicast = False

    @property
    def block_bytes(self) -> int:
        """The size of the block without padding."""
        return self.nb_frag * self.frag_size - self.padding

    def reception(self) -> Reception:
        """What was received so far."""
        if self.receiver is None:
            return Reception(0, 0, 0, 0, 0, self.nb_frag)
        return self.receiver.reception()


class Fragmentation:
    """The fragmentation sessions of one device."""

    __slots__ = ("_finished", "_last_counts", "_memory_error_sticks", "_session_cnt", "_sessions", "crashed")

    def __init__(self) -> None:
        self._sessions: tuple[FragmentSession, ...] = ()
        self._session_cnt: dict[int, int] | None = None
        """The last SessionCnt used, by FragIndex; it survives a reboot where the stack stores it."""
        self._last_counts: block_status.Counts | None = None
        self._memory_error_sticks = False
        self._finished: Finished | None = None
        self.crashed = False
        """The stack wrote where it must not: the watchdog reboots the device."""

    @property
    def sessions(self) -> tuple[FragmentSession, ...]:
        """All sessions."""
        return self._sessions

    def session(self, frag_index: int) -> FragmentSession | None:
        """The session with this index, if there is one."""
        for session in self._sessions:
            if session.frag_index == frag_index:
                return session
        return None

    def execute(self, body: Body, command: Command, arrival: Arrival) -> Answer | None:
        """Do what a command says; commands that may not come by multicast were dropped before."""
        match command:
            case v1.FragSessionStatusReq():
                return self._status(body, command, arrival)
            case v1.FragSessionSetupReq() | v2.FragSessionSetupReq():
                return self._set_up(body, command, arrival.now)
            case v1.FragSessionDeleteReq():
                return self._delete(body, command.frag_index)
            case v2.FragDataBlockReceivedAns():
                session = self.session(command.frag_index)
                if session is not None:
                    session.report_due, session.reports_left = NEVER, 0
            case v1.DataFragment():
                self._take(body, command, arrival)
        return None

    def follow(self, frag_index: int, receiver: Followed) -> None:
        """From now on what a session received is looked up, instead of collected."""
        session = self.session(frag_index)
        if session is not None:
            session.receiver = receiver

    def notice(self, body: Body, frag_index: int, now: InstantMs, *, multicast: bool) -> None:
        """See whether a session has begun, is complete or has run out of memory, and do what is due then."""
        session = self.session(frag_index)
        if session is None or session.is_over or session.receiver is None:
            return
        got = session.receiver.reception()
        if got.received > 0 and session.session_cnt >= 0:
            self.remember_session_cnt(frag_index, session.session_cnt)
        traits = body.spec.model.traits
        if Quirk.FRAG_SIZE_ALIGN in traits.quirks and session.frag_size % traits.frag_size_multiple_of:
            self.crashed = got.received > 0
        elif got.memory_exceeded:
            self._memory_error_sticks = traits.status_memory_error_sticky
            session.is_over = True
            if traits.too_many_lost == "reports_finished":
                self._finished = Finished(frag_index, None, session.descriptor, session.block_ack_delay)
        elif got.complete:
            self._complete(body, session, session.receiver, now, multicast=multicast)

    def take_finished(self) -> Finished | None:
        """The block that has just been finished, once."""
        finished, self._finished = self._finished, None
        return finished

    def due(self) -> InstantMs:
        """When the next report is due, or NEVER."""
        due = NEVER
        for session in self._sessions:
            if session.report_due < due:
                due = session.report_due
        return due

    def report(self, body: Body, now: InstantMs) -> bytes:
        """The FragDataBlockReceivedReq that is due now; plans its repetition."""
        session = min(self._sessions, key=_report_due)
        habits = body.spec.model.traits.block_received_req
        if session.reports_left is not None:
            session.reports_left -= 1
        session.report_due = NEVER
        if session.reports_left is None or session.reports_left > 0:
            if habits.interval_s is not None:
                session.report_due = now + round(1000 * habits.interval_s)
            elif Quirk.RECEIVED_REQ_ON_NEXT_FRAGMENT not in body.spec.model.traits.quirks:
                session.report_due = now + self._spread_ms(body, session, "block_received", multicast=True)
        return v2.FragDataBlockReceivedReq(mic_error=session.mic_error, frag_index=session.frag_index).encode()

    def reboot(self, body: Body) -> None:
        """Forget what a reboot does not leave."""
        traits = body.spec.model.traits
        self._memory_error_sticks = False
        self._finished = None
        self.crashed = False
        if not traits.persists.frag_session:
            self._sessions = ()
            self._last_counts = None
        if not traits.session_cnt_persistent:
            self._session_cnt = None

    def remember_session_cnt(self, frag_index: int, session_cnt: int) -> None:
        """Have this counter used already."""
        if self._session_cnt is None:
            self._session_cnt = {}
        self._session_cnt[frag_index] = session_cnt

    def misread(self, body: Body, payload: bytes, at: int) -> tuple[int, bytes] | None:
        """A set-up on another index than the running one, read two bytes long: bytes taken, and answer."""
        if payload[at] != v1.FragSessionSetupReq.cid or len(payload) < at + 2:
            return None
        if Quirk.SECOND_INDEX_MISPARSE not in body.spec.model.traits.quirks:
            return None
        frag_index = payload[at + 1] >> 4 & 3
        if not any(session.frag_index != frag_index for session in self._sessions):
            return None
        answer = v1.FragSessionSetupAns(
            frag_index=frag_index, wrong_descriptor=False, frag_index_unsupported=True, not_enough_memory=False,
            frag_algo_unsupported=False,
        )  # fmt: skip
        return 2, answer.encode()

    def _set_up(self, body: Body, request: SetupReq, now: InstantMs) -> Answer:
        traits = body.spec.model.traits
        used = self.session(request.frag_index)
        bits = refusals(body.spec, request, in_use=used is not None)
        if isinstance(request, v2.FragSessionSetupReq) and "session_cnt" in traits.setup_refusals:
            last = (self._session_cnt or {}).get(request.frag_index, -1)
            bits |= 0 if session_cnt_is_new(traits, request.session_cnt, last) else 16
        index_bits = 0 if Quirk.SETUP_ANS_NO_INDEX in traits.quirks else request.frag_index << 6
        if bits:
            if Quirk.SETUP_REFUSAL_ENDS_SESSION in traits.quirks and used is not None:
                self._drop(used)
            return Answer(bytes([request.cid, index_bits | bits]))
        if traits.frag_decoders == 1:
            for other in self._sessions:
                other.receiver = None  # one decoder for all: it begins anew
        if used is not None:
            self._drop(used)
        busy_until = now + round(1000 * traits.setup_busy_s) if traits.setup_busy_s else 0
        self._sessions += (FragmentSession(request, busy_until),)
        return Answer(bytes([request.cid, index_bits]), wait_s=traits.setup_busy_s)

    def _delete(self, body: Body, frag_index: int) -> Answer:
        session = self.session(frag_index)
        if session is not None and Quirk.DELETE_WITHOUT_EFFECT not in body.spec.model.traits.quirks:
            self._last_counts = self._counts(body, session)
            self._drop(session)
        answer = v1.FragSessionDeleteAns(session_does_not_exist=session is None, frag_index=frag_index)
        return Answer(answer.encode())

    def _drop(self, session: FragmentSession) -> None:
        self._sessions = tuple(one for one in self._sessions if one is not session)

    def _take(self, body: Body, fragment: v1.DataFragment, arrival: Arrival) -> None:
        traits = body.spec.model.traits
        session = self.session(fragment.frag_index)
        n = fragment.n + 1 - traits.first_fragment_number
        if session is None or not self._allowed(traits, session, arrival):
            return
        if n == 0:
            self.crashed = Quirk.FRAGMENT_ZERO_WRITES_OUTSIDE in traits.quirks
            return
        if len(fragment.data) != session.frag_size:
            return
        if session.is_over:
            if Quirk.RECEIVED_REQ_ON_NEXT_FRAGMENT in traits.quirks and session.reports_left is None:
                session.report_due = min(session.report_due, arrival.now)
            return
        if arrival.now < session.busy_until:
            return
        slow = Quirk.PARITY_SLOW in traits.quirks and n > session.nb_frag
        interval_s = _PARITY_SLOW_S if slow else traits.min_fragment_interval_s
        session.busy_until = arrival.now + round(1000 * interval_s)
        if not isinstance(session.receiver, Collected):
            memory = decoder_memory(body)
            session.receiver = Collected(session.nb_frag, session.frag_size, scheme_of(traits), memory)
        session.receiver.take(n, fragment.data, traits)
        self.notice(body, session.frag_index, arrival.now, multicast=not arrival.unicast)

    def _complete(
        self, body: Body, session: FragmentSession, receiver: Receiver, now: InstantMs, *, multicast: bool
    ) -> None:
        traits = body.spec.model.traits
        session.is_over = True
        block: bytes | None = receiver.block(session.padding)
        if block is not None and Quirk.BLOCK_64K_WRAP in traits.quirks and len(block) > _WRAP_BYTES:
            block = None  # what came behind has overwritten the beginning
        if session.mic is not None:
            right = block is not None and session.mic == block_mic(
                body.spec, session_cnt=session.session_cnt, frag_index=session.frag_index,
                descriptor=session.descriptor, data=block,
            )  # fmt: skip
            if traits.data_block_mic == "not_compliant":
                session.mic_error = body.chance.roll() < 0.5  # its own computation says nothing either way
            else:
                session.mic_error = not right
        if not session.mic_error or traits.data_block_mic == "not_compliant":
            self._finished = Finished(session.frag_index, block, session.descriptor, session.block_ack_delay)
        if session.ack_reception and traits.block_received_req.supported:
            session.reports_left = traits.block_received_req.sendings
            session.report_due = now + self._spread_ms(body, session, "block_received", multicast=multicast)

    def _status(self, body: Body, request: v1.FragSessionStatusReq, arrival: Arrival) -> Answer | None:
        traits = body.spec.model.traits
        version = traits.version(Package.FRAGMENTATION)
        session = self.session(request.frag_index)
        if session is None:
            if not arrival.unicast:
                return None
            content = block_status.without_session(traits, version, request.frag_index, self._last_counts)
            return Answer(content) if content else None
        if not self._allowed(traits, session, arrival):
            return None
        got = session.reception()
        if Quirk.SILENT_AFTER_DONE in traits.quirks and session.is_over and got.complete:
            return None
        if request.participants == 0 and not block_status.answers_participants_0(traits, session.nb_frag, got):
            return None
        asked = self._counts(body, session)
        cancelled_by_fragments = Quirk.FRAG_PORT_NEW_DOWNLINK_CANCELS in traits.quirks

        def written(_sent: InstantMs, _room: int) -> bytes:
            if cancelled_by_fragments and session.reception().received != got.received:
                return b""
            said = asked if traits.status_as_of == "request" else self._counts(body, session)
            return block_status.written(traits, version, request.frag_index, said)

        if arrival.in_set:
            return Answer(written)
        spread_ms = self._spread_ms(body, session, "status", multicast=not arrival.unicast)
        return Answer(written, wait_s=spread_ms / 1000, delayed=True)

    def _counts(self, body: Body, session: FragmentSession) -> block_status.Counts:
        traits = body.spec.model.traits
        got = session.reception()
        return block_status.counts(
            traits, session.nb_frag, got, mic_error=session.mic_error,
            memory_error=got.memory_exceeded or self._memory_error_sticks,
        )  # fmt: skip

    def _allowed(self, traits: Traits, session: FragmentSession, arrival: Arrival) -> bool:
        if arrival.mc_group_id is None or not traits.checks_mc_group_bit_mask:
            return True
        return session.mc_group_bit_mask >> arrival.mc_group_id & 1 != 0

    def _spread_ms(self, body: Body, session: FragmentSession, what: str, *, multicast: bool) -> int:
        """The random part of a delay: uniform in 0 to 2^(BlockAckDelay+4) units."""
        habits = body.spec.model.traits.block_ack_delay
        if what not in habits.applies_to or habits.applies_when == "never":
            return 0
        if habits.applies_when == "multicast_only" and not multicast:
            return 0
        return body.chance.between_ms(0, (16 << session.block_ack_delay) * habits.unit_s)


def decoder_memory(body: Body) -> int | None:
    """Most lost uncoded fragments that this device's decoder can repair; None: no limit."""
    limits = (body.spec.model.traits.max_lost_fragments, body.spec.defects.decoder_memory)
    return min((limit for limit in limits if limit is not None), default=None)


def scheme_of(traits: Traits) -> Scheme:
    """The parity scheme of a stack."""
    return "v1" if traits.version(Package.FRAGMENTATION) == 1 else traits.scheme_v2


def _report_due(session: FragmentSession) -> InstantMs:
    return session.report_due
