"""Beacon periods and ping slots, with the offsets of an independent implementation."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.errors import Invalid
from fleetcast.identifiers import DevAddr
from fleetcast.radio import class_b
from fleetcast.radio.airtime import fragment_airtime_us
from fleetcast.radio.bands.catalog import band
from fleetcast.radio.class_b import (
    BEACON_PERIOD_US,
    SLOTS,
    beacon_time_s,
    frames_per_beacon_period,
    next_beacon_time_s,
    next_ping_slot,
    ping_offset,
    ping_period_slots,
    ping_slots,
    ping_slots_per_beacon_period,
    ping_spacing_us,
    transfer_periods,
    useful_spacing_us,
)
from fleetcast.radio.duty_cycle import even_gap_us
from tests.vectors import load

addresses = st.integers(0, 2**32 - 1).map(DevAddr.from_int)
periodicities = st.integers(0, 7)


@pytest.mark.parametrize(
    ("beacon_time", "address", "periodicity", "period_slots", "ping_nb", "offset", "first_slot_s"),
    [
        (0, "00000000", 7, 4096, 1, 2406, 74.300),
        (128, "00000000", 7, 4096, 1, 1850, 57.620),
        (0, "00000000", 0, 32, 128, 6, 2.300),
        (1262304000, "01020304", 4, 512, 8, 158, 6.860),
        (1400000000, "FF010203", 0, 32, 128, 20, 2.720),
        (1400000000, "FF010203", 3, 256, 16, 180, 7.520),
        (1400000128, "FF010203", 3, 256, 16, 120, 5.720),
    ],
)
def test_the_worked_ping_slots(
    beacon_time: int,
    address: str,
    periodicity: int,
    period_slots: int,
    ping_nb: int,
    offset: int,
    first_slot_s: float,
) -> None:
    assert ping_period_slots(periodicity) == period_slots
    assert ping_slots_per_beacon_period(periodicity) == ping_nb
    assert ping_offset(DevAddr(address), periodicity, beacon_time) == offset
    slots = ping_slots(DevAddr(address), periodicity, beacon_time)
    assert len(slots) == ping_nb
    assert slots[0].start_us == beacon_time * 1_000_000 + round(first_slot_s * 1e6)


def test_the_timing_is_that_of_the_reference() -> None:
    expected = load("regions.json")["class_b"]
    assert expected == {
        "beacon_period_s": class_b.BEACON_PERIOD_S,
        "beacon_reserved_s": class_b.BEACON_RESERVED_US / 1e6,
        "beacon_guard_s": class_b.BEACON_GUARD_US / 1e6,
        "beacon_window_s": class_b.BEACON_WINDOW_US / 1e6,
        "slot_s": class_b.SLOT_US / 1e6,
        "slots": class_b.SLOTS,
        "default_ping_periodicity": class_b.DEFAULT_PING_PERIODICITY,
        "beacon_less_operation_s": class_b.BEACON_LESS_OPERATION_S,
    }
    assert class_b.BEACON_RESERVED_US + class_b.BEACON_WINDOW_US + class_b.BEACON_GUARD_US == BEACON_PERIOD_US
    assert ping_spacing_us(0) == 960_000
    assert ping_spacing_us(7) == 122_880_000


@given(address=addresses, periodicity=periodicities, not_before_us=st.integers(0, 2**51))
def test_the_next_ping_slot_is_the_first_one_that_is_not_over(
    address: DevAddr, periodicity: int, not_before_us: int
) -> None:
    period_s = beacon_time_s(not_before_us)
    candidates = [
        slot
        for beacon in (period_s, period_s + 128)
        for slot in ping_slots(address, periodicity, beacon)
        if slot.start_us >= not_before_us
    ]
    assert next_ping_slot(address, periodicity, not_before_us) == candidates[0]


@given(address=addresses, periodicity=periodicities, beacon=st.integers(0, 2**24))
def test_a_slot_is_its_own_next_slot(address: DevAddr, periodicity: int, beacon: int) -> None:
    for slot in ping_slots(address, periodicity, 128 * beacon)[:3]:
        assert next_ping_slot(address, periodicity, slot.start_us) == slot
        assert next_ping_slot(address, periodicity, slot.start_us + 1) != slot


def test_the_guard_keeps_the_longest_frame_of_the_last_slot_off_the_beacon() -> None:
    longest_us = fragment_airtime_us(band("EU868"), 0, 48)
    last = class_b.PingSlot(0, SLOTS - 1)
    assert last.start_us + longest_us <= BEACON_PERIOD_US
    next_ping_slot(DevAddr("00000000"), 0, 0, longest_us)
    with pytest.raises(Invalid, match="into the next beacon"):
        next_ping_slot(DevAddr("00000000"), 0, 0, BEACON_PERIOD_US - last.start_us + 1)


def test_beacon_times_are_multiples_of_128_gps_seconds() -> None:
    assert beacon_time_s(127_999_999) == 0
    assert next_beacon_time_s(128_000_000) == 128
    assert next_beacon_time_s(128_000_001) == 256


@pytest.mark.parametrize(
    ("dr", "size", "periodicity", "spacing_s", "frames"),
    [(5, 239, 0, 4.80, 25), (3, 112, 0, 7.68, 16), (0, 48, 0, 28.80, 4), (0, 48, 5, 30.72, 4)],
)
def test_the_useful_spacing_under_a_ten_percent_duty_cycle(
    dr: int, size: int, periodicity: int, spacing_s: float, frames: int
) -> None:
    gap_us = even_gap_us(fragment_airtime_us(band("EU868"), dr, size), 0.1)
    assert useful_spacing_us(gap_us, periodicity) == round(spacing_s * 1e6)
    assert frames_per_beacon_period(gap_us, periodicity) == frames


@given(gap_us=st.integers(1, 600_000_000), periodicity=periodicities)
def test_frames_in_a_period_never_outrun_gap_or_slots(gap_us: int, periodicity: int) -> None:
    frames = frames_per_beacon_period(gap_us, periodicity)
    assert 0 < frames <= ping_slots_per_beacon_period(periodicity)
    assert frames * gap_us <= BEACON_PERIOD_US
    assert transfer_periods(100, gap_us, periodicity) == 100 / frames


@pytest.mark.parametrize(
    "asked",
    [
        lambda: ping_period_slots(8),
        lambda: ping_period_slots(-1),
        lambda: ping_offset(DevAddr("00000000"), 0, 127),
        lambda: ping_offset(DevAddr("00000000"), 0, -128),
        lambda: next_ping_slot(DevAddr("00000000"), 0, -1),
    ],
)
def test_what_class_b_does_not_know_is_refused(asked: Any) -> None:
    with pytest.raises(Invalid):
        asked()
