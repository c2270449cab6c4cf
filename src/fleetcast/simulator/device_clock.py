"""The clock of one device: GPS time as the device believes it, with offset and drift.

Sessions, planned reboots and time requests go by this clock, never by true time. How it is put right is in
`packages.clock_sync`.
"""

from __future__ import annotations

from fleetcast.instants import InstantMs

WRAP = 1 << 32
"""Times on the air are seconds modulo 2^32."""


def signed_difference(later_u32: int, earlier_u32: int) -> int:
    """Seconds between two 32-bit times, from -2^31 up (TS003: compare with signed difference arithmetic)."""
    return (later_u32 - earlier_u32 + (WRAP >> 1)) % WRAP - (WRAP >> 1)


class DeviceClock:
    """What a device takes for GPS time."""

    __slots__ = ("_drift_ppm", "_set_at", "_shown_ms", "known")

    def __init__(self, now: InstantMs, shown_ms: int, drift_ppm: float, *, known: bool) -> None:
        self._set_at = now
        self._shown_ms = shown_ms
        self._drift_ppm = drift_ppm
        self.known = known
        """Whether it was ever set; else it counts from the device's start."""

    def shows_ms(self, now: InstantMs) -> int:
        """GPS milliseconds as the device believes."""
        passed = now - self._set_at
        return self._shown_ms + passed + round(passed * self._drift_ppm * 1e-6)

    def shows_s(self, now: InstantMs) -> int:
        """GPS seconds as they travel: whole, modulo 2^32."""
        return self.shows_ms(now) // 1000 % WRAP

    def seconds_until(self, time_u32: int, now: InstantMs) -> int:
        """Whole seconds from now to a time on the air, by this clock; negative when it has passed."""
        return signed_difference(time_u32, self.shows_s(now))

    def instant_of(self, time_u32: int, now: InstantMs) -> InstantMs:
        """When this clock will show that time, or showed it, unless it is set before."""
        shown = self.shows_ms(now)
        ahead_ms = 1000 * (shown // 1000 + signed_difference(time_u32, shown // 1000 % WRAP)) - shown
        return now + round(ahead_ms / (1 + self._drift_ppm * 1e-6))

    def correct(self, now: InstantMs, seconds: int) -> None:
        """Add a correction; from then on the time is known."""
        self._shown_ms = self.shows_ms(now) + 1000 * seconds
        self._set_at = now
        self.known = True

    def restart(self, now: InstantMs) -> None:
        """Forget the time and count from now."""
        self._shown_ms = 0
        self._set_at = now
        self.known = False
