"""Whole firmware campaigns over ThingPark: real HTTP both ways, and everything in between going wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.types import Receive, Scope, Send

from fleetcast.api.intake import Intake
from fleetcast.clock import AcceleratedClock, pause
from fleetcast.connectors.port import HttpAnswer, MulticastGroup
from fleetcast.connectors.thingpark import sender
from fleetcast.connectors.thingpark.network import KIND
from fleetcast.instants import to_datetime
from fleetcast.protocol.keys import mc_app_s_key, mc_net_s_key
from fleetcast.runtime.connections import _Provider
from fleetcast.runtime.worker import Worker, WorkerOptions
from fleetcast.secret import Secret
from fleetcast.simulator.registered_fleet import Places
from fleetcast.store import open_connections, tables
from fleetcast.store.database import Database
from fleetcast.store.key_vault import KeyKind
from tests.doubles.thingpark.network import AS_ID, AS_KEY, Faults, Listening, ThingParkDouble
from tests.runtime.deployment import (
    FILE,
    GROUP,
    MC_ADDR,
    NEW_VERSION,
    PERIOD_S,
    START,
    VAULT,
    Fleet,
    keys_of,
    outcomes,
    populate,
    start_campaign,
    status,
)

FINAL = ("SUCCEEDED", "FAILED", "STOPPED")
PLACES = Places(
    seed=1, gateways=2, least_loss=0, most_loss=0.1, least_uplink_loss=0, most_uplink_loss=0.05, data_rate=5,
    clock_offset_s=1, uplink_period_s=PERIOD_S,
)  # fmt: skip


class Deployment:
    """A worker whose one connection is a ThingPark."""

    def __init__(self, database: Database, directory: Path, fleet: Fleet, faults: Faults, factor: float | None) -> None:
        self.database, self.fleet = database, fleet
        self.clock = AcceleratedClock(to_datetime(START), factor)
        self.double = ThingParkDouble(self.clock, PLACES, faults)
        self.worker = Worker(
            database, self.clock, keys_of(database),
            WorkerOptions(directory=directory, claim_s=0.05, look_s=0.2, first_pause_s=0.01),
            {"thingpark": KIND},
        )  # fmt: skip
        self._intake = Listening(Intake(_nothing, self._deliver))

    async def start(self) -> None:
        self._point()
        await self._intake.start()
        await self.double.start()
        with self.database.read() as link:
            (enabled,) = open_connections.enabled(link)
        await _Provider(self.database, keys_of(self.database), enabled, self.double).run()
        key = keys_of(self.database).mc_key(self.fleet.group_id)
        self.double.make_group(
            MulticastGroup(
                dev_eui=GROUP,
                name="all",
                mc_addr=MC_ADDR,
                mc_app_s_key=mc_app_s_key(key, MC_ADDR),
                mc_net_s_key=mc_net_s_key(key, MC_ADDR),
                session_class="C",
                frequency_hz=869_525_000,
                data_rate=5,
            )
        )  # fmt: skip
        await self.worker.start()
        self.double.intake = f"{self._intake.url}/intake/{self.fleet.connection_id}"

    async def stop(self) -> None:
        await self.worker.stop()
        await self.double.stop()
        await self._intake.stop()

    async def until_over(self, campaign: int) -> None:
        async with asyncio.timeout(60):
            while status(self.database, campaign) not in FINAL:
                await pause(0.02)

    def _point(self) -> None:
        """The connection of the fleet leads to the double."""
        settings = {"downlink_url": self.double.downlink_url, "as_id": AS_ID, "requests_per_second": 10_000}
        with self.database.write() as link:
            link.execute(update(tables.connection).values(kind="thingpark", settings=settings))
            VAULT.put(
                link, self.fleet.subscriber_id, KeyKind.CONNECTION_SECRET, self.fleet.connection_id,
                Secret(AS_KEY.encode()), START, name="as_key",
            )  # fmt: skip

    async def _deliver(self, number: int, path: str, query: bytes, body: bytes) -> HttpAnswer:
        taken = asyncio.create_task(self.worker.receive(number, path, query, body))
        await asyncio.sleep(0)  # noqa: TID251 - it runs until it waits for being committed
        self.double.arrived(query)
        return await taken


@asynccontextmanager
async def deployed(
    database: Database, directory: Path, devices: int, faults: Faults, factor: float | None = None
) -> AsyncIterator[Deployment]:
    made = Deployment(database, directory, populate(database, devices), faults, factor)
    try:
        await made.start()
        yield made
    finally:
        await made.stop()


async def _nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise AssertionError("only reports are sent here")


def lines(database: Database, kind: str) -> list[Any]:
    with database.read() as link:
        return list(link.execute(select(tables.journal.c.text).where(tables.journal.c.kind == kind)).scalars())


def assert_everybody_has_it(made: Deployment) -> None:
    for dev_eui in made.fleet.device_ids:
        rebuilt = made.double.world.rebuilt(dev_eui)
        assert rebuilt is not None
        assert rebuilt[: len(FILE)] == FILE
        assert made.double.world.device(dev_eui).firmware_version == NEW_VERSION


def test_a_campaign_ends_well_while_messages_are_doubled_and_reports_missing(
    database: Database, tmp_path: Path
) -> None:
    faults = Faults(reports_doubled=0.3, reports_lost=0.1, uplinks_doubled=0.3, uplinks_lost=0.03, breaks=0.05)

    async def run() -> int:
        async with deployed(database, tmp_path, 8, faults) as made:
            campaign = start_campaign(database, made.fleet, START)
            await made.until_over(campaign)
            assert_everybody_has_it(made)
            assert made.double.counted["answered 200"] > 100
            assert made.double.counted["broke"] > 0
            assert set(made.double.counted) == {"answered 200", "broke"}
            assert made.double.payloads
            assert all(len(payloads) == 1 for payloads in made.double.payloads.values())
            return campaign

    campaign = asyncio.run(run())
    assert status(database, campaign) == "SUCCEEDED"
    assert [outcome for _, _, outcome, _, _ in outcomes(database, campaign)] == [1] * 8


def test_a_campaign_goes_on_by_itself_after_the_network_was_gone(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For some minutes of the fleet's time neither reports nor downlinks get through."""
    monkeypatch.setattr(sender, "_IDLE_S", 0.05)
    monkeypatch.setattr(sender, "_FIRST_PROBE_S", 0.02)

    async def run() -> int:
        async with deployed(database, tmp_path, 4, Faults(), factor=3000) as made:
            campaign = start_campaign(database, made.fleet, START, msg_retries=10)
            async with asyncio.timeout(60):
                while len(made.double.payloads) < 2:
                    await pause(0.002)
            made.double.silent = True
            await made.double.listening.stop()
            async with asyncio.timeout(60):
                while not lines(database, "connection.lost"):
                    await pause(0.005)
            assert status(database, campaign).startswith("RUNNING")
            await made.double.listening.start()
            made.double.silent = False
            await made.until_over(campaign)
            assert_everybody_has_it(made)
            assert len(lines(database, "connection.back")) == 1
            return campaign

    campaign = asyncio.run(run())
    assert status(database, campaign) == "SUCCEEDED"
