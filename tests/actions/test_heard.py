"""What a network tells enters once, in one transaction, and only for those it is meant for."""

from __future__ import annotations

import pytest
from sqlalchemy import func, insert, select, update

from fleetcast.actions.heard import Where, take
from fleetcast.campaign import events
from fleetcast.connectors.port import (
    Cause,
    DownlinkFailed,
    DownlinkSent,
    EffectId,
    Heard,
    Joined,
    LinkState,
    Reception,
    Uplink,
)
from fleetcast.identifiers import DevEui
from fleetcast.instants import to_datetime
from fleetcast.protocol.gps_time import to_gps_seconds
from fleetcast.protocol.ts003_clock_sync.v1 import AppTimeReq
from fleetcast.protocol.ts006_firmware.v1 import DevVersionAns
from fleetcast.store import inbox, tables
from fleetcast.store.database import Database
from tests.runtime.deployment import FIRST_DEVICE, NEW_VERSION, START, Fleet, populate, start_campaign

DEVICE = DevEui.from_int(FIRST_DEVICE)


def uplink(f_cnt: int, *, at: int = START, device: DevEui = DEVICE, f_port: int = 2, payload: bytes = b"x") -> Uplink:
    return Uplink(device, f_port, payload, at, f_cnt, 5, (Reception("gw", -80.0, 7.0),))


def where(fleet: Fleet, **changes: object) -> Where:
    return Where(fleet.connection_id, fleet.subscriber_id, "practice", "EU868", **changes)  # type: ignore[arg-type]


def facts(database: Database) -> dict[str, object]:
    with database.read() as link:
        return dict(link.execute(select(tables.device_facts)).mappings().one())


def waiting(database: Database, campaign: int) -> list[events.Event]:
    with database.read() as link:
        return [entry.event for entry in inbox.waiting(link, campaign, 100)]


def test_the_same_thing_enters_once(database: Database) -> None:
    fleet = populate(database, 1)
    assert take(database, where(fleet), [uplink(1), uplink(1), uplink(2)], START).uplinks == 2
    assert take(database, where(fleet), [uplink(2)], START).new == 0
    assert facts(database)["uplinks"] == 2
    with database.read() as link:
        assert link.execute(select(func.count()).select_from(tables.message)).scalar_one() == 2


def test_uplinks_teach_period_losses_and_gateways(database: Database) -> None:
    fleet = populate(database, 1)
    counters = [1, 2, 3, 5, 6, 7]  # one was not heard
    take(database, where(fleet), [uplink(n, at=START + n * 600_000) for n in counters], START)
    learned = facts(database)
    assert learned["uplink_period_s"] == 600
    assert 0 < learned["expected_uplink_loss"] < 0.1  # type: ignore[operator]
    assert learned["gateways"] == {"gw": [START + 7 * 600_000, -80.0, 7.0]}
    assert (learned["f_cnt_up"], learned["data_rate"], learned["band"]) == (7, 5, "EU868")


def test_devices_that_nobody_registered_are_counted_and_left(database: Database) -> None:
    fleet = populate(database, 1)
    taken = take(database, where(fleet), [uplink(1, device=DevEui.from_int(7))], START)
    assert (taken.unknown_devices, taken.uplinks) == (1, 0)


def test_a_version_that_a_device_reports_is_kept_campaign_or_not(database: Database) -> None:
    fleet = populate(database, 1)
    said = DevVersionAns(fw_version=NEW_VERSION, hw_version=3).encode()
    take(database, where(fleet), [uplink(1, f_port=203, payload=said)], START + 5)
    with database.read() as link:
        device = link.execute(select(tables.device)).mappings().one()
    assert (device["firmware_version"], device["firmware_file_id"], device["firmware_learned_at"]) == (
        NEW_VERSION, fleet.file_id, START + 5,
    )  # fmt: skip
    assert facts(database)["hw_version"] == 3


def test_how_far_a_clock_is_off_is_learned_when_it_asks_for_the_time(database: Database) -> None:
    fleet = populate(database, 1)
    true = to_gps_seconds(to_datetime(START))
    asked = AppTimeReq(device_time=true - 40, ans_required=False, token_req=1).encode()
    take(database, where(fleet), [uplink(1, f_port=202, payload=asked)], START)
    assert facts(database)["clock_offset_s"] == -40


def test_what_concerns_a_running_campaign_goes_into_its_inbox(database: Database) -> None:
    fleet = populate(database, 1)
    campaign = start_campaign(database, fleet, START)
    heard: list[Heard] = [
        uplink(1),
        DownlinkSent(EffectId(campaign, 4), START + 9, 3, ("gw",), ()),
        DownlinkFailed(EffectId(campaign, 5), Cause.COUNTER_REJECTED, "", 17),
        DownlinkFailed(EffectId(campaign, 6), Cause.UNKNOWN),
        Joined(DEVICE, START),
        LinkState(up=False, reason="gone"),
    ]
    assert take(database, where(fleet), heard, START).for_campaigns == 6
    assert waiting(database, campaign)[1:] == [
        events.UplinkHeard(DEVICE, 2, b"x", START, 1, 5, ("gw",)),
        events.DownlinkSent(4, START + 9, 3, ("gw",), ()),
        events.DownlinkFailed(5, "counter refused", "", 17),
        events.DownlinkUnknown(6),
        events.DeviceRejoined(DEVICE),
        events.ConnectionLost(str(fleet.connection_id)),
    ]


def test_a_join_forgets_what_was_set_up(database: Database) -> None:
    fleet = populate(database, 1)
    take(database, where(fleet), [uplink(1)], START)
    with database.write() as link:
        link.execute(update(tables.device_facts).values(set_up_groups={"0": {}}, frag_slots={"0": {}}))
    take(database, where(fleet), [Joined(DEVICE, START + 1)], START)
    assert (facts(database)["set_up_groups"], facts(database)["frag_slots"]) == ({}, {})


@pytest.mark.parametrize("status", ["SUCCEEDED", "STOPPED"])
def test_a_campaign_that_is_over_is_told_nothing(database: Database, status: str) -> None:
    fleet = populate(database, 1)
    campaign = start_campaign(database, fleet, START)
    with database.write() as link:
        link.execute(update(tables.campaign).values(status=status))
    take(database, where(fleet), [uplink(1)], START)
    assert len(waiting(database, campaign)) == 1


def test_a_network_cannot_speak_for_another_subscribers_campaign(database: Database) -> None:
    fleet = populate(database, 1)
    campaign = start_campaign(database, fleet, START)
    with database.write() as link:
        other = link.execute(
            insert(tables.subscriber)
            .values(name="other", asks_versions=False, settings={}, created_at=START, changed_at=START)
            .returning(tables.subscriber.c.id)
        ).scalar_one()
    forged = DownlinkSent(EffectId(campaign, 1), START)
    assert take(database, Where(fleet.connection_id, other, "elsewhere"), [forged], START).for_campaigns == 0
    assert len(waiting(database, campaign)) == 1
