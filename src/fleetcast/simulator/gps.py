"""GPS time on the world's own scale: microseconds since 1970."""

from __future__ import annotations

from fleetcast.simulator.device import true_gps_ms


def gps_ahead_of_unix_us(at_us: int) -> int:
    """How far GPS time, counted from its own epoch, is from Unix time at this instant: negative."""
    now = at_us // 1000
    return (true_gps_ms(now) - now) * 1000
