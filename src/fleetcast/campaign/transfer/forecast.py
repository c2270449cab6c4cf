"""When devices will be complete: what their last answers say about fragments still to come.

A device that still needs k independent fragments, at loss p, is complete after a number of frames that is drawn here
with its code's few frames beyond k. Nothing is decided here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fleetcast.campaign.transfer.strategy import Receiver

PRIOR_FRAMES: Final = 20
"""What was expected of a device weighs as much as this many observed frames."""
FRUITLESS: Final = 30
"""A device that should have heard so many frames since it began to tell the same is helped by none."""
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
    certainty: int
    """Frames that the loss was learned from."""
    told_now: bool = True
    """It answered after the last frame."""
    unprovable: bool = False
    """Its answers can't say that it is complete."""
    hopeless: bool = False
    """It makes no progress, whatever is sent."""

    def expected_frames(self) -> float:
        """Frames still to come until it is complete, on average; below 0 when it should be complete already."""
        return (self.need + 1.6) / (1 - self.loss) - self.since

    def surely_complete(self) -> bool:
        """Whether hardly anything speaks against its being complete."""
        return float(complete_by([self], np.array([0]))[0, 0]) > 0.999

    def fits(self, frames_left: int) -> bool:
        """Whether so many frames can still complete it, with some luck."""
        frames = frames_left + self.since
        mean = frames * (1 - self.loss)
        return self.need <= mean + 3 * math.sqrt(mean * self.loss + 1e-9) and frames >= self.need


def outlook(receiver: Receiver, fragments: int, on_air: int) -> Outlook | None:
    """What a receiver's last answer says; None when it gave none. `fragments` is M, `on_air` as in the ledger."""
    if receiver.missing is None:
        return None
    asked_at = receiver.frames_at_answer
    told_now = asked_at >= on_air
    missing = max(1, receiver.missing)
    received = receiver.received
    if not receiver.missing_falls:
        # What it lost of the uncoded ones, told again and again: all that came after them is still to be reckoned in.
        asked_at = min(asked_at, fragments)
        received = None
    prior = min(max(receiver.expected_loss, 0.0), 0.99)
    if missing >= SATURATED:
        missing = max(missing, fragments - (round(asked_at * (1 - prior)) if received is None else received))
    missing = min(missing, fragments)
    heard = max(fragments - missing, min(received or 0, asked_at))
    lost = max(0, asked_at - heard)
    loss = min((lost + PRIOR_FRAMES * prior) / (asked_at + PRIOR_FRAMES), 0.999)
    stuck = receiver.stuck_frames if receiver.missing_falls else 0
    return Outlook(
        index=receiver.index,
        need=missing,
        loss=loss,
        since=on_air - asked_at,
        certainty=asked_at + PRIOR_FRAMES,
        told_now=told_now,
        unprovable=not receiver.missing_falls,
        hopeless=stuck * (1 - loss) > FRUITLESS,
    )


def complete_by(outlooks: Sequence[Outlook], frames: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probability that each device (row) is complete after so many more frames (column)."""
    need = np.array([one.need for one in outlooks])[:, None] + 1.6
    loss = np.array([one.loss for one in outlooks])[:, None]
    count = frames[None, :] + np.array([one.since for one in outlooks])[:, None]
    certainty = np.array([one.certainty for one in outlooks])[:, None]
    mean = count * (1 - loss)
    spread = np.sqrt(np.maximum(mean * loss * (1 + count / certainty), 0) + 2.0)
    enough: NDArray[np.float64] = _normal((mean + 0.5 - need) / spread) * (count >= need - 1.6)
    return enough


def _normal(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """The normal distribution function, within 1e-7 (Abramowitz and Stegun 26.2.17)."""
    x = np.abs(z)
    t = 1 / (1 + 0.2316419 * x)
    tail = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    tail *= np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    result: NDArray[np.float64] = np.where(z >= 0, 1 - tail, tail)
    return result
