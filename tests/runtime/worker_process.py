"""A worker in a process of its own, for journeys in which processes are killed and frozen.

`python -m tests.runtime.worker_process URL FOLDER ROLE BEGAN FACTOR`: ROLE is `network` (hosts the simulated network
and listens), `campaigns` (owns campaigns and sends) or `all` (what its leases give it). All share one clock: real time
since BEGAN, times FACTOR.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from fleetcast.clock import Participant, Signal, SystemClock
from fleetcast.connectors.port import Queued
from fleetcast.instants import to_datetime
from fleetcast.runtime.worker import Worker, WorkerOptions
from fleetcast.simulator.connector import KIND, SimulatedNetwork
from fleetcast.store.database import Database
from tests.runtime.deployment import START, keys_of


class SharedClock(SystemClock):
    """Real time, some times as fast, the same in every process."""

    def __init__(self, began: float, factor: float) -> None:
        self._began, self._factor = began, factor

    def now(self) -> datetime:
        return to_datetime(START) + timedelta(seconds=(time.time() - self._began) * self._factor)  # noqa: TID251 - tests

    def join(self) -> Participant:
        return _Scaled(self, super().join(), self._factor)  # type: ignore[return-value]


class _Scaled:
    def __init__(self, clock: SharedClock, real: Participant, factor: float) -> None:
        self._clock, self._real, self._factor = clock, real, factor

    async def wait(self, signal: Signal | None = None, until: datetime | None = None) -> None:
        if until is not None:
            # The participant underneath counts real seconds from this clock's present.
            now = self._clock.now()
            until = now + max(until - now, timedelta()) / self._factor
        await self._real.wait(signal, until)

    def __enter__(self) -> _Scaled:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Noting(SimulatedNetwork):
    """Writes down who sends what, and when."""

    notes: Path

    async def send_unicast(self, downlink: Any, effect_id: Any) -> Queued:
        self._note(effect_id, None, downlink.payload)
        return await super().send_unicast(downlink, effect_id)

    async def send_multicast(self, downlink: Any, effect_id: Any) -> Queued:
        self._note(effect_id, downlink.f_cnt, downlink.payload)
        return await super().send_multicast(downlink, effect_id)

    def _note(self, effect_id: Any, f_cnt: int | None, payload: bytes) -> None:
        with self.notes.open("a") as notes:
            notes.write(f"{os.getpid()} {time.time()} {effect_id} {f_cnt} {payload.hex()}\n")  # noqa: TID251 - tests


async def main(url: str, folder: Path, role: str, began: float, factor: float) -> None:
    """Run until SIGTERM."""

    def connect(settings: Any, surroundings: Any) -> Noting:
        connector = Noting(settings, surroundings)
        connector.notes = folder / "sent.txt"
        return connector

    # In earnest a simulated network is one worker's; here, but for `all`, one hosts it and others send.
    kinds = {"simulated": replace(KIND, connect=connect, one_worker=role == "all")}
    hosts = role == "network"
    os.environ["PGAPPNAME"] = f"process {os.getpid()}"  # so that the database can tell who wrote
    options = WorkerOptions(directory=folder / "net", owns_campaigns=not hosts, listens=role != "campaigns", parts=role)
    database = Database.open(url)
    worker = Worker(database, SharedClock(began, factor), keys_of(database), options, kinds)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await worker.start()
    print("ready", flush=True)  # noqa: T201 - whoever started us waits for it
    await stop.wait()
    await worker.stop()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], float(sys.argv[4]), float(sys.argv[5])))
