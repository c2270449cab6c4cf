"""The simulated network keeps the promises of the port, and survives a kill."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from fleetcast.clock import AcceleratedClock
from fleetcast.connectors import conformance
from fleetcast.connectors.catalog import Surroundings
from fleetcast.connectors.conformance import Bench
from fleetcast.connectors.connection import check
from fleetcast.connectors.port import (
    Connector,
    DownlinkSent,
    EffectId,
    Heard,
    MulticastGroup,
    PracticeDevice,
    PracticeKeys,
    SessionReset,
    UnicastDownlink,
    Uplink,
)
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.instants import from_datetime, to_datetime
from fleetcast.secret import Secret
from fleetcast.simulator.connector import FIELDS, SimulatedNetwork
from tests.simulator.devices import NOW

GROUP = MulticastGroup(
    dev_eui=DevEui("02F1EE7100000001"), name="all", mc_addr=DevAddr("01FC0001"), mc_app_s_key=Secret(bytes(16)),
    mc_net_s_key=Secret(bytes(range(16))), session_class="C", frequency_hz=869_525_000, data_rate=5,
)  # fmt: skip
KEYS = PracticeKeys(GROUP.dev_eui, GROUP.mc_app_s_key, GROUP.mc_net_s_key)


def device(number: int) -> PracticeDevice:
    """A device that speaks every ten minutes."""
    return PracticeDevice(
        dev_eui=DevEui.from_int(number), root_key=Secret(bytes(15) + bytes([number])), uplink_period_s=600
    )


def network(directory: Path, clock: AcceleratedClock, **settings: object) -> SimulatedNetwork:
    """A connector to the network in this folder."""
    lossless = {"most_loss": 0.0, "least_loss": 0.0, "most_uplink_loss": 0.0} | settings
    return SimulatedNetwork(
        check(FIELDS, lossless, {}), Surroundings(connection="practice", clock=clock, directory=directory)
    )


def clock() -> AcceleratedClock:
    return AcceleratedClock(to_datetime(NOW))


async def hear(connector: Connector, count: int, *, acknowledge: bool = True) -> list[Heard]:
    """The next so many messages."""
    found: list[Heard] = []
    async for told in connector.heard():
        found.append(told.heard)
        if acknowledge:
            told.acknowledge()
        if len(found) == count:
            break
    return found


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
@pytest.mark.parametrize("network_counts", [False, True])
def test_the_promises_of_the_port_are_kept(
    tmp_path: Path, promise: Callable[[Bench], Awaitable[None]], network_counts: bool
) -> None:
    async def run() -> None:
        time = clock()

        async def connect() -> Connector:
            made = network(tmp_path, time, network_counts=network_counts)
            await made.provide([device(1), device(2)], [KEYS])
            return made

        await promise(
            Bench(connect=connect, now=lambda: from_datetime(time.now()), device=device(1).dev_eui, group=GROUP)
        )

    asyncio.run(asyncio.wait_for(run(), 30))


def test_a_killed_network_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    """Two networks of one seed hear the same; one of them is abandoned in the middle and opened anew."""

    async def played(directory: Path, *, killed: bool) -> list[Heard]:
        time = clock()
        connector = network(directory, time)
        await connector.provide([device(1), device(2), device(3)], [KEYS])
        await connector.open()
        found = await hear(connector, 3)
        await connector.send_unicast(
            UnicastDownlink(device(1).dev_eui, 42, b"\x01", from_datetime(time.now()) + 3_600_000), EffectId(7, 1)
        )
        if killed:
            for task in connector._tasks:
                task.cancel()
            assert connector._log is not None
            assert connector.world is not None
            connector.world.save()
            connector._log.close()
            connector = network(directory, time)
            await connector.provide([device(1), device(2), device(3)], [KEYS])
            await connector.open()
        found += await hear(connector, 12)
        await connector.close()
        return found

    whole = asyncio.run(played(tmp_path / "whole", killed=False))
    broken = asyncio.run(played(tmp_path / "broken", killed=True))
    assert whole == broken
    assert [each.effect_id for each in whole if isinstance(each, DownlinkSent)] == [EffectId(7, 1)]


def test_a_device_that_is_registered_later_joins_the_world(tmp_path: Path) -> None:
    async def run() -> set[str]:
        connector = network(tmp_path, clock())
        await connector.provide([device(1)], [])
        await connector.open()
        assert {str(each.dev_eui) for each in await hear(connector, 3) if isinstance(each, Uplink)} == {
            str(device(1).dev_eui)
        }
        await connector.provide([device(2)], [])
        names = {str(each.dev_eui) for each in await hear(connector, 8) if isinstance(each, Uplink)}
        await connector.close()
        return names

    assert asyncio.run(run()) == {str(device(1).dev_eui), str(device(2).dev_eui)}


def test_other_settings_make_another_world_and_devices_say_that_they_lost_everything(tmp_path: Path) -> None:
    async def run() -> list[Heard]:
        time = clock()
        for seed in (1, 2):
            connector = network(tmp_path, time, seed=seed)
            await connector.provide([device(1)], [])
            await connector.open()
            found = await hear(connector, 1)
            await connector.close()
        return found

    (first,) = asyncio.run(run())
    assert isinstance(first, SessionReset)
    assert first.dev_eui == device(1).dev_eui


def test_no_key_is_written_to_the_log(tmp_path: Path) -> None:
    async def run() -> None:
        connector = network(tmp_path, clock())
        secret = PracticeDevice(dev_eui=DevEui.from_int(9), root_key=Secret(b"sixteen bytes!!!"), uplink_period_s=600)
        await connector.provide([secret], [PracticeKeys(GROUP.dev_eui, Secret(b"app session key!"), KEYS.mc_net_s_key)])
        await connector.open()
        await hear(connector, 1)
        await connector.ensure_multicast_group(GROUP)
        await connector.close()

    asyncio.run(run())
    written = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    for key in (b"sixteen bytes!!!", b"app session key!", KEYS.mc_net_s_key.reveal()):
        assert key not in written
        assert key.hex().encode() not in written.lower()
