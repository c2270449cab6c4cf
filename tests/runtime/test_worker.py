"""Whole campaigns over the simulated network, through the database, in accelerated time."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import select

from fleetcast.clock import AcceleratedClock, pause
from fleetcast.instants import to_datetime
from fleetcast.store import tables
from fleetcast.store.database import Database
from tests.runtime.deployment import (
    FILE,
    NEW_VERSION,
    START,
    Networks,
    outcomes,
    populate,
    start_campaign,
    status,
    worker,
)

FINAL = ("SUCCEEDED", "FAILED", "STOPPED")


async def until_over(database: Database, campaign: int) -> None:
    while status(database, campaign) not in FINAL:
        await pause(0.02)


def test_a_campaign_runs_to_its_end_and_gives_back_what_it_used(database: Database, tmp_path: Path) -> None:
    fleet = populate(database, 8)
    networks = Networks()

    async def run() -> int:
        clock = AcceleratedClock(to_datetime(START))
        running = worker(database, clock, tmp_path, networks)
        campaign = start_campaign(database, fleet, START)
        await running.start()
        await asyncio.wait_for(until_over(database, campaign), 60)
        world = networks.world
        for dev_eui in fleet.device_ids:
            assert world.rebuilt(dev_eui)[: len(FILE)] == FILE
            assert world.device(dev_eui).firmware_version == NEW_VERSION
        await running.stop()
        return campaign

    campaign = asyncio.run(run())
    assert status(database, campaign) == "SUCCEEDED"
    assert [outcome for _, _, outcome, _, _ in outcomes(database, campaign)] == [1] * 8
    with database.read() as link:
        facts = link.execute(select(tables.device_facts)).mappings().all()
        assert {row["campaign_id"] for row in facts} == {None}
        assert all(row["set_up_groups"]["0"]["group"] == "02F1EE7100000001" for row in facts)
        assert all(row["uplinks"] > 0 and row["last_uplink_at"] > START for row in facts)
        devices = link.execute(select(tables.device.c.firmware_version, tables.device.c.firmware_file_id)).all()
        assert {tuple(row) for row in devices} == {(NEW_VERSION, fleet.file_id)}
        group = link.execute(select(tables.multicast_group)).mappings().one()
        assert group["next_f_cnt"] > len(FILE) // 200
        assert group["network_state"]["frequency_hz"] == 869_525_000
        assert not link.execute(select(tables.inbox)).all()
        assert not link.execute(select(tables.outbox)).all()
