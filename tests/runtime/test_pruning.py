"""What is older than it has to be kept goes, in slices; everything else stays."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, update

from fleetcast.clock import ManualClock, pause
from fleetcast.instants import to_datetime
from fleetcast.runtime.health import Health
from fleetcast.runtime.pruning import KEYS_KEPT_MS, Pruning, Retention
from fleetcast.store import heard_keys, idempotency, messages, tables
from fleetcast.store.database import Database
from fleetcast.store.messages import Message
from tests.runtime.deployment import START, Fleet, populate, start_campaign

DAY_MS = 86_400_000
NOW = START + 400 * DAY_MS
ROWS = 10


class Counting(Database):
    """Counts its transactions that write."""

    writes = 0

    @contextmanager
    def write(self) -> Generator[Connection]:
        self.writes += 1
        with super().write() as connection:
            yield connection


class _Clock(ManualClock):
    """As much of a working clock as pruning needs."""


def count(database: Database, table: Table) -> int:
    with database.read() as link:
        return int(link.execute(select(func.count()).select_from(table)).scalar_one())


def prune(database: Database, **days: int) -> None:
    """One round."""
    clock: Any = _Clock(to_datetime(NOW))

    async def run() -> None:
        pruning = Pruning(
            database, clock, Health(), Retention(**days), every_s=0.01, slice_rows=ROWS, wall=ManualClock(clock.now())
        )
        rounds = 0
        jobs = pruning._jobs

        def counted() -> Any:
            nonlocal rounds
            rounds += 1
            return jobs()

        pruning._jobs = counted  # type: ignore[method-assign]
        task = asyncio.create_task(pruning.run())
        while rounds < 2:
            await pause(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


def put_messages(database: Database, fleet: Fleet, *ages_days: float) -> None:
    with database.write() as link:
        messages.write(
            link,
            [
                Message(
                    subscriber_id=fleet.subscriber_id, direction="up", at=NOW - round(age * DAY_MS), f_port=2,
                    payload=b"x",
                )
                for age in ages_days
            ],
        )  # fmt: skip


def test_old_messages_go_in_slices_and_young_ones_stay(database_url: str) -> None:
    database = Counting.open(database_url)
    fleet = populate(database, 1)
    put_messages(database, fleet, *[91.0] * 45, 89.0, 1.0)
    database.writes = 0
    prune(database, messages_days=90)
    with database.read() as link:
        left = link.execute(select(tables.message.c.at).order_by(tables.message.c.at)).scalars().all()
    assert left == [NOW - 89 * DAY_MS, NOW - DAY_MS]
    assert database.writes >= 5, "no transaction took them all"
    database.close()


def test_what_is_kept_for_ever_is_kept(database: Database) -> None:
    fleet = populate(database, 1)
    put_messages(database, fleet, 399.0)
    prune(database, messages_days=0, journal_days=0, deliveries_days=0)
    assert count(database, tables.message) == 1


def test_keys_of_what_was_heard_and_of_requests_go_when_they_are_of_no_use(database: Database) -> None:
    fleet = populate(database, 1)
    old, young = [f"old {n}" for n in range(25)], ["young"]
    user = {
        "login": "ada",
        "password_hash": "",
        "role": "admin",
        "may_read_keys": False,
        "created_at": 1,
        "changed_at": 1,
    }
    with database.write() as link:
        heard_keys.enter(link, fleet.connection_id, old, NOW - KEYS_KEPT_MS - 1)
        heard_keys.enter(link, fleet.connection_id, young, NOW - KEYS_KEPT_MS + 1)
        user_id = link.execute(
            insert(tables.user).values(subscriber_id=fleet.subscriber_id, **user).returning(tables.user.c.id)
        ).scalar_one()
        for name, at in [(f"old {n}", NOW - idempotency.KEPT_MS - 1) for n in range(25)] + [("young", NOW)]:
            idempotency.remember(link, fleet.subscriber_id, user_id, idempotency.Once(name, b"x"), 1, at)
    prune(database)
    with database.read() as link:
        assert link.execute(select(tables.heard_key.c.key)).scalars().all() == young
        assert link.execute(select(tables.idempotency_key.c.key)).scalars().all() == young


def line(link: Connection, fleet: Fleet, text: str, age_days: float, campaign: int | None = None) -> None:
    values = {"subscriber_id": fleet.subscriber_id, "kind": "k", "text": text, "at": NOW - round(age_days * DAY_MS)}
    link.execute(insert(tables.journal).values(**values, campaign_id=campaign))


def test_of_the_journal_goes_what_is_old_and_that_nobody_waits_for(database: Database) -> None:
    fleet = populate(database, 1)
    campaign = start_campaign(database, fleet, START)
    edited = {"created_at": 1, "changed_at": 1}
    with database.write() as link:
        for n in range(25):
            line(link, fleet, f"old {n}", 31)
        line(link, fleet, "of a campaign that runs", 31, campaign)
        told = link.execute(select(func.max(tables.journal.c.id))).scalar_one()
        line(link, fleet, "not told yet", 31)
        line(link, fleet, "young", 29)
        hook = {"name": "hook", "url": "http://x/", "kinds": [], "enabled": True, "journal_id": told}
        link.execute(insert(tables.webhook).values(subscriber_id=fleet.subscriber_id, **hook, **edited))
    prune(database, journal_days=30)

    def left() -> list[str]:
        with database.read() as link:
            return list(link.execute(select(tables.journal.c.text).order_by(tables.journal.c.id)).scalars())

    assert left() == ["of a campaign that runs", "not told yet", "young"]
    with database.write() as link:
        link.execute(update(tables.webhook).values(enabled=False))
        link.execute(update(tables.campaign).values(status="SUCCEEDED"))
    prune(database, journal_days=30)
    assert left() == ["young"]


def test_deliveries_that_are_over_go_and_those_that_wait_stay(database: Database) -> None:
    fleet = populate(database, 1)
    with database.write() as link:
        hook = {"name": "hook", "url": "http://x/", "kinds": [], "enabled": True, "created_at": 1, "changed_at": 1}
        webhook = link.execute(
            insert(tables.webhook).values(subscriber_id=fleet.subscriber_id, **hook).returning(tables.webhook.c.id)
        ).scalar_one()
        states = ["delivered", "given up"] * 12 + ["waiting"]
        rows = [
            {
                "subscriber_id": fleet.subscriber_id, "webhook_id": webhook, "journal_id": n, "body": "{}",
                "state": state, "created_at": 1_000,
            }
            for n, state in enumerate(states)
        ]  # fmt: skip
        link.execute(insert(tables.webhook_delivery), rows)
    prune(database, deliveries_days=30)
    with database.read() as link:
        assert link.execute(select(tables.webhook_delivery.c.state)).scalars().all() == ["waiting"]
