"""How fast a group's frames may follow one another, and so how long a number of them takes.

The plan's arithmetic; when the very next frame may go is decided while it runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fleetcast.planning.facts import Profile, SessionClass
from fleetcast.planning.group_air import GroupAir
from fleetcast.planning.policy import DutyCycleUse, Policy
from fleetcast.planning.refusals import PlanRefused
from fleetcast.radio.class_b import ping_slots_per_beacon_period, ping_spacing_us
from fleetcast.radio.duty_cycle import even_gap_us, hourly_budget_us

LEAST_PAUSE_MS: Final = 100
"""What any device is given to store a fragment in its flash."""

GATEWAYS_IN_TURN: Final = 8
"""So many gateways at most are reckoned with to send a frame of class B one after the other, each in a slot of its own.
Where there are more, many are too far apart to disturb one another."""

HOUR_S: Final = 3600
BEACON_PERIOD_S: Final = 128


@dataclass(frozen=True, slots=True)
class Pacing:
    """The rhythm of equal frames: start to start, and the share of the hour they may be on the air."""

    airtime_us: int
    min_gap_ms: int
    duty_cycle: float
    """Of this group by plan: the regulation's, times the campaign's share, divided among groups of one sub-band."""
    use: DutyCycleUse
    session_class: SessionClass = "C"
    periodicity: int = 0
    gateways: int = 1
    """That send the same frame; in class B one after the other."""

    @property
    def gap_s(self) -> float:
        """Start to start while frames follow without waiting for the hour's budget."""
        gap_us = max(self.min_gap_ms * 1000, self.airtime_us)
        if self.use is DutyCycleUse.EVEN and self.duty_cycle < 1:
            gap_us = max(gap_us, even_gap_us(self.airtime_us, self.duty_cycle))
        if self.session_class == "C":
            return gap_us / 1e6
        spacing_us = ping_spacing_us(self.periodicity)
        every = max(-(-gap_us // spacing_us), min(self.gateways, GATEWAYS_IN_TURN))
        # A beacon period holds a whole number of slots, and the rest of it none.
        per_period = ping_slots_per_beacon_period(self.periodicity) / every
        return BEACON_PERIOD_S / per_period

    @property
    def frames_per_hour(self) -> float:
        """Most frames in any hour; endless where nothing limits them but the gap."""
        return math.inf if self.duty_cycle >= 1 else hourly_budget_us(self.duty_cycle) // self.airtime_us

    def duration_s(self, frames: float) -> float:
        """From the start of the first of so many frames to the end of the last, on an unused budget."""
        if frames <= 0:
            return 0.0
        last = math.ceil(frames) - 1
        batch = self.frames_per_hour
        if self.use is DutyCycleUse.EVEN or math.isinf(batch):
            return last * self.gap_s + self.airtime_us / 1e6
        hours, rest = divmod(last, int(batch))
        return hours * max(HOUR_S, batch * self.gap_s) + rest * self.gap_s + self.airtime_us / 1e6

    def frames_in(self, seconds: float) -> int:
        """How many frames fit into so many seconds, on an unused budget."""
        left = seconds - self.airtime_us / 1e6
        if left < 0:
            return 0
        batch = self.frames_per_hour
        if self.use is DutyCycleUse.EVEN or math.isinf(batch):
            return int(left / self.gap_s) + 1
        hours, rest = divmod(left, max(HOUR_S, batch * self.gap_s))
        return int(hours * batch + min(batch, int(rest / self.gap_s) + 1))


def pacing(
    air: GroupAir, airtime_us: int, profiles: Sequence[Profile], policy: Policy, sharers: int, gateways: int = 1
) -> Pacing:
    """The rhythm of a group whose sub-band `sharers` groups of its connection share, itself included.

    Raises PlanRefused when not even one frame fits the hour's share.
    """
    share = policy.duty_cycle_share / 100 / sharers if air.sub_band.duty_cycle < 1 else 1.0
    duty_cycle = air.sub_band.duty_cycle * share
    if duty_cycle < 1 and airtime_us > hourly_budget_us(duty_cycle):
        raise PlanRefused(
            f"one frame of group {air.group.dev_eui} lasts {airtime_us / 1e6:.3f} s, and its share of {air.sub_band} "
            f"is {hourly_budget_us(duty_cycle) / 1e6:.3f} s an hour",
            "use a faster data rate, another frequency, fewer groups at once, or raise duty_cycle_share",
            "policy.duty_cycle_share",
        )
    return Pacing(
        airtime_us,
        min_gap_ms(airtime_us, profiles, policy),
        duty_cycle,
        policy.duty_cycle_use,
        air.group.session_class,
        air.group.periodicity,
        max(1, gateways),
    )


def min_gap_ms(airtime_us: int, profiles: Sequence[Profile], policy: Policy) -> int:
    """Least start to start: airtime, then what the slowest device needs to store, or the setting, at least 100 ms."""
    store_ms = max((profile.store_time_ms for profile in profiles), default=0)
    return -(-airtime_us // 1000) + max(store_ms, policy.mcast_msg_delay_ms, LEAST_PAUSE_MS)
