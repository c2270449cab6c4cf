"""The three ways LoRaWAN puts bits on the air, as values.

What a modulation is, nothing about who may use it where (`band`) or how long a frame lasts (`airtime`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class LoRa:
    """Chirp spread spectrum: spreading factor 5 to 12 and bandwidth in Hz."""

    sf: int
    bw_hz: int

    @property
    def occupied_bandwidth_hz(self) -> int:
        """The width that must fit between the edges of a sub-band."""
        return self.bw_hz

    @property
    def symbol_time_us(self) -> float:
        """Duration of one symbol, 2^SF / BW, in microseconds."""
        return (1_000_000 << self.sf) / self.bw_hz

    def __str__(self) -> str:
        return f"LoRa SF{self.sf}/{self.bw_hz // 1000} kHz"


@dataclass(frozen=True, slots=True)
class Fsk:
    """GFSK at a bit rate in bits per second, with 25 kHz of deviation (RP002)."""

    bitrate_bps: int = 50_000

    @property
    def occupied_bandwidth_hz(self) -> int:
        """Carson's rule, bit rate plus twice the deviation, in Hz."""
        return self.bitrate_bps + 2 * 25_000

    def __str__(self) -> str:
        return f"FSK {self.bitrate_bps // 1000} kbit/s"


class LrFhssCodingRate(StrEnum):
    """Share of information bits in an LR-FHSS frame; RP002 writes 2/6 for one third and 4/6 for two thirds."""

    ONE_THIRD = "1/3"
    TWO_THIRDS = "2/3"

    @property
    def header_count(self) -> int:
        """How often the header is repeated: three times at 1/3, twice at 2/3."""
        return 3 if self is LrFhssCodingRate.ONE_THIRD else 2


@dataclass(frozen=True, slots=True)
class LrFhss:
    """Frequency-hopping uplinks; no device receives them, so they never carry fragments."""

    coding_rate: LrFhssCodingRate
    occupied_bandwidth_hz: int

    def __str__(self) -> str:
        return f"LR-FHSS {self.coding_rate.value}, {self.occupied_bandwidth_hz // 1000} kHz"


Modulation = LoRa | Fsk | LrFhss
