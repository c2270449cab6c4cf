"""Seeded chance: one independent stream for each purpose, and cheap single draws from it.

The same seed gives the same streams on every machine and in every process; nothing else in the world rolls dice.
"""

from __future__ import annotations

import hashlib

from numpy.random import PCG64, Generator, SeedSequence

_BATCH = 2048


def stream(seed: int, purpose: str) -> Generator:
    """The stream of random numbers for this purpose; streams of different purposes know nothing of one another."""
    digest = hashlib.sha256(purpose.encode()).digest()
    return Generator(PCG64(SeedSequence([seed, int.from_bytes(digest[:8], "big")])))


def key(seed: int, purpose: str, number: int) -> bytes:
    """Sixteen bytes that belong to this seed, purpose and number: keys and addresses of simulated devices."""
    return hashlib.sha256(b"%d %s %d" % (seed, purpose.encode(), number)).digest()[:16]


class Dice:
    """Single draws from a stream, made by the thousand because one at a time is slow."""

    __slots__ = ("_at", "_drawn", "_stream")

    def __init__(self, source: Generator) -> None:
        self._stream = source
        self._drawn: list[float] = []
        self._at = 0

    def roll(self) -> float:
        """A number from 0 up to, not including, 1."""
        if self._at == len(self._drawn):
            self._drawn = self._stream.random(_BATCH).tolist()
            self._at = 0
        value = self._drawn[self._at]
        self._at += 1
        return value

    def happens(self, probability: float) -> bool:
        """Whether something of this probability (0 to 1) happens."""
        return probability > 0 and self.roll() < probability

    def below(self, count: int) -> int:
        """A whole number from 0 to count - 1."""
        return int(self.roll() * count)

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self.roll() * (high - low + 1))
