"""How fast frames may follow one another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.planning.group_air import group_air
from fleetcast.planning.pacing import GATEWAYS_IN_TURN, Pacing, min_gap_ms, pacing
from fleetcast.planning.policy import DutyCycleUse, Policy
from fleetcast.planning.refusals import PlanRefused
from fleetcast.radio.duty_cycle import transfer_duration_us
from tests.planning.requests import group, profile

DR5_US = 394_496


def test_a_gap_is_airtime_and_the_longest_of_storing_setting_and_a_tenth_of_a_second() -> None:
    assert min_gap_ms(DR5_US, [profile(store_time_ms=20)], Policy()) == 395 + 100
    assert min_gap_ms(DR5_US, [profile(store_time_ms=20), profile(store_time_ms=700)], Policy()) == 395 + 700
    assert min_gap_ms(DR5_US, [profile()], Policy(mcast_msg_delay_ms=2000)) == 395 + 2000


def test_even_pacing_pays_for_each_frame_before_the_next() -> None:
    rhythm = pacing(group_air(group()), DR5_US, [profile()], Policy(duty_cycle_share=100), 1)
    assert rhythm.gap_s == pytest.approx(3.94, abs=0.01)
    assert rhythm.duration_s(215) == pytest.approx(214 * rhythm.gap_s + 0.394, abs=0.01)


def test_the_campaigns_share_and_the_other_groups_make_it_slower() -> None:
    air = group_air(group())
    alone = pacing(air, DR5_US, [profile()], Policy(duty_cycle_share=80), 1)
    shared = pacing(air, DR5_US, [profile()], Policy(duty_cycle_share=80), 2)
    assert alone.gap_s == pytest.approx(3.94 / 0.8, abs=0.01)
    assert shared.gap_s == pytest.approx(2 * alone.gap_s, abs=0.01)


def test_a_burst_uses_the_hours_budget_back_to_back_and_waits_for_the_next() -> None:
    policy = Policy(duty_cycle_use=DutyCycleUse.BURST, duty_cycle_share=100)
    rhythm = pacing(group_air(group()), DR5_US, [profile()], policy, 1)
    assert rhythm.gap_s == pytest.approx(0.495)
    assert rhythm.duration_s(900) == pytest.approx(900 * 0.495, abs=0.2)
    assert 3600 < rhythm.duration_s(1000) < 3700


def test_a_band_without_duty_cycle_is_bounded_by_the_gap_alone() -> None:
    america = group_air(group(band="US915", frequency_hz=923_300_000, data_rate=13))
    rhythm = pacing(america, 98_624, [profile()], Policy(), 3)
    assert rhythm.duty_cycle == 1
    assert rhythm.gap_s == pytest.approx(0.199)


def test_class_b_sends_at_ping_slots_only() -> None:
    air = group_air(group(session_class="B", data_rate=5, periodicity=0))
    rhythm = pacing(air, DR5_US, [profile()], Policy(duty_cycle_share=100), 1)
    # 4.80 s is the first multiple of 0.96 s not below 3.94 s; 122.88 of 128 s hold slots.
    assert rhythm.gap_s == pytest.approx(4.80 * 128 / 122.88)
    rare = group_air(group(session_class="B", data_rate=5, periodicity=7))
    assert pacing(rare, DR5_US, [profile()], Policy(), 1).gap_s == pytest.approx(128)


def test_a_frame_longer_than_the_hours_share_is_refused() -> None:
    with pytest.raises(PlanRefused, match="use a faster data rate"):
        pacing(group_air(group(frequency_hz=868_800_000, data_rate=0)), 2_793_472, [profile()], Policy(), 2)


@given(
    frames=st.integers(1, 3000),
    duty=st.sampled_from([0.01, 0.08, 0.1, 1.0]),
    use=st.sampled_from(DutyCycleUse),
    airtime_us=st.integers(20_000, 3_000_000),
)
def test_the_plans_duration_is_that_of_the_budget(frames: int, duty: float, use: DutyCycleUse, airtime_us: int) -> None:
    rhythm = Pacing(airtime_us, -(-airtime_us // 1000) + 100, duty, use)
    pause_us = rhythm.min_gap_ms * 1000 - airtime_us
    exact_s = transfer_duration_us(frames, airtime_us, duty, use, pause_us=pause_us) / 1e6
    # Even pacing rounds each hour's last gap up to whole frames; the plan spares itself that.
    assert rhythm.duration_s(frames) == pytest.approx(exact_s, rel=0.1, abs=airtime_us / 1e6 + 1)


@given(
    frames=st.integers(1, 3000),
    duty=st.sampled_from([0.01, 0.08, 1.0]),
    use=st.sampled_from(DutyCycleUse),
    airtime_us=st.integers(20_000, 3_000_000),
)
def test_as_many_frames_fit_as_the_time_was_made_for(
    frames: int, duty: float, use: DutyCycleUse, airtime_us: int
) -> None:
    rhythm = Pacing(airtime_us, -(-airtime_us // 1000) + 100, duty, use)
    fitting = rhythm.frames_in(rhythm.duration_s(frames) + 1e-6)
    assert fitting >= frames
    assert rhythm.duration_s(fitting) <= rhythm.duration_s(frames) + 1e-3


def test_in_class_b_each_gateway_takes_a_slot_and_far_apart_ones_take_the_same() -> None:
    def gap_s(gateways: int) -> float:
        return Pacing(DR5_US, 500, 1.0, DutyCycleUse.BURST, "B", 4, gateways).gap_s

    assert gap_s(1) == pytest.approx(16)
    assert gap_s(3) == pytest.approx(3 * 16)
    assert gap_s(500) == gap_s(GATEWAYS_IN_TURN)
