"""When devices will be complete: what their last answers say about fragments still to come.

A device that still needs k independent fragments, at loss p, is complete after a number of frames that is drawn here
with its code's few frames beyond k. Nothing is decided here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fleetcast.campaign.transfer.strategy import Receiver, Transfer

PRIOR_FRAMES: Final = 20
"""What was expected of a device weighs as much as this many observed frames."""
ENOUGH_TO_LEARN: Final = 30
"""From so many devices on, the spread of losses over the fleet is learned."""
LOSSES: Final = np.concatenate([np.linspace(0.002, 0.6, 120), np.linspace(0.61, 0.99, 39)])
LEFT_OPEN: Final = 0.02
"""Weight of the losses that no device has shown."""
NEAR: Final = 40
"""Up to this need a device is forecast frame by frame."""
CODE_EXTRA: Final = 1.6
CODE_VARIANCE: Final = 2.7
"""Fragments that a random code over GF(2) takes beyond those needed: mean and variance."""
SATURATED: Final = 255
"""MissingFrag 255 stands for 255 or more."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """One open device that said how much it misses."""

    index: int
    need: int
    """Independent fragments it needed when it answered."""
    loss: float
    since: int
    """Frames on the air since its answer was asked for."""
    certainty: float
    """Frames that the loss was learned from."""
    silence: float = 1.0
    """Chance that it left all requests since its answer unheard, should it still miss something."""
    told_now: bool = True
    """It answered after the last frame."""
    unprovable: bool = False
    """Its answers can't say that it is complete."""
    heard: int = 0
    lost: int = 0
    """Fragments it heard, and those it lost, as far as its answer shows."""

    def expected_frames(self) -> float:
        """Frames still to come until it is complete, on average; below 0 when it should be complete already."""
        return (self.need + CODE_EXTRA) / (1 - self.loss) - self.since

    def surely_complete(self) -> bool:
        """Whether hardly anything speaks against its being complete."""
        return float(complete_by([self], 0)[0, 0]) > 0.999

    def fits(self, frames_left: int) -> bool:
        """Whether so many frames can still complete it, with some luck."""
        frames = frames_left + self.since
        mean = frames * (1 - self.loss)
        return self.need <= mean + 3 * math.sqrt(mean * self.loss + 1e-9) and frames >= self.need


def outlook(receiver: Receiver, transfer: Transfer, on_air: int) -> Outlook | None:
    """What a receiver's last answer says, and its silence since; None when it gave none. `on_air` as in the ledger."""
    if receiver.missing is None:
        return None
    fragments = transfer.fragments
    told_of, received = receiver.frames_at_answer, receiver.received
    if not receiver.missing_falls:
        # What it lost of the uncoded ones, told again and again: all that came after them is still to be reckoned in.
        told_of, received = min(told_of, max(fragments, receiver.listening_from)), None
    listened = max(0, told_of - receiver.listening_from)
    prior = min(max(receiver.expected_loss, 0.0), 0.99)
    need = max(1, receiver.missing)
    if need >= SATURATED:
        need = max(need, fragments - (round(listened * (1 - prior)) if received is None else received))
    need = min(need, fragments)
    heard = max(fragments - need, min(received or 0, listened))
    loss = min((max(0, listened - heard) + PRIOR_FRAMES * prior) / (listened + PRIOR_FRAMES), 0.999)
    rounds = sum(asked > receiver.frames_at_answer for asked in transfer.asked_at)
    return Outlook(
        index=receiver.index,
        need=need,
        loss=loss,
        since=on_air - told_of,
        certainty=listened + PRIOR_FRAMES,
        silence=(1 - transfer.answer_share) ** rounds,
        told_now=receiver.frames_at_answer >= on_air,
        unprovable=not receiver.missing_falls,
        heard=heard,
        lost=max(0, listened - heard),
    )


def learned_from_all(ranked: Sequence[Outlook], everyone: Sequence[Outlook]) -> list[Outlook]:
    """`ranked` with losses that take into account how losses are spread over the fleet.

    The worst of many estimates is too bad more often than not, and a batch sized for it too large. So the spread of the
    true losses is worked out first from what all report (maximum likelihood on a grid, by expectation-maximisation),
    and each device's own figures are weighed against it.
    """
    if len(everyone) < ENOUGH_TO_LEARN:
        return list(ranked)
    kinds, counts = np.unique([(one.heard, one.lost) for one in everyone], axis=0, return_counts=True)
    likelihood = _likelihood(kinds)
    share = np.full(len(LOSSES), 1 / len(LOSSES))
    for _ in range(30):
        weights = likelihood * share
        weights *= (counts / weights.sum(axis=1))[:, None]
        share = weights.sum(axis=0) + LEFT_OPEN * len(everyone) / len(LOSSES)
        share /= share.sum()
    weights = _likelihood(np.array([(one.heard, one.lost) for one in ranked])) * share
    weights /= weights.sum(axis=1)[:, None]
    means = weights @ LOSSES
    variances = np.maximum(weights @ LOSSES**2 - means**2, 1e-9)
    return [
        replace(one, loss=float(mean), certainty=float(mean * (1 - mean) / variance))
        for one, mean, variance in zip(ranked, means, variances, strict=True)
    ]


def _likelihood(heard_and_lost: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each loss of the grid (column) given fragments heard and lost (row), up to a factor by row."""
    logarithm = heard_and_lost[:, :1] * np.log1p(-LOSSES) + heard_and_lost[:, 1:] * np.log(LOSSES)
    likelihood: NDArray[np.float64] = np.exp(logarithm - logarithm.max(axis=1, keepdims=True))
    return likelihood


def complete_by(outlooks: Sequence[Outlook], frames: int) -> NDArray[np.float64]:
    """Probability that each device (row) is complete after 0, 1, ... `frames` more frames (column)."""
    result = np.empty((len(outlooks), frames + 1))
    near = [row for row, one in enumerate(outlooks) if one.need <= NEAR]
    far = [row for row, one in enumerate(outlooks) if one.need > NEAR]
    if near:
        result[near] = _counted([outlooks[row] for row in near], frames)
    if far:
        result[far] = _approximated([outlooks[row] for row in far], frames)
    # Who should be complete by now and keeps silent is so all the more likely.
    silence = np.array([one.silence for one in outlooks])[:, None]
    now = result[:, :1]
    return (now + silence * (result - now)) / (now + silence * (1 - now) + 1e-300)


def _counted(outlooks: Sequence[Outlook], frames: int) -> NDArray[np.float64]:
    """Frame by frame: with j fragments needed, one that is heard helps with probability 1 - 2^-j."""
    since = np.array([one.since for one in outlooks])
    most = int(since.max())
    useful = (1 - np.array([one.loss for one in outlooks]))[:, None] * (1 - 0.5 ** np.arange(NEAR + 1))
    state = np.zeros((len(outlooks), NEAR + 1))
    state[np.arange(len(outlooks)), [one.need for one in outlooks]] = 1.0
    done = np.empty((len(outlooks), most + frames + 1))
    done[:, 0] = state[:, 0]
    for frame in range(1, most + frames + 1):
        moved = state * useful
        state -= moved
        state[:, :-1] += moved[:, 1:]
        done[:, frame] = state[:, 0]
    picked: NDArray[np.float64] = np.take_along_axis(done, since[:, None] + np.arange(frames + 1), axis=1)
    return picked


def _approximated(outlooks: Sequence[Outlook], frames: int) -> NDArray[np.float64]:
    """The same for devices that need many: normal, wider for what isn't known of their loss and their code."""
    need = np.array([one.need for one in outlooks])[:, None]
    loss = np.array([one.loss for one in outlooks])[:, None]
    count = np.arange(frames + 1)[None, :] + np.array([one.since for one in outlooks])[:, None]
    certainty = np.array([one.certainty for one in outlooks])[:, None]
    mean = count * (1 - loss)
    spread = np.sqrt(mean * loss * (1 + count / certainty) + CODE_VARIANCE)
    enough: NDArray[np.float64] = _normal((mean + 0.5 - need - CODE_EXTRA) / spread) * (count >= need)
    return enough


def _normal(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """The normal distribution function, within 1e-7 (Abramowitz and Stegun 26.2.17)."""
    x = np.abs(z)
    t = 1 / (1 + 0.2316419 * x)
    tail = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    tail *= np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return np.where(z >= 0, 1 - tail, tail)
