"""How long status answers are spread."""

from __future__ import annotations

import pytest

from fleetcast.planning.status_answers import answer_airtime_us, block_ack_delay, slowest_uplink, spread_of, spread_s
from fleetcast.radio.answers import answer_survival
from fleetcast.radio.bands.catalog import band, names

EU = band("EU868")


def test_few_answers_are_spread_by_their_number() -> None:
    assert spread_s(EU, [5] * 16, 8) == 2
    assert spread_s(EU, [], 8) == 1


def test_a_slow_data_rate_spreads_the_answers_until_nine_of_ten_get_through() -> None:
    spread = spread_s(EU, [2] * 300, 8)
    assert spread > 300 / 16 + 1
    assert answer_survival(300, answer_airtime_us(EU, 2), spread, 8) == pytest.approx(0.9)


def test_answers_at_different_spreading_factors_do_not_meet() -> None:
    assert spread_s(EU, [0] * 100 + [1] * 100, 8) == pytest.approx(spread_s(EU, [0] * 100, 8))


def test_an_unknown_data_rate_counts_as_the_slowest() -> None:
    assert spread_s(EU, [None] * 100, 8) == spread_s(EU, [0] * 100, 8)
    assert spread_s(EU, [None] * 50 + [0] * 50, 8) == spread_s(EU, [0] * 100, 8)


def test_no_spread_is_longer_than_the_field_carries() -> None:
    assert spread_s(EU, [0] * 100_000, 8) == 2048


@pytest.mark.parametrize(("spread", "delay"), [(1, 0), (16, 0), (16.1, 1), (128, 3), (129, 4), (2048, 7), (9999, 7)])
def test_a_spread_is_rounded_up_to_what_the_field_carries(spread: float, delay: int) -> None:
    assert block_ack_delay(spread) == delay


def test_the_field_means_powers_of_two_from_sixteen_seconds() -> None:
    assert [spread_of(delay) for delay in range(8)] == [16, 32, 64, 128, 256, 512, 1024, 2048]


@pytest.mark.parametrize("name", names())
def test_every_band_has_a_slowest_uplink_that_carries_an_answer(name: str) -> None:
    assert answer_airtime_us(band(name), slowest_uplink(band(name))) > 0
