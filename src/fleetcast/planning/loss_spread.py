"""How lossy the devices of a fleet truly are, given what was counted of each.

A count over few frames is off by chance, and the worst of many counts is too bad more often than not; yet the worst
device is what a transfer waits for. So the spread of the true losses over the fleet is worked out first (maximum
likelihood on a grid, by expectation-maximisation), and every trial draws each device's loss anew from what its own
count and that spread leave possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

MOST_LOSS: Final = 0.97
_GRID: Final = np.concatenate([np.linspace(0.001, 0.6, 160), np.linspace(0.61, MOST_LOSS, 37)])
_ROUNDS: Final = 40
_LEFT_OPEN: Final = 0.005
"""Weight of the losses that no device has shown."""
_ENOUGH: Final = 10
"""From so many counted devices on, their spread tells something about the others."""
_USUAL_WEIGHT: Final = 10.0
"""A fleet of which nothing is known: the usual loss, as if counted over so many frames."""


class LossSpread:
    """The possible losses of a fleet's devices."""

    __slots__ = ("_certain", "_cumulative", "_row")

    def __init__(self, losses: Sequence[float | None], frames: Sequence[int | None], usual: float) -> None:
        """`losses` (0 to 1) as counted over `frames` each; None there: stated, not counted.

        A loss of None is unknown: like any of the fleet, or around `usual` where too few were counted.
        """
        loss = np.array([np.nan if each is None else each for each in losses], float)
        over = np.array([0 if each is None else each for each in frames], float)
        unknown = np.isnan(loss)
        counted = ~unknown & (over > 0)
        over[~counted] = 0.0
        self._certain = np.where(unknown | counted, np.nan, loss)
        # Many devices showed the same: their odds are worked out once.
        shown = np.stack([np.where(counted, loss, 0.0), over], axis=1)
        kinds, self._row, numbers = np.unique(shown, axis=0, return_inverse=True, return_counts=True)
        self._row = self._row.reshape(-1)
        likelihood = _likelihood(kinds[:, 0] * kinds[:, 1], (1 - kinds[:, 0]) * kinds[:, 1])
        told = kinds[:, 1] > 0
        share = _likelihood(np.array([usual * _USUAL_WEIGHT]), np.array([(1 - usual) * _USUAL_WEIGHT]))[0]
        share /= share.sum()
        if numbers[told].sum() >= _ENOUGH:
            share = _spread(likelihood[told], numbers[told])
        elif told.any():
            share = np.full(len(_GRID), 1 / len(_GRID))
        odds = likelihood * share
        self._cumulative: NDArray[np.float64] = np.cumsum(odds / odds.sum(axis=1, keepdims=True), axis=1)

    def draw(self, dice: np.random.Generator) -> NDArray[np.float64]:
        """One possible fleet, in the order of the devices."""
        place = (self._cumulative[self._row] < dice.random(len(self._row))[:, None]).sum(axis=1)
        possible = _GRID[np.minimum(place, len(_GRID) - 1)]
        return np.clip(np.where(np.isnan(self._certain), possible, self._certain), 0.0, MOST_LOSS)


def _spread(likelihood: NDArray[np.float64], numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of the fleet at each loss of the grid."""
    share = np.full(len(_GRID), 1 / len(_GRID))
    for _ in range(_ROUNDS):
        weights = likelihood * share
        weights *= (numbers / weights.sum(axis=1))[:, None]
        share = weights.sum(axis=0) + _LEFT_OPEN * numbers.sum() / len(_GRID)
        share /= share.sum()
    return share


def _likelihood(lost: NDArray[np.float64], heard: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each loss of the grid (column) given frames lost and heard (row), up to a factor by row."""
    logarithm = heard[:, None] * np.log1p(-_GRID) + lost[:, None] * np.log(_GRID)
    likelihood: NDArray[np.float64] = np.exp(logarithm - logarithm.max(axis=1, keepdims=True))
    return likelihood
