"""The pace of a group's stream: when its next frame may start.

Spacing and the sliding hour of the sub-band's duty cycle, for one group with its share of the budget. What other groups
and the network's own downlinks take is in that share; ping slots of class B are `ping_slots`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fleetcast.instants import InstantMs
from fleetcast.radio.duty_cycle import DutyCycleUse, hourly_budget_us

HOUR_MS: Final = 3_600_000
BUCKET_MS: Final = 15_000
"""Airtime is remembered by buckets of this length, and a bucket counts until all of it is an hour old."""


def even_spacing_ms(airtime_us: int, duty_cycle: float, share: float) -> int:
    """Start to start in even use, so that whole frames fill an hour's budget and no sliding hour holds one more.

    A frame that needs more than the hour's share waits longer than an hour. Raises Invalid as `hourly_budget_us` does.
    """
    if duty_cycle == 1.0 or airtime_us == 0:
        return 0
    budget_us = hourly_budget_us(duty_cycle, share)
    frames = budget_us // airtime_us
    return -(-(HOUR_MS + BUCKET_MS) // frames) if frames else -(-airtime_us * HOUR_MS // budget_us)


@dataclass(frozen=True, slots=True)
class Pace:
    """What the stream sent in the last hour. Frames are booked in the order of their starts."""

    last_start: InstantMs | None = None
    last_airtime_us: int = 0
    oldest: int = 0
    """Number of the first bucket: instant // BUCKET_MS of a frame's end."""
    buckets_us: tuple[int, ...] = ()

    def earliest(
        self,
        now: InstantMs,
        airtime_us: int,
        min_gap_ms: int,
        duty_cycle: float,
        share: float = 1.0,
        use: DutyCycleUse = DutyCycleUse.EVEN,
    ) -> InstantMs:
        """The first instant from `now` on at which a frame of `airtime_us` may start.

        `min_gap_ms` is start to start; `duty_cycle` (1.0: no limit) and this stream's `share` of it are above 0 and at
        most 1, else Invalid. No sliding hour gets more than duty_cycle x share of airtime from what `earliest` allows
        with them, but for a frame above the whole share, which waits for an empty hour.
        """
        start = now
        if self.last_start is not None:
            gap = max(min_gap_ms, -(-self.last_airtime_us // 1000))
            if use is DutyCycleUse.EVEN:
                gap = max(gap, even_spacing_ms(self.last_airtime_us, duty_cycle, share))
            start = max(start, self.last_start + gap)
        if duty_cycle == 1.0:
            return start
        room_us = hourly_budget_us(duty_cycle, share) - airtime_us
        end = start + airtime_us // 1000
        used = 0
        for number in range(
            len(self.buckets_us) - 1, -1, -1
        ):  # from the newest: the first that no longer fits must age
            used += self.buckets_us[number]
            if used > room_us and self.buckets_us[number]:
                all_old = (self.oldest + number + 1) * BUCKET_MS + HOUR_MS
                return max(start, start + all_old - end)
        return start

    def booked(self, start: InstantMs, airtime_us: int) -> Pace:
        """The pace after a frame that starts at `start`, not before the last one."""
        bucket = (start + -(-airtime_us // 1000)) // BUCKET_MS
        if not self.buckets_us:
            return Pace(start, airtime_us, bucket, (airtime_us,))
        newest = self.oldest + len(self.buckets_us) - 1
        bucket = max(bucket, newest)
        buckets = (*self.buckets_us[:-1], self.buckets_us[-1] + airtime_us)
        if bucket > newest:
            buckets = (*self.buckets_us, *((0,) * min(bucket - newest - 1, HOUR_MS // BUCKET_MS)), airtime_us)
        keep = HOUR_MS // BUCKET_MS + 1
        buckets = buckets[-keep:]
        last = start if self.last_start is None else max(start, self.last_start)
        return Pace(last, airtime_us, bucket - len(buckets) + 1, buckets)
