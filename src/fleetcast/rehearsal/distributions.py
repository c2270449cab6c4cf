"""One more way in which numbers differ from device to device, besides those that the simulated fleet has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Beta:
    """A beta distribution with shapes `a` and `b`, stretched from `low` to `high`: many small losses, a few large."""

    a: float
    b: float
    low: float = 0.0
    high: float = 1.0

    def draw(self, source: Generator, count: int) -> NDArray[np.float64]:
        """So many independent values."""
        return self.low + (self.high - self.low) * source.beta(self.a, self.b, count)
