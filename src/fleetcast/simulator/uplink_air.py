"""Uplinks on the air: which channel, and who talks over whom.

Pure ALOHA: two frames that overlap on one channel at one data rate are both lost at every gateway that has both in
range. Data rates do not disturb one another, no frame captures the receiver, and gateways demodulate any number of
them at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleetcast.errors import Invalid
from fleetcast.simulator.chance import Dice


@dataclass(slots=True)
class Flying:
    """An uplink from its first to its last symbol."""

    device: int
    start_us: int
    end_us: int
    data_rate: int
    channel: int
    in_range: int
    """Gateways in range, one bit each."""
    phy_payload: bytes
    """Nothing: a join-request."""
    f_cnt: int
    jammed: int = 0
    """Gateways at which another uplink overlaps."""


class UplinkAir:
    """All uplinks under way."""

    def __init__(self, channels: int, dice: Dice) -> None:
        if channels < 1:
            raise Invalid(f"{channels} uplink channels carry nothing: give at least 1")
        self._channels = channels
        self._dice = dice
        self._on_air: dict[int, list[Flying]] = {}
        self.collided = 0
        """Uplinks that overlapped another one somewhere."""

    def begin(
        self, device: int, start_us: int, airtime_us: int, data_rate: int, in_range: int, phy_payload: bytes, f_cnt: int
    ) -> Flying:
        """Put an uplink on a channel drawn at random; calls come in the order of their start."""
        channel = self._dice.below(self._channels)
        flying = Flying(device, start_us, start_us + airtime_us, data_rate, channel, in_range, phy_payload, f_cnt)
        place = data_rate * self._channels + channel
        before = self._on_air.get(place)
        if before:
            still = [other for other in before if other.end_us > start_us]
            for other in still:
                both = other.in_range & in_range
                if both:
                    self.collided += (not other.jammed) + (not flying.jammed)
                    other.jammed |= both
                    flying.jammed |= both
            still.append(flying)
            self._on_air[place] = still
        else:
            self._on_air[place] = [flying]
        return flying
