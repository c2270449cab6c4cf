"""Latest ends of stages, counted back from the end."""

from __future__ import annotations

import pytest

from fleetcast.planning.plan import CampaignType
from fleetcast.planning.policy import Policy, Setup
from fleetcast.planning.timetable import (
    ClosingNeed,
    TransferNeed,
    closing_need,
    latest_ends,
    latest_session_start,
    longest,
    setup_need,
)
from tests.planning.requests import NOW

HOUR = 3600
TRANSFER = TransferNeed(first_pass_s=1000, answers_s=100, ask_s=HOUR, rounds_s=5000)
FIRMWARE = CampaignType.FIRMWARE


def seconds(ends: tuple[int, ...]) -> list[float]:
    return [(end - NOW) / 1000 for end in ends]


def hourly(setup: Setup = Setup.STAGED) -> Policy:
    return Policy(setup=setup, msg_retries=2, stage_complete_delay=1)


def test_a_setup_stage_needs_an_opportunity_all_retries_and_the_grace() -> None:
    need = setup_need(FIRMWARE, [600, HOUR], 1, hourly(), reboot=False, arm_s=62)
    assert need.stages == 3
    assert need.full_s == 3 * 4 * HOUR + 62
    assert need.least_s == 3 * 600 + 62, "one device suffices, and the faster one is heard after ten minutes"


def test_stages_are_counted_by_what_the_campaign_does() -> None:
    policy = hourly()
    assert setup_need(FIRMWARE, [HOUR], 1, policy, reboot=True, arm_s=0).stages == 4
    assert setup_need(CampaignType.MULTICAST_SETUP, [HOUR], 1, policy, reboot=False, arm_s=0).stages == 2


def test_pipelined_stages_take_no_longer_than_one() -> None:
    need = setup_need(FIRMWARE, [HOUR], 1, hourly(Setup.PIPELINED), reboot=False, arm_s=62)
    assert need.full_s == 4 * HOUR + 62
    assert need.least_s == HOUR + 62


def test_later_stages_are_counted_back_and_time_left_over_goes_to_the_setup() -> None:
    setup = setup_need(FIRMWARE, [HOUR], 1, hourly(), reboot=False, arm_s=60)
    closing = ClosingNeed(image_s=3 * HOUR, rest_s=4 * HOUR)
    ends = seconds(latest_ends(NOW, 72 * HOUR, setup, TRANSFER, closing))
    rounds_end = 72 * HOUR - 7 * HOUR
    assert ends[-1] == 72 * HOUR
    assert ends[-2] == rounds_end - 5000
    assert ends[-3] == rounds_end - 5000 - 100 - HOUR
    assert ends[2] == ends[-3] - 1000
    assert ends[0] == pytest.approx(ends[2] / 3, abs=0.001)


def test_what_is_scarce_is_cut_everywhere_but_the_first_pass_stays_whole() -> None:
    setup = setup_need(FIRMWARE, [HOUR], 1, hourly(), reboot=False, arm_s=60)
    closing = ClosingNeed(image_s=3 * HOUR, least_image_s=HOUR, rest_s=3 * HOUR, least_rest_s=HOUR)
    ends = seconds(latest_ends(NOW, 8 * HOUR, setup, TRANSFER, closing))
    assert ends == sorted(ends)
    assert ends[3] - ends[2] == 1000
    assert ends[2] >= setup.least_s
    assert ends[-1] == 8 * HOUR


def test_a_reboot_time_ends_the_transfer_and_the_image_check() -> None:
    setup = setup_need(FIRMWARE, [HOUR], 1, hourly(), reboot=True, arm_s=60)
    closing = ClosingNeed(image_s=3 * HOUR, rest_s=4 * HOUR)
    ends = latest_ends(NOW, 72 * HOUR, setup, TRANSFER, closing, reboot_at=NOW + 40 * HOUR * 1000)
    assert len(ends) == 7
    assert seconds(ends)[-2] == 37 * HOUR - 5000


def test_a_session_start_given_by_the_operator_ends_the_setup() -> None:
    setup = setup_need(FIRMWARE, [HOUR], 1, hourly(), reboot=False, arm_s=60)
    start = NOW + 10 * HOUR * 1000
    ends = latest_ends(NOW, 72 * HOUR, setup, TRANSFER, ClosingNeed(), session_start=start)
    assert latest_session_start(ends) == start


def test_multicast_setup_shares_the_whole_time_between_its_stages() -> None:
    setup = setup_need(CampaignType.MULTICAST_SETUP, [HOUR], 1, hourly(), reboot=False, arm_s=60)
    assert seconds(latest_ends(NOW, 10 * HOUR, setup, None, ClosingNeed())) == [5 * HOUR, 10 * HOUR]


def test_groups_side_by_side_take_as_long_as_the_longest_part_of_each() -> None:
    other = TransferNeed(first_pass_s=10, answers_s=2000, ask_s=60, rounds_s=0)
    assert longest([TRANSFER, other]) == TransferNeed(1000, 2000, HOUR, 5000)


def test_what_follows_the_transfer_depends_on_what_success_means() -> None:
    policy = Policy(fuota_process_max_time_s=300, complete_delay_s=10, msg_retries=2)
    running = closing_need(FIRMWARE, [HOUR], 1, policy, image=True, prove=True)
    assert (running.least_s, running.full_s) == (2 * HOUR + 310, 6 * HOUR + 310)
    valid = closing_need(FIRMWARE, [HOUR], 1, policy, image=True, prove=False)
    assert (valid.least_s, valid.full_s) == (HOUR + 10, 3 * HOUR + 10)
    assert closing_need(FIRMWARE, [HOUR], 1, policy, image=False, prove=False).full_s == 10
    assert closing_need(CampaignType.BINARY, [HOUR], 1, policy, image=True, prove=True).full_s == 10
