"""A database that lets the process die after its n-th commit, and runs that go on after it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from fleetcast.clock import AcceleratedClock, pause
from fleetcast.instants import to_datetime
from fleetcast.store import ownership
from fleetcast.store.database import Database, DatabaseUnavailable
from tests.runtime.deployment import START, Networks, status, worker

FINAL = ("SUCCEEDED", "FAILED", "STOPPED")


class DyingDatabase(Database):
    """After its n-th commit nothing gets through any more, and who made that commit never hears of it."""

    commits = 0
    die_after = 0
    died: threading.Event

    @contextmanager
    def read(self) -> Generator[Connection]:
        self._check()
        with super().read() as connection:
            yield connection

    @contextmanager
    def write(self) -> Generator[Connection]:
        self._check()
        with super().write() as connection:
            yield connection
        self.commits += 1
        if self.commits == self.die_after:
            self.died.set()
        self._check()

    def _check(self) -> None:
        if self.died.is_set():
            raise DatabaseUnavailable("gone", "the process was killed")


def dying(url: str, after: int) -> DyingDatabase:
    """The database, in a process that dies after so many commits; 0: never."""
    database = DyingDatabase.open(url)
    database.die_after = after
    database.died = threading.Event()
    return database


@dataclass
class Journey:
    """What is left over from run to run: nothing but the folder, the database, and how late it is."""

    url: str
    directory: Path
    networks: Networks
    now: datetime = field(default_factory=lambda: to_datetime(START))
    crashes: int = 0
    options: dict[str, Any] | None = None
    rebuilt: list[bytes | None] = field(default_factory=list)
    """What each device of the world rebuilt, at the end."""

    def live(self, campaign: int, *, die_after: int, longest_s: float = 60.0) -> bool:
        """Run a worker until the campaign is over (True), or the process dies (False)."""
        database = dying(self.url, die_after)
        try:
            over = asyncio.run(self._life(database, campaign, longest_s))
        finally:
            # By now no thread is at work any more.
            database.close()
            self._let_leases_run_out()
        self.crashes += not over
        return over

    async def _life(self, database: DyingDatabase, campaign: int, longest_s: float) -> bool:
        clock = AcceleratedClock(self.now)
        running = worker(database, clock, self.directory, self.networks, **(self.options or {}))
        try:
            async with asyncio.timeout(longest_s):
                starting = asyncio.create_task(running.start())
                while not database.died.is_set():
                    await pause(0.005)
                    if not starting.done() or starting.exception() is not None or not self.networks.hosting:
                        continue
                    if self._over(database, campaign):
                        world = self.networks.world
                        self.rebuilt = [device.rebuilt for device in world.stations.devices]
                        await running.stop()
                        return True
                starting.cancel()
            return False
        finally:
            self.now = clock.now()
            await _kill()
            for made in self.networks.made:
                if made._log is not None:
                    made._log.close()
                    made._log = made.world = None

    def _let_leases_run_out(self) -> None:
        """In real time that takes seconds, in accelerated time for ever."""
        database = Database.open(self.url)
        with database.write() as connection:
            ownership.release_all(connection)
        database.close()

    def _over(self, database: Database, campaign: int) -> bool:
        try:
            return status(database, campaign) in FINAL
        except DatabaseUnavailable:
            return False


async def _kill() -> None:
    """Every task but this one ends at once, whatever it was at."""
    for _ in range(20):
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        if not others:
            break
        for task in others:
            task.cancel()
        await asyncio.wait(others, timeout=0.5)


def inputs(directory: Path) -> list[tuple[int, str, dict[str, Any]]]:
    """What was asked of the simulated network, over all lives of the process: instant, kind and particulars."""
    found: list[tuple[int, str, dict[str, Any]]] = []
    for log in directory.glob("*/network.sqlite"):
        link = sqlite3.connect(log)
        rows = link.execute("SELECT at, kind, what FROM input WHERE turn IS NOT NULL ORDER BY turn").fetchall()
        found += [(at, kind, json.loads(what)) for at, kind, what in rows]
        link.close()
    return found


def multicast_payloads(directory: Path) -> dict[int, set[str]]:
    """What was ordered of the network under each multicast counter."""
    found: dict[int, set[str]] = {}
    for _, kind, what in inputs(directory):
        if kind == "multicast":
            found.setdefault(what["f_cnt"], set()).add(what["payload"])
    return found
