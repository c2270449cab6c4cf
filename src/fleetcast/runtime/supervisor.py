"""Starts loops, restarts those that fail, and stops them all.

A loop that fails is begun again after a pause that grows; it finds everything it needs in the database. What went wrong
is logged once, here. A loop that returns is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from fleetcast.clock import pause, steady_s
from fleetcast.errors import Unavailable
from fleetcast.runtime.health import Health

FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 30.0
LONGEST_PAUSE_UNAVAILABLE_S: Final = 2.0
"""Where something outside does not answer, the loop should be back soon after it does."""
_RAN_WELL_S: Final = 30.0

Loop = Callable[[], Awaitable[None]]

_log = structlog.get_logger("fleetcast.runtime")


class Supervisor:
    """The loops of one process."""

    def __init__(self, health: Health, *, first_pause_s: float = FIRST_PAUSE_S) -> None:
        self._health = health
        self._first_pause_s = first_pause_s
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, loop: Loop) -> None:
        """Begin a loop; one of that name that is still there is left as it is."""
        if name not in self._tasks:
            task = asyncio.create_task(self._keep(name, loop), name=name)
            self._tasks[name] = task
            task.add_done_callback(lambda _: self._over(name, task))

    def running(self, name: str) -> bool:
        """Whether a loop of this name is there."""
        return name in self._tasks

    async def end(self, *names: str) -> None:
        """End these loops, and wait until they are over."""
        tasks = [self._tasks[name] for name in names if name in self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def end_all(self) -> None:
        """End every loop, the last begun first."""
        for name in reversed(list(self._tasks)):
            await self.end(name)

    def _over(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]
            self._health.gone(name)

    async def _keep(self, name: str, loop: Loop) -> None:
        pulse = self._health.part(name)
        pause_s = self._first_pause_s
        while True:
            began_s = steady_s()
            pulse.fine()
            try:
                await loop()
                return
            except Unavailable as error:
                longest_s = LONGEST_PAUSE_UNAVAILABLE_S
                _log.warning("loop.unavailable", loop=name, why=str(error), again_in_s=pause_s)
                pulse.unwell(str(error))
            except Exception as error:  # noqa: BLE001 - whatever it was: logged whole, and the loop begins anew
                longest_s = LONGEST_PAUSE_S
                _log.error("loop.failed", loop=name, again_in_s=pause_s, exc_info=error)
                pulse.unwell(f"{type(error).__name__}: {error}")
            pulse.restarts += 1
            if steady_s() - began_s > _RAN_WELL_S:
                pause_s = self._first_pause_s
            await pause(pause_s)
            pause_s = min(2 * pause_s, longest_s)
