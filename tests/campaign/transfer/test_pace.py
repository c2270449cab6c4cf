from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetcast.campaign.transfer.pace import HOUR_MS, Pace, even_spacing_ms
from fleetcast.errors import Invalid
from fleetcast.radio.duty_cycle import DutyCycleUse, even_gap_us

START = 1_767_225_600_000


def send(count: int, airtime_us: int, duty: float, share: float, use: DutyCycleUse, gap_ms: int = 0) -> list[int]:
    pace, now, starts = Pace(), START, []
    for _ in range(count):
        now = pace.earliest(now, airtime_us, gap_ms, duty, share, use)
        pace = pace.booked(now, airtime_us)
        starts.append(now)
    return starts


def busiest_hour_us(frames: list[tuple[int, int]]) -> int:
    """Most airtime in any sliding hour: such an hour ends with the end of a frame."""
    most = 0
    for start, airtime in frames:
        end = start * 1000 + airtime
        since = end - HOUR_MS * 1000
        most = max(most, sum(min(end, s * 1000 + a) - max(since, s * 1000) for s, a in frames
                             if s * 1000 + a > since and s * 1000 < end))  # fmt: skip
    return most


def test_without_a_limit_only_gap_and_airtime_count():
    starts = send(4, 400_000, 1.0, 1.0, DutyCycleUse.EVEN, gap_ms=1500)
    assert [b - a for a, b in pairwise(starts)] == [1500] * 3
    assert send(2, 400_000, 1.0, 1.0, DutyCycleUse.EVEN)[1] - START == 400


def test_even_use_spreads_the_budget_and_loses_less_than_one_percent_of_it():
    starts = send(2000, 250_000, 0.1, 0.8, DutyCycleUse.EVEN)
    gaps = {b - a for a, b in pairwise(starts)}
    assert gaps == {even_spacing_ms(250_000, 0.1, 0.8)}
    assert 1 <= gaps.pop() * 1000 / even_gap_us(250_000, 0.1, 0.8) < 1.01


def test_burst_use_spends_the_hour_back_to_back_then_waits():
    starts = send(40, 2_000_000, 0.01, 1.0, DutyCycleUse.BURST)
    assert starts[17] - START == 17 * 2000
    assert starts[18] - START >= HOUR_MS
    assert starts[18] - START < HOUR_MS + 60_000


def test_a_frame_above_the_hours_share_waits_for_longer_than_an_hour_instead_of_for_ever():
    starts = send(3, 2_800_000, 0.001, 0.2, DutyCycleUse.EVEN)
    assert all(b - a > HOUR_MS for a, b in pairwise(starts))


@pytest.mark.parametrize(("duty", "share"), [(0.0, 1.0), (1.1, 1.0), (0.1, 0.0), (0.1, 1.5)])
def test_a_share_that_cannot_be_is_refused(duty: float, share: float):
    with pytest.raises(Invalid):
        Pace().earliest(START, 1000, 0, duty, share)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(50_000, 3_000_000), st.integers(0, 400_000)), min_size=1, max_size=120),
    st.sampled_from([0.01, 0.1]), st.sampled_from([1.0, 0.8]), st.sampled_from(list(DutyCycleUse)),
)  # fmt: skip
def test_no_sliding_hour_exceeds_the_share_whatever_is_sent_when(
    frames: list[tuple[int, int]], duty: float, share: float, use: DutyCycleUse
):
    pace, now, sent = Pace(), START, []
    for airtime, idle in frames:
        now = pace.earliest(now + idle, airtime, 0, duty, share, use)
        pace = pace.booked(now, airtime)
        sent.append((now, airtime))
    assert busiest_hour_us(sent) <= duty * share * HOUR_MS * 1000
    assert len(pace.buckets_us) <= HOUR_MS // 15_000 + 1
