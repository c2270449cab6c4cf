"""How many coded fragments a group needs: for a first batch, and for a wanted share of complete devices.

Expected losses go in, numbers of fragments come out; which airtime that is, and when it goes out, is not known here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

from fleetcast.fec import MAX_FRAGMENT_NUMBER, Scheme, completion_probability
from fleetcast.fec.recovery_odds import RANDOM_FROM

DEFAULT_LOSS: Final = 0.10
"""Downlink loss of a device of which nothing is known."""

RESERVE_LOSS: Final = 0.5
"""`adaptive` keeps time enough for a device that loses this much."""

FIRST_BATCH_QUANTILE: Final = 0.75
"""The first batch serves the device at this place in the order of losses: the worst one, which sets the airtime in the
end, needs no less, so nothing is sent in vain."""

_MARGIN: Final = 16
_LOSS_STEP: Final = 0.005
_COARSE_STEP: Final = 0.02
"""Where odds are found by running the code on a sample, which takes longer."""
_HOPELESS: Final = 20
"""So many times the uncoded fragments: more is no plan."""
_MOST_LOSS: Final = 0.95


def first_batch(fragments: int, losses: Sequence[float]) -> int:
    """Coded fragments that `adaptive` sends before it asks for the first time."""
    ordered = sorted(losses)
    loss = min(ordered[int(FIRST_BATCH_QUANTILE * (len(ordered) - 1))], _MOST_LOSS) if ordered else DEFAULT_LOSS
    return math.ceil(fragments * loss / (1 - loss))


def reserve(fragments: int, losses: Sequence[float]) -> int:
    """Frames for which `adaptive` keeps time: what the worst expected device needs, and at least a bad one."""
    loss = min(max([RESERVE_LOSS, *losses]), _MOST_LOSS)
    return math.ceil(fragments / (1 - loss)) + _MARGIN


def expected_share(
    fragments: int,
    coded: int,
    losses: Sequence[float],
    scheme: Scheme,
    memories: Sequence[int | None] | None = None,
) -> float:
    """The share of devices (0 to 1) that complete after one pass of all uncoded and so many coded fragments.

    `memories`: most lost fragments that each decoder can repair; None: no limit known.
    """
    step = _LOSS_STEP if fragments >= RANDOM_FROM else _COARSE_STEP
    rounded = (min(max(round(loss / step) * step, 0.0), _MOST_LOSS) for loss in losses)
    alike = Counter(zip(rounded, memories or [None] * len(losses), strict=True))
    total = sum(
        number * completion_probability(fragments, loss, coded, scheme, memory)
        for (loss, memory), number in alike.items()
    )
    return total / len(losses) if losses else 1.0


def coded_for_share(
    fragments: int,
    losses: Sequence[float],
    share: float,
    scheme: Scheme,
    memories: Sequence[int | None] | None = None,
) -> int | None:
    """The least number of coded fragments after which this share of the devices is expected to be complete.

    None where fragment numbers, or the devices' decoder memory, don't allow it at any number.
    """
    most = MAX_FRAGMENT_NUMBER - fragments
    low, high = -1, min(fragments // 4 + 8, most)
    while expected_share(fragments, high, losses, scheme, memories) < share:
        if high == most or high > _HOPELESS * fragments + 1000:
            return None
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        if expected_share(fragments, middle, losses, scheme, memories) >= share:
            high = middle
        else:
            low = middle
    return high


def passes_for(fragments: int, devices: int, worst_loss: float, most: int) -> int:
    """Passes of a carousel after which every device has every fragment in 99 of 100 cases, at most `most`."""
    if worst_loss <= 0:
        return 1
    chance = 0.01 / max(fragments * devices, 1)
    return min(most, max(1, math.ceil(math.log(chance) / math.log(min(worst_loss, _MOST_LOSS)))))
