"""Between a network server that POSTs to us and whoever listens: messages wait, and whoever sent them waits too.

What waits is bounded. A sender is told that it may forget its message only when that was acknowledged; when too much
waits, or nobody acknowledges in time, it is asked to come again. What comes again enters once (`same_thing_key`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from fleetcast.clock import Signal, WorkingClock
from fleetcast.connectors.port import ConnectorError, Heard, Told

MOST_UNSAFE: Final = 4_000
"""Messages that wait or are being committed."""
SAFE_WITHIN_S: Final = 10.0
"""In real time; network servers give up after some ten seconds themselves."""


class Inbound:
    """The messages of one open connection. Everything happens in the thread of the event loop."""

    def __init__(self, clock: WorkingClock, *, most: int = MOST_UNSAFE, within_s: float = SAFE_WITHIN_S) -> None:
        self._clock = clock
        self._most = most
        self._within_s = within_s
        self._queue: deque[Told] = deque()
        self._unsafe = 0
        self._news = Signal()
        self._closed = False
        self._failure: ConnectorError | None = None
        self._waiting: deque[tuple[float, asyncio.Future[bool]]] = deque()
        """Until when each waits; those that were answered stay in it until their turn comes."""
        self._timer: asyncio.TimerHandle | None = None

    async def safe(self, heard: Sequence[Heard]) -> bool:
        """Tell these; whether they were acknowledged. False: too much waits, it took too long, or it was closed."""
        if not heard:
            return True
        if self._closed or self._unsafe + len(heard) > self._most:
            return False
        loop = asyncio.get_running_loop()
        whole: asyncio.Future[bool] = loop.create_future()
        self._unsafe += len(heard)
        acknowledge = self._acknowledging(whole, len(heard))
        for each in heard:
            self._queue.append(Told(each, acknowledge))
        self._waiting.append((loop.time() + self._within_s, whole))
        if self._timer is None:
            self._timer = loop.call_later(self._within_s, self._give_up)
        self._news.set()
        return await whole

    def _acknowledging(self, whole: asyncio.Future[bool], left: int) -> Callable[[], None]:
        def acknowledge() -> None:
            nonlocal left
            left -= 1
            self._unsafe -= 1
            if left == 0 and not whole.done():
                whole.set_result(True)

        return acknowledge

    def _give_up(self) -> None:
        """Ask those to come again who have waited for too long. One timer for all: they wait equally long."""
        loop, waiting = asyncio.get_running_loop(), self._waiting
        while waiting and (waiting[0][1].done() or waiting[0][0] <= loop.time()):
            _refuse(waiting.popleft()[1])
        self._timer = loop.call_at(waiting[0][0], self._give_up) if waiting else None

    def tell(self, heard: Heard) -> None:
        """Tell something of our own that nobody waits for, such as the state of the link."""
        self._unsafe += 1
        self._queue.append(Told(heard, self._one_safe))
        self._news.set()

    def fail(self, error: ConnectorError) -> None:
        """End what is told with this error."""
        self._failure = error
        self._news.set()

    def close(self) -> None:
        """End what is told; whoever waits is asked to come again."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for _, whole in self._waiting:
            _refuse(whole)
        self._waiting.clear()
        self._news.set()

    async def told(self) -> AsyncIterator[Told]:
        """What came, in order; one caller. Ends when closed, raises what it failed with."""
        with self._clock.join() as part:
            while not self._closed:
                while self._queue:
                    yield self._queue.popleft()
                if self._failure is not None:
                    raise self._failure
                if not self._closed:
                    await part.wait(self._news)

    def _one_safe(self) -> None:
        self._unsafe -= 1


def _refuse(whole: asyncio.Future[bool]) -> None:
    if not whole.done():
        whole.set_result(False)
