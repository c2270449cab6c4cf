"""One transmitter, half duplex, and not more airtime than the regulation allows in any sliding hour."""

from __future__ import annotations

import random

import pytest

from fleetcast.errors import Invalid
from fleetcast.radio.duty_cycle import WINDOW_US, DutyCycleUse
from fleetcast.simulator.gateways import Gateway, busiest_hour_us
from tests.simulator.worlds import EU868

P_HZ, M_HZ, BW_HZ = 869_525_000, 868_100_000, 125_000
SECOND_US = 1_000_000


def test_a_gateway_sends_one_frame_at_a_time() -> None:
    gateway = Gateway("gw", EU868)
    assert gateway.transmit(0, SECOND_US, P_HZ, BW_HZ) is None
    assert gateway.transmit(SECOND_US - 1, SECOND_US, M_HZ, BW_HZ) == "busy"
    assert gateway.free_from_us(0) == SECOND_US
    assert gateway.transmit(SECOND_US, SECOND_US, M_HZ, BW_HZ) is None


def test_a_gateway_hears_nothing_while_it_sends() -> None:
    gateway = Gateway("gw", EU868)
    gateway.transmit(10 * SECOND_US, SECOND_US, P_HZ, BW_HZ)
    gateway.transmit(20 * SECOND_US, SECOND_US, P_HZ, BW_HZ)
    assert gateway.sent_during(10 * SECOND_US + 1, 10 * SECOND_US + 2)
    assert gateway.sent_during(9 * SECOND_US, 10 * SECOND_US + 1)
    assert not gateway.sent_during(9 * SECOND_US, 10 * SECOND_US)
    assert not gateway.sent_during(11 * SECOND_US, 20 * SECOND_US)


def test_each_sub_band_has_its_own_hour() -> None:
    gateway = Gateway("gw", EU868)
    at, sent = 0, 0
    while gateway.transmit(at, SECOND_US, M_HZ, BW_HZ) is None:
        at, sent = at + SECOND_US, sent + 1
    assert sent == 36  # 1 %
    assert gateway.transmit(at, SECOND_US, M_HZ, BW_HZ) == "duty cycle"
    assert gateway.transmit(at, SECOND_US, P_HZ, BW_HZ) is None
    again_us = gateway.allowed_from_us(at, SECOND_US, M_HZ, BW_HZ)
    assert again_us == WINDOW_US
    assert gateway.transmit(WINDOW_US, SECOND_US, M_HZ, BW_HZ) is None


def test_a_frame_that_never_fits_is_refused_for_good() -> None:
    gateway = Gateway("gw", EU868)
    assert gateway.transmit(0, 37 * SECOND_US, M_HZ, BW_HZ) == "duty cycle"
    assert gateway.allowed_from_us(0, 37 * SECOND_US, M_HZ, BW_HZ) is None


def test_a_packet_forwarder_with_off_times_refuses_bursts() -> None:
    gateway = Gateway("gw", EU868, DutyCycleUse.EVEN)
    assert gateway.transmit(0, SECOND_US, P_HZ, BW_HZ) is None
    assert gateway.transmit(9 * SECOND_US, SECOND_US, P_HZ, BW_HZ) == "duty cycle"
    assert gateway.transmit(10 * SECOND_US, SECOND_US, P_HZ, BW_HZ) is None


def test_whoever_asks_for_as_much_as_possible_never_gets_more_than_the_limit() -> None:
    dice = random.Random(4)
    gateway = Gateway("gw", EU868)
    at = 0
    for _ in range(3000):
        at += dice.randrange(8 * SECOND_US)
        gateway.transmit(at, dice.randrange(40_000, 2_800_000), dice.choice((P_HZ, M_HZ)), BW_HZ)
    found = {each.sub_band: each for each in gateway.airtime()}
    assert found.keys() == {"M", "P"}
    for each in found.values():
        assert not each.violated
        assert each.busiest_hour_us > 0.98 * each.limit_us
        frames = gateway.frames(each.sub_band)
        assert each.frames == len(frames)
        assert each.airtime_us == sum(length for _, length in frames)


def test_the_busiest_hour_is_found_wherever_it_begins() -> None:
    dice = random.Random(9)
    for _ in range(20):
        frames, at = [], 0
        for _ in range(dice.randrange(1, 40)):
            at += dice.randrange(1, WINDOW_US // 5)
            frames.append((at, dice.randrange(1, WINDOW_US // 10)))
            at += frames[-1][1]
        edges = [edge for start, length in frames for edge in (start, start + length)]
        windows = [edge - WINDOW_US for edge in edges] + edges
        most = max(
            sum(max(0, min(start + length, since + WINDOW_US) - max(start, since)) for start, length in frames)
            for since in windows
        )
        assert busiest_hour_us([start for start, _ in frames], [length for _, length in frames]) == most


def test_the_busiest_hour_of_nothing_is_nothing_and_overlaps_are_refused() -> None:
    assert busiest_hour_us([], []) == 0
    with pytest.raises(Invalid, match="overlap"):
        busiest_hour_us([0, 5], [10, 1])


def test_a_violation_would_be_seen() -> None:
    assert busiest_hour_us([0, 30 * SECOND_US], [20 * SECOND_US, 20 * SECOND_US]) == 40 * SECOND_US
