"""The air of a trial: receive windows and the gateways' transmitters, with what each may send in an hour.

Seconds since the campaign's start. A gateway that sends hears nothing and sends nothing else; what a trial doesn't
know, such as who is nearest to which gateway, is drawn.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from fleetcast.errors import Invalid
from fleetcast.planning.group_air import GroupAir
from fleetcast.radio.airtime import PHY_OVERHEAD_BYTES, downlink_airtime_us, uplink_airtime_us
from fleetcast.radio.band import Band, Direction
from fleetcast.radio.downlink import sub_band_of
from fleetcast.radio.duty_cycle import hourly_budget_us

RX1_S: Final = 1.0
RX2_S: Final = 2.0
"""From the end of an uplink to the receive windows (RP002, defaults)."""
LATEST_FOR_RX1_S: Final = 0.8
LATEST_FOR_RX2_S: Final = 1.8
"""So long after an uplink's end a request still reaches the gateway in time for the window."""
WINDOW_S: Final = 1.5
"""After that the campaign takes the windows for closed."""
STAGGER_S: Final = 0.1
"""Between the gateways of a group, which send a frame one after the other."""
REPORT_S: Final = 0.15
"""From the end of a frame until the next can be handed over and be on the air."""
JOIN_ACCEPT_BYTES: Final = 33
"""PHY payload of a join-accept with its channel list (LoRaWAN 1.0.4, 6.2.6)."""
UPLINK_BYTES: Final = 8
_HOUR_S: Final = 3600.0
_KEPT_S: Final = 20.0
_CHANNELS: Final = 8
"""Uplink channels, and so places of RX1, of a common network: the default ones, and others in another sub-band."""


class Windows:
    """Airtimes and budgets of a band's receive windows, by uplink data rate."""

    __slots__ = ("band", "default_share", "rx1_budget_s", "rx2_budget_s", "rx2_sub_band")

    def __init__(self, air: GroupAir) -> None:
        band = self.band = air.band
        found = sub_band_of(band, band.rx2.frequency_hz)
        self.rx2_sub_band = found
        self.rx2_budget_s = _budget_s(found.duty_cycle)
        channels = band.default_channels_hz
        self.default_share = min(len(channels) / _CHANNELS, 1.0)
        """Of the uplinks: on default channels."""
        self.rx1_budget_s = _budget_s(sub_band_of(band, channels[0]).duty_cycle) if channels else _HOUR_S

    def rx1_s(self, uplink_dr: int | None, payload_bytes: int) -> float:
        """Airtime of a request in RX1; that of RX2 where no such window is known."""
        phy = PHY_OVERHEAD_BYTES + payload_bytes
        return self.rx2_s(payload_bytes) if uplink_dr is None else _rx1_s(self.band, uplink_dr, phy)

    def rx2_s(self, payload_bytes: int) -> float:
        """Airtime of a request in RX2."""
        return _downlink_s(self.band, self.band.rx2.dr, PHY_OVERHEAD_BYTES + payload_bytes)

    def uplink_s(self, uplink_dr: int | None) -> float:
        """Airtime of an ordinary answer."""
        return _uplink_s(self.band, 0 if uplink_dr is None else uplink_dr)


class Stream:
    """When a group's frames start: what went out, and which gateway sends when."""

    __slots__ = ("airtime_s", "in_rx2_sub_band", "starts")

    def __init__(self, airtime_s: float, *, in_rx2_sub_band: bool) -> None:
        self.airtime_s = airtime_s
        self.in_rx2_sub_band = in_rx2_sub_band
        self.starts: list[float] = []

    def on_air(self, at: float) -> int:
        """Frames begun by then."""
        return bisect_right(self.starts, at)

    def overlaps(self, begin: float, end: float, place: int) -> bool:
        """Whether the gateway at this place of the group's is sending at some time between."""
        offset = place * (self.airtime_s + STAGGER_S)
        number = bisect_right(self.starts, end - offset) - 1
        return number >= 0 and self.starts[number] + offset + self.airtime_s > begin

    def free_from(self, end: float, place: int) -> float:
        """When the last of its frames that begin before `end` is over at the gateway at this place."""
        offset = place * (self.airtime_s + STAGGER_S)
        return self.starts[bisect_right(self.starts, end - offset) - 1] + offset + self.airtime_s


class Gateway:
    """One transmitter."""

    __slots__ = ("_rx1", "_rx2", "_sent", "_share", "_streams", "place")

    def __init__(self, place: int, streams: Sequence[Stream], budget_share: float = 1.0) -> None:
        """`place` among the gateways that send one after the other; `budget_share` (above 0, at most 1) of the hour."""
        self.place = place
        self._share = budget_share
        self._streams = streams
        self._sent: deque[tuple[float, float]] = deque()
        self._rx1 = [_Hour(), _Hour()]
        self._rx2 = _Hour()

    def is_sending(self, begin: float, end: float) -> bool:
        """Whether it is deaf, or busy, at some time between."""
        for sent_begin, sent_end in reversed(self._sent):
            if sent_begin < end and sent_end > begin:
                return True
            if sent_end < begin - _KEPT_S:
                break
        return any(stream.overlaps(begin, end, self.place) for stream in self._streams)

    def free_from(self, at: float, airtime_s: float) -> float:
        """When its transmitter is free for so long, not before `at`."""
        for sent_begin, sent_end in self._sent:
            if sent_begin < at + airtime_s and sent_end > at:
                at = sent_end
        for stream in self._streams:
            while stream.overlaps(at, at + airtime_s, self.place):
                at = stream.free_from(at + airtime_s, self.place)
        return at

    def send_rx1(self, at: float, airtime_s: float, pool: int, budget_s: float) -> bool:
        """Send a request in RX1, if it may."""
        return self._send(at, airtime_s, self._rx1[pool], budget_s)

    def send_rx2(self, at: float, airtime_s: float, budget_s: float) -> bool:
        """Send a request in RX2, if it may; the group's frames take what is theirs of that sub-band first."""
        for stream in self._streams:
            if stream.in_rx2_sub_band:
                budget_s -= (stream.on_air(at) - stream.on_air(at - _HOUR_S)) * stream.airtime_s
        return self._send(at, airtime_s, self._rx2, budget_s)

    def _send(self, at: float, airtime_s: float, hour: _Hour, budget_s: float) -> bool:
        if self.is_sending(at, at + airtime_s) or not hour.has_room(at, airtime_s, budget_s * self._share):
            return False
        hour.book(at, airtime_s)
        self._sent.append((at, at + airtime_s))
        while self._sent[0][1] < at - _KEPT_S:
            self._sent.popleft()
        return True


class _Hour:
    """Airtime of the last hour in one sub-band."""

    __slots__ = ("_frames", "_used_s")

    def __init__(self) -> None:
        self._frames: deque[tuple[float, float]] = deque()
        self._used_s = 0.0

    def has_room(self, at: float, airtime_s: float, budget_s: float) -> bool:
        frames = self._frames
        while frames and frames[0][0] < at - _HOUR_S:
            self._used_s -= frames.popleft()[1]
        return self._used_s + airtime_s <= budget_s

    def book(self, at: float, airtime_s: float) -> None:
        self._frames.append((at, airtime_s))
        self._used_s += airtime_s


def _budget_s(duty_cycle: float) -> float:
    return _HOUR_S if duty_cycle >= 1 else hourly_budget_us(duty_cycle) / 1e6


@lru_cache(maxsize=1024)
def _downlink_s(band: Band, dr: int, phy_payload_bytes: int) -> float:
    return downlink_airtime_us(band.data_rate(dr, Direction.DOWNLINK).modulation, phy_payload_bytes) / 1e6


@lru_cache(maxsize=1024)
def _rx1_s(band: Band, uplink_dr: int, phy_payload_bytes: int) -> float:
    try:
        return _downlink_s(band, band.rx1_data_rate(uplink_dr), phy_payload_bytes)
    except Invalid:  # a data rate seen elsewhere: the network answers at that of RX2
        return _downlink_s(band, band.rx2.dr, phy_payload_bytes)


@lru_cache(maxsize=1024)
def _uplink_s(band: Band, uplink_dr: int) -> float:
    rates = band.usable_data_rates(Direction.UPLINK)
    modulation = band.data_rate(uplink_dr if uplink_dr in rates else rates[0], Direction.UPLINK).modulation
    return uplink_airtime_us(modulation, PHY_OVERHEAD_BYTES + UPLINK_BYTES) / 1e6
