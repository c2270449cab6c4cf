"""GPS time: every vector, leap seconds, the wrap in 2116, beacon periods."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.errors import Invalid
from fleetcast.protocol.gps_time import (
    GPS_EPOCH,
    LEAP_SECONDS,
    LeapSeconds,
    from_gps_seconds,
    from_gps_u32,
    next_beacon_period,
    seconds_from,
    starts_beacon_period,
    to_gps_seconds,
    to_gps_u32,
)
from tests.vectors import load

VECTORS = load("time.json")


@pytest.mark.parametrize("case", [pytest.param(one, id=one["utc"]) for one in VECTORS["gps"]])
def test_utc_becomes_gps_time_and_back(case: dict[str, Any]) -> None:
    when = datetime.fromisoformat(case["utc"])
    assert when == datetime.fromtimestamp(case["unix"], UTC)
    assert LEAP_SECONDS.at(when) == case["leap_seconds"]
    assert to_gps_seconds(when) == case["gps_seconds"]
    assert to_gps_u32(when) == case["gps_u32"]
    assert to_gps_u32(when).to_bytes(4, "little").hex() == case["le_hex"]
    assert from_gps_seconds(case["gps_seconds"]) == when
    assert from_gps_u32(case["gps_u32"], near=when + timedelta(days=900)) == when


@pytest.mark.parametrize("number", range(18))
def test_every_leap_second_counts(number: int) -> None:
    instant = LEAP_SECONDS.instants[number]
    before = instant - timedelta(seconds=1)
    assert to_gps_seconds(instant) - to_gps_seconds(before) == 2
    assert (LEAP_SECONDS.at(before), LEAP_SECONDS.at(instant)) == (number, number + 1)
    # 23:59:60 has no datetime: it reads as the second after it
    assert from_gps_seconds(to_gps_seconds(instant) - 1) == instant
    assert from_gps_seconds(to_gps_seconds(instant) - 2) == before


def test_an_operator_may_add_a_leap_second() -> None:
    longer = LeapSeconds([*LEAP_SECONDS.instants, datetime(2035, 1, 1, tzinfo=UTC)])
    when = datetime(2035, 6, 1, tzinfo=UTC)
    assert to_gps_seconds(when, longer) == to_gps_seconds(when) + 1
    assert from_gps_seconds(to_gps_seconds(when, longer), longer) == when


def test_leap_seconds_out_of_order_are_refused() -> None:
    with pytest.raises(Invalid, match="rising order"):
        LeapSeconds(reversed(LEAP_SECONDS.instants))


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(Invalid, match="give UTC"):
        to_gps_seconds(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


def test_other_zones_are_understood_and_fractions_rounded_down() -> None:
    when = datetime(2026, 1, 1, 2, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert to_gps_seconds(when) == 1451260818


@given(st.datetimes(datetime(1980, 1, 6), datetime(2200, 1, 1)))  # noqa: DTZ001 - the zone is put on below
def test_there_and_back_is_the_same_second(naive: datetime) -> None:
    when = naive.replace(tzinfo=UTC, microsecond=0)
    assert from_gps_seconds(to_gps_seconds(when)) == when
    assert from_gps_u32(to_gps_u32(when), near=when) == when


def test_differences_hold_across_the_wrap_in_2116() -> None:
    wrap = GPS_EPOCH + timedelta(seconds=(1 << 32) - 18)
    before, after = to_gps_u32(wrap - timedelta(seconds=5)), to_gps_u32(wrap + timedelta(seconds=7))
    assert before > after
    assert seconds_from(before, after) == 12
    assert seconds_from(after, before) == -12
    assert from_gps_u32(after, near=wrap - timedelta(days=1)) == wrap + timedelta(seconds=7)


@given(st.integers(0, (1 << 32) - 1), st.integers(-(1 << 31), (1 << 31) - 1))
def test_a_signed_difference_is_found_again(start: int, difference: int) -> None:
    assert seconds_from(start, (start + difference) % (1 << 32)) == difference


@pytest.mark.parametrize("case", VECTORS["sessions"])
def test_session_arithmetic(case: dict[str, Any]) -> None:
    assert seconds_from(case["now_gps"], case["session_time"]) == case["time_to_start"]
    down = case["rounded_down_class_b"]
    assert starts_beacon_period(down)
    up = next_beacon_period(case["session_time"])
    assert up in (down, down + 128)
    assert up >= case["session_time"]


def test_a_class_b_start_is_never_early() -> None:
    assert [next_beacon_period(second) for second in (0, 1, 127, 128, 129)] == [0, 128, 128, 128, 256]
    assert not starts_beacon_period(129)
