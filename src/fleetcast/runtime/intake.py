"""What a connection tells → `actions.heard`, batch by batch; acknowledged only when committed.

A batch is what came within 20 ms, or while the last one was written, so batches grow with the load by themselves. What
waits is bounded: a connection that tells faster than the database takes it has to wait. Devices that ask for the time
are answered first, since their receive window is open.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Final
from zlib import crc32

import structlog

from fleetcast.actions import heard as safe
from fleetcast.actions.heard import Taken, Where
from fleetcast.clock import Hold, Signal, WorkingClock, pause
from fleetcast.connectors.port import Connector, ConnectorError, EffectId, Heard, Told, UnicastDownlink, Uplink
from fleetcast.errors import Unavailable
from fleetcast.identifiers import DevEui
from fleetcast.instants import from_datetime
from fleetcast.protocol.ts003_clock_sync.v1 import AppTimeReq
from fleetcast.runtime.health import Pulse
from fleetcast.runtime.time_service import TimeService
from fleetcast.store import listening
from fleetcast.store.database import Database

BATCH: Final = 500
MOST_WAITING: Final = 4 * BATCH
GATHER: Final = timedelta(milliseconds=20)
"""What comes so shortly after another thing is written with it."""
AGAIN_S: Final = 0.5
_TIME_CAMPAIGN: Final = 0
_ASKS: Final = bytes((AppTimeReq.cid,))

_log = structlog.get_logger("fleetcast.intake")


class Intake:
    """The way in from one open connection."""

    def __init__(
        self,
        database: Database,
        clock: WorkingClock,
        where: Where,
        connector: Connector,
        times: TimeService,
        pulse: Pulse,
        counted: Callable[[int], None],
    ) -> None:
        """`counted` is told how many uplinks were taken."""
        self._database = database
        self._clock = clock
        self._where = where
        self._connector = connector
        self._times = times
        self._pulse = pulse
        self._counted = counted
        self._waiting: deque[Told] = deque()
        self._came = Signal()
        self._room = asyncio.Event()
        self._room.set()
        self._asking: list[Uplink] = []
        self._answering: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """As long as the connection tells. Raises what its `heard` raises."""
        listening_ = asyncio.create_task(self._listen())
        listening_.add_done_callback(lambda _: self._came.set())
        try:
            with self._clock.join() as part:
                while True:
                    if self._waiting:
                        if len(self._waiting) < BATCH:
                            await part.wait(None, self._clock.now() + GATHER)
                        await self._take()
                    elif listening_.done():
                        listening_.result()
                        return
                    else:
                        await part.wait(self._came)
        finally:
            listening_.cancel()
            for task in self._answering:
                task.cancel()
            await asyncio.gather(listening_, *self._answering, return_exceptions=True)

    async def _listen(self) -> None:
        async for told in self._connector.heard():
            self._waiting.append(told)
            self._came.set()
            heard = told.heard
            if isinstance(heard, Uplink) and heard.payload[:1] == _ASKS and heard.f_port:
                self._answer_soon(heard)
            if len(self._waiting) >= MOST_WAITING:
                self._room.clear()
                await self._room.wait()

    async def _take(self) -> None:
        batch = [self._waiting[i] for i in range(min(BATCH, len(self._waiting)))]
        taken = await self._made_safe([told.heard for told in batch])
        for told in batch:
            self._waiting.popleft()
            told.acknowledge()
        self._counted(taken.uplinks)
        if taken.unknown_devices:
            _log.debug("intake.unknown_devices", connection=self._where.name, count=taken.unknown_devices)
        if len(self._waiting) < MOST_WAITING // 2:
            self._room.set()

    async def _made_safe(self, batch: Sequence[Heard]) -> Taken:
        """Nothing is acknowledged and nothing forgotten while the database is away: the batch waits for it."""
        while True:
            now = from_datetime(self._clock.now())
            try:
                with self._pulse.at_work():
                    return await asyncio.to_thread(safe.take, self._database, self._where, batch, now)
            except Unavailable as error:
                self._pulse.unwell(str(error))
                await pause(AGAIN_S)

    def _answer_soon(self, uplink: Uplink) -> None:
        """Before it is written down, and nobody waits for it: the device listens for a moment only."""
        self._asking.append(uplink)
        if len(self._asking) == 1:  # those that come in the same moment are answered together
            hold = self._clock.hold()
            asyncio.get_running_loop().call_soon(self._begin_answering, hold)

    def _begin_answering(self, hold: Hold) -> None:
        asking, self._asking = self._asking, []
        task = asyncio.create_task(self._answered(asking))
        self._answering.add(task)
        task.add_done_callback(partial(self._has_answered, hold))

    def _has_answered(self, hold: Hold, task: asyncio.Task[None]) -> None:
        hold.release()
        self._answering.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("time.failed", connection=self._where.name, exc_info=error)

    async def _answered(self, asking: Sequence[Uplink]) -> None:
        try:
            versions = await asyncio.to_thread(self._clock_versions, [each.dev_eui for each in asking])
        except Unavailable:
            return  # who is not answered asks again
        downlinks = []
        for each in asking:
            f_port, version = versions.get(each.dev_eui, (0, None))
            if each.f_port != f_port:
                continue
            answer = self._times.on_uplink(
                each.dev_eui, each.f_port, each.payload, each.received_at, each.f_cnt, version
            )
            if answer is None:
                continue
            downlink = UnicastDownlink(answer.dev_eui, answer.f_port, answer.payload, answer.valid_until)
            name = EffectId(_TIME_CAMPAIGN, crc32(f"{each.dev_eui} {each.f_cnt} {each.received_at}".encode()))
            downlinks.append((downlink, name))
        await asyncio.gather(*(self._send(downlink, name) for downlink, name in downlinks))

    async def _send(self, downlink: UnicastDownlink, name: EffectId) -> None:
        try:
            await self._connector.send_unicast(downlink, name)
        except ConnectorError as error:
            _log.warning("time.not_answered", device=str(downlink.dev_eui), why=str(error))

    def _clock_versions(self, dev_euis: Sequence[DevEui]) -> dict[DevEui, tuple[int, int | None]]:
        """FPort and version of clock synchronisation by device; version None: not known."""
        with self._database.read() as connection:
            devices = listening.find(connection, self._where.connection_id, sorted(set(dev_euis)))
            profiles = {each.profile_id for each in devices.values() if each.profile_id is not None}
            ports = listening.ports(connection, profiles) if profiles else {}
        found: dict[DevEui, tuple[int, int | None]] = {}
        for dev_eui, device in devices.items():
            known = ports.get(device.profile_id) if device.profile_id is not None else None
            if known is None or known.clock_version == "absent":
                continue
            stated = known.clock_version
            learned = device.package_versions.get("1")
            version = int(stated) if stated.isdigit() else learned
            found[dev_eui] = (known.clock_f_port, version)
        return found
