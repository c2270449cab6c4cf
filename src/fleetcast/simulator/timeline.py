"""Virtual time: what is to happen, in order, and what the outside is told on the way.

Instants are whole microseconds since 1970-01-01 UTC; the outside counts milliseconds. Things due at the same instant
happen in the order in which they were planned.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import TypeVar, cast

from fleetcast.errors import Invalid
from fleetcast.instants import InstantMs
from fleetcast.simulator.heard import Heard

T = TypeVar("T")
_Do = Callable[[object], None]


class Timeline:
    """The only clock of a simulated world."""

    __slots__ = ("_count", "_heap", "_told", "happened", "now_us")

    def __init__(self, start: InstantMs) -> None:
        self.now_us = start * 1000
        self.happened = 0
        """Things that have happened so far."""
        self._heap: list[tuple[int, int, Callable[[object], None], object]] = []
        self._count = 0
        self._told: list[Heard] = []

    @property
    def now(self) -> InstantMs:
        """The present, rounded up to the millisecond that outsiders see."""
        return -(-self.now_us // 1000)

    def at(self, at_us: int, do: Callable[[T], None], what: T) -> None:
        """Plan `do(what)`; what is planned for the past happens now."""
        self._count += 1
        heappush(self._heap, (max(at_us, self.now_us), self._count, cast(_Do, do), what))

    def tell(self, heard: Heard) -> None:
        """Tell the outside something, now."""
        self._told.append(heard)

    def tell_at(self, at_us: int, heard: Heard) -> None:
        """Tell it later."""
        self.at(at_us, self.tell, heard)

    def next_at(self) -> InstantMs | None:
        """The millisecond by which the next thing has happened; None: nothing is planned."""
        if self._told:
            return self.now
        return -(-self._heap[0][0] // 1000) if self._heap else None

    def run(self, until: InstantMs) -> list[Heard]:
        """Let things happen up to this instant, or up to the first millisecond in which the outside is told something.

        `now` says which of the two it was. Raises Invalid for an instant in the past.
        """
        if until < self.now:
            raise Invalid(f"time does not run backwards: it is {self.now} ms, not {until} ms")
        heap, told = self._heap, self._told
        stop_us = self.now_us if told else until * 1000
        while heap and heap[0][0] <= stop_us:
            at_us, _, do, what = heappop(heap)
            self.now_us = at_us
            self.happened += 1
            do(what)
            if told:
                stop_us = -(-at_us // 1000) * 1000
        if not told:
            self.now_us = until * 1000
        self._told = []
        return told
