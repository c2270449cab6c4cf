"""GPS time, as devices count it: seconds since 1980-01-06 00:00:00 UTC without leap seconds, 32 bits on the wire.

The 32-bit counter wraps in February 2116. Two such times are compared by their signed 32-bit difference, which is right
as long as they are less than 68 years apart. This module reads no clock; times are passed in.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from fleetcast.errors import Invalid

GPS_EPOCH = datetime(1980, 1, 6, tzinfo=UTC)
BEACON_PERIOD_S = 128
_WRAP = 1 << 32
_HALF = 1 << 31


def _aware(when: datetime) -> datetime:
    if when.tzinfo is None:
        raise Invalid(f"time {when.isoformat()}: without a time zone; give UTC")
    return when


def _seconds(when: datetime) -> int:
    return (when - GPS_EPOCH) // timedelta(seconds=1)


class LeapSeconds:
    """The instants at which UTC fell one second further behind GPS time; one table, which an operator may lengthen."""

    __slots__ = ("_gps", "_utc", "instants")

    def __init__(self, instants: Iterable[datetime]) -> None:
        self.instants = tuple(instants)
        if list(self.instants) != sorted(set(self.instants)):
            raise Invalid("leap seconds: each instant once, in rising order")
        self._utc = [_seconds(_aware(one)) for one in self.instants]
        self._gps = [second + number for number, second in enumerate(self._utc, 1)]

    def at(self, when: datetime) -> int:
        """How far GPS time is ahead of UTC at an aware datetime, in seconds."""
        return bisect_right(self._utc, _seconds(_aware(when)))

    def at_gps(self, gps_seconds: int) -> int:
        """The same for a GPS time; an inserted second counts as the one that follows it."""
        return bisect_right(self._gps, gps_seconds)


LEAP_SECONDS = LeapSeconds(
    datetime(year, month, 1, tzinfo=UTC)
    for year, month in (
        (1981, 7),
        (1982, 7),
        (1983, 7),
        (1985, 7),
        (1988, 1),
        (1990, 1),
        (1991, 1),
        (1992, 7),
        (1993, 7),
        (1994, 7),
        (1996, 1),
        (1997, 7),
        (1999, 1),
        (2006, 1),
        (2009, 1),
        (2012, 7),
        (2015, 7),
        (2017, 1),
    )
)
"""All leap seconds announced since the GPS epoch (IERS Bulletin C)."""


def to_gps_seconds(when: datetime, leap_seconds: LeapSeconds = LEAP_SECONDS) -> int:
    """Whole GPS seconds at an aware datetime, rounded down and not wrapped; raises Invalid for a naive one."""
    return _seconds(_aware(when)) + leap_seconds.at(when)


def to_gps_u32(when: datetime, leap_seconds: LeapSeconds = LEAP_SECONDS) -> int:
    """GPS seconds as devices send them: modulo 2^32."""
    return to_gps_seconds(when, leap_seconds) % _WRAP


def from_gps_seconds(gps_seconds: int, leap_seconds: LeapSeconds = LEAP_SECONDS) -> datetime:
    """The UTC datetime at unwrapped GPS seconds; an inserted leap second (23:59:60) reads as the second after it."""
    return GPS_EPOCH + timedelta(seconds=gps_seconds - leap_seconds.at_gps(gps_seconds))


def from_gps_u32(gps_u32: int, near: datetime, leap_seconds: LeapSeconds = LEAP_SECONDS) -> datetime:
    """The UTC datetime closest to `near` (an aware datetime) that the wrapped counter can mean."""
    reference = to_gps_seconds(near, leap_seconds)
    return from_gps_seconds(reference + seconds_from(reference, gps_u32), leap_seconds)


def seconds_from(earlier: int, later: int) -> int:
    """Seconds from one GPS time to another, each modulo 2^32: -2^31 to 2^31 - 1, negative when `later` is before."""
    return (later - earlier + _HALF) % _WRAP - _HALF


def next_beacon_period(gps_seconds: int) -> int:
    """The first start of a beacon period not before a GPS time: a class B session is never early (TS005, 0x05)."""
    return -(-gps_seconds // BEACON_PERIOD_S) * BEACON_PERIOD_S


def starts_beacon_period(gps_seconds: int) -> bool:
    """Whether a GPS time, wrapped or not, is the start of a beacon period."""
    return gps_seconds % BEACON_PERIOD_S == 0
