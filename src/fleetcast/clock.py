"""The only place that reads the time or waits.

Everything below takes `now` as an argument; everything above asks a `Clock`. A loop that waits takes part in its clock
(`join`): so an accelerated clock knows when nobody has anything to do any more, and lets time pass only then. However
fast it runs, a loop that works on something holds it.

Leases, sessions of people and pauses after a failure go by real time, whatever the clock: `steady_s`, `pause`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Protocol, Self

_SUSPEND_AWARE = getattr(time, "CLOCK_BOOTTIME", None)


class Clock(Protocol):
    """Reads the time, always aware and UTC."""

    def now(self) -> datetime: ...


class Signal:
    """Something new for a loop that waits. Set it from the thread of the event loop; waiting for it clears it."""

    __slots__ = ("_is_set", "_wake")

    def __init__(self) -> None:
        self._is_set = False
        self._wake: Callable[[], None] | None = None

    @property
    def is_set(self) -> bool:
        """Whether it was set since it was last waited for."""
        return self._is_set

    def set(self) -> None:
        """Wake whoever waits for it, or let the next wait return at once."""
        self._is_set = True
        if self._wake is not None:
            self._wake()

    def clear(self) -> None:
        """Forget it: what it stood for has been looked at."""
        self._is_set = False

    def watched_by(self, wake: Callable[[], None] | None) -> None:
        """Whom to call when it is set; one at a time."""
        self._wake = wake


class Participant(Protocol):
    """A loop that takes part in a clock."""

    async def wait(self, signal: Signal | None = None, until: datetime | None = None) -> None:
        """Until the signal is set or the instant has come, whichever is first; the signal is clear afterwards."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Hold(Protocol):
    """Something is being worked on outside of any waiting loop: an accelerated clock stands still meanwhile."""

    def release(self) -> None:
        """It is done, or waits for time itself; more than once does no harm."""
        ...


class WorkingClock(Clock, Protocol):
    """A clock that loops wait for."""

    def hold(self) -> Hold:
        """Something is being worked on from now on."""
        ...

    def join(self) -> Participant:
        """Take part: `with clock.join() as part: await part.wait(...)`, in one task."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - this is the one place

    def join(self) -> Participant:
        """Take part; real time waits for nobody."""
        return _RealTime(self)

    def hold(self) -> Hold:
        """Real time waits for nobody."""
        return _NoHold()


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


class AcceleratedClock:
    """Time that runs `factor` times as fast as the real one while everybody waits, and stands still while one works.

    `factor` None: it jumps from one awaited instant to the next. One event loop; wakes are exact, not polled.
    """

    def __init__(self, start: datetime, factor: float | None = None) -> None:
        self._now = start
        self._factor = factor
        self._working = 0
        self._waiting: dict[_Virtual, datetime | None] = {}
        self._quiet_since_s: float | None = None
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None

    def now(self) -> datetime:
        if self._factor is not None and self._quiet_since_s is not None:
            reached = self._now + timedelta(seconds=(steady_s() - self._quiet_since_s) * self._factor)
            upcoming = self._upcoming()
            return reached if upcoming is None else max(self._now, min(reached, upcoming))
        return self._now

    def join(self) -> Participant:
        """Take part; time stands still but for the participant's waits."""
        return _Virtual(self)

    def hold(self) -> Hold:
        """Time stands still until it is released."""
        return _Held(self)

    def begin_work(self) -> None:
        """One more is at work: time stands still."""
        self._now = self.now()
        self._quiet_since_s = None
        self._working += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def end_work(self) -> None:
        """One less is at work; with the last one, time goes on."""
        self._working -= 1
        if self._working == 0:
            self._quiet_since_s = steady_s()
            self._timer = asyncio.get_running_loop().call_soon(self._pass_time)

    def begin_wait(self, who: _Virtual, until: datetime | None) -> None:
        """A participant waits, at most until then."""
        self._waiting[who] = until
        self.end_work()

    def end_wait(self, who: _Virtual) -> None:
        """A participant has something to do again."""
        if self._waiting.pop(who, _NOBODY) is not _NOBODY:
            self.begin_work()

    def _upcoming(self) -> datetime | None:
        return min((until for until in self._waiting.values() if until is not None), default=None)

    def _pass_time(self) -> None:
        self._timer = None
        upcoming = self._upcoming()
        if self._working or upcoming is None:
            return
        ahead_s = (upcoming - self.now()).total_seconds()
        if self._factor is not None and ahead_s > 0:
            self._timer = asyncio.get_running_loop().call_later(ahead_s / self._factor, self._pass_time)
            return
        self._now = max(self._now, upcoming)
        self._quiet_since_s = None
        for who, until in list(self._waiting.items()):
            if until is not None and until <= self._now:
                who.wake()


_NOBODY = datetime.max.replace(tzinfo=UTC)


class _NoHold:
    def release(self) -> None:
        return


class _Held:
    def __init__(self, clock: AcceleratedClock) -> None:
        self._clock: AcceleratedClock | None = clock
        clock.begin_work()

    def release(self) -> None:
        clock, self._clock = self._clock, None
        if clock is not None:
            clock.end_work()


class _RealTime:
    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock

    async def wait(self, signal: Signal | None = None, until: datetime | None = None) -> None:
        left_s = None if until is None else (until - self._clock.now()).total_seconds()
        if not (signal is not None and signal.is_set) and (left_s is None or left_s > 0):
            woken = asyncio.Event()
            if signal is not None:
                signal.watched_by(woken.set)
            try:
                async with asyncio.timeout(left_s):
                    await woken.wait()
            except TimeoutError:
                pass
            finally:
                if signal is not None:
                    signal.watched_by(None)
        if signal is not None:
            signal.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class _Virtual:
    def __init__(self, clock: AcceleratedClock) -> None:
        self._clock = clock
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Whoever wakes it makes it work at once: time must not pass before its turn comes."""
        self._clock.end_wait(self)
        self._woken.set()

    async def wait(self, signal: Signal | None = None, until: datetime | None = None) -> None:
        if (signal is None or not signal.is_set) and (until is None or until > self._clock.now()):
            self._woken.clear()
            if signal is not None:
                signal.watched_by(self.wake)
            self._clock.begin_wait(self, until)
            try:
                await self._woken.wait()
            finally:
                self._clock.end_wait(self)
                if signal is not None:
                    signal.watched_by(None)
        if signal is not None:
            signal.clear()

    def __enter__(self) -> Self:
        self._clock.begin_work()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clock.end_work()


async def pause(seconds: float) -> None:
    """Wait in real time: after a failure, or between two looks at something outside."""
    await asyncio.sleep(seconds)  # noqa: TID251 - this is the one place


async def pause_for(news: asyncio.Event, at_most_s: float) -> None:
    """The same, but no longer than until the event is set."""
    try:
        async with asyncio.timeout(at_most_s):
            await news.wait()
    except TimeoutError:
        return


def steady_s() -> float:
    """Seconds of a clock that only goes forward, also while the machine is suspended; its zero means nothing."""
    if _SUSPEND_AWARE is not None:
        return time.clock_gettime(_SUSPEND_AWARE)
    return time.monotonic()  # noqa: TID251 - this is the one place


def stopwatch_s() -> float:
    """Seconds of a steady clock, for telling how long something took; its zero means nothing."""
    return time.perf_counter()
