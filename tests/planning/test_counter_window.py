"""Which values of FCntDown McGroupSetupReq announces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.planning.counter_window import WIDEST, counter_window, still_covers, within
from fleetcast.planning.facts import SetUpGroup
from tests.planning.requests import group


def record(first: int, end: int) -> SetUpGroup:
    return SetUpGroup(0, group().dev_eui, group().mc_addr, first, end)


def test_a_window_holds_the_frames_and_a_reserve_of_sixteen() -> None:
    window = counter_window(100, 500)
    assert (window.first, window.end, window.frames) == (100, 616, 500)


def test_where_the_network_counts_a_tenth_is_kept_besides_at_least_sixteen() -> None:
    assert counter_window(0, 500, network_counts=True).end == 550
    assert counter_window(0, 50, network_counts=True).end == 66


def test_the_coefficient_widens_the_window_but_not_the_plan() -> None:
    window = counter_window(0, 500, coeff=10)
    assert (window.end, window.frames) == (5016, 500)


def test_a_window_is_at_most_half_the_sixteen_bits_wide_and_the_plan_cut_to_it() -> None:
    window = counter_window(7, 40_000)
    assert window.end == 7 + WIDEST
    assert window.frames == WIDEST - 16


def test_devices_that_take_the_first_counter_for_16_bits_keep_the_window_below_65536() -> None:
    window = counter_window(65_000, 1000, below_65536=True)
    assert (window.end, window.frames) == (65_536, 520)
    assert counter_window(65_000, 1000).end == 66_016


def test_an_earlier_window_does_when_every_frame_of_the_plan_lies_in_it() -> None:
    window = counter_window(400, 500, coeff=10)
    assert still_covers(record(0, 900), window)
    assert not still_covers(record(0, 899), window)
    assert not still_covers(record(401, 9000), window)


def test_devices_that_keep_an_earlier_window_bound_the_new_one() -> None:
    window = within(counter_window(400, 500, coeff=10), [record(0, 950), record(0, 2000)])
    assert (window.first, window.end) == (400, 950)
    assert within(window, []) == window


@given(
    first=st.integers(0, 2**31),
    frames=st.integers(0, 60_000),
    coeff=st.floats(1, 20),
    network=st.booleans(),
    low=st.booleans(),
)
def test_no_window_breaks_its_limits(first: int, frames: int, coeff: float, network: bool, low: bool) -> None:
    window = counter_window(first, frames, coeff=coeff, network_counts=network, below_65536=low)
    assert window.first == first
    assert 0 <= window.end - window.first <= WIDEST
    assert 0 <= window.frames <= frames
    assert window.first + window.frames <= window.end
    if low and window.end > window.first:
        assert window.end <= 65_536


@pytest.mark.parametrize("frames", [0, 1, 32_752])
def test_what_fits_is_not_cut(frames: int) -> None:
    assert counter_window(0, frames).frames == frames
