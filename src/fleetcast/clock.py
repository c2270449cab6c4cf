"""The only place that reads the time or waits.

Everything below takes `now` as an argument; everything above asks a `Clock`. Virtual time is a `ManualClock`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Reads the time, always aware and UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - this is the one place


class ManualClock:
    """A clock that moves when told to: tests and rehearsals."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance_to(self, instant: datetime) -> None:
        """Jump forward; a clock never runs backwards."""
        self._now = max(self._now, instant)

    def advance(self, by: timedelta) -> None:
        """Jump forward by a duration."""
        self.advance_to(self._now + by)


def stopwatch_s() -> float:
    """Seconds of a steady clock, for telling how long something took; its zero means nothing."""
    return time.perf_counter()
