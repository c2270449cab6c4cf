"""Several workers share a PostgreSQL: one is killed, one frozen past its lease and woken; the campaign goes on.

FLEETCAST_FREEZES=n freezes an owner n times, at instants drawn by chance, kills one n / 5 times, and lets the last
campaign run to its end (each costs ten seconds); by default one kill and one freeze are all.
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from fleetcast.store import tables
from fleetcast.store.database import Database
from tests.conftest import PostgresqlDatabases
from tests.postgresql import PostgreSQL
from tests.runtime.deployment import FILE, START, populate, start_campaign, status

FREEZES = int(os.environ.get("FLEETCAST_FREEZES", "1"))
KILLS = max(1, FREEZES // 5)
FACTOR = 20.0
LONGEST_S = 240.0
DEVICES = 8
DATA = FILE[:300]
FINAL = ("SUCCEEDED", "FAILED", "STOPPED")


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
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.wait()


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
    return [effect for who, at, effect, _, _ in _notes(folder) if int(who) == pid and float(at) > after]


def payloads(folder: Path) -> dict[str, set[str]]:
    """What was handed over under each multicast counter, by any process."""
    found: dict[str, set[str]] = {}
    for _, _, _, f_cnt, payload in _notes(folder):
        if f_cnt != "None":
            found.setdefault(f_cnt, set()).add(payload)
    return found


def _notes(folder: Path) -> list[list[str]]:
    notes = folder / "sent.txt"
    return [line.split() for line in notes.read_text().splitlines()] if notes.exists() else []


def watch_writes(database: Database) -> None:
    """Have the database note which process changes which rows of a campaign, and when."""
    with database.write() as link:
        link.execute(text("CREATE TABLE written (who text, what text, at float8)"))
        link.execute(
            text(
                "CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO written VALUES "
                "(current_setting('application_name'), TG_OP || ' ' || TG_TABLE_NAME, "
                "extract(epoch FROM clock_timestamp())); RETURN NULL; END $$"
            )
        )
        for name in ("campaign", "campaign_device", "campaign_group", "outbox", "inbox", "journal", "message"):
            link.execute(
                text(
                    f"CREATE TRIGGER note_write AFTER INSERT OR UPDATE OR DELETE ON {name} FOR EACH ROW "
                    "EXECUTE FUNCTION note_write()"
                )
            )


def written_by(database: Database, pid: int, after: float) -> list[str]:
    """What a process wrote after an instant."""
    with database.read() as link:
        query = text("SELECT what FROM written WHERE who = :who AND at > :after")
        return list(link.execute(query, {"who": f"process {pid}", "after": after}).scalars())


@pytest.fixture
def shared(postgresql: PostgreSQL, databases: PostgresqlDatabases) -> str:
    if databases.kind != "postgresql":
        pytest.skip("an embedded database has one process")
    return databases.new()


class Shift:
    """Two workers on one campaign after the other: one owns it, the other is there to take it over."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.database = Database.open(url)
        self.fleet = populate(
            self.database, DEVICES, data=DATA,
            settings={"uplink_period_s": 60, "most_loss": 0.05, "most_uplink_loss": 0.0},
        )  # fmt: skip
        watch_writes(self.database)
        self.began = time.time()  # noqa: TID251 - the processes' clocks begin here
        self.campaign, self.campaigns = 0, 0
        self.processes = [Process(url, folder, "network", self.began)]
        self.owner = self._another()
        self.spare = self._another()

    def _another(self) -> Process:
        self.processes.append(Process(self.url, self.folder, "campaigns", self.began))
        return self.processes[-1]

    def under_way(self) -> None:
        """There is a campaign that runs, and `owner` is who has it."""
        while True:
            if self.campaign == 0 or status(self.database, self.campaign) in FINAL:
                self._next()
            pid, _ = owner_pid(self.database, self.campaign)
            if pid in (self.owner.pid, self.spare.pid) and status(self.database, self.campaign).startswith("RUNNING"):
                if pid == self.spare.pid:
                    self.owner, self.spare = self.spare, self.owner
                return
            time.sleep(0.05)  # noqa: TID251

    def _next(self) -> None:
        if self.campaign:
            assert status(self.database, self.campaign) == "SUCCEEDED"
        self.campaigns += 1
        with self.database.write() as link:
            link.execute(update(tables.device).values(firmware_version=0x01000000))
        now = START + round((time.time() - self.began) * FACTOR * 1000)  # noqa: TID251
        self.campaign = start_campaign(self.database, self.fleet, now, data=DATA, name=f"update {self.campaigns}")

    def taken_over(self, longest_s: float) -> float | None:
        """How long it took until the spare has the campaign; None: the campaign was over before."""
        began = time.monotonic()  # noqa: TID251
        while owner_pid(self.database, self.campaign)[0] != self.spare.pid:
            if status(self.database, self.campaign) in FINAL:
                return None
            assert time.monotonic() - began < longest_s, f"nobody took it over within {longest_s} s"  # noqa: TID251
            time.sleep(0.05)  # noqa: TID251
        return time.monotonic() - began  # noqa: TID251

    def freeze(self) -> float | None:
        """The owner stands still until it is replaced, and wakes: it writes nothing and sends nothing any more."""
        _, fence = owner_pid(self.database, self.campaign)
        self.owner.signal(signal.SIGSTOP)
        took_s = self.taken_over(30.0)
        woken_at = time.time()  # noqa: TID251
        self.owner.signal(signal.SIGCONT)
        time.sleep(1.0)  # noqa: TID251
        sent = sent_by(self.folder, self.owner.pid, woken_at)
        assert len(sent) <= 1, f"a woken owner sent more than what it was at: {sent}"
        assert written_by(self.database, self.owner.pid, woken_at) == []
        if took_s is not None:
            assert owner_pid(self.database, self.campaign)[1] == fence + 1
            self.owner, self.spare = self.spare, self.owner
        return took_s

    def kill(self) -> float | None:
        """The owner is killed; another process takes its place as the spare."""
        self.owner.signal(signal.SIGKILL)
        took_s = self.taken_over(10.0)
        self.owner.end()
        self.owner = self.spare
        self.spare = self._another()
        return took_s

    def end(self) -> None:
        for process in self.processes:
            process.end()
        self.database.close()


def test_killed_and_frozen_owners_lose_the_campaign_and_do_no_harm(shared: str, tmp_path: Path) -> None:
    shift = Shift(shared, tmp_path)
    chance = random.Random(7)
    took: dict[str, list[float]] = {"kill": [], "freeze": []}
    try:
        for kind, wanted in (("kill", KILLS), ("freeze", FREEZES)):
            while len(took[kind]) < wanted:
                shift.under_way()
                time.sleep(chance.uniform(0, 2))  # noqa: TID251
                if (took_s := shift.kill() if kind == "kill" else shift.freeze()) is not None:
                    took[kind].append(took_s)
        if FREEZES > 1:
            wait_until(lambda: payloads(tmp_path))
            wait_until(lambda: status(shift.database, shift.campaign) in FINAL, 600)
            assert status(shift.database, shift.campaign) == "SUCCEEDED"
    finally:
        shift.end()
        for kind, each in took.items():
            if each:
                middle, worst = statistics.median(each), max(each)
                print(f"taken over after {len(each)} x {kind}: median {middle:.1f} s, worst {worst:.1f} s")  # noqa: T201
    assert all(len(each) == 1 for each in payloads(tmp_path).values())
