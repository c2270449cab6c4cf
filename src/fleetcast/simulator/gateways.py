"""Gateways: one transmitter each, half duplex, with the duty cycle of every sub-band they send in.

A gateway refuses what regulation forbids at that instant; it plans nothing. Every frame is kept, so that afterwards an
exact count over every sliding hour can show that the limit held. Instants are microseconds since 1970.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fleetcast.errors import Invalid
from fleetcast.radio.band import Band
from fleetcast.radio.downlink import sub_band_of
from fleetcast.radio.duty_cycle import WINDOW_US, DutyCycleBudget, DutyCycleUse, FrameExceedsBudget, hourly_budget_us
from fleetcast.radio.spectrum import SubBand

Refusal = Literal["busy", "duty cycle"]
"""Why a gateway does not send now."""

_REMEMBERED_US = 10_000_000
"""No uplink is longer on the air than this: older transmissions can't have made the gateway deaf to it."""


@dataclass(frozen=True, slots=True)
class SubBandAirtime:
    """What one gateway sent in one sub-band, over the whole run."""

    gateway: str
    sub_band: str
    duty_cycle: float
    frames: int
    airtime_us: int
    busiest_hour_us: int
    """The most airtime in any 3600 s, wherever they begin."""
    limit_us: int

    @property
    def violated(self) -> bool:
        """Whether some sliding hour held more than the regulation allows."""
        return self.busiest_hour_us > self.limit_us


class Gateway:
    """One gateway."""

    def __init__(self, name: str, band: Band, use: DutyCycleUse = DutyCycleUse.BURST) -> None:
        """`use` EVEN: the packet forwarder enforces an off-time after each frame, as some do."""
        self.name = name
        self.down = False
        """Switched off or out of reach: it neither hears nor sends."""
        self._band = band
        self._use = use
        self._free_us = 0
        self._recent: deque[tuple[int, int]] = deque()
        self._ledgers: dict[str, _Ledger] = {}
        self._by_channel: dict[tuple[int, int], _Ledger] = {}

    def transmit(self, start_us: int, airtime_us: int, frequency_hz: int, bandwidth_hz: int) -> Refusal | None:
        """Send now, or say why not; calls come in the order of time."""
        if start_us < self._free_us:
            return "busy"
        ledger = self._ledger(frequency_hz, bandwidth_hz)
        try:
            if ledger.budget.earliest_start_us(airtime_us, start_us) > start_us:
                return "duty cycle"
        except FrameExceedsBudget:
            return "duty cycle"
        ledger.budget.book(airtime_us, start_us)
        ledger.starts.append(start_us)
        ledger.airtimes.append(airtime_us)
        self._free_us = start_us + airtime_us
        recent = self._recent
        recent.append((start_us, self._free_us))
        while recent[0][1] < start_us - _REMEMBERED_US:
            recent.popleft()
        return None

    def free_from_us(self, at_us: int) -> int:
        """When its transmitter is free, not before this instant."""
        return max(at_us, self._free_us)

    def allowed_from_us(self, at_us: int, airtime_us: int, frequency_hz: int, bandwidth_hz: int) -> int | None:
        """When transmitter and duty cycle allow such a frame, not before this instant; None: never."""
        try:
            return self._ledger(frequency_hz, bandwidth_hz).budget.earliest_start_us(
                airtime_us, self.free_from_us(at_us)
            )
        except FrameExceedsBudget:
            return None

    def sent_during(self, start_us: int, end_us: int) -> bool:
        """Whether it was on the air at some time between: then it heard nothing of that."""
        for begin, end in reversed(self._recent):
            if begin < end_us and end > start_us:
                return True
            if end <= start_us:
                return False
        return False

    def airtime(self) -> list[SubBandAirtime]:
        """What it sent, by sub-band."""
        return [
            SubBandAirtime(
                self.name,
                name,
                ledger.sub_band.duty_cycle,
                len(ledger.starts),
                sum(ledger.airtimes),
                busiest_hour_us(ledger.starts, ledger.airtimes),
                hourly_budget_us(ledger.sub_band.duty_cycle),
            )
            for name, ledger in sorted(self._ledgers.items())
        ]

    def frames(self, sub_band: str) -> list[tuple[int, int]]:
        """Start and airtime of every frame in a sub-band, oldest first."""
        ledger = self._ledgers.get(sub_band)
        return [] if ledger is None else list(zip(ledger.starts, ledger.airtimes, strict=True))

    def _ledger(self, frequency_hz: int, bandwidth_hz: int) -> _Ledger:
        found = self._by_channel.get((frequency_hz, bandwidth_hz))
        if found is None:
            sub_band = sub_band_of(self._band, frequency_hz, bandwidth_hz)
            name = sub_band.name or f"{sub_band.min_hz}-{sub_band.max_hz}"
            found = self._ledgers.get(name)
            if found is None:
                found = self._ledgers[name] = _Ledger(sub_band, self._use)
            self._by_channel[frequency_hz, bandwidth_hz] = found
        return found


class _Ledger:
    """What was sent in one sub-band, and what may be."""

    __slots__ = ("airtimes", "budget", "starts", "sub_band")

    def __init__(self, sub_band: SubBand, use: DutyCycleUse) -> None:
        self.sub_band = sub_band
        self.budget = DutyCycleBudget(sub_band.duty_cycle, use)
        self.starts = array("q")
        self.airtimes = array("q")


def busiest_hour_us(starts: Iterable[int], airtimes: Iterable[int]) -> int:
    """The most airtime in any 3600 s; frames in the order they were sent, none overlapping another.

    Independent of `DutyCycleBudget`, which it judges. The fullest window can be shifted to the left until it ends with
    a frame without losing airtime, so windows that end with a frame are all there is to look at.
    """
    begin = np.fromiter(starts, np.int64)
    length = np.fromiter(airtimes, np.int64)
    if not len(begin):
        return 0
    end = begin + length
    if (begin[1:] < end[:-1]).any():
        raise Invalid("frames of one transmitter overlap: they must be in the order they were sent")
    total = np.concatenate(([0], np.cumsum(length)))
    since = end - WINDOW_US
    first = np.searchsorted(end, since, side="right")  # the first frame that reaches into the window
    cut = np.maximum(since - begin[first], 0)
    return int((total[1:] - total[first] - cut).max())
