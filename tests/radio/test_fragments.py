"""Fragment sizes by band and data rate, and which of them spend the air best."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.errors import Invalid
from fleetcast.radio.airtime import fragment_airtime_us
from fleetcast.radio.band import UnknownDataRate
from fleetcast.radio.bands.catalog import band
from fleetcast.radio.fragments import fragment_options, loss_break_even, max_fragment_bytes
from tests.vectors import load

REGIONS: dict[str, dict[str, Any]] = load("regions.json")["regions"]


@pytest.mark.parametrize("name", REGIONS)
def test_the_largest_fragment_of_every_data_rate_is_that_of_the_reference(name: str) -> None:
    tables = REGIONS[name]["max_fragment_bytes"]
    for table, expected in tables.items():
        computed = {
            dr: max_fragment_bytes(
                band(name),
                int(dr),
                repeater=not table.startswith("no_repeater"),
                dwell_limited=table.endswith("dwell_400ms"),
            )
            for dr in expected
        }
        assert computed == expected


@pytest.mark.parametrize(("name", "limit_us"), [("AS923-1", 400_000), ("AS923-4", 400_000), ("CN470", 1_000_000)])
def test_the_largest_frame_under_a_dwell_limit_keeps_it(name: str, limit_us: int) -> None:
    there = band(name)
    for dr in there.usable_data_rates():
        size = max_fragment_bytes(there, dr, dwell_limited=True)
        assert size == 0 or fragment_airtime_us(there, dr, size) <= limit_us


def test_a_band_without_dwell_tables_has_one_size_for_both() -> None:
    assert max_fragment_bytes(band("EU868"), 3, dwell_limited=True) == 112
    assert max_fragment_bytes(band("US915"), 8, dwell_limited=True) == 50


def test_an_uplink_data_rate_has_no_fragments() -> None:
    with pytest.raises(UnknownDataRate, match="for uplinks only"):
        max_fragment_bytes(band("EU868"), 8)


@pytest.mark.parametrize(("dr", "best"), [(0, 46), (3, 111), (5, 236)])
def test_the_largest_fragment_is_not_always_the_cheapest(dr: int, best: int) -> None:
    # A file long enough that rounding up to whole fragments does not decide.
    options = fragment_options(band("EU868"), dr, 100_000_000)
    assert options[0].size_bytes == best
    assert best < max_fragment_bytes(band("EU868"), dr)


def test_options_respect_what_devices_accept() -> None:
    options = fragment_options(band("EU868"), 5, 51_200, smallest_bytes=30, largest_bytes=200, multiple_of=8)
    assert {option.size_bytes for option in options} == set(range(32, 201, 8))
    costs = [option.total_airtime_us for option in options]
    assert costs == sorted(costs)


@given(file_bytes=st.integers(1, 300_000), dr=st.integers(0, 7))
def test_every_option_holds_the_file_and_no_spare_fragment(file_bytes: int, dr: int) -> None:
    for option in fragment_options(band("EU868"), dr, file_bytes):
        assert 0 <= option.fragment_count * option.size_bytes - file_bytes < option.size_bytes
        assert option.frame_airtime_us == fragment_airtime_us(band("EU868"), dr, option.size_bytes)


@pytest.mark.parametrize(
    "asked",
    [
        lambda: fragment_options(band("EU868"), 5, 0),
        lambda: fragment_options(band("EU868"), 5, 100, smallest_bytes=0),
        lambda: fragment_options(band("EU868"), 0, 100, smallest_bytes=49),
        lambda: fragment_options(band("AS923-1"), 1, 100, dwell_limited=True),
        lambda: fragment_options(band("CN470"), 0, 100),
        lambda: loss_break_even(band("CN470"), 1, 0),
    ],
)
def test_what_cannot_be_cut_is_refused(asked: Any) -> None:
    with pytest.raises(Invalid):
        asked()


@pytest.mark.parametrize(
    ("fast", "slow", "percent"),
    [
        (1, 0, 47.1),
        (2, 1, 52.8),
        (3, 2, 58.5),
        (4, 3, 51.8),
        (5, 4, 43.4),
        (6, 5, 50.0),
        (7, 6, 78.4),
        (12, 5, 41.4),
        (13, 12, 40.6),
    ],
)
def test_the_loss_up_to_which_the_faster_rate_wins(fast: int, slow: int, percent: float) -> None:
    assert round(100 * loss_break_even(band("EU868"), fast, slow), 1) == percent


def test_a_slower_rate_never_breaks_even_against_a_faster_one() -> None:
    assert loss_break_even(band("EU868"), 0, 5) == 0
