"""When one gateway may use a sub-band again: at most 3600 d seconds on the air in any 3600 seconds.

`DutyCycleBudget` keeps one transmitter's frames of the last hour and says when the next may start; `transfer_starts_us`
gives the same answer for a whole transfer in closed form. Instants are whole microseconds on any steady clock of the
caller's. Which duty cycle holds where is `band`'s matter, dividing it among campaigns the caller's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from enum import StrEnum
from fractions import Fraction

from fleetcast.errors import Conflict, Invalid

WINDOW_US = 3_600_000_000
"""The hour over which regulations count (ETSI EN 300 220-1, observation period)."""


class DutyCycleUse(StrEnum):
    """`even`: wait after each frame until its share is paid; `burst`: back to back until the hour's budget is spent.

    A packet forwarder that enforces an off-time after each frame refuses the second; and a gateway that sends back to
    back hears next to nothing meanwhile.
    """

    EVEN = "even"
    BURST = "burst"


class FrameExceedsBudget(Invalid):
    """The frame alone is longer than the hour's budget: no waiting helps."""

    def __init__(self, airtime_us: int, limit_us: int) -> None:
        self.airtime_us, self.limit_us = airtime_us, limit_us
        super().__init__(
            f"a frame of {airtime_us / 1e6:g} s never fits a budget of {limit_us / 1e6:g} s an hour: use a faster data "
            "rate, a sub-band with a higher duty cycle or a larger share"
        )


class BudgetSpent(Conflict):
    """The sub-band may not be used yet."""

    def __init__(self, start_us: int, earliest_us: int) -> None:
        self.start_us, self.earliest_us = start_us, earliest_us
        super().__init__(f"no frame may start at {start_us} us: the sub-band is free for it from {earliest_us} us")


def hourly_budget_us(duty_cycle: float, share: float = 1.0) -> int:
    """Airtime in any hour, rounded down, of a share of a duty cycle; raises Invalid unless both are in (0, 1]."""
    for what, value in (("duty cycle", duty_cycle), ("share", share)):
        if not 0 < value <= 1:
            raise Invalid(f"a {what} of {value} does not exist: use a fraction above 0, up to 1")
    return int(WINDOW_US * _exact(duty_cycle) * _exact(share))


def even_gap_us(airtime_us: int, duty_cycle: float, share: float = 1.0) -> int:
    """Start to start, rounded up, when every frame is paid for before the next."""
    return _ceil(Fraction(airtime_us * WINDOW_US, hourly_budget_us(duty_cycle, share)))


class DutyCycleBudget:
    """The budget of one sub-band at one gateway: frames of the last hour, and when the next may start.

    Frames are booked in the order they are sent. Both uses keep every sliding hour, wherever it begins, within the
    limit; even pacing alone would not (a window may hold one frame more than its share).
    """

    __slots__ = ("_frames", "_last_end_us", "_next_even_us", "_total_us", "limit_us", "use")

    def __init__(self, duty_cycle: float, use: DutyCycleUse = DutyCycleUse.BURST, share: float = 1.0) -> None:
        self.limit_us = hourly_budget_us(duty_cycle, share)
        self.use = use
        self._frames: deque[tuple[int, int]] = deque()
        self._total_us = 0
        self._last_end_us: int | None = None
        self._next_even_us: int | None = None

    def earliest_start_us(self, airtime_us: int, not_before_us: int) -> int:
        """The first instant, not before the one given, at which a frame of this airtime may start.

        Raises Invalid for an airtime that is not positive, FrameExceedsBudget for one that never fits.
        """
        if airtime_us <= 0:
            raise Invalid(f"a frame of {airtime_us} us does not exist")
        if airtime_us > self.limit_us:
            raise FrameExceedsBudget(airtime_us, self.limit_us)
        start_us = not_before_us
        if self._last_end_us is not None:
            start_us = max(start_us, self._last_end_us)
        if self.use is DutyCycleUse.EVEN and self._next_even_us is not None:
            start_us = max(start_us, self._next_even_us)
        # The fullest window that the frame is in ends with it. So much of the oldest airtime must have left by then:
        excess_us = self._total_us + airtime_us - self.limit_us
        if excess_us > 0:
            for begin_us, length_us in self._frames:
                if excess_us <= length_us:
                    return max(start_us, begin_us + excess_us + WINDOW_US - airtime_us)
                excess_us -= length_us
        return start_us

    def book(self, airtime_us: int, start_us: int) -> None:
        """Take a frame that starts at this instant into account.

        Raises BudgetSpent, with the earliest instant, and what `earliest_start_us` raises.
        """
        earliest_us = self.earliest_start_us(airtime_us, start_us)
        if earliest_us > start_us:
            raise BudgetSpent(start_us, earliest_us)
        self._append(airtime_us, start_us)

    def book_earliest(self, airtime_us: int, not_before_us: int) -> int:
        """Book the frame at the first possible instant and return that."""
        start_us = self.earliest_start_us(airtime_us, not_before_us)
        self._append(airtime_us, start_us)
        return start_us

    def record(self, airtime_us: int, start_us: int) -> None:
        """Take into account what was sent anyway (a beacon, other people's traffic), even beyond the limit.

        Raises Invalid when it begins before the end of the last frame: one transmitter sends one frame at a time.
        """
        if airtime_us <= 0:
            raise Invalid(f"a frame of {airtime_us} us does not exist")
        if self._last_end_us is not None and start_us < self._last_end_us:
            raise Invalid(f"a frame at {start_us} us begins before the last one ends at {self._last_end_us} us")
        self._append(airtime_us, start_us)

    def used_us(self, until_us: int) -> int:
        """Airtime in the hour that ends at this instant."""
        since_us = until_us - WINDOW_US
        return sum(
            max(0, min(begin_us + length_us, until_us) - max(begin_us, since_us))
            for begin_us, length_us in self._frames
        )

    def free_us(self, until_us: int) -> int:
        """What is left of the budget in the hour that ends at this instant; 0 when it is overdrawn."""
        return max(0, self.limit_us - self.used_us(until_us))

    def with_limit(self, duty_cycle: float, use: DutyCycleUse, share: float = 1.0) -> DutyCycleBudget:
        """A budget with the same past under another limit, as when a campaign's share changes."""
        return DutyCycleBudget.restored(self.frames(), duty_cycle, use, share)

    def frames(self) -> tuple[tuple[int, int], ...]:
        """Start and airtime of the frames that still matter, oldest first: all that must be kept to restore this."""
        return tuple(self._frames)

    @classmethod
    def restored(
        cls,
        frames: Iterable[tuple[int, int]],
        duty_cycle: float,
        use: DutyCycleUse = DutyCycleUse.BURST,
        share: float = 1.0,
    ) -> DutyCycleBudget:
        """The budget after these frames (start and airtime, oldest first); raises Invalid when two overlap."""
        budget = cls(duty_cycle, use, share)
        for start_us, airtime_us in frames:
            budget.record(airtime_us, start_us)
        return budget

    def _append(self, airtime_us: int, start_us: int) -> None:
        frames = self._frames
        frames.append((start_us, airtime_us))
        self._total_us += airtime_us
        self._last_end_us = end_us = start_us + airtime_us
        self._next_even_us = start_us + -(-airtime_us * WINDOW_US // self.limit_us)
        # No later window reaches back beyond an hour before this frame's end. The frame just added always stays.
        horizon_us = end_us - WINDOW_US
        while frames[0][0] + frames[0][1] <= horizon_us:
            self._total_us -= frames.popleft()[1]


def transfer_starts_us(
    frame_count: int,
    airtime_us: int,
    duty_cycle: float,
    use: DutyCycleUse,
    *,
    share: float = 1.0,
    pause_us: int = 0,
) -> Iterator[int]:
    """Start of each of so many equal frames after the first, at 0, on an unused budget.

    `pause_us` is the least time from the end of a frame to the next (flash, network). Raises what a budget raises.
    """
    gap_us, batch, batch_gap_us = _rhythm(airtime_us, duty_cycle, use, share, pause_us)
    for index in range(frame_count):
        yield index // batch * batch_gap_us + index % batch * gap_us


def transfer_duration_us(
    frame_count: int,
    airtime_us: int,
    duty_cycle: float,
    use: DutyCycleUse,
    *,
    share: float = 1.0,
    pause_us: int = 0,
) -> int:
    """From the start of the first of so many equal frames to the end of the last, on an unused budget."""
    if frame_count < 1:
        return 0
    gap_us, batch, batch_gap_us = _rhythm(airtime_us, duty_cycle, use, share, pause_us)
    last = frame_count - 1
    return last // batch * batch_gap_us + last % batch * gap_us + airtime_us


def _rhythm(airtime_us: int, duty_cycle: float, use: DutyCycleUse, share: float, pause_us: int) -> tuple[int, int, int]:
    """Start to start, frames in a batch, and from batch to batch: a budget lets equal frames repeat themselves."""
    limit_us = hourly_budget_us(duty_cycle, share)
    if airtime_us <= 0 or pause_us < 0:
        raise Invalid(f"a frame of {airtime_us} us with a pause of {pause_us} us does not exist")
    if airtime_us > limit_us:
        raise FrameExceedsBudget(airtime_us, limit_us)
    gap_us = airtime_us + pause_us
    if use is DutyCycleUse.EVEN:
        gap_us = max(gap_us, even_gap_us(airtime_us, duty_cycle, share))
    batch, rest_us = divmod(limit_us, airtime_us)
    # The frame after a batch may start when all but `rest_us` of the batch's first has left the window.
    return gap_us, batch, max(batch * gap_us, WINDOW_US - rest_us)


def _exact(value: float) -> Fraction:
    # 0.1 is meant as a tenth, not as the binary fraction next to it.
    return Fraction(value).limit_denominator(1_000_000)


def _ceil(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)
