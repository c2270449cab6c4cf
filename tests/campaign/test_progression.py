"""Stages begin and are over; starts that come too soon; pauses; what counts at the end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleetcast.campaign import effects as fx
from fleetcast.campaign import events as ev
from fleetcast.campaign.progress import current_stage
from fleetcast.campaign.states import Mode, Outcome, Status
from fleetcast.planning.plan import CampaignType
from fleetcast.planning.policy import BelowThreshold, LateStart, Policy
from tests.campaign.direct import FRAG_OK, GROUP_OK, Hand, session_ok, status, through_setup, to_status_request
from tests.campaign.toy_fleet import START, ToyWorld, plan_for

HOUR_S = 3600


def given_start(policy: Policy, devices: int = 1, hours: int = 4) -> Hand:
    toy = Hand(plan_for(devices, threshold=100, policy=policy, session_start=START + hours * HOUR_S * 1000))
    toy.start()
    return toy


def to_session_requests(toy: Hand) -> None:
    toy.set_up()
    toy.wait(60)
    toy.hear()
    toy.hear(FRAG_OK, port=201)


def test_a_start_that_was_given_is_kept_when_the_threshold_is_armed_by_then() -> None:
    toy = given_start(Policy())
    through_setup(toy)
    assert toy.group().session_start == START + 4 * HOUR_S * 1000
    toy.wait(4 * HOUR_S)
    assert toy.group().session == 1
    assert toy.multicasts()


def test_a_start_that_was_given_and_cannot_be_met_moves() -> None:
    toy = given_start(Policy())
    to_session_requests(toy)
    toy.wait(4 * HOUR_S)
    assert toy.campaign.status is Status.RUNNING
    assert toy.group().session == 2
    assert toy.group().session_start > toy.now - HOUR_S * 1000
    assert toy.hear() == ["McClassCSessionReq"]


def test_or_it_fails_the_campaign() -> None:
    toy = given_start(Policy(late_start=LateStart.FAIL))
    to_session_requests(toy)
    toy.wait(4 * HOUR_S)
    assert toy.campaign.status in (Status.STOPPING, Status.FAILED)
    assert "session start" in toy.campaign.why


def test_a_resume_after_a_start_that_passed_settles_a_new_one() -> None:
    toy = Hand(plan_for(1, threshold=100))
    toy.start()
    to_session_requests(toy)
    start = toy.group().session_start
    toy.feed(ev.Paused("somebody"))
    toy.wait((start - toy.now) // 1000 + 600)
    assert toy.hear() == []
    toy.feed(ev.Resumed("somebody"))
    assert toy.campaign.status is Status.RUNNING
    assert toy.group().session_start > toy.now
    toy.wait(20)
    assert toy.hear() == ["McClassCSessionReq"]


def test_below_the_threshold_fixed_fails_at_the_status_and_sends_nothing_more() -> None:
    toy = Hand(plan_for(1, threshold=100, coded=0.2, strategy="fixed"))
    toy.start()
    through_setup(toy)
    to_status_request(toy)
    toy.hear(status(7, 2), port=201)
    assert toy.campaign.status is Status.STOPPING
    assert toy.campaign.stage == 5
    assert toy.campaign.why == "stage 5 ended below the threshold"


@pytest.mark.parametrize("below", list(BelowThreshold))
def test_a_setup_stage_below_the_threshold_fails_the_campaign_or_goes_on_with_those_it_has(
    below: BelowThreshold,
) -> None:
    toy = Hand(plan_for(3, threshold=90, policy=Policy(below_threshold=below)))
    toy.start()
    toy.set_up(0)
    toy.hear(b"\x02\x04", i=1, port=200)
    for i in (1, 2):
        for _ in range(4):
            toy.hear(i=i)
            toy.wait(20)
    goes_on = below is BelowThreshold.CONTINUE
    assert toy.campaign.status is (Status.RUNNING if goes_on else Status.STOPPING)
    assert toy.campaign.stage == (2 if goes_on else 1)


@pytest.mark.parametrize(("devices", "threshold", "needed"), [(3, 67, 3), (3, 66, 2), (200, 99, 198), (7, 1, 1)])
def test_the_threshold_is_reached_when_100_times_the_succeeded_are_threshold_times_participants(
    devices: int, threshold: int, needed: int
) -> None:
    plan = plan_for(devices, threshold=threshold)
    assert plan.needed == needed
    assert 100 * needed >= threshold * devices > 100 * (needed - 1)


def test_stages_with_nothing_to_do_are_shown_as_not_needed() -> None:
    world = ToyWorld(plan_for(4, kind=CampaignType.BINARY, threshold=100))
    for toy in world.toys.values():
        toy.loss = 0.0
    world.run()
    records = world.state.campaign.stages
    assert [record.not_needed for record in records] == [False] * 5 + [True]


def test_after_success_groups_stay_at_their_network_server() -> None:
    world = ToyWorld(plan_for(3))
    world.run()
    assert world.state.campaign.status is Status.SUCCEEDED
    assert world.sent(fx.ReleaseGroup) == []


def test_complete_delay_keeps_a_finished_campaign_open_for_late_devices() -> None:
    toy = Hand(plan_for(1, threshold=100, policy=Policy(complete_delay_s=600), kind=CampaignType.MULTICAST_SETUP))
    toy.start()
    toy.set_up()
    toy.wait(60)
    toy.hear()
    toy.hear(session_ok((toy.group().session_start - toy.now) // 1000), port=200)
    assert toy.campaign.closing
    statuses = [toy.campaign.status]
    toy.wait(601)
    statuses.append(toy.campaign.status)
    assert statuses == [Status.RUNNING, Status.SUCCEEDED]


def test_a_group_that_starts_before_another_sends_at_its_own_start_and_the_lowest_stage_is_shown() -> None:
    plan = plan_for(2, threshold=100)
    later = replace(plan.groups[0], dev_eui=plan.devices[1].dev_eui, session_start=START + 24 * HOUR_S * 1000)
    first = replace(plan.groups[0], session_start=START + 4 * HOUR_S * 1000)
    devices = (plan.devices[0], replace(plan.devices[1], group=1))
    toy = Hand(replace(plan, groups=(first, later), devices=devices))
    toy.start()
    toy.set_up(0)
    toy.set_up(1)
    toy.wait(60)
    for i in (0, 1):
        toy.hear(i=i)
        toy.hear(FRAG_OK, i=i, port=201)
    toy.wait(60)
    toy.hear(i=0)
    toy.hear(session_ok((toy.group(0).session_start - toy.now) // 1000), i=0, port=200)
    toy.wait(4 * HOUR_S)
    assert toy.multicasts(), "the first group sends"
    assert toy.group(1).mode is Mode.ARMED
    view = current_stage(toy.state)
    assert view is not None
    assert view.name == "McClassCSessionSetup"


def test_a_group_that_the_network_refuses_takes_only_its_own_devices_along() -> None:
    plan = plan_for(2, threshold=50)
    other = replace(plan.groups[0], dev_eui=plan.devices[1].dev_eui)
    devices = (plan.devices[0], replace(plan.devices[1], group=1))
    toy = Hand(replace(plan, groups=(plan.groups[0], other), devices=devices))
    toy.start(ready=False)
    toy.ready(0)
    toy.feed(ev.GroupRefused(other.dev_eui, "no such gateway"))
    assert toy.device(1).outcome is Outcome.FAILED
    assert str(toy.device(1).failure) == "network refused the group (no such gateway)"
    assert toy.hear(i=0) == ["McGroupSetupReq"]


def test_a_group_held_for_a_person_goes_on_when_it_is_ready() -> None:
    toy = Hand(plan_for(1, threshold=100))
    toy.start(ready=False)
    toy.feed(ev.GroupRefused(toy.plan.groups[0].dev_eui, "approve it in the console", final=False))
    assert toy.hear() == []
    toy.ready()
    assert toy.group().held == ""
    toy.wait(20)
    assert toy.hear() == ["McGroupSetupReq"]
    toy.hear(GROUP_OK, port=200)


def test_devices_in_class_c_for_good_are_told_without_an_uplink_once_the_group_stands() -> None:
    plan = plan_for(1, threshold=100, policy=Policy(class_c_at_once=True))
    toy = Hand(replace(plan, devices=(replace(plan.devices[0], class_c_for_good=True),)))
    toy.start(ready=False)
    assert not [effect for effect in toy.asked if isinstance(effect, fx.SendUnicast)]
    assert [effect for effect in toy.ready() if isinstance(effect, fx.SendUnicast)]
