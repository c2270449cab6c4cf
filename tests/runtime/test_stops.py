"""A stop overtakes what was asked for before it, wherever that is on its way."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from fleetcast.campaign.effects import EnsureGroup, FlushQueue, Record, RecordKind, SendFragment
from fleetcast.campaign.events import Stopped
from fleetcast.clock import pause
from fleetcast.connectors.port import GroupPending, Queued
from fleetcast.instants import from_datetime
from fleetcast.runtime import dispatch
from fleetcast.runtime.turn import Turn
from fleetcast.runtime.worker import Worker, WorkerOptions
from fleetcast.simulator.connector import KIND, SimulatedNetwork
from fleetcast.store import tables
from fleetcast.store.database import Database
from tests.runtime.deployment import GROUP, START, keys_of, order, populate, start_campaign, status
from tests.runtime.test_crashes import is_clean_up
from tests.runtime.worker_process import SharedClock


class Slow(SimulatedNetwork):
    """Takes nothing for a device before its gate is opened."""

    gate: asyncio.Event
    calls: list[tuple[int, bytes]]

    async def send_unicast(self, downlink: Any, effect_id: Any) -> Queued:
        if effect_id.campaign:
            self.calls.append((downlink.f_port, downlink.payload))
            await self.gate.wait()
        return await super().send_unicast(downlink, effect_id)


class Waiting(SimulatedNetwork):
    """Somebody has to make its groups by hand."""

    asked = 0

    async def ensure_multicast_group(self, group: Any) -> GroupPending:  # noqa: ARG002 - the port's
        self.asked += 1
        return GroupPending("make the group by hand")


async def until(true: Any) -> None:
    async with asyncio.timeout(60):
        while not true():
            await pause(0.01)


def test_what_waits_for_its_turn_is_not_sent_after_a_stop(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "MOST_UNDER_WAY", 1)
    fleet = populate(database, 6, settings={"uplink_period_s": 60, "most_uplink_loss": 0.0, "most_loss": 0.0})
    made: list[Slow] = []

    def connect(settings: Any, surroundings: Any) -> Slow:
        connector = Slow(settings, surroundings)
        connector.gate, connector.calls = asyncio.Event(), []
        made.append(connector)
        return connector

    async def run() -> list[tuple[int, bytes]]:
        clock = SharedClock(time.time(), 100.0)  # noqa: TID251 - its loops run in real time
        running = worker_on(database, clock, tmp_path, connect)
        campaign = start_campaign(database, fleet, START)
        await running.start()
        await until(lambda: made[0].calls and _waiting(database) >= 3)
        order(database, fleet, campaign, Stopped("tests"), from_datetime(clock.now()))
        await until(lambda: status(database, campaign).startswith("STOPPING"))
        assert _waiting(database) == 0
        made[0].gate.set()
        await until(lambda: status(database, campaign) == "STOPPED")
        await running.stop()
        return made[0].calls

    in_the_middle, *after = asyncio.run(run())
    assert not is_clean_up(*in_the_middle)
    assert all(is_clean_up(*call) for call in after)
    with database.read() as link:
        said = link.execute(
            select(tables.message.c.outcome).where(tables.message.c.payload == in_the_middle[1])
        ).scalars()
        assert set(said) <= {"handed over", "sent", "failed"}
        assert not link.execute(select(tables.outbox)).all()


def test_a_campaign_that_waits_for_a_group_ends_when_it_is_stopped(database: Database, tmp_path: Path) -> None:
    fleet = populate(database, 2)
    made: list[Waiting] = []

    def connect(settings: Any, surroundings: Any) -> Waiting:
        made.append(Waiting(settings, surroundings))
        return made[0]

    async def run() -> int:
        clock = SharedClock(time.time(), 100.0)  # noqa: TID251 - its loops run in real time
        running = worker_on(database, clock, tmp_path, connect)
        campaign = start_campaign(database, fleet, START)
        await running.start()
        await until(lambda: made and made[0].asked)
        order(database, fleet, campaign, Stopped("tests"), from_datetime(clock.now()))
        await until(lambda: status(database, campaign) == "STOPPED")
        await running.stop()
        return campaign

    campaign = asyncio.run(run())
    assert status(database, campaign) == "STOPPED"


def test_a_turn_that_stops_forgets_what_it_wanted_to_send_before_it_stopped() -> None:
    turn = Turn()
    fragment = SendFragment(7, GROUP, 0, 1, 1, START)
    line = Record(RecordKind.STATUS, "", "paused")
    turn.effects += [EnsureGroup(6, GROUP, ()), fragment, line]
    turn.stop(7)
    turn.effects.append(FlushQueue(8, GROUP))
    assert turn.effects == [line, FlushQueue(8, GROUP)]
    assert (turn.withdrawn, turn.never_sent) == (7, [7])


def _waiting(database: Database) -> int:
    """Sendings that are in the outbox."""
    with database.read() as link:
        kinds = link.execute(select(tables.outbox.c.kind)).scalars()
        return sum(kind.startswith("Send") for kind in kinds)


def worker_on(database: Database, clock: SharedClock, folder: Path, connect: Any) -> Worker:
    options = WorkerOptions(directory=folder, claim_s=0.05, look_s=0.2, first_pause_s=0.01)
    return Worker(database, clock, keys_of(database), options, {"simulated": replace(KIND, connect=connect)})
