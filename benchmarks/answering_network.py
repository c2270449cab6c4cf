"""A network for benchmarks whose devices answer everything at once and lose nothing: it costs next to nothing itself.

Every device speaks once a period; those whose turn falls into the same step speak together. What a device is told by
unicast it takes at once and answers with its next uplink. No radio, no keys: `fleetcast.simulator` has those.
"""

from __future__ import annotations

import array
import heapq
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from fleetcast.clock import Signal, WorkingClock
from fleetcast.connectors.catalog import Kind, Surroundings
from fleetcast.connectors.connection import Settings
from fleetcast.connectors.port import (
    Capabilities,
    Counting,
    Delivery,
    DownlinkSent,
    EffectId,
    GroupReady,
    GroupState,
    Heard,
    MulticastDownlink,
    MulticastGroup,
    Queued,
    Reception,
    SentReport,
    Told,
    UnicastDownlink,
    Uplink,
)
from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs, from_datetime, to_datetime
from fleetcast.protocol.gps_time import to_gps_seconds
from fleetcast.protocol.packages import Direction, Package
from fleetcast.protocol.payload import decode, encode
from fleetcast.protocol.ts004_fragmentation import v1 as fragmentation
from fleetcast.protocol.ts005_multicast import v1 as multicast
from fleetcast.protocol.ts006_firmware import v1 as firmware
from fleetcast.protocol.wire import Command
from fleetcast.simulator.connector import KIND

STEP_S: Final = 10
_ON_AIR_MS: Final = 500
_GATEWAYS: Final = (Reception("gateway 1", -90.0, 5.0),)
_PORTS: Final = {
    200: Package.MULTICAST_SETUP, 201: Package.FRAGMENTATION, 202: Package.CLOCK_SYNC,
    203: Package.FIRMWARE_MANAGEMENT,
}  # fmt: skip


@dataclass
class Fleet:
    """Who is there."""

    first: int
    """The lowest DevEUI; the others follow it."""
    size: int
    period_s: int
    old_version: int
    new_version: int
    made: list[AnsweringNetwork] = field(default_factory=list)

    @property
    def kind(self) -> Kind:
        """The kind of connection that reaches this fleet; settings are taken and left."""

        def connect(_: Settings, surroundings: Surroundings) -> AnsweringNetwork:
            self.made.append(AnsweringNetwork(self, surroundings.clock))
            return self.made[-1]

        return replace(KIND, connect=connect, one_worker=False)


class AnsweringNetwork:
    """The connector."""

    def __init__(self, fleet: Fleet, clock: WorkingClock) -> None:
        self._fleet, self._clock = fleet, clock
        self._names = [DevEui.from_int(fleet.first + i) for i in range(fleet.size)]
        self._f_cnt = array.array("L", bytes(8 * fleet.size))
        self._answers: list[tuple[int, bytes]] = [_NOTHING] * fleet.size
        self._asked = array.array("L", bytes(8 * fleet.size))
        self._rounds = 0
        self._fragments = 0
        self._reboot_at: InstantMs = 0
        self._waiting: deque[Heard] = deque()
        self._reports: list[tuple[InstantMs, int, DownlinkSent]] = []
        self._news = Signal()
        self.told = self.unicasts = self.multicasts = 0

    async def open(self) -> Capabilities:
        """Nothing to open."""
        return Capabilities(
            uplink_delivery=Delivery.POLL, sent_report_multicast=SentReport.EMITTED, multicast_counter=Counting.EITHER,
            multicast_cipher=Counting.EITHER, group_gateways="list", gateways=("gateway 1",), band="EU868",
        )  # fmt: skip

    async def close(self) -> None:
        """Nothing to close."""

    async def heard(self) -> AsyncIterator[Told]:
        """Uplinks, step by step, and reports of what was sent."""
        step_ms = 1000 * STEP_S
        next_step = -(-self._now() // step_ms) * step_ms
        with self._clock.join() as part:
            while True:
                while self._waiting:
                    self.told += 1
                    yield Told(self._waiting.popleft(), _nothing)
                until = min(next_step, self._reports[0][0]) if self._reports else next_step
                await part.wait(self._news, to_datetime(until))
                now = self._now()
                while self._reports and self._reports[0][0] <= now:
                    self._waiting.append(heapq.heappop(self._reports)[2])
                if now >= next_step:
                    self._speak(next_step // step_ms, next_step)
                    # Who can't follow doesn't catch up: a device that was late speaks later.
                    next_step = max(next_step + step_ms, now // step_ms * step_ms)

    async def send_unicast(self, downlink: UnicastDownlink, effect_id: EffectId) -> Queued:
        """Taken at once."""
        self.unicasts += 1
        i = int(downlink.dev_eui) - self._fleet.first
        answers = []
        for command in _commands(downlink.f_port, downlink.payload):
            answer = self._answer_to(command)
            if answer is not None:
                answers.append(answer)
        if answers:
            self._answers[i] = (downlink.f_port, _encoded(tuple(answers)))
        return Queued(str(effect_id))

    async def send_multicast(self, downlink: MulticastDownlink, effect_id: EffectId) -> Queued:
        """On the air half a second after its time."""
        self.multicasts += 1
        at = max(downlink.not_before, self._now()) + _ON_AIR_MS
        sent = DownlinkSent(effect_id, at, downlink.f_cnt, ("gateway 1",))
        heapq.heappush(self._reports, (at, self.multicasts, sent))
        if downlink.fragment is None:
            self._rounds += 1
        else:
            self._fragments = max(self._fragments, downlink.fragment)
        self._news.set()
        return Queued(str(effect_id), downlink.f_cnt)

    async def ensure_multicast_group(self, group: MulticastGroup) -> GroupReady:
        """It stands."""
        return GroupReady(group.next_f_cnt, group.frequency_hz, group.data_rate, created=False)

    async def group_state(self, group: DevEui) -> GroupState | None:  # noqa: ARG002 - the port's
        """Nothing is known."""
        return None

    async def release_multicast_group(self, group: DevEui) -> None:
        """Nothing to release."""

    async def flush(self, target: DevEui) -> int:  # noqa: ARG002 - the port's
        """Nothing waits."""
        return 0

    def _speak(self, step: int, now: InstantMs) -> None:
        steps = self._fleet.period_s // STEP_S
        for i in range(step % steps, self._fleet.size, steps):
            f_port, payload = self._answers[i]
            if f_port:
                self._answers[i] = _NOTHING
            elif self._asked[i] < self._rounds:
                self._asked[i] = self._rounds
                f_port, payload = 201, _encoded((self._progress(0),))
            else:
                f_port, payload = 2, b"\x00"
            self._f_cnt[i] += 1
            self._waiting.append(Uplink(self._names[i], f_port, payload, now, self._f_cnt[i], 5, _GATEWAYS))

    def _answer_to(self, asked: Command) -> Command | None:
        fleet, now = self._fleet, self._now()
        rebooted = bool(self._reboot_at) and now >= self._reboot_at
        match asked:
            case firmware.DevVersionReq():
                running = fleet.new_version if rebooted else fleet.old_version
                return firmware.DevVersionAns(fw_version=running, hw_version=1)
            case multicast.McGroupSetupReq():
                return multicast.McGroupSetupAns(id_error=False, mc_group_id=asked.mc_group_id)
            case multicast.McGroupDeleteReq():
                return multicast.McGroupDeleteAns(mc_group_undefined=False, mc_group_id=asked.mc_group_id)
            case multicast.McClassCSessionReq():
                left_s = (asked.session_time - int(to_gps_seconds(self._clock.now()))) % (1 << 32)
                left_s = 0 if left_s > 1 << 24 else left_s
                return multicast.McClassCSessionAns(
                    mc_group_undefined=False, freq_error=False, dr_error=False, mc_group_id=asked.mc_group_id,
                    time_to_start=left_s,
                )  # fmt: skip
            case fragmentation.FragSessionSetupReq():
                return fragmentation.FragSessionSetupAns(
                    frag_index=asked.frag_index, wrong_descriptor=False, frag_index_unsupported=False,
                    not_enough_memory=False, frag_algo_unsupported=False,
                )  # fmt: skip
            case fragmentation.FragSessionDeleteReq():
                return fragmentation.FragSessionDeleteAns(session_does_not_exist=False, frag_index=asked.frag_index)
            case fragmentation.FragSessionStatusReq():
                return self._progress(asked.frag_index)
            case firmware.DevUpgradeImageReq():
                return firmware.DevUpgradeImageAns(up_image_status=3, next_firmware_version=fleet.new_version)
            case firmware.DevRebootTimeReq():
                gps = int(to_gps_seconds(self._clock.now()))
                left_s = (asked.reboot_time - gps) % (1 << 32) if asked.reboot_time else 0
                self._reboot_at = max(self._reboot_at, now + 1000 * left_s)
                return firmware.DevRebootTimeAns(reboot_time=left_s) if asked.reboot_time else None
            case firmware.DevRebootCountdownReq():
                self._reboot_at = max(self._reboot_at, now + 1000 * asked.countdown)
                return firmware.DevRebootCountdownAns(countdown=asked.countdown) if asked.countdown else None
            case _:
                return None

    def _progress(self, frag_index: int) -> Command:
        return fragmentation.FragSessionStatusAns(
            frag_index=frag_index, nb_frag_received=self._fragments, missing_frag=0, not_enough_matrix_memory=False
        )

    def _now(self) -> InstantMs:
        return from_datetime(self._clock.now())


_NOTHING: Final = (0, b"")


def _nothing() -> None:
    return


@lru_cache(maxsize=1000)
def _commands(f_port: int, payload: bytes) -> tuple[Command, ...]:
    return decode(payload, _PORTS[f_port], 1, Direction.DOWN).commands


@lru_cache(maxsize=1000)
def _encoded(commands: tuple[Command, ...]) -> bytes:
    return encode(commands)
