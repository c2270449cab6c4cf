"""When class sessions start, and how long they may last."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.instants import to_datetime
from fleetcast.planning.facts import SessionClass
from fleetcast.planning.policy import Policy
from fleetcast.planning.session_window import (
    aligned_start,
    class_b_timeout_exponent,
    class_c_timeout_exponent,
    first_fragment_delay_s,
    longest_wait_s,
    session_start,
    sessions_needed,
    timeout_exponent,
    timeout_s,
)
from fleetcast.protocol.gps_time import starts_beacon_period, to_gps_seconds
from tests.planning.requests import NOW


def on_beacon(instant: int) -> bool:
    return instant % 1000 == 0 and starts_beacon_period(to_gps_seconds(to_datetime(instant)))


def test_the_longest_wait_is_one_opportunity_and_all_retries_of_the_slowest() -> None:
    assert longest_wait_s([600, 3600, 60], Policy(msg_retries=2)) == 10_800
    assert longest_wait_s([], Policy()) == 0


def test_a_computed_start_waits_for_devices_clocks_and_the_delay() -> None:
    start = session_start(NOW, 10_800, 2, Policy(mcsession_delay_s=60), "C")
    assert start == NOW + (10_800 + 2 + 60) * 1000


def test_class_b_adds_beacons_and_starts_with_a_beacon_period() -> None:
    policy = Policy(classb_start_beacons_delay=2)
    start = session_start(NOW, 600, 2, policy, "B")
    earliest = NOW + (600 + 2 + 60 + 256) * 1000
    assert on_beacon(start)
    assert earliest <= start < earliest + 128_000


def test_a_start_is_in_whole_seconds_and_never_early() -> None:
    assert session_start(NOW + 1, 0, 0, Policy(mcsession_delay_s=0), "C") == NOW + 1000
    assert aligned_start(NOW + 1, "C") == NOW + 1000
    assert aligned_start(NOW, "C") == NOW


def test_a_start_never_lies_after_what_the_latest_end_allows() -> None:
    latest = NOW + 600_500
    assert session_start(NOW, 10_800, 2, Policy(), "C", latest=latest) == NOW + 600_000
    start = session_start(NOW, 10_800, 2, Policy(), "B", latest=latest)
    assert on_beacon(start)
    assert latest - 128_000 < start <= latest


@pytest.mark.parametrize(("seconds", "exponent"), [(0, 0), (1, 0), (2, 1), (3, 2), (512, 9), (513, 10), (99_999, 15)])
def test_class_c_lasts_the_shortest_power_of_two_that_covers_it(seconds: float, exponent: int) -> None:
    assert class_c_timeout_exponent(seconds) == exponent


@pytest.mark.parametrize(("seconds", "exponent"), [(1, 0), (128, 0), (129, 1), (1024, 3), (10**9, 15)])
def test_class_b_counts_beacon_periods(seconds: float, exponent: int) -> None:
    assert class_b_timeout_exponent(seconds) == exponent


def test_a_transfer_longer_than_one_session_is_spread_over_several() -> None:
    assert sessions_needed(32_768, "C") == 1
    assert sessions_needed(32_769, "C") == 2
    assert sessions_needed(32_769, "B") == 1


def test_the_first_fragment_waits_for_the_worst_clock() -> None:
    assert first_fragment_delay_s(Policy(first_fragment_delay_s=3), 2) == 3
    assert first_fragment_delay_s(Policy(first_fragment_delay_s=3), 10) == 10


@given(
    now=st.integers(NOW, NOW + 10**10),
    wait=st.floats(0, 10**6),
    tolerance=st.integers(0, 120),
    session_class=st.sampled_from(["B", "C"]),
    room=st.none() | st.integers(200_000, 10**9),
)
def test_a_start_lies_ahead_can_be_carried_and_keeps_its_bound(
    now: int, wait: float, tolerance: int, session_class: SessionClass, room: int | None
) -> None:
    latest = None if room is None else now + room
    start = session_start(now, wait, tolerance, Policy(), session_class, latest=latest)
    assert start > now
    assert start % 1000 == 0
    if session_class == "B":
        assert on_beacon(start)
    if latest is not None and session_class == "C":
        assert start <= latest
    if latest is not None and session_class == "B":
        assert start <= max(latest, now + 130_000)
    if latest is None:
        assert start >= now + (wait + tolerance + 60) * 1000 - 1


@given(seconds=st.floats(0, 5e6), session_class=st.sampled_from(["B", "C"]))
def test_a_time_out_covers_what_it_is_for_unless_the_field_ends(seconds: float, session_class: SessionClass) -> None:
    exponent = timeout_exponent(seconds, session_class)
    assert timeout_s(exponent, session_class) >= seconds or exponent == 15
    assert exponent == 0 or timeout_s(exponent - 1, session_class) < seconds
