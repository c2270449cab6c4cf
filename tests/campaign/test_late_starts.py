"""Session starts that come before the devices were told: moved, failed, joined, and what the ones before are worth."""

from __future__ import annotations

from dataclasses import replace

from fleetcast.campaign.states import Status, Step
from fleetcast.planning.plan import CampaignType
from fleetcast.planning.policy import LateStart, Policy
from tests.campaign.direct import FRAG_OK, Hand, report_multicasts, session_ok
from tests.campaign.toy_fleet import START, plan_for

HOUR_S = 3600


def setup_campaign(late_start: LateStart, devices: int = 2) -> Hand:
    plan = plan_for(
        devices, threshold=100, kind=CampaignType.MULTICAST_SETUP, policy=Policy(late_start=late_start),
        session_start=START + 4 * HOUR_S * 1000,
    )  # fmt: skip
    toy = Hand(plan)
    toy.start()
    return toy


def tell(toy: Hand, i: int) -> None:
    toy.hear(i=i)
    toy.hear(session_ok((toy.device(i).session_start_asked - toy.now) // 1000), i=i, port=200)


def test_multicast_setup_fails_at_a_start_that_was_given_and_too_few_were_told_where_that_is_wanted() -> None:
    toy = setup_campaign(LateStart.FAIL)
    toy.set_up(0)
    toy.set_up(1)
    toy.wait(60)
    tell(toy, 0)
    toy.wait(4 * HOUR_S)
    assert toy.campaign.status in (Status.STOPPING, Status.FAILED)
    assert toy.campaign.why == "1 devices were told by the session start, 2 are needed"


def test_it_goes_on_where_all_were_told() -> None:
    toy = setup_campaign(LateStart.FAIL)
    toy.set_up(0)
    toy.set_up(1)
    toy.wait(60)
    tell(toy, 0)
    tell(toy, 1)
    toy.wait(5 * HOUR_S)
    assert toy.campaign.status is Status.SUCCEEDED


def test_otherwise_a_device_in_class_c_that_is_told_late_joins_the_session_under_way() -> None:
    toy = setup_campaign(LateStart.MOVE)
    toy.set_up(0)
    toy.set_up(1)
    toy.wait(60)
    tell(toy, 0)
    toy.wait(5 * HOUR_S)
    toy.hear(i=1)
    assert toy.device(1).session_start_asked > toy.now
    toy.hear(session_ok((toy.device(1).session_start_asked - toy.now) // 1000), i=1, port=200)
    assert toy.campaign.status is Status.SUCCEEDED


def test_in_class_b_the_others_get_a_later_start() -> None:
    plan = plan_for(2, threshold=100, kind=CampaignType.MULTICAST_SETUP)
    toy = Hand(replace(plan, groups=(replace(plan.groups[0], session_class="B"),)))
    toy.start()
    toy.set_up(0)
    toy.set_up(1)
    first = toy.group().session_start
    toy.wait((first - toy.now) / 1000 + 10)
    assert toy.group().session == 2
    assert toy.group().session_start > toy.now


def moved() -> Hand:
    """Two devices; the first was armed for a start that came too early for the second, and was moved."""
    toy = Hand(plan_for(2, threshold=100, kind=CampaignType.BINARY))
    toy.start()
    for i in (0, 1):
        toy.set_up(i)
    toy.wait(60)
    for i in (0, 1):
        toy.hear(i=i)
        toy.hear(FRAG_OK, i=i, port=201)
    toy.wait(60)
    tell(toy, 0)
    assert toy.hear(i=1) == ["McClassCSessionReq"]
    toy.wait((toy.group().session_start - toy.now) / 1000 + 1)
    assert toy.group().session == 2
    return toy


def test_an_answer_to_the_request_for_a_start_that_was_moved_does_not_arm() -> None:
    toy = moved()
    toy.hear(session_ok(0), i=1, port=200)
    assert toy.device(1).step is Step.MC_SESSION
    assert toy.device(0).step is Step.MC_SESSION
    tell(toy, 1)
    assert toy.device(1).step is Step.TRANSFER


def test_a_device_that_is_told_late_of_a_moved_start_lost_nothing_before_it_listened() -> None:
    toy = moved()
    tell(toy, 1)
    toy.state.plan = toy.plan = replace(toy.plan, threshold_percent=50)
    toy.wait((toy.group().session_start - toy.now) / 1000 + 5)
    for _ in range(4):
        report_multicasts(toy)
        toy.wait(10)
    tell(toy, 0)
    assert toy.device(0).listening_from == toy.group().ledger.on_air > 0
