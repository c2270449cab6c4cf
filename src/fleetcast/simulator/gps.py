"""GPS time: as a right clock shows it, and on the world's own scale, microseconds since 1970."""

from __future__ import annotations

from functools import lru_cache

from fleetcast.instants import InstantMs, to_datetime
from fleetcast.protocol.gps_time import LEAP_SECONDS

_GPS_EPOCH_MS = 315_964_800_000


def true_gps_ms(now: InstantMs) -> int:
    """GPS time in milliseconds, as a right clock shows it."""
    return now - _GPS_EPOCH_MS + 1000 * _leap_seconds(now)


def gps_ahead_of_unix_us(at_us: int) -> int:
    """How far GPS time, counted from its own epoch, is from Unix time at this instant: negative."""
    now = at_us // 1000
    return (true_gps_ms(now) - now) * 1000


@lru_cache(maxsize=64)
def _leap_seconds(now: InstantMs) -> int:
    return LEAP_SECONDS.at(to_datetime(now))
