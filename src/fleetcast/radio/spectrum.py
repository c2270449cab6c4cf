"""Pieces of spectrum: ranges, channels in a row, sub-bands, and the frequencies a device accepts for downlinks.

Values only; which of them make up a region is `band`'s matter.
"""

from __future__ import annotations

from dataclasses import dataclass


def mhz(frequency_hz: int) -> str:
    """A frequency as people write it: `869.525 MHz`."""
    whole, rest = divmod(frequency_hz, 1_000_000)
    digits = f"{rest:06d}".rstrip("0") or "0"
    return f"{whole}.{digits} MHz"


@dataclass(frozen=True, slots=True)
class FrequencyRange:
    """From `min_hz` to `max_hz`, both included."""

    min_hz: int
    max_hz: int

    def contains(self, frequency_hz: int) -> bool:
        """Whether this frequency lies in the range."""
        return self.min_hz <= frequency_hz <= self.max_hz

    def __str__(self) -> str:
        return f"{mhz(self.min_hz).removesuffix(' MHz')} to {mhz(self.max_hz)}"


@dataclass(frozen=True, slots=True)
class ChannelBlock:
    """`count` channels, the first centred on `first_hz`, each `step_hz` above the one before."""

    first_hz: int
    step_hz: int
    count: int

    @property
    def frequencies_hz(self) -> tuple[int, ...]:
        """All centre frequencies, lowest first."""
        return tuple(self.first_hz + index * self.step_hz for index in range(self.count))


@dataclass(frozen=True, slots=True)
class SubBand:
    """A range in which one gateway may be on the air for a share `duty_cycle` of any hour (1.0: no limit)."""

    min_hz: int
    max_hz: int
    duty_cycle: float
    max_eirp_dbm: float | None = None
    max_erp_dbm: float | None = None
    name: str = ""
    note: str = ""

    def contains(self, frequency_hz: int, bandwidth_hz: int = 0) -> bool:
        """Whether a channel of this width around this centre lies inside."""
        half_hz = bandwidth_hz / 2
        return self.min_hz <= frequency_hz - half_hz and frequency_hz + half_hz <= self.max_hz

    def __str__(self) -> str:
        label = f"{self.name}: " if self.name else ""
        return f"{label}{FrequencyRange(self.min_hz, self.max_hz)} at {self.duty_cycle * 100:g} %"


@dataclass(frozen=True, slots=True)
class DownlinkRanges:
    """Anything on the raster inside one of the ranges."""

    ranges: tuple[FrequencyRange, ...]
    raster_hz: int = 100

    def allows(self, frequency_hz: int) -> bool:
        """Whether a device stack accepts this frequency for RX2, ping slots and multicast."""
        return frequency_hz % self.raster_hz == 0 and any(each.contains(frequency_hz) for each in self.ranges)

    def __str__(self) -> str:
        return f"{'; '.join(map(str, self.ranges))}, in steps of {self.raster_hz} Hz"


@dataclass(frozen=True, slots=True)
class DownlinkList:
    """Only these centre frequencies."""

    frequencies_hz: tuple[int, ...]

    def allows(self, frequency_hz: int) -> bool:
        """Whether a device stack accepts this frequency for RX2, ping slots and multicast."""
        return frequency_hz in self.frequencies_hz

    def __str__(self) -> str:
        shown = self.frequencies_hz
        if len(shown) <= 8:
            return ", ".join(mhz(each) for each in shown)
        return f"{len(shown)} channels between {mhz(min(shown))} and {mhz(max(shown))}"


@dataclass(frozen=True, slots=True)
class DownlinkRaster:
    """Every `step_hz` from `start_hz` to `stop_hz`, both included."""

    start_hz: int
    stop_hz: int
    step_hz: int

    def allows(self, frequency_hz: int) -> bool:
        """Whether a device stack accepts this frequency for RX2, ping slots and multicast."""
        inside = self.start_hz <= frequency_hz <= self.stop_hz
        return inside and (frequency_hz - self.start_hz) % self.step_hz == 0

    def __str__(self) -> str:
        return f"{FrequencyRange(self.start_hz, self.stop_hz)}, in steps of {self.step_hz // 1000} kHz"


DownlinkFrequencies = DownlinkRanges | DownlinkList | DownlinkRaster
