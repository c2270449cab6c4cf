"""What a campaign is expected to take."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleetcast.planning.plan import Band90, Estimate
from fleetcast.planning.planner import make_plan
from fleetcast.planning.policy import DutyCycleUse, Policy, Setup
from fleetcast.planning.request import CampaignRequest
from tests.planning.requests import DAY_S, NOW, binary, device, fleet, group, multicast_setup, profile, request

PERFECT = {"expected_loss": 0.0, "expected_uplink_loss": 0.0}


def estimated(wanted: CampaignRequest) -> Estimate:
    estimate = make_plan(wanted, NOW).estimate
    assert estimate is not None
    return estimate


def test_every_figure_is_a_median_inside_its_band() -> None:
    estimate = estimated(request(devices=fleet(100)))
    for band in (estimate.duration_s, estimate.airtime_s, estimate.success_share, estimate.energy_mah):
        assert isinstance(band, Band90)
        assert 0 <= band.low <= band.median <= band.high


def test_the_same_plan_has_the_same_estimate_and_another_seed_another_one() -> None:
    assert estimated(request()) == estimated(request())
    assert estimated(request()) != estimated(request(seed=1))


def test_without_loss_everyone_succeeds_and_only_the_first_pass_is_sent() -> None:
    wanted = request(devices=fleet(50, **PERFECT))
    plan = make_plan(wanted, NOW)
    estimate = estimated(wanted)
    # But for the few devices that fail for reasons nobody knows before.
    assert estimate.success_share.median == 1.0
    assert estimate.success_share.low >= 0.94
    stream = plan.groups[0]
    assert stream.coded_first == 0
    assert (
        estimate.airtime_s.median == estimate.airtime_s.low == pytest.approx(stream.fragments * stream.airtime_us / 1e6)
    )


def test_without_loss_two_hours_of_setup_and_three_of_waiting_come_before_the_transfer() -> None:
    estimate = estimated(binary(devices=fleet(200, **PERFECT)))
    # Two stages until the last device spoke, three periods until all could have been told, then the transfer, after
    # which devices whose answers collided are asked once more, and now and then one that restarted is set up again.
    assert 5 * 3600 < estimate.duration_s.median < 7.8 * 3600


def test_pipelined_setup_is_faster() -> None:
    staged = estimated(binary(devices=fleet(50, **PERFECT)))
    pipelined = estimated(binary(devices=fleet(50, **PERFECT), policy=Policy(setup=Setup.PIPELINED)))
    assert pipelined.duration_s.median < staged.duration_s.median - 3600


def test_rare_uplinks_make_it_longer() -> None:
    hourly, daily = fleet(50), fleet(50, uplink_period_s=DAY_S)
    longer = estimated(binary(devices=daily, max_duration_s=30 * DAY_S)).duration_s.median
    assert longer > 5 * estimated(binary(devices=hourly, max_duration_s=30 * DAY_S)).duration_s.median


def test_airtime_is_that_of_the_worst_device_and_grows_with_its_loss() -> None:
    def airtimes(worst: float) -> tuple[float, float]:
        wanted = request(
            devices=[*fleet(49, expected_loss=0.05), device(100, expected_loss=worst)],
            policy=Policy(msg_retries=9, stage_complete_delay=9),
        )
        stream = make_plan(wanted, NOW).groups[0]
        return estimated(wanted).airtime_s.median, stream.fragments * stream.airtime_us / 1e6

    for worst in (0.1, 0.3, 0.5):
        airtime_s, once_s = airtimes(worst)
        assert once_s / (1 - worst) * 0.95 < airtime_s < once_s / (1 - worst) * 1.25


def test_a_threshold_far_from_reach_ends_in_failure_before_the_transfer() -> None:
    bad = request(devices=fleet(100, expected_loss=0.7, expected_uplink_loss=0.5), threshold_percent=100)
    estimate = estimated(bad)
    assert estimate.success_share.high == 0.0
    assert estimate.airtime_s.high == 0.0


def test_long_silent_devices_are_not_expected_to_succeed() -> None:
    silent = [device(number, last_uplink=NOW - 30 * DAY_S * 1000, **PERFECT) for number in range(1, 11)]
    speaking = [device(number, last_uplink=NOW - 1000, **PERFECT) for number in range(11, 101)]
    estimate = estimated(binary(devices=silent + speaking))
    assert estimate.success_share.median == estimate.success_share.high == 0.9
    assert estimate.success_share.low >= 0.86


def test_too_little_decoder_memory_costs_success() -> None:
    small = profile(max_lost_fragments=3)
    wanted = binary(devices=fleet(50, expected_loss=0.2, expected_uplink_loss=0.0), profiles={"sensor": small})
    assert estimated(replace(wanted, threshold_percent=1)).success_share.median < 0.2


def test_a_fixed_share_too_small_leaves_devices_behind() -> None:
    lossy = fleet(100, expected_loss=0.2, expected_uplink_loss=0.0)
    wanted = binary(devices=lossy, strategy="fixed", threshold_percent=95, policy=Policy(msg_retries=9))
    few, enough = replace(wanted, coded_share=0.2), replace(wanted, coded_share=0.6)
    assert estimated(few).success_share.median < 0.4
    assert estimated(enough).success_share.median > 0.9


def test_a_carousel_needs_more_airtime_than_coded_fragments() -> None:
    free = {"sensor": profile(takes_any_order=True)}
    carousel = estimated(binary(devices=fleet(100), groups=[group(coded_per_uncoded=0.0)], profiles=free))
    adaptive = estimated(binary(devices=fleet(100), profiles=free))
    assert carousel.airtime_s.median > 2 * adaptive.airtime_s.median


def test_devices_that_take_only_rising_numbers_get_nothing_from_further_passes() -> None:
    wanted = binary(devices=fleet(50), groups=[group(coded_per_uncoded=0.0)], threshold_percent=1)
    assert estimated(wanted).success_share.median < 0.1


def test_a_burst_costs_less_energy_than_even_pacing() -> None:
    even = estimated(binary(devices=fleet(20, **PERFECT)))
    burst = estimated(binary(devices=fleet(20, **PERFECT), policy=Policy(duty_cycle_use=DutyCycleUse.BURST)))
    assert burst.energy_mah.median < even.energy_mah.median


def test_no_hour_is_busier_than_the_campaigns_share_allows() -> None:
    slow = request(devices=fleet(20, data_rate=0), groups=[group(data_rate=0)], max_duration_s=9 * DAY_S)
    ((sub_band, share),) = estimated(slow).duty_cycle
    assert sub_band == "simulated EU868 P"
    assert 0.07 < share <= 0.08


def test_nothing_takes_longer_than_the_maximum_duration_and_the_clean_up_of_a_failure() -> None:
    wanted = request(devices=fleet(50, expected_loss=0.3), max_duration_s=9 * 3600, threshold_percent=60)
    clean_up_s = (2 + wanted.policy.msg_retries) * 3600
    assert estimated(wanted).duration_s.high <= 9 * 3600 + clean_up_s


def test_multicast_setup_sends_no_fragments() -> None:
    estimate = estimated(multicast_setup(devices=fleet(50, **PERFECT)))
    assert estimate.airtime_s.high == 0
    assert estimate.success_share.median == 1.0
    assert estimate.duration_s.median == pytest.approx(2 * 3600, rel=0.05)


def test_devices_told_of_a_start_together_with_their_group_are_told_of_the_one_that_it_moved_to() -> None:
    # One downlink in half a minute: the first session starts long before three hundred devices were told of it.
    wanted = binary(
        devices=fleet(300, **PERFECT),
        profiles={"sensor": profile(commands_per_downlink=3)},
        policy=Policy(setup=Setup.PIPELINED, ucast_msg_delay_ms=30_000),
        max_duration_s=10 * DAY_S,
    )
    assert estimated(wanted).success_share.median > 0.95


def test_a_device_whose_answer_is_lost_listens_all_the_same() -> None:
    # A third of the answers is lost, and no fragment is. Whoever was told of the start hears all; only those that were
    # told too late need the block once more, in coded fragments.
    wanted = binary(
        devices=fleet(100, expected_loss=0.0, expected_uplink_loss=0.3),
        policy=Policy(setup=Setup.PIPELINED, msg_retries=2),
        threshold_percent=50,
        max_duration_s=20 * DAY_S,
    )
    stream = make_plan(wanted, NOW).groups[0]
    assert estimated(wanted).airtime_s.median < 3 * stream.fragments * stream.airtime_us / 1e6


def test_a_restart_in_the_middle_of_a_session_is_in_the_band_of_a_fleet_without_loss() -> None:
    airtime = estimated(request(devices=fleet(50, **PERFECT))).airtime_s
    assert airtime.high > 1.2 * airtime.median
