"""The dice of one device: a counter and a hash, so that a hundred thousand of them cost little.

SplitMix64 (Steele, Lea, Flood 2014): the state is one 64-bit number, where a Mersenne twister keeps 2.5 kB. Good enough
for delays and jitter; keys and losses come from `chance`.
"""

from __future__ import annotations

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15


class DeviceChance:
    """Random numbers of one device; the same seed gives the same numbers."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def roll(self) -> float:
        """A number from 0 up to, not including, 1."""
        self._state = z = (self._state + _STEP) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1 << 53))

    def between(self, low: float, high: float) -> float:
        """A number from low to high, uniformly."""
        return low if low == high else low + (high - low) * self.roll()

    def between_ms(self, low_s: float, high_s: float) -> int:
        """A time from low to high seconds, uniformly, in milliseconds."""
        return round(1000 * self.between(low_s, high_s))
