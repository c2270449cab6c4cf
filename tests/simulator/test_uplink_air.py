"""Two uplinks that overlap on one channel at one data rate are both lost, where both are in range."""

from __future__ import annotations

import math

import pytest

from fleetcast.errors import Invalid
from fleetcast.simulator.chance import Dice, stream
from fleetcast.simulator.uplink_air import Flying, UplinkAir


def _air(channels: int = 1) -> UplinkAir:
    return UplinkAir(channels, Dice(stream(1, "channels")))


def _begin(air: UplinkAir, start_us: int, data_rate: int = 5, in_range: int = 1) -> Flying:
    return air.begin(0, start_us, 100, data_rate, in_range, b"", 0)


def test_overlapping_uplinks_are_both_lost() -> None:
    air = _air()
    first, second, third = _begin(air, 0), _begin(air, 99), _begin(air, 199)
    assert [one.jammed for one in (first, second, third)] == [1, 1, 0]
    assert air.collided == 2


def test_a_third_one_is_lost_to_any_of_two() -> None:
    air = _air()
    uplinks = [_begin(air, start) for start in (0, 50, 99)]
    assert all(one.jammed for one in uplinks)
    assert air.collided == 3


def test_data_rates_do_not_disturb_one_another() -> None:
    air = _air()
    first, second = _begin(air, 0, data_rate=5), _begin(air, 50, data_rate=4)
    assert not first.jammed
    assert not second.jammed


def test_only_gateways_that_have_both_in_range_lose_them() -> None:
    air = _air()
    first, second = _begin(air, 0, in_range=0b011), _begin(air, 50, in_range=0b110)
    assert first.jammed == second.jammed == 0b010


def test_answers_survive_as_often_as_pure_aloha_says() -> None:
    air, dice = _air(8), Dice(stream(2, "starts"))
    count, airtime_us, spread_us = 20_000, 51_456, 20 * 128_000_000
    starts = sorted(dice.below(spread_us) for _ in range(count))
    uplinks = [air.begin(0, start, airtime_us, 5, 1, b"", 0) for start in starts]
    survived = sum(not one.jammed for one in uplinks) / count
    assert survived == pytest.approx(math.exp(-2 * count * airtime_us / (8 * spread_us)), abs=0.03)


def test_no_channel_is_no_air() -> None:
    with pytest.raises(Invalid, match="at least 1"):
        _air(0)
