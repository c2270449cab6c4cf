"""The way in while the database is slow or gone: what waits is bounded, and what was acknowledged is there."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from functools import partial

from sqlalchemy import Connection, func, select

from fleetcast.actions.heard import Where
from fleetcast.clock import SystemClock, pause
from fleetcast.connectors.port import Told, Uplink
from fleetcast.identifiers import DevEui
from fleetcast.runtime.health import Health
from fleetcast.runtime.intake import BATCH, MOST_WAITING, Intake
from fleetcast.runtime.time_service import TimeService
from fleetcast.simulator.connector import SimulatedNetwork
from fleetcast.store import tables
from fleetcast.store.database import Database, DatabaseUnavailable
from tests.runtime.deployment import FIRST_DEVICE, START, Fleet, populate

UPLINKS = 3 * MOST_WAITING
DEVICES = 4


class Slow(Database):
    """Writes only while its gate is open, and fails while it is `gone`."""

    gate: threading.Event
    gone = False

    @contextmanager
    def write(self) -> Generator[Connection]:
        assert self.gate.wait(30)
        with super().write() as connection:
            yield connection
            if self.gone:
                raise DatabaseUnavailable("tests", "it went away before it was done")


class Flood(SimulatedNetwork):
    """Tells as fast as it is listened to."""

    def __init__(self) -> None:
        self.told = 0
        self.acknowledged: list[int] = []

    async def heard(self) -> AsyncIterator[Told]:
        for number in range(UPLINKS):
            self.told += 1
            device = DevEui.from_int(FIRST_DEVICE + number % DEVICES)
            uplink = Uplink(device, 2, number.to_bytes(4, "big"), START + number, number // DEVICES)
            yield Told(uplink, partial(self.acknowledged.append, number))


def flooded(database: Slow, fleet: Fleet) -> tuple[Flood, Intake]:
    flood = Flood()
    where = Where(fleet.connection_id, fleet.subscriber_id, "practice")
    pulse = Health().part("intake")
    return flood, Intake(database, SystemClock(), where, flood, TimeService(1), pulse, lambda _: None)


def kept(database: Database) -> set[int]:
    with database.read() as link:
        rows = link.execute(select(tables.message.c.payload).where(tables.message.c.direction == "up")).scalars()
        return {int.from_bytes(payload, "big") for payload in rows}


async def until_it_waits(flood: Flood) -> None:
    """The connection tells nothing more for a while."""
    before = -1
    async with asyncio.timeout(20):
        while before != flood.told:
            before = flood.told
            await pause(0.1)


def test_while_the_database_is_slow_a_bounded_number_waits_and_the_connection_with_it(database_url: str) -> None:
    database = Slow.open(database_url)
    database.gate = threading.Event()
    database.gate.set()
    fleet = populate(database, DEVICES)
    database.gate.clear()
    flood, intake = flooded(database, fleet)

    async def run() -> None:
        task = asyncio.create_task(intake.run())
        for _ in range(3):
            await until_it_waits(flood)
            waiting = flood.told - len(flood.acknowledged)
            assert BATCH < waiting <= MOST_WAITING
            assert flood.told < UPLINKS
            database.gate.set()  # for a moment
            async with asyncio.timeout(20):
                done = len(flood.acknowledged)
                while len(flood.acknowledged) == done:
                    await pause(0.005)
            database.gate.clear()
        database.gate.set()
        async with asyncio.timeout(60):
            await task

    asyncio.run(run())
    assert flood.acknowledged == list(range(UPLINKS))
    assert kept(database) == set(range(UPLINKS))
    with database.read() as link:
        assert link.execute(select(func.sum(tables.device_facts.c.uplinks))).scalar_one() == UPLINKS
    database.close()


def test_what_was_acknowledged_is_kept_whenever_the_process_ends(database_url: str) -> None:
    database = Slow.open(database_url)
    database.gate = threading.Event()
    database.gate.set()
    fleet = populate(database, DEVICES)
    flood, intake = flooded(database, fleet)

    async def run() -> None:
        task = asyncio.create_task(intake.run())
        async with asyncio.timeout(20):
            while len(flood.acknowledged) < 2 * BATCH:
                await pause(0.005)
            database.gone = True
            done = len(flood.acknowledged)
            await until_it_waits(flood)
            # One batch may have been committed when the database went away.
            assert len(flood.acknowledged) <= done + BATCH
            assert flood.told - len(flood.acknowledged) <= MOST_WAITING
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert set(flood.acknowledged) <= kept(database)
    assert len(kept(database)) < UPLINKS
    database.close()
