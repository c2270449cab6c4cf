"""Whole campaigns over the simulated network, through the database, in accelerated time."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select, update

from fleetcast.campaign.events import Stopped
from fleetcast.clock import AcceleratedClock, pause
from fleetcast.instants import from_datetime, to_datetime
from fleetcast.store import tables
from fleetcast.store.database import Database, DatabaseUnavailable
from fleetcast.store.latest import latest_instant
from tests.runtime.asked import inputs, multicast_payloads
from tests.runtime.deployment import (
    FILE,
    NEW_VERSION,
    START,
    Networks,
    order,
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


def test_a_second_campaign_goes_on_counting_where_the_first_ended(database: Database, tmp_path: Path) -> None:
    data = FILE[:200]
    fleet = populate(database, 2, data=data)

    async def run() -> list[int]:
        clock = AcceleratedClock(to_datetime(START))
        running = worker(database, clock, tmp_path, Networks())
        await running.start()
        counters = [0]
        for name in ("first", "second"):
            with database.write() as link:
                link.execute(update(tables.device).values(firmware_version=0x01000000))
            campaign = start_campaign(database, fleet, from_datetime(clock.now()), data=data, name=name)
            await asyncio.wait_for(until_over(database, campaign), 60)
            with database.read() as link:
                counters.append(link.execute(select(tables.multicast_group.c.next_f_cnt)).scalar_one())
        await running.stop()
        return counters

    counters = asyncio.run(run())
    assert counters == sorted(set(counters))
    assert all(len(payloads) == 1 for payloads in multicast_payloads(tmp_path).values())


def test_after_a_stop_nothing_is_sent_but_clean_up_and_clock_answers(database: Database, tmp_path: Path) -> None:
    fleet = populate(database, 6)
    networks = Networks()

    async def run() -> tuple[int, int, Any]:
        clock = AcceleratedClock(to_datetime(START), factor=8000)
        running = worker(database, clock, tmp_path, networks)
        campaign = start_campaign(database, fleet, START)
        await running.start()
        async with asyncio.timeout(60):
            while not multicast_payloads(tmp_path):
                await pause(0.005)
        order(database, fleet, campaign, Stopped("tests"), from_datetime(clock.now()))
        async with asyncio.timeout(10):
            while status(database, campaign).startswith("RUNNING"):
                await pause(0.002)
        stopped_at = from_datetime(clock.now())
        await asyncio.wait_for(until_over(database, campaign), 60)
        world = networks.world
        await running.stop()
        return campaign, stopped_at, world

    campaign, stopped_at, world = asyncio.run(run())
    assert status(database, campaign) == "STOPPED"
    asked = inputs(tmp_path)
    late = [each for each in asked if each[0] > stopped_at + 1000]
    assert not [each for each in late if each[1] == "multicast"]
    clean_up = {0x03, 0x04, 0x05}  # FragSessionDeleteReq, McGroupDeleteReq, DevDeleteImageReq
    for _, kind, what in late:
        if kind == "unicast":
            payload = bytes.fromhex(what["payload"])
            assert what["effect"].startswith("00000000") or payload[0] in clean_up, what
    for device in world.stations.devices:
        assert not device.groups
        assert not device.fragment_sessions


def test_the_database_gone_for_a_while_loses_nothing(tmp_path: Path, database_url: str) -> None:
    """In the middle of a campaign the database answers nobody: no loop dies for good, health says so, it goes on."""
    database = Gone.open(database_url)
    fleet = populate(database, 6)
    networks = Networks()

    async def run() -> int:
        clock = AcceleratedClock(to_datetime(START), factor=2000)
        running = worker(database, clock, tmp_path, networks, lease_s=1.0, renew_s=0.2)
        campaign = start_campaign(database, fleet, START)
        await running.start()
        for _ in range(3):
            await pause(0.3)
            database.gone = True
            await pause(0.1)
            hold = clock.hold()  # minutes have passed: in accelerated time more would be days
            async with asyncio.timeout(10):
                while running.report().well:
                    await pause(0.01)
            database.gone = False
            async with asyncio.timeout(20):
                while not running.report().well:
                    await pause(0.01)
            hold.release()
        await asyncio.wait_for(until_over(database, campaign), 60)
        async with asyncio.timeout(10):
            while not running.report().well:
                await pause(0.05)
        await running.stop()
        return campaign

    campaign = asyncio.run(run())
    assert status(database, campaign) == "SUCCEEDED"
    assert [outcome for _, _, outcome, _, _ in outcomes(database, campaign)] == [1] * 6
    told = {(what["device"]) for _, kind, what in inputs(tmp_path) if kind == "unicast"}
    assert told == {str(dev_eui) for dev_eui in fleet.device_ids}
    with database.read() as link:
        heard = link.execute(select(func.count()).select_from(tables.message).where(tables.message.c.direction == "up"))
        facts = link.execute(select(func.sum(tables.device_facts.c.uplinks)))
        assert heard.scalar_one() == facts.scalar_one()
    database.close()


class Gone(Database):
    """A database that can be taken away."""

    gone = False

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
            self._check()  # gone in the middle: nothing of it is kept

    def _check(self) -> None:
        if self.gone:
            raise DatabaseUnavailable("tests", "it was taken away")


def test_how_late_it_was_is_found_again_after_a_restart(database: Database, tmp_path: Path) -> None:
    with database.read() as link:
        assert latest_instant(link) is None
    fleet = populate(database, 2, data=FILE[:100])

    async def run() -> tuple[int, datetime]:
        clock = AcceleratedClock(to_datetime(START))
        running = worker(database, clock, tmp_path, Networks())
        campaign = start_campaign(database, fleet, START, data=FILE[:100])
        await running.start()
        await asyncio.wait_for(until_over(database, campaign), 60)
        await running.stop()
        return campaign, clock.now()

    _, ended = asyncio.run(run())
    with database.read() as link:
        latest = latest_instant(link)
    assert latest is not None
    assert from_datetime(ended) - 3_600_000 < latest <= from_datetime(ended)
