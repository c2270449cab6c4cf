"""The connector against a ThingPark that plays its part over real HTTP: the promises of the port, and its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fleetcast.api.intake import Intake
from fleetcast.clock import AcceleratedClock
from fleetcast.connectors import conformance
from fleetcast.connectors.catalog import Surroundings
from fleetcast.connectors.conformance import Bench
from fleetcast.connectors.connection import check
from fleetcast.connectors.port import Connector, HttpAnswer, HttpReport, MulticastGroup, PracticeDevice
from fleetcast.connectors.thingpark.network import ThingPark
from fleetcast.connectors.thingpark.settings import FIELDS
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.instants import from_datetime, to_datetime
from fleetcast.secret import Secret
from fleetcast.simulator.registered_fleet import Places
from tests.doubles.thingpark.network import AS_ID, AS_KEY, Faults, Listening, ThingParkDouble

NOW = 1_772_446_500_000
GROUP = MulticastGroup(
    dev_eui=DevEui("02F1EE7100000001"), name="all", mc_addr=DevAddr("01FC0001"), mc_app_s_key=Secret(bytes(16)),
    mc_net_s_key=Secret(bytes(range(16))), session_class="C", frequency_hz=869_525_000, data_rate=5,
)  # fmt: skip
PLACES = Places(
    seed=1, gateways=2, least_loss=0, most_loss=0, least_uplink_loss=0, most_uplink_loss=0, data_rate=5,
    clock_offset_s=1, uplink_period_s=600,
)  # fmt: skip


def device(number: int) -> PracticeDevice:
    return PracticeDevice(
        dev_eui=DevEui.from_int(number), root_key=Secret(bytes(15) + bytes([number])), uplink_period_s=600
    )


class Setting:
    """A double with two devices, and connectors to it whose reports come in over HTTP."""

    def __init__(self, directory: Path, faults: Faults | None = None) -> None:
        self.clock = AcceleratedClock(to_datetime(NOW))
        self.double = ThingParkDouble(self.clock, PLACES, faults)
        self.directory = directory
        self.connector: ThingPark | None = None
        self._intake = Listening(Intake(self._nothing, self._deliver))

    def make(self, **values: object) -> ThingPark:
        """A connector to it; the one made last is sent the reports."""
        key = str(values.pop("as_key", AS_KEY))
        given = {"downlink_url": self.double.downlink_url, "as_id": AS_ID, "requests_per_second": 10_000} | values
        settings = check(FIELDS, given, {"as_key": Secret(key.encode())})
        surroundings = Surroundings(connection="park", clock=self.clock, directory=self.directory)
        self.connector = ThingPark(settings, surroundings)
        return self.connector

    async def start(self) -> None:
        await self._intake.start()
        self.double.intake = f"{self._intake.url}/intake/7"
        await self.double.start()
        await self.double.provide([device(1), device(2)], [])
        self.double.make_group(GROUP)

    async def stop(self) -> None:
        await self.double.stop()
        await self._intake.stop()

    def bench(self, **values: object) -> Bench:
        async def connect() -> Connector:
            return self.make(**values)

        return Bench(
            connect=connect, now=lambda: from_datetime(self.clock.now()), device=device(1).dev_eui, group=GROUP
        )

    async def _deliver(self, _number: int, path: str, query: bytes, body: bytes) -> HttpAnswer:
        assert self.connector is not None
        taken = asyncio.create_task(self.connector.receive(HttpReport(path, query, body)))
        await asyncio.sleep(0)  # noqa: TID251 - it runs until it waits for being acknowledged
        self.double.arrived(query)
        return await taken

    async def _nothing(self, _scope: object, _receive: object, _send: object) -> None:
        raise AssertionError("only reports are sent here")


@asynccontextmanager
async def setting(directory: Path, faults: Faults | None = None) -> AsyncIterator[Setting]:
    made = Setting(directory, faults)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


CHECKS = [
    conformance.every_send_ends_in_one_last_word,
    conformance.the_same_effect_is_sent_once,
    conformance.a_report_survives_a_restart,
    conformance.what_was_not_acknowledged_is_told_again,
    conformance.ensuring_a_group_twice_gives_one,
    conformance.keys_of_a_busy_group_stay,
    conformance.a_counter_is_used_once,
    conformance.what_is_flushed_is_reported,
]


@pytest.mark.parametrize("promise", CHECKS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("doubled", [0.0, 1.0], ids=["", "all reports doubled"])
def test_the_promises_of_the_port_are_kept(
    tmp_path: Path, promise: Callable[[Bench], Awaitable[None]], doubled: float
) -> None:
    async def run() -> None:
        async with setting(tmp_path, Faults(reports_doubled=doubled, uplinks_doubled=doubled)) as made:
            await promise(made.bench())

    asyncio.run(asyncio.wait_for(run(), 30))
