"""The chance of a trial: one seeded generator, drawn from in blocks, because single draws are slow."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

_BLOCK: Final = 4096


class Dice:
    """Draws for one estimate; the same generator state gives the same draws."""

    __slots__ = ("_left", "generator")

    def __init__(self, generator: np.random.Generator) -> None:
        self.generator: Final = generator
        self._left: list[float] = []

    def below_one(self) -> float:
        """A number from 0 to below 1."""
        if not self._left:
            self._left = self.generator.random(_BLOCK).tolist()
        return self._left.pop()

    def happens(self, chance: float) -> bool:
        """Whether something of this chance (0 to 1) happens."""
        return self.below_one() < chance

    def between(self, low: float, high: float) -> float:
        """A number from `low` to below `high`."""
        return low + (high - low) * self.below_one()

    def misses(self, chance: float) -> int:
        """How often something of this chance (above 0) does not happen before it does."""
        if chance >= 1:
            return 0
        return int(math.log(1 - self.below_one()) / math.log1p(-chance))
