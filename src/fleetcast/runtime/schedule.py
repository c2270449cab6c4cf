"""Starts campaigns when they are due, by the fleet's clock. Which of several workers does it makes no difference.

A start that is missed, since nothing ran then, is made up for as soon as something runs.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

import structlog

from fleetcast.actions import campaign_orders
from fleetcast.clock import Signal, WorkingClock
from fleetcast.instants import from_datetime, to_datetime
from fleetcast.runtime.health import Health
from fleetcast.store.database import Database

LOOK_S: Final = 5.0
"""How often, in real time, the schedule is read anew where nobody wakes us."""

_log = structlog.get_logger("fleetcast.schedule")


class Schedule:
    """The schedule, as one worker follows it."""

    def __init__(self, database: Database, clock: WorkingClock, health: Health, look_s: float = LOOK_S) -> None:
        self._database = database
        self._clock = clock
        self._health = health
        self._look_s = look_s
        self.news = Signal()
        """A campaign was scheduled, or may have been."""

    async def run(self) -> None:
        """Start what is due, for ever. Raises Unavailable, and what a start raised that nobody foresaw."""
        loop, pulse = asyncio.get_running_loop(), self._health.part("schedule")
        with self._clock.join() as part:
            while True:
                self.news.clear()
                with pulse.at_work():
                    due = await asyncio.to_thread(
                        partial(campaign_orders.start_due, self._database, from_datetime(self._clock.now()))
                    )
                    upcoming = None if due else await asyncio.to_thread(campaign_orders.next_due, self._database)
                if due:
                    _log.info("campaigns.due", campaigns=due)
                    continue
                look = loop.call_later(self._look_s, self.news.set)
                try:
                    await part.wait(self.news, None if upcoming is None else to_datetime(upcoming))
                finally:
                    look.cancel()
