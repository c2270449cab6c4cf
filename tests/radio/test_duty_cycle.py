"""No sliding hour above the limit, and no frame later than it must be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.errors import Invalid
from fleetcast.radio.duty_cycle import (
    WINDOW_US,
    BudgetSpent,
    DutyCycleBudget,
    DutyCycleUse,
    FrameExceedsBudget,
    even_gap_us,
    hourly_budget_us,
    transfer_duration_us,
    transfer_starts_us,
)

BURST, EVEN = DutyCycleUse.BURST, DutyCycleUse.EVEN
SECOND = 1_000_000

duty_cycles = st.sampled_from([0.001, 0.01, 0.1, 0.125, 0.3, 1.0])
# Airtimes near the budget of an hour are where windows get tight, so they are drawn as shares of it.
frame_shares = st.floats(0.0005, 1.0)
frame_lists = st.lists(st.tuples(frame_shares, st.integers(0, 2000 * SECOND)), min_size=1, max_size=60)


def fullest_hour_us(frames: list[tuple[int, int]]) -> int:
    """The most airtime in any window, by trying every window that begins or ends with a frame."""
    edges = [start for start, _ in frames] + [start + length - WINDOW_US for start, length in frames]
    return max(
        sum(max(0, min(start + length, edge + WINDOW_US) - max(start, edge)) for start, length in frames)
        for edge in edges
    )


def may_start(frames: list[tuple[int, int]], airtime_us: int, start_us: int, limit_us: int) -> bool:
    return fullest_hour_us([*frames, (start_us, airtime_us)]) <= limit_us


@given(duty_cycle=duty_cycles, use=st.sampled_from(DutyCycleUse), share=st.sampled_from([1.0, 0.8]), drawn=frame_lists)
def test_no_sliding_hour_is_ever_above_the_limit(
    duty_cycle: float, use: DutyCycleUse, share: float, drawn: list[tuple[float, int]]
) -> None:
    budget = DutyCycleBudget(duty_cycle, use, share)
    now_us = 0
    sent: list[tuple[int, int]] = []
    for fraction, wait_us in drawn:
        airtime_us = max(1, int(fraction * budget.limit_us))
        now_us = budget.book_earliest(airtime_us, now_us + wait_us)
        sent.append((now_us, airtime_us))
    assert fullest_hour_us(sent) <= hourly_budget_us(duty_cycle, share) <= WINDOW_US * duty_cycle * share + 1


@given(duty_cycle=duty_cycles, drawn=frame_lists)
def test_a_burst_is_never_held_back_longer_than_the_hour_demands(
    duty_cycle: float, drawn: list[tuple[float, int]]
) -> None:
    budget = DutyCycleBudget(duty_cycle, BURST)
    not_before_us = 0
    sent: list[tuple[int, int]] = []
    for fraction, wait_us in drawn:
        airtime_us = max(1, int(fraction * budget.limit_us))
        asked_us = not_before_us + wait_us
        start_us = budget.earliest_start_us(airtime_us, asked_us)
        if start_us > asked_us and (not sent or start_us > sum(sent[-1])):
            assert not may_start(sent, airtime_us, start_us - 1, budget.limit_us)
        budget.book(airtime_us, start_us)
        sent.append((start_us, airtime_us))
        not_before_us = start_us


def test_ten_percent_of_an_hour_carries_912_full_fragments_at_dr5() -> None:
    budget = DutyCycleBudget(0.1)
    starts = [budget.book_earliest(394_496, 0) for _ in range(913)]
    assert starts[:912] == [index * 394_496 for index in range(912)]
    assert starts[912] == WINDOW_US - (360 * SECOND - 912 * 394_496)


def test_even_pacing_pays_for_each_frame_before_the_next() -> None:
    budget = DutyCycleBudget(0.1, EVEN)
    assert budget.book_earliest(394_496, 1000) == 1000
    assert budget.earliest_start_us(50_000, 0) == 1000 + 3_944_960
    assert even_gap_us(2_793_472, 0.1) == 27_934_720


def test_even_pacing_alone_would_break_the_hour() -> None:
    budget = DutyCycleBudget(0.1, EVEN)
    first = budget.book_earliest(350 * SECOND, 0)
    second = budget.book_earliest(350 * SECOND, 0)
    assert second - first > even_gap_us(350 * SECOND, 0.1)
    assert fullest_hour_us([(first, 350 * SECOND), (second, 350 * SECOND)]) == 360 * SECOND


def test_without_a_limit_only_the_transmitter_itself_is_busy() -> None:
    budget = DutyCycleBudget(1.0, EVEN)
    assert [budget.book_earliest(SECOND, 0) for _ in range(3)] == [0, SECOND, 2 * SECOND]


def test_a_frame_too_early_is_refused_with_the_instant_it_may_start() -> None:
    budget = DutyCycleBudget(0.001)
    budget.book(3 * SECOND, 0)
    with pytest.raises(BudgetSpent) as refusal:
        budget.book(SECOND, 10 * SECOND)
    assert refusal.value.earliest_us == 400_000 + WINDOW_US - SECOND
    budget.book(SECOND, refusal.value.earliest_us)


def test_a_frame_beyond_the_whole_budget_is_refused_at_once() -> None:
    with pytest.raises(FrameExceedsBudget, match=r"a frame of 2\.79347 s never fits a budget of 0\.9 s an hour"):
        DutyCycleBudget(0.001, share=0.25).earliest_start_us(2_793_472, 0)


def test_other_peoples_frames_are_recorded_even_beyond_the_limit() -> None:
    budget = DutyCycleBudget(0.01)
    budget.record(40 * SECOND, 0)
    assert budget.used_us(WINDOW_US) == 40 * SECOND
    assert budget.free_us(WINDOW_US) == 0
    assert budget.earliest_start_us(SECOND, 50 * SECOND) == 5 * SECOND + WINDOW_US - SECOND
    assert budget.free_us(WINDOW_US + 30 * SECOND) == 26 * SECOND


def test_frames_of_one_transmitter_do_not_overlap() -> None:
    budget = DutyCycleBudget(0.1)
    budget.book(SECOND, 0)
    with pytest.raises(BudgetSpent):
        budget.book(SECOND, SECOND // 2)
    with pytest.raises(Invalid, match="before the last one ends"):
        budget.record(SECOND, SECOND // 2)


@given(drawn=frame_lists, use=st.sampled_from(DutyCycleUse), airtime_us=st.integers(1, 36 * SECOND))
def test_a_restored_budget_decides_as_the_one_it_was(
    drawn: list[tuple[float, int]], use: DutyCycleUse, airtime_us: int
) -> None:
    budget, now_us = DutyCycleBudget(0.01, use), 0
    for fraction, wait_us in drawn:
        now_us = budget.book_earliest(max(1, int(fraction * budget.limit_us)), now_us + wait_us)
    twin = DutyCycleBudget.restored(budget.frames(), 0.01, use)
    assert twin.earliest_start_us(airtime_us, now_us) == budget.earliest_start_us(airtime_us, now_us)
    assert twin.frames() == budget.frames()


def test_a_smaller_share_waits_for_what_was_sent_under_the_larger() -> None:
    budget = DutyCycleBudget(0.1)
    for _ in range(9):
        budget.book_earliest(40 * SECOND, 0)
    halved = budget.with_limit(0.1, BURST, share=0.5)
    assert budget.earliest_start_us(SECOND, WINDOW_US) == WINDOW_US
    # 180 s of the 360 s must have left when the frame ends: four and a half frames and the frame's own second.
    assert halved.earliest_start_us(SECOND, 400 * SECOND) == 181 * SECOND + WINDOW_US - SECOND


def test_a_long_run_keeps_only_the_last_hour() -> None:
    budget, now_us = DutyCycleBudget(0.1), 0
    for _ in range(20_000):
        now_us = budget.book_earliest(394_496, now_us)
    assert len(budget.frames()) <= 914
    assert now_us > 20_000 / 913 * 0.95 * WINDOW_US


@given(
    count=st.integers(1, 120),
    airtime_us=st.integers(10_000, 3 * SECOND),
    duty_cycle=st.sampled_from([0.001, 0.01, 0.1, 1.0]),
    use=st.sampled_from(DutyCycleUse),
    share=st.sampled_from([1.0, 0.85]),
    pause_us=st.sampled_from([0, 20_000, 2 * SECOND]),
)
def test_the_closed_form_of_a_transfer_is_what_a_budget_allows(
    count: int, airtime_us: int, duty_cycle: float, use: DutyCycleUse, share: float, pause_us: int
) -> None:
    budget, not_before_us, starts = DutyCycleBudget(duty_cycle, use, share), 0, []
    for _ in range(count):
        starts.append(budget.book_earliest(airtime_us, not_before_us))
        not_before_us = starts[-1] + airtime_us + pause_us
    assert list(transfer_starts_us(count, airtime_us, duty_cycle, use, share=share, pause_us=pause_us)) == starts
    duration_us = transfer_duration_us(count, airtime_us, duty_cycle, use, share=share, pause_us=pause_us)
    assert duration_us == starts[-1] + airtime_us


def test_a_transfer_without_frames_takes_no_time() -> None:
    assert transfer_duration_us(0, 1000, 0.1, BURST) == 0


def test_shares_are_taken_of_what_is_meant() -> None:
    assert hourly_budget_us(0.1) == 360 * SECOND
    assert hourly_budget_us(0.01) == 36 * SECOND
    assert hourly_budget_us(0.001) == 3_600_000
    assert hourly_budget_us(0.1, 0.8) == 288 * SECOND


@pytest.mark.parametrize(
    ("duty_cycle", "share", "airtime_us"), [(0, 1, 1), (1.1, 1, 1), (0.1, 0, 1), (0.1, 1.5, 1), (0.1, 1, 0)]
)
def test_what_is_no_duty_cycle_share_or_frame_is_refused(duty_cycle: float, share: float, airtime_us: int) -> None:
    with pytest.raises(Invalid):
        DutyCycleBudget(duty_cycle, share=share).earliest_start_us(airtime_us, 0)
    with pytest.raises(Invalid):
        transfer_duration_us(5, airtime_us, duty_cycle, EVEN, share=share)
