"""The connector against a ThingPark that plays its part over real HTTP: the promises of the port, and its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from fleetcast.api.intake import Intake
from fleetcast.clock import AcceleratedClock
from fleetcast.connectors import conformance
from fleetcast.connectors.catalog import Surroundings
from fleetcast.connectors.conformance import Bench
from fleetcast.connectors.connection import FieldWrong, check
from fleetcast.connectors.port import (
    Cause,
    Connector,
    ConnectorError,
    GroupPending,
    HttpAnswer,
    HttpReport,
    MulticastGroup,
    PracticeDevice,
)
from fleetcast.connectors.thingpark.network import ThingPark
from fleetcast.connectors.thingpark.settings import FIELDS
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.instants import from_datetime, to_datetime
from fleetcast.metrics import REPORTS_MALFORMED
from fleetcast.secret import Secret
from fleetcast.simulator.registered_fleet import Places
from tests.doubles.thingpark.documents import signed_query
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


def test_wrong_credentials_and_clocks_show_when_it_is_opened(tmp_path: Path) -> None:
    async def run() -> None:
        async with setting(tmp_path) as made:
            with pytest.raises(ConnectorError, match="bad token") as refused:
                await made.make(as_key="f" * 32).open()
            assert refused.value.cause is Cause.AUTH
            assert "f" * 32 not in str(refused.value)
            with pytest.raises(ConnectorError) as refused:
                await made.make(as_id="another").open()
            assert refused.value.cause is Cause.AUTH
            made.double.clock_ahead_s = 30
            with pytest.raises(ConnectorError, match="30 s ahead of ours") as refused:
                await made.make().open()
            assert refused.value.cause is Cause.CLOCK_SKEW
            with pytest.raises(ConnectorError) as refused:
                await made.make(downlink_url=f"{made.double.listening.url}/elsewhere").open()
            assert refused.value.cause is Cause.BAD_REQUEST

    asyncio.run(asyncio.wait_for(run(), 30))


def test_a_test_of_the_connection_says_in_words_what_works(tmp_path: Path) -> None:
    async def run() -> None:
        async with setting(tmp_path) as made:
            assert [each.works for each in await made.make().examine()] == [True, True, True, None]
            found = await made.make(as_key="f" * 32).examine()
            assert [each.works for each in found] == [True, False, True, None]
            assert "compare as_id and as_key" in found[1].what
            made.double.clock_ahead_s = -30
            assert "clock differs" in (await made.make().examine())[2].what
            await made.double.listening.stop()
            (found_one,) = await made.make().examine()
            assert not found_one.works
            assert "does not answer" in found_one.what

    asyncio.run(asyncio.wait_for(run(), 30))


def test_a_group_that_is_not_there_waits_for_a_person_who_is_told_what_to_make(tmp_path: Path) -> None:
    async def run() -> None:
        async with setting(tmp_path) as made:
            connector = made.make()
            await connector.open()
            answer = await connector.ensure_multicast_group(replace(GROUP, dev_eui=DevEui("02F1EE71000000FF")))
            assert isinstance(answer, GroupPending)
            for said in ("02F1EE71000000FF", "01FC0001", "class C", "869.525 MHz", "data rate 5", AS_ID):
                assert said in answer.what
            await connector.close()

    asyncio.run(asyncio.wait_for(run(), 30))


def test_reports_of_strangers_and_malformed_ones_are_answered_and_nothing_is_told(tmp_path: Path) -> None:
    async def run() -> None:
        async with setting(tmp_path) as made:
            connector = made.make()
            await connector.open()
            document = {"DevEUI_uplink": {"DevEUI": str(device(1).dev_eui), "CustomerID": "1", "FCntUp": "x"}}
            now = from_datetime(made.clock.now())
            body = json.dumps(document).encode()

            async def answer(query: str, sent: bytes = body) -> int:
                return (await connector.receive(HttpReport("", query.encode(), sent))).status

            malformed = REPORTS_MALFORMED.labels("thingpark")._value.get()
            assert await answer(signed_query(document, AS_ID, AS_KEY, 1, now)) == 400
            assert await answer("", b"no JSON") == 400
            assert REPORTS_MALFORMED.labels("thingpark")._value.get() == malformed + 2
            assert await answer(signed_query(document, AS_ID, "0" * 32, 1, now)) == 403
            assert await answer(signed_query(document, "another", AS_KEY, 1, now)) == 403
            assert await answer(signed_query(document, AS_ID, AS_KEY, 1, now - 61_000)) == 403
            assert await answer("") == 403
            await connector.close()
            assert [told async for told in connector.heard()] == []

    asyncio.run(asyncio.wait_for(run(), 30))


def test_a_secret_path_stands_in_for_a_key(tmp_path: Path) -> None:
    surroundings = Surroundings(connection="park", clock=AcceleratedClock(to_datetime(NOW)), directory=tmp_path)
    secrets = {"path_secret": Secret(b"sixteen-letters-")}
    connector = ThingPark(check(FIELDS, {"downlink_url": "http://127.0.0.1:1/x"}, secrets), surroundings)

    async def run() -> tuple[int, int]:
        body = b'{"DevEUI_location": {}}'
        right = await connector.receive(HttpReport("sixteen-letters-", b"", body))
        wrong = await connector.receive(HttpReport("sixteen-letters", b"", body))
        return right.status, wrong.status

    assert asyncio.run(run()) == (200, 403)
    with pytest.raises(FieldWrong, match="anybody could send reports"):
        ThingPark(check(FIELDS, {"downlink_url": "http://127.0.0.1:1/x"}, {}), surroundings)
