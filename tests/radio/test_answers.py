"""Answers of a whole group, and uplinks at a gateway that sends."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.errors import Invalid
from fleetcast.radio.airtime import uplink_airtime_us
from fleetcast.radio.answers import answer_survival, half_duplex_loss, spread_needed_s
from fleetcast.radio.modulation import LoRa


@pytest.mark.parametrize(("airtime_us", "percent"), [(51_456, 90), (370_688, 48)])
def test_a_thousand_answers_over_128_seconds_and_eight_channels(airtime_us: int, percent: int) -> None:
    assert round(100 * answer_survival(1000, airtime_us, 128, 8)) == percent


@given(
    devices=st.integers(1, 100_000),
    airtime_us=st.integers(1000, 3_000_000),
    channels=st.integers(1, 64),
    survival=st.floats(0.01, 0.99),
)
def test_the_needed_spread_lets_through_what_was_asked(
    devices: int, airtime_us: int, channels: int, survival: float
) -> None:
    spread_s = spread_needed_s(devices, airtime_us, channels, survival)
    assert answer_survival(devices, airtime_us, spread_s, channels) == pytest.approx(survival)


def test_the_formula_agrees_with_answers_thrown_at_random() -> None:
    dice = random.Random(7)
    devices, airtime_s, spread_s, channels = 400, 0.3, 60.0, 8
    lost = total = 0
    for _ in range(20):
        by_channel: list[list[float]] = [[] for _ in range(channels)]
        for _ in range(devices):
            by_channel[dice.randrange(channels)].append(dice.uniform(0, spread_s))
        for starts in by_channel:
            starts.sort()
            for index, start in enumerate(starts):
                before = index > 0 and start - starts[index - 1] < airtime_s
                after = index + 1 < len(starts) and starts[index + 1] - start < airtime_s
                lost += before or after
                total += 1
    assert 1 - lost / total == pytest.approx(answer_survival(devices, 300_000, spread_s, channels), abs=0.02)


@pytest.mark.parametrize(
    ("downlink_us", "gap_us", "percent_by_sf"),
    [
        (394_496, 3_940_000, (11.3, 19.4, 43.4)),
        (676_864, 6_770_000, (10.8, 15.5, 29.5)),
        (2_793_472, 27_900_000, (10.2, 11.3, 14.7)),
        (394_496, 414_496, (100.0, 100.0, 100.0)),
    ],
)
def test_what_a_sending_gateway_does_not_hear(
    downlink_us: int, gap_us: int, percent_by_sf: tuple[float, float, float]
) -> None:
    for sf, percent in zip((7, 10, 12), percent_by_sf, strict=True):
        # The worked SF10 row is a join-request, the others are 4-byte answers.
        uplink_us = uplink_airtime_us(LoRa(sf, 125_000), 23 if sf == 10 else 17)
        assert 100 * half_duplex_loss(uplink_us, downlink_us, gap_us) == pytest.approx(percent, abs=0.1)


@pytest.mark.parametrize(
    "asked",
    [
        lambda: answer_survival(10, 1000, 0, 8),
        lambda: answer_survival(10, 1000, 10, 0),
        lambda: answer_survival(-1, 1000, 10, 8),
        lambda: spread_needed_s(10, 1000, 8, 1.0),
        lambda: spread_needed_s(10, 1000, 8, 0.0),
        lambda: half_duplex_loss(1, 1, 0),
    ],
)
def test_what_cannot_be_asked_is_refused(asked: Any) -> None:
    with pytest.raises(Invalid):
        asked()
