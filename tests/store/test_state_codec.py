"""What is kept of the engine comes back as it was, in every field."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings

from fleetcast.campaign.effects import Effect
from fleetcast.campaign.events import Event, TimePassed, UplinkHeard
from fleetcast.campaign.states import CampaignState, DeviceState, GroupState, Step
from fleetcast.campaign.transfer.ledger import MAX_NUMBER, Ledger
from fleetcast.identifiers import DevEui
from fleetcast.planning.plan import Plan
from fleetcast.protocol.packages import Package
from fleetcast.store import state_codec
from fleetcast.store.flat_text import writer
from fleetcast.store.json_shapes import NotStored, shape
from fleetcast.store.state_codec import (
    CAMPAIGN,
    DEVICE,
    EFFECT,
    EVENT,
    GROUP,
    VERSION,
    Kept,
    StateDamaged,
    WrittenByNewer,
    dump_plan,
    load_plan,
)
from tests.store import engine_values, running, stored_layout

_some = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _same(kept: Kept[Any], value: Any) -> None:
    text = kept.dump(value)
    again = kept.load(text)
    assert again == value
    assert type(again) is type(value)
    assert kept.dump(again) == text


@_some
@given(engine_values.devices)
def test_a_device_comes_back_as_it_was(state: DeviceState) -> None:
    _same(DEVICE, state)


@_some
@given(engine_values.groups)
def test_a_group_comes_back_as_it_was_with_its_ledger(state: GroupState) -> None:
    _same(GROUP, state)


@_some
@given(engine_values.campaigns)
def test_a_campaign_comes_back_as_it_was(state: CampaignState) -> None:
    _same(CAMPAIGN, state)


@settings(_some, max_examples=40)
@given(engine_values.plans)
def test_a_plan_comes_back_as_it_was(plan: Plan) -> None:
    assert load_plan(dump_plan(plan)) == plan


@_some
@given(engine_values.events)
@example(TimePassed())
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    _same(EVENT, event)


@_some
@given(engine_values.effects)
def test_an_effect_comes_back_as_it_was_with_its_commands(effect: Effect) -> None:
    _same(EFFECT, effect)


def test_enumerations_come_back_as_members_and_not_as_numbers() -> None:
    again = DEVICE.load(DEVICE.dump(DeviceState(period_s=60, step=Step.TRANSFER)))
    assert again.step is Step.TRANSFER
    assert repr(again.done) == "<Done.NOTHING: 0>"


def test_a_ledger_where_every_number_is_unknown_fits() -> None:
    whole = (1 << MAX_NUMBER + 1) - 1
    ledger = Ledger(fragments=16000, unknown_numbers=whole, refused_numbers=whole)
    kept = Kept("ledger", Ledger, version=1)
    # `Kept` takes the special shapes of the ledger's wide numbers along, wherever a ledger stands.
    assert kept.load(kept.dump(ledger)) == ledger


@_some
@given(engine_values.devices)
def test_the_quick_text_of_a_device_says_the_same_as_the_derived_one(state: DeviceState) -> None:
    derived = Kept("device state", DeviceState)
    assert derived.load(DEVICE.dump(state)) == DEVICE.load(derived.dump(state)) == state


def test_only_classes_of_numbers_have_a_quick_text() -> None:
    with pytest.raises(TypeError, match="no number"):
        writer(CampaignState, 1)


def test_what_devices_have_in_common_is_one_object_when_it_is_read_again() -> None:
    plan = running.plan(3)
    known = tuple((package, 1) for package in Package)
    first, second, third = (replace(each, versions=known, known_version=70_000) for each in plan.devices)
    third = replace(third, versions=(), uplink_period_s=7200)
    again = load_plan(dump_plan(replace(plan, devices=(first, second, third)))).devices
    assert again == (first, second, third)
    assert again[0].versions is again[1].versions
    assert again[0].uplink_period_s is again[1].uplink_period_s
    assert again[0].known_version is again[2].known_version


def test_a_state_is_compact() -> None:
    fresh = DeviceState(period_s=3600, session_cnt=0)
    busy = replace(fresh, gaps=bytes(range(64)), step=Step.TRANSFER, heard_at=1790000000000, missing=12, received=480)
    assert len(DEVICE.dump(fresh)) < 60
    assert len(DEVICE.dump(busy)) < 220


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        "[1,2]",
        '[1,["x"',
        "[1,[]]",
        "[1,[60,99]]",
        DEVICE.dump(DeviceState(60, gaps=b"x")).replace("eA==", "%"),
    ],
)
def test_what_nobody_wrote_is_damaged(text: str) -> None:
    with pytest.raises(StateDamaged, match="restore the database"):
        DEVICE.load(text)


def test_fields_that_nobody_knows_are_not_dropped() -> None:
    row = [0] * (len(fields(DeviceState)) + 1)
    with pytest.raises(StateDamaged, match="fields"):
        DEVICE.load(json.dumps([VERSION, row]))


def test_what_a_newer_version_wrote_is_named_so() -> None:
    with pytest.raises(WrittenByNewer, match="install the newer one"):
        EVENT.load(json.dumps([VERSION + 1, ["TimePassed"]]))


def test_an_event_of_an_unknown_kind_is_damaged() -> None:
    with pytest.raises(StateDamaged, match="Landed"):
        EVENT.load(json.dumps([VERSION, ["Landed"]]))


def test_an_older_row_is_lifted_one_version_after_the_other() -> None:
    def seconds_to_milliseconds(kind: str, row: list[Any]) -> list[Any]:
        assert kind == "uplink"
        return [*row[:3], row[3] * 1000, *row[4:]]

    def counter_from_zero(_: str, row: list[Any]) -> list[Any]:
        return [*row[:4], row[4] - 1, *row[5:]]

    today = Kept("uplink", UplinkHeard, lifts={1: seconds_to_milliseconds, 2: counter_from_zero}, version=3)
    expected = UplinkHeard(DevEui("0102030405060708"), 201, b"\x01", 5000, 7)
    assert today.load('[1,["0102030405060708",201,"AQ==",5,8]]') == expected
    assert today.load('[2,["0102030405060708",201,"AQ==",5000,8]]') == expected
    assert today.load(today.dump(expected)) == expected


def test_a_field_added_at_the_end_with_a_default_needs_no_lift() -> None:
    assert EVENT.load('[1,["GroupReady","0102030405060708",0,868100000,5]]') == EVENT.load(
        '[1,["GroupReady","0102030405060708",0,868100000,5,false]]'
    )


def test_a_type_without_a_form_is_found_at_once() -> None:
    with pytest.raises(NotStored, match="teach json_shapes"):
        shape(complex, {})


def test_the_order_of_stored_fields_is_the_released_one() -> None:
    """Once a version is released, a field moves or goes only with a new version and a lift.

    Before its release, or for fields added at the end: `python -m tests.store.stored_layout` writes the order anew.
    """
    kept = json.loads(Path(stored_layout.FILE).read_text())
    assert kept["version"] == state_codec.VERSION
    now = stored_layout.layout()
    for name, order in kept["classes"].items():
        assert now.get(name, [])[: len(order)] == order, name
    assert set(now) == set(kept["classes"])
