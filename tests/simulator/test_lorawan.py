"""Frames between a device and its network: sealed, and opened only by whom they are for."""

from __future__ import annotations

import pytest

from fleetcast.protocol.packages import Direction
from fleetcast.radio.bands import catalog
from fleetcast.simulator.chance import Dice, key, stream
from fleetcast.simulator.lorawan import SESSIONS_READY, Activation, Ciphers, FrameRejected, seal, unseal
from fleetcast.simulator.uplink_channels import rx1_frequencies_hz


def _uplink(session: Activation, f_cnt: int, payload: bytes = b"hello") -> bytes:
    return seal(Ciphers().of(session), Direction.UP, session.dev_addr, f_cnt, 2, payload)


def test_what_was_sealed_opens_with_the_same_session() -> None:
    session = Activation(1, 7, 0)
    frame, f_cnt, payload = unseal(Ciphers().of(session), session.dev_addr, 4, _uplink(session, 5))
    assert (frame.f_port, f_cnt, payload) == (2, 5, b"hello")
    assert b"hello" not in _uplink(session, 5)


def test_another_session_a_used_counter_and_a_changed_byte_do_not_open() -> None:
    session, neighbour, rejoined = Activation(1, 7, 0), Activation(1, 8, 0), Activation(1, 7, 1)
    frame = _uplink(session, 5)
    for other, last in ((neighbour, 4), (rejoined, 4), (session, 5)):
        with pytest.raises(FrameRejected):
            unseal(Ciphers().of(other), other.dev_addr, last, frame)
    broken = frame[:10] + bytes([frame[10] ^ 1]) + frame[11:]
    with pytest.raises(FrameRejected):
        unseal(Ciphers().of(session), session.dev_addr, 4, broken)


def test_sessions_beyond_those_kept_ready_still_work() -> None:
    ciphers = Ciphers()
    sessions = [Activation(1, number, 0) for number in range(SESSIONS_READY + 100)]
    frames = [seal(ciphers.of(one), Direction.UP, one.dev_addr, 0, 2, b"x") for one in sessions]
    assert sum(one.ciphers is not None for one in sessions) <= SESSIONS_READY
    for one, frame in zip(sessions, frames, strict=True):
        assert unseal(ciphers.of(one), one.dev_addr, -1, frame)[2] == b"x"


def test_chance_is_the_same_for_the_same_seed_and_purpose_alone() -> None:
    assert key(1, "a", 2) == key(1, "a", 2)
    assert len({key(1, "a", 2), key(2, "a", 2), key(1, "b", 2), key(1, "a", 3)}) == 4
    rolls = [[Dice(stream(seed, purpose)).roll() for _ in range(3)] for seed, purpose in ((1, "a"), (1, "a"), (1, "b"))]
    assert rolls[0] == rolls[1] != rolls[2]


def test_dice_are_fair() -> None:
    dice = Dice(stream(1, "fair"))
    assert not dice.happens(0)
    assert dice.happens(1)
    found = [dice.between(3, 5) for _ in range(3000)]
    assert {each: found.count(each) > 900 for each in (3, 4, 5)} == {3: True, 4: True, 5: True}
    assert sum(dice.happens(0.3) for _ in range(5000)) == pytest.approx(1500, rel=0.1)


def test_rx1_lies_on_the_uplinks_channel_or_the_bands_downlink_channels() -> None:
    assert rx1_frequencies_hz(catalog.band("EU868"), 8) == (
        868_100_000, 868_300_000, 868_500_000, 867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000,
    )  # fmt: skip
    us = rx1_frequencies_hz(catalog.band("US915"), 10)
    assert us[:2] == (923_300_000, 923_900_000)
    assert us[8] == us[0]
    assert len(rx1_frequencies_hz(catalog.band("AS923-1"), 3)) == 3
