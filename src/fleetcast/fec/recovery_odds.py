"""Probability that a device finishes, from its loss, the redundancy sent, and its memory.

Each fragment is lost independently with the same probability. Three ways to an answer, each where it is right:

- From M = 128 on, the parity code behaves as a random code over GF(2): L lost fragments are recovered from L + e coded
  ones with probability (1 - 2^-(e+1)) (1 - 2^-(e+2)) ... (1 - 2^-(e+L)). Losses are binomial; the sum is exact.
- Weak block sizes (`weak_sizes`) from 192 on: the same, times the probability that no pair of twins is lost together
  with every coded fragment that tells them apart. Which those are is read from the parity lines.
- Below M = 128 neighbouring lines resemble each other, and the random code promises too much. There the real code is
  run on a fixed sample of 20 000 devices: the same question always has the same answer, with a standard error of
  sqrt(P (1 - P) / 20 000), at most 0.0036.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from fleetcast.errors import Invalid
from fleetcast.fec.completion import completion
from fleetcast.fec.parity_matrix import MAX_FRAGMENT_NUMBER, Scheme, check_fragment_count, check_scheme, lines
from fleetcast.fec.weak_sizes import twins, weak

if TYPE_CHECKING:
    from numpy.typing import NDArray

RANDOM_FROM: Final = 128
"""The smallest M that behaves as a random code, weak ones apart."""
SAMPLE_DEVICES: Final = 20_000
_SAMPLE_SEED: Final = 20_040
_BATCH: Final = 2_000
_BLOCK: Final = 64
_SURE: Final = 64
"""Beyond 2^-64 nothing changes a float any more."""
_ABSENT: Final = np.iinfo(np.int32).max


class OutOfReach(Invalid):
    """No redundancy the numbers leave room for gives the share that was asked for."""

    def __init__(self, m: int, loss_ratio: float, share: float, reached: float) -> None:
        self.m, self.loss_ratio, self.share, self.reached = m, loss_ratio, share, reached
        super().__init__(
            f"{m} fragments at {loss_ratio:.1%} loss never complete with probability {share:g}, at most {reached:.4f}: "
            "ask for less, choose another fragment size, or repeat uncoded fragments."
        )


def completion_probability(
    m: int, loss_ratio: float, coded: int, scheme: Scheme = "v1", memory: int | None = None
) -> float:
    """Probability that a device is complete after all `m` uncoded and `coded` coded fragments were sent once.

    `loss_ratio` is 0 to below 1 and holds for every fragment; `memory` is the most lost fragments it can repair.
    Raises Invalid.
    """
    _check(m, loss_ratio, scheme, memory)
    if not 0 <= coded <= MAX_FRAGMENT_NUMBER - m:
        raise Invalid(f"{coded} coded fragments are out of range: use 0 to {MAX_FRAGMENT_NUMBER - m} with {m} uncoded.")
    if loss_ratio == 0:
        return 1.0
    if m < RANDOM_FROM:
        when, lost, _ = _sampled(m, loss_ratio, _sample_length(m, coded), scheme)
        return int(np.count_nonzero((when <= coded) & (lost <= (m if memory is None else memory)))) / SAMPLE_DEVICES
    return _random_code(m, loss_ratio, coded, memory) * _no_twins_lost(m, loss_ratio, coded, scheme)


def coded_needed(m: int, loss_ratio: float, share: float, scheme: Scheme = "v1", memory: int | None = None) -> int:
    """The fewest coded fragments to send so that a device completes with probability `share` (0 to 1) or more.

    Raises OutOfReach, also when `memory` or the numbers left forbid it, and Invalid.
    """
    _check(m, loss_ratio, scheme, memory)
    if not 0 <= share <= 1:
        raise Invalid(f"A share of {share} is not possible: use 0 to 1.")
    most = MAX_FRAGMENT_NUMBER - m
    if m < RANDOM_FROM:  # whoever is not complete by then never will be: a block of one fragment, a memory too small
        most = min(most, int(4 * (m + 64) / (1 - loss_ratio)))
    low, high = -1, 0  # too few, and perhaps enough
    while (reached := completion_probability(m, loss_ratio, high, scheme, memory)) < share:
        if high == most:
            raise OutOfReach(m, loss_ratio, share, reached)
        low, high = high, min(most, max(2 * high, 8))
    while high - low > 1:
        middle = (low + high) // 2
        if completion_probability(m, loss_ratio, middle, scheme, memory) >= share:
            high = middle
        else:
            low = middle
    return high


def extra_distribution(m: int, loss_ratio: float, scheme: Scheme = "v1", longest: int = 32) -> NDArray[np.float64]:
    """How many coded fragments a device must hear beyond the uncoded ones it lost, given that it lost any.

    Entry e is the probability of exactly e, for e below `longest`; the last entry that of `longest` and more, or never.
    Coded fragments are lost as often as uncoded ones. Raises Invalid.
    """
    _check(m, loss_ratio, scheme, None)
    if loss_ratio == 0:
        raise Invalid("Without loss nothing is recovered: use a loss ratio above 0.")
    if longest < 1:
        raise Invalid(f"A distribution of {longest} entries is not possible: use 1 or more.")
    if m < RANDOM_FROM:
        needed = int((m * loss_ratio + 8 * (m * loss_ratio) ** 0.5 + longest + 16) / (1 - loss_ratio)) + 64
        _, lost, heard = _sampled(m, loss_ratio, _sample_length(m, min(needed, MAX_FRAGMENT_NUMBER - m)), scheme)
        extra = np.minimum(heard[lost > 0] - lost[lost > 0], longest)
        return np.bincount(extra, minlength=longest + 1) / max(len(extra), 1)
    lost_probability = _binomial(m, loss_ratio)
    lost_probability[0] = 0
    lost_probability /= lost_probability.sum()
    losses = np.flatnonzero(lost_probability > 1e-15)
    below = np.array([lost_probability[losses] @ _recovered(losses + e, losses) for e in range(longest)])
    if weak(m, scheme):
        sent = (m * loss_ratio + np.arange(longest)) / (1 - loss_ratio)
        some_lost = 1 - (1 - loss_ratio) ** m
        unspoilt = [_no_twins_lost(m, loss_ratio, int(min(s, MAX_FRAGMENT_NUMBER - m)), scheme) for s in sent]
        below *= 1 - (1 - np.array(unspoilt)) / some_lost
    return np.diff(below, prepend=0, append=1)


def _check(m: int, loss_ratio: float, scheme: Scheme, memory: int | None) -> None:
    check_fragment_count(m)
    check_scheme(scheme)
    if not 0 <= loss_ratio < 1:
        raise Invalid(f"A loss ratio of {loss_ratio} is not possible: use 0 to below 1.")
    if memory is not None and memory < 0:
        raise Invalid(f"A decoder memory of {memory} lost fragments is not possible: use 0 or more, or None.")


def _binomial(n: int, p: float) -> NDArray[np.float64]:
    """Probabilities of 0 … n events of probability 0 < p < 1 in n trials."""
    k = np.arange(n + 1)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    log_ways = log_factorial[n] - log_factorial - log_factorial[::-1]
    result: NDArray[np.float64] = np.exp(log_ways + k * np.log(p) + (n - k) * np.log1p(-p))
    return result


def _recovered(heard: NDArray[np.intp], lost: NDArray[np.intp]) -> NDArray[np.float64]:
    """Probability that `heard` random lines have rank `lost` over as many columns."""
    log_factors = np.concatenate([[-np.inf], np.log1p(-(0.5 ** np.arange(1, _SURE + 1))), [0.0]])
    up_to = np.concatenate([[0.0], np.cumsum(log_factors[1:])])  # the sum of the first i logarithms
    spare = np.clip(heard - lost, 0, _SURE)
    result: NDArray[np.float64] = np.exp(up_to[np.clip(spare + lost, 0, _SURE)] - up_to[spare])
    return np.where(heard < lost, 0.0, result)


def _random_code(m: int, loss_ratio: float, coded: int, memory: int | None) -> float:
    lost_probability = _binomial(m, loss_ratio)
    if memory is not None:
        lost_probability[memory + 1 :] = 0
    heard_probability = _binomial(coded, 1 - loss_ratio)
    losses = np.flatnonzero(lost_probability > 1e-15)
    heard = np.flatnonzero(heard_probability > 1e-15)
    recovered = _recovered(heard[np.newaxis, :], losses[:, np.newaxis])
    return min(float(lost_probability[losses] @ recovered @ heard_probability[heard]), 1.0)


@lru_cache(maxsize=64)
def _telling_lines(m: int, scheme: Scheme) -> tuple[NDArray[np.intp], ...]:
    """For each pair of twins, after each coded fragment sent, how many so far have told them apart."""
    pairs = twins(m, scheme)
    packed = lines(m, range(m + 1, MAX_FRAGMENT_NUMBER + 1), scheme)
    bits = {n: packed[:, (n - 1) // 8] >> (n - 1) % 8 & 1 for pair in pairs for n in (pair.first, pair.second)}
    return tuple(np.cumsum(bits[pair.first] != bits[pair.second]) for pair in pairs)


def _no_twins_lost(m: int, loss_ratio: float, coded: int, scheme: Scheme) -> float:
    """Probability that no twins are lost for good."""
    if not weak(m, scheme):
        return 1.0
    probability = 1.0
    for told_apart in _telling_lines(m, scheme):
        by_now = int(told_apart[coded - 1]) if coded else 0
        probability *= 1 - loss_ratio ** (2 + by_now)
    return probability


def _sample_length(m: int, coded: int) -> int:
    """Coded fragments to run the sample with: few different lengths, so that answers can be kept."""
    length = _BLOCK
    while length < coded:
        length *= 2
    return min(length, MAX_FRAGMENT_NUMBER - m)


@lru_cache(maxsize=32)
def _sampled(
    m: int, loss_ratio: float, coded: int, scheme: Scheme
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """For each device of the sample: coded fragments sent until it completed, uncoded lost, coded heard until then."""
    when, lost, heard_until = (np.empty(SAMPLE_DEVICES, np.int32) for _ in range(3))
    for start in range(0, SAMPLE_DEVICES, _BATCH):
        some = slice(start, start + _BATCH)
        uncoded = np.random.default_rng((_SAMPLE_SEED, start)).random((_BATCH, m), dtype=np.float32) >= loss_ratio
        heard = np.empty((_BATCH, coded), np.bool_)
        for block in range(0, coded, _BLOCK):  # each from its own seed: a longer sample continues the shorter one
            dice = np.random.default_rng((_SAMPLE_SEED, start, block + 1))
            part = dice.random((_BATCH, _BLOCK), dtype=np.float32) >= loss_ratio
            heard[:, block : block + _BLOCK] = part[:, : coded - block]
        done = completion(m, uncoded, heard, scheme=scheme)
        lost[some] = m - np.count_nonzero(uncoded, axis=1)
        so_far = np.cumsum(heard, axis=1, dtype=np.int32)
        heard_until[some] = np.where(done < 0, _ABSENT, so_far[np.arange(_BATCH), np.maximum(done, 1) - 1])
        when[some] = np.where(done < 0, _ABSENT, done)
    return when, lost, heard_until
