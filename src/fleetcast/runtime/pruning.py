"""Forgets what is older than it has to be kept, some rows at a time, so that nobody waits for it.

Objects, campaigns and reports are never removed: only what grows with traffic.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import Connection

from fleetcast.clock import Clock, SystemClock, WorkingClock, pause
from fleetcast.instants import from_datetime
from fleetcast.runtime.health import Health
from fleetcast.store import heard_keys, idempotency, journal, messages, webhooks
from fleetcast.store.database import Database

EVERY_S: Final = 3600.0
SLICE: Final = 2_000
"""Rows of one transaction."""
_BETWEEN_S: Final = 0.05
_DAY_MS: Final = 86_400_000
KEYS_KEPT_MS: Final = 2 * _DAY_MS
"""The same message may come again for so long, and enters once."""

_log = structlog.get_logger("fleetcast.pruning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """For how many days things are kept; 0: for ever."""

    messages_days: int = 90
    journal_days: int = 0
    deliveries_days: int = 30


RETENTION: Final = Retention()


class Pruning:
    """The pruning of one worker; several do no harm to one another."""

    def __init__(
        self,
        database: Database,
        clock: WorkingClock,
        health: Health,
        retention: Retention,
        *,
        every_s: float = EVERY_S,
        slice_rows: int = SLICE,
        wall: Clock | None = None,
    ) -> None:
        """`clock`: the fleet's; `wall`: real time, by which answers to requests age where the fleet's is ahead."""
        self._database = database
        self._clock = clock
        self._wall = wall or SystemClock()
        self._health = health
        self._retention = retention
        self._every_s = every_s
        self._slice = slice_rows

    async def run(self) -> None:
        """Forget what is old, each hour of real time, for ever. Raises Unavailable."""
        pulse = self._health.part("pruning")
        while True:
            for name, some in self._jobs().items():
                forgotten = 0
                while True:
                    with pulse.at_work():
                        count = await asyncio.to_thread(self._in_transaction, some)
                    forgotten += count
                    if count < self._slice:
                        break
                    await pause(_BETWEEN_S)
                if forgotten:
                    _log.info("pruned", what=name, rows=forgotten)
            await pause(self._every_s)

    def _jobs(self) -> dict[str, Callable[[Connection], int]]:
        """What is to be done now: each forgets a slice, and tells how much that was."""
        now = from_datetime(self._clock.now())
        real = min(now, from_datetime(self._wall.now()))
        keep, rows = self._retention, self._slice
        jobs: dict[str, Callable[[Connection], int]] = {
            "heard keys": lambda connection: heard_keys.prune(connection, now - KEYS_KEPT_MS, rows),
            "idempotency keys": lambda connection: idempotency.forget(connection, real, rows),
        }
        if keep.messages_days:
            before = now - keep.messages_days * _DAY_MS
            jobs["messages"] = lambda connection: messages.prune(connection, before, rows)
        if keep.journal_days:
            written_before = now - keep.journal_days * _DAY_MS
            jobs["journal"] = lambda connection: journal.prune(connection, written_before, rows)
        if keep.deliveries_days:
            jobs["deliveries"] = lambda connection: webhooks.prune(connection, keep.deliveries_days * _DAY_MS, rows)
        return jobs

    def _in_transaction(self, some: Callable[[Connection], int]) -> int:
        with self._database.write() as connection:
            return some(connection)
