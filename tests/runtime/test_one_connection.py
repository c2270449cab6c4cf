"""Connections that one worker has at a time: who has which, and campaigns that run where their connection is."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update

from fleetcast.clock import AcceleratedClock, pause
from fleetcast.instants import to_datetime
from fleetcast.store import connection_leases, ownership, tables, workers
from fleetcast.store.database import Database
from tests.runtime.deployment import FILE, START, Fleet, Networks, outcomes, populate, start_campaign, status, worker

FACTOR = 240.0
LEASE_MS = 8_000
DATA = FILE[:150]
HISTORY = {"created_at": START, "changed_at": START}


def another(database: Database, fleet: Fleet, name: str, kind: str = "simulated", *, enabled: bool = True) -> int:
    """One more connection."""
    with database.write() as link:
        made = link.execute(
            insert(tables.connection)
            .values(subscriber_id=fleet.subscriber_id, name=name, kind=kind, enabled=enabled, settings={}, **HISTORY)
            .returning(tables.connection.c.id)
        )
        return int(made.scalar_one())


def group_on(database: Database, fleet: Fleet, connection: int, campaign: int) -> None:
    """A multicast group of a connection, in use by a campaign."""
    table = tables.multicast_group
    with database.write() as link:
        row = dict(link.execute(select(table).where(table.c.id == fleet.group_id)).mappings().one())
        number = link.execute(select(func.max(table.c.id))).scalar_one() + 1
        row |= {
            "id": number, "dev_eui": f"{number:016X}", "dev_addr": f"{number:08X}", "connection_id": connection,
            "campaign_id": campaign,
        }  # fmt: skip
        link.execute(insert(table).values(row))


def tend(database: Database, who: int, lease_ms: int = LEASE_MS) -> set[int]:
    with database.write() as link:
        return set(connection_leases.tend(link, who, ("simulated",), lease_ms))


def two(database: Database) -> tuple[int, int]:
    with database.write() as link:
        first, second = (workers.begin(link, "host", pid, "worker", "0") for pid in (1, 2))
    return first, second


def run_out(database: Database, connection: int | None = None) -> None:
    with database.write() as link:
        statement = update(tables.connection).values(owner_until=1)
        link.execute(statement if connection is None else statement.where(tables.connection.c.id == connection))


def test_a_connection_is_one_workers_until_its_lease_runs_out_or_it_lets_go(database: Database) -> None:
    fleet = populate(database, 1)
    first, second = two(database)
    assert tend(database, first) == {fleet.connection_id}
    assert tend(database, second) == set()
    assert tend(database, first) == {fleet.connection_id}
    run_out(database)
    assert tend(database, second) == {fleet.connection_id}
    assert tend(database, first) == set()
    with database.write() as link:
        assert link.execute(select(tables.connection.c.fence)).scalar_one() == 2
        connection_leases.release(link, second)
    assert tend(database, first) == {fleet.connection_id}


def test_a_lease_that_ran_out_is_still_ones_own_where_nobody_took_it(database: Database) -> None:
    fleet = populate(database, 1)
    first, _ = two(database)
    tend(database, first)
    run_out(database)
    assert tend(database, first) == {fleet.connection_id}
    with database.read() as link:
        assert link.execute(select(tables.connection.c.fence)).scalar_one() == 1, "not claimed anew"


def test_only_enabled_connections_of_kinds_for_one_worker_are_leased(database: Database) -> None:
    fleet = populate(database, 1)
    another(database, fleet, "many", "http")
    another(database, fleet, "off", enabled=False)
    assert tend(database, two(database)[0]) == {fleet.connection_id}


def test_connections_of_one_campaign_come_together_at_one_worker(database: Database) -> None:
    fleet = populate(database, 1)
    low = fleet.connection_id
    middle, high = another(database, fleet, "middle"), another(database, fleet, "high")
    first, second = two(database)
    assert tend(database, first) == {low, middle, high}
    with database.write() as link:
        connection_leases.release(link, first, [high])
    assert tend(database, second) == {high}
    # A campaign on the outer two, another that uses the middle one as well: all three belong together.
    one = start_campaign(database, fleet, START)
    group_on(database, fleet, high, one)
    with database.write() as link:
        other = link.execute(
            insert(tables.campaign)
            .values(
                subscriber_id=fleet.subscriber_id, name="other", type="firmware", max_duration_s=60, status="RUNNING",
                threshold_percent=90, settings={}, confirmed_downgrade=False, override_already_running=False, **HISTORY,
            )
            .returning(tables.campaign.c.id)
        ).scalar_one()  # fmt: skip
    group_on(database, fleet, middle, other)
    group_on(database, fleet, high, other)
    assert tend(database, second) == set(), "it gives up what belongs to another"
    assert tend(database, first) == {low, middle, high}
    run_out(database, high)
    assert tend(database, second) == set(), "and does not take it while the other is there"
    run_out(database)
    assert tend(database, second) == {low, middle, high}


def test_a_campaign_is_claimed_where_its_connection_is(database: Database) -> None:
    fleet = populate(database, 1, data=DATA)
    campaign = start_campaign(database, fleet, START, data=DATA)
    first, second = two(database)
    tend(database, second)

    def claimed(who: int, *mine: int) -> list[int]:
        with database.write() as link:
            found = ownership.claim(link, who, LEASE_MS, 10, ("simulated",), mine)
            return [each.campaign_id for each in found]

    assert claimed(first) == []
    assert claimed(second, fleet.connection_id) == [campaign]


def test_a_worker_that_has_not_got_the_connection_neither_opens_it_nor_runs_its_campaigns(
    database: Database, tmp_path: Path
) -> None:
    fleet = populate(database, 2, data=DATA)
    networks = Networks()
    if database.is_sqlite:
        pytest.skip("an embedded database has one process")
    elsewhere, _ = two(database)
    tend(database, elsewhere, 120_000)

    async def run() -> None:
        running = worker(database, AcceleratedClock(to_datetime(START)), tmp_path, networks)
        campaign = start_campaign(database, fleet, START, data=DATA)
        await running.start()
        await pause(0.5)
        assert networks.made == []
        assert running.owned() == {}
        with database.write() as link:
            connection_leases.release(link, elsewhere)
        async with asyncio.timeout(30):
            while status(database, campaign) != "SUCCEEDED":
                await pause(0.05)
        # Taken away in the middle of nothing: it is closed, and the campaigns on it would go.
        with database.write() as link:
            link.execute(update(tables.connection).values(worker_id=elsewhere, fence=99, owner_until=2**50))
        async with asyncio.timeout(10):
            while networks.made[-1].world is not None:
                await pause(0.05)
        await running.stop()
        with database.read() as link:
            assert link.execute(select(tables.connection.c.worker_id)).scalar_one() == elsewhere

    asyncio.run(run())


class Process:
    """A whole worker in a process of its own."""

    def __init__(self, url: str, folder: Path, number: int, began: float) -> None:
        with (folder / f"worker{number}.log").open("a") as log:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-m", "tests.runtime.worker_process", url, folder, "all", str(began), str(FACTOR)],
                stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        self.pid = self._process.pid

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.communicate()


@pytest.fixture
def processes(shared_url: str, tmp_path: Path) -> Iterator[tuple[Database, list[Process], float]]:
    database, made = Database.open(shared_url), list[Process]()
    yield database, made, time.time()  # noqa: TID251 - the processes' clocks begin here
    for each in made:
        each.kill()
    database.close()


def test_two_workers_share_one_network_and_the_death_of_one_moves_it_within_seconds(
    processes: tuple[Database, list[Process], float], shared_url: str, tmp_path: Path
) -> None:
    database, made, began = processes
    network = {"uplink_period_s": 60, "most_loss": 0.05, "most_uplink_loss": 0.0}
    fleet = populate(database, 4, data=DATA, settings=network)
    made += [Process(shared_url, tmp_path, n, began) for n in range(2)]
    campaign = start_campaign(database, fleet, START + round((time.time() - began) * FACTOR * 1000), data=DATA)  # noqa: TID251

    def holders() -> tuple[int | None, int | None]:
        """Who has the connection, and who the campaign."""
        worker, connection, owned = tables.worker, tables.connection, tables.campaign
        with database.read() as link:
            has = link.execute(select(worker.c.pid).join(connection, connection.c.worker_id == worker.c.id)).scalar()
            runs = link.execute(select(worker.c.pid).join(owned, owned.c.owner_worker_id == worker.c.id)).scalar()
        return has, runs

    def wait(true: Callable[[], object], longest_s: float) -> float:
        at = time.monotonic()  # noqa: TID251
        while not true():
            assert time.monotonic() - at < longest_s, (holders(), status(database, campaign))  # noqa: TID251
            time.sleep(0.05)  # noqa: TID251
        return time.monotonic() - at  # noqa: TID251

    first, second = made
    wait(lambda: holders() == (first.pid, first.pid), 20)
    wait((tmp_path / "sent.txt").exists, 20)
    first.kill()
    took_s = wait(lambda: holders() == (second.pid, second.pid), 12)
    print(f"connection and campaign moved after {took_s:.1f} s")  # noqa: T201 - a figure for whoever asks with -s
    wait(lambda: status(database, campaign) == "SUCCEEDED", 120)
    assert [outcome for _, _, outcome, _, _ in outcomes(database, campaign)] == [1] * 4
    with database.read() as link:
        message, facts = tables.message, tables.device_facts
        up = link.execute(select(func.count()).where(message.c.direction == "up")).scalar_one()
        assert up == link.execute(select(func.sum(facts.c.uplinks))).scalar_one()
        twice = select(message.c.device_id).where(message.c.direction == "up")
        twice = twice.group_by(message.c.device_id, message.c.f_cnt, message.c.at).having(func.count() > 1)
        assert link.execute(twice).all() == [], "each uplink entered once"
    senders = {line.split()[0] for line in (tmp_path / "sent.txt").read_text().splitlines()}
    assert senders == {str(first.pid), str(second.pid)}
