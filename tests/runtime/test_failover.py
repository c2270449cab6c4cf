"""Several workers share a PostgreSQL: one is killed, one frozen past its lease and woken; the campaign goes on.

FLEETCAST_FREEZES=n freezes an owner n times, at instants drawn by chance, and then lets the campaign run to its end
(some minutes); by default one freeze is all.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from fleetcast.store import tables
from fleetcast.store.database import Database
from tests.conftest import PostgresqlDatabases
from tests.postgresql import PostgreSQL
from tests.runtime.crashing import multicast_payloads
from tests.runtime.deployment import FILE, populate, start_campaign, status

FREEZES = int(os.environ.get("FLEETCAST_FREEZES", "0"))
FACTOR = 20.0
LEASE_S = 8.0
LONGEST_S = 240.0


class Process:
    """A worker in a process of its own."""

    def __init__(self, url: str, folder: Path, role: str, began: float) -> None:
        with (folder / f"{role}.log").open("a") as log:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-m", "tests.runtime.worker_process", url, str(folder), role, str(began), str(FACTOR)],
                stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    @property
    def pid(self) -> int:
        return self._process.pid

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def end(self) -> None:
        if self._process.poll() is None:
            self.signal(signal.SIGCONT)
            self._process.kill()
        self._process.communicate()


def wait_until(true: Callable[[], object], longest_s: float = LONGEST_S) -> float:
    """Wait in real time; how long that took."""
    began = time.monotonic()  # noqa: TID251 - processes run in real time
    while not true():
        assert time.monotonic() - began < longest_s, "nothing happened"  # noqa: TID251
        time.sleep(0.05)  # noqa: TID251
    return time.monotonic() - began  # noqa: TID251


def owner_pid(database: Database, campaign: int) -> tuple[int | None, int]:
    """Which process owns the campaign, and under which fence."""
    with database.read() as link:
        row = link.execute(
            select(tables.worker.c.pid, tables.campaign.c.fence)
            .select_from(
                tables.campaign.outerjoin(tables.worker, tables.worker.c.id == tables.campaign.c.owner_worker_id)
            )
            .where(tables.campaign.c.id == campaign)
        ).one()
    return row[0], row[1]


def sent_by(folder: Path, pid: int, after: float) -> list[str]:
    """What a process handed over after an instant of the machine's clock."""
    notes = folder / "sent.txt"
    lines = [line.split() for line in notes.read_text().splitlines()] if notes.exists() else []
    return [effect for who, at, effect in lines if int(who) == pid and float(at) > after]


@pytest.fixture
def shared(postgresql: PostgreSQL, databases: PostgresqlDatabases) -> str:
    if databases.kind != "postgresql":
        pytest.skip("an embedded database has one process")
    return databases.new()


def test_killed_and_frozen_owners_lose_the_campaign_and_do_no_harm(shared: str, tmp_path: Path) -> None:
    database = Database.open(shared)
    data = FILE[:150]
    fleet = populate(
        database, 4, data=data, settings={"uplink_period_s": 60, "most_loss": 0.05, "most_uplink_loss": 0.0}
    )
    began = time.time()  # noqa: TID251 - the processes' clocks begin here
    campaign = start_campaign(database, fleet, 1_767_225_600_000, data=data)
    network = Process(shared, tmp_path, "network", began)
    first, second = (Process(shared, tmp_path, "campaigns", began) for _ in range(2))
    processes = [network, first, second]
    chance = random.Random(7)
    try:
        wait_until(lambda: owner_pid(database, campaign)[0] in (first.pid, second.pid))
        wait_until(lambda: (tmp_path / "sent.txt").exists() and (tmp_path / "sent.txt").read_text())
        killed = first if owner_pid(database, campaign)[0] == first.pid else second
        other = second if killed is first else first
        killed.signal(signal.SIGKILL)
        took_s = wait_until(lambda: owner_pid(database, campaign)[0] == other.pid, 30)
        print(f"fail-over after a kill: {took_s:.1f} s")  # noqa: T201 - a figure for whoever asks with -s
        processes.append(Process(shared, tmp_path, "campaigns", began))
        spare = processes[-1]
        for _ in range(max(1, FREEZES)):
            frozen, heir = other, spare
            time.sleep(chance.random())  # noqa: TID251
            if status(database, campaign) not in ("RUNNING", "RUNNING, not given back"):
                break
            pid, fence = owner_pid(database, campaign)
            assert pid == frozen.pid
            frozen.signal(signal.SIGSTOP)
            took_s = wait_until(lambda heir=heir: owner_pid(database, campaign)[0] == heir.pid, 30)  # type: ignore[misc]
            print(f"fail-over after a freeze: {took_s:.1f} s")  # noqa: T201
            woken_at = time.time()  # noqa: TID251
            frozen.signal(signal.SIGCONT)
            time.sleep(1.0)  # noqa: TID251
            assert len(sent_by(tmp_path, frozen.pid, woken_at)) <= 1, "a woken owner sent more than what it was at"
            assert owner_pid(database, campaign) == (heir.pid, fence + 1)
            other, spare = heir, frozen
        if FREEZES:
            wait_until(lambda: status(database, campaign) in ("SUCCEEDED", "FAILED", "STOPPED"), 600)
            assert status(database, campaign) == "SUCCEEDED"
    finally:
        for process in processes:
            process.end()
    assert all(len(payloads) == 1 for payloads in multicast_payloads(tmp_path / "net").values())
    database.close()
