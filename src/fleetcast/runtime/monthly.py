"""Makes the usage reports of a calendar month when it is over, by the fleet's clock; any worker may, one does."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from fleetcast.actions import usage_reports
from fleetcast.clock import WorkingClock, pause
from fleetcast.instants import from_datetime
from fleetcast.runtime.health import Health
from fleetcast.store.database import Database

LOOK_S: Final = 600.0

_log = structlog.get_logger("fleetcast.reports")


class Monthly:
    """The monthly reports, as one worker sees to them."""

    def __init__(self, database: Database, clock: WorkingClock, health: Health, look_s: float = LOOK_S) -> None:
        self._database = database
        self._clock = clock
        self._health = health
        self._look_s = look_s

    async def run(self) -> None:
        """Make what is missing, for ever. Raises Unavailable."""
        pulse = self._health.part("reports")
        while True:
            with pulse.at_work():
                made = await asyncio.to_thread(
                    usage_reports.make_monthly, self._database, from_datetime(self._clock.now())
                )
            if made:
                _log.info("reports.made", reports=made)
            await pause(self._look_s)
