"""The odds against the code itself: every model is judged by losses rolled for this test."""

from __future__ import annotations

import numpy as np
import pytest

from fleetcast.errors import Invalid
from fleetcast.fec import (
    SCHEMES,
    OutOfReach,
    Scheme,
    coded_needed,
    completion,
    completion_probability,
    extra_distribution,
)

DEVICES = 3000


def measured(m: int, loss: float, sent: int, scheme: Scheme = "v1", memory: int | None = None) -> float:
    dice = np.random.default_rng((m, sent))
    uncoded, coded = dice.random((DEVICES, m)) >= loss, dice.random((DEVICES, sent)) >= loss
    return float((completion(m, uncoded, coded, scheme=scheme, memory=memory) >= 0).mean())


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    ("m", "loss", "sent"),
    [
        (1, 0.2, 10),
        (8, 0.2, 6),
        (40, 0.1, 10),
        (96, 0.2, 30),
        (100, 0.1, 14),
        (127, 0.3, 60),
        (128, 0.1, 18),
        (200, 0.2, 55),
        (256, 0.05, 18),
        (192, 0.3, 100),
        (384, 0.2, 110),
    ],
)
def test_the_probability_is_what_happens(m: int, loss: float, sent: int, scheme: Scheme) -> None:
    expected = completion_probability(m, loss, sent, scheme)
    error = max((expected * (1 - expected) / DEVICES) ** 0.5, 0.001)
    assert abs(measured(m, loss, sent, scheme) - expected) < 5 * error


@pytest.mark.parametrize(("m", "memory"), [(60, 5), (200, 18)])
def test_memory_lowers_the_probability_as_it_does_in_devices(m: int, memory: int) -> None:
    expected = completion_probability(m, 0.1, 40, memory=memory)
    assert abs(measured(m, 0.1, 40, memory=memory) - expected) < 0.05
    assert expected < completion_probability(m, 0.1, 40) - 0.1


def test_a_block_of_one_fragment_gains_nothing_from_coded_ones() -> None:
    assert completion_probability(1, 0.25, 50) == pytest.approx(0.75, abs=0.01)
    with pytest.raises(OutOfReach, match="repeat uncoded"):
        coded_needed(1, 0.25, 0.9)


def test_without_loss_no_coded_fragment_is_needed() -> None:
    assert completion_probability(500, 0, 0) == 1
    assert coded_needed(500, 0, 1) == 0


def test_uncoded_alone_complete_only_who_lost_nothing() -> None:
    assert completion_probability(200, 0.01, 0) == pytest.approx(0.99**200)
    assert completion_probability(60, 0.01, 0) == pytest.approx(0.99**60, abs=0.015)


@pytest.mark.parametrize("m", [30, 96, 200, 384, 1000])
def test_more_redundancy_never_hurts_and_the_fewest_that_suffice_are_found(m: int) -> None:
    odds = [completion_probability(m, 0.1, sent) for sent in range(0, m // 2, max(1, m // 40))]
    assert (np.diff(odds) > -1e-9).all()
    for share in (0.5, 0.9, 0.99):
        needed = coded_needed(m, 0.1, share)
        assert completion_probability(m, 0.1, needed) >= share
        assert completion_probability(m, 0.1, needed - 1) < share


def test_a_memory_below_the_losses_puts_a_share_out_of_reach() -> None:
    for m in (100, 500):
        with pytest.raises(OutOfReach) as caught:
            coded_needed(m, 0.2, 0.5, memory=10)
        assert caught.value.reached < 0.1


def test_ordinary_blocks_need_one_or_two_more_than_they_lost() -> None:
    for m in (128, 200, 1000):
        extra = extra_distribution(m, 0.1)
        assert extra.sum() == pytest.approx(1)
        assert extra @ np.arange(33) == pytest.approx(1.6067, abs=0.002)  # the sum over k >= 1 of 1 / (2^k - 1)
        assert np.cumsum(extra)[[4, 7, 10]] == pytest.approx([0.939, 0.992, 0.999], abs=0.0005)


def test_small_version_1_blocks_need_more_and_version_2_blocks_less() -> None:
    def mean(m: int, scheme: Scheme) -> float:
        return float(extra_distribution(m, 0.1, scheme, longest=60) @ np.arange(61))

    assert mean(40, "v1") == pytest.approx(3.4, abs=0.15)
    assert mean(50, "v1") == pytest.approx(3.1, abs=0.15)
    assert mean(100, "v1") == pytest.approx(2.2, abs=0.15)
    assert mean(50, "v2-relative") < 2


def test_weak_blocks_have_a_long_tail() -> None:
    assert extra_distribution(384, 0.1)[32] > 0.01
    assert extra_distribution(383, 0.1)[32] < 1e-6
    assert coded_needed(384, 0.1, 0.99) > 2 * coded_needed(383, 0.1, 0.99)


def test_questions_without_sense_are_refused() -> None:
    for bad in (-0.1, 1.0):
        with pytest.raises(Invalid, match="loss ratio"):
            completion_probability(100, bad, 10)
    with pytest.raises(Invalid, match="16283"):
        completion_probability(100, 0.1, 16284)
    with pytest.raises(Invalid, match="share"):
        coded_needed(100, 0.1, 1.1)
    with pytest.raises(Invalid, match="memory"):
        completion_probability(100, 0.1, 10, memory=-1)
    with pytest.raises(Invalid, match="loss ratio above 0"):
        extra_distribution(100, 0)
    with pytest.raises(Invalid, match="entries"):
        extra_distribution(100, 0.1, longest=0)
