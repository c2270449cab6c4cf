"""Which of the connections that only one worker may have open this one has.

Like a campaign's, a lease is counted here from before it was asked for, so it ends here before it ends in the database.
An embedded database has one process: there a lease never ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fleetcast.clock import steady_s
from fleetcast.connectors.catalog import Kind
from fleetcast.store import connection_leases
from fleetcast.store.database import Database

TEND_S: Final = 1.0
_MARGIN_S: Final = 0.5
_FOR_EVER_S: Final = 100 * 366 * 86_400.0


class ConnectionLeases:
    """The connections of one worker. `tend` is called from a thread, once at a time."""

    def __init__(self, database: Database, worker_id: int, kinds: Mapping[str, Kind], lease_s: float) -> None:
        self.single = tuple(sorted(name for name, kind in kinds.items() if kind.one_worker))
        """The kinds that it is about."""
        self._database = database
        self._worker_id = worker_id
        self._lease_s = _FOR_EVER_S if database.is_sqlite else lease_s
        self._fences: dict[int, int] = {}
        self._until_s = 0.0

    def tend(self) -> tuple[set[int], set[int]]:
        """Take, prolong and give up; which connections are new, and which were lost. Raises Unavailable."""
        if not self.single:
            return set(), set()
        asked_s, before = steady_s(), self._fences
        lease_ms = round(self._lease_s * 1000)
        with self._database.write() as connection:
            mine = connection_leases.tend(connection, self._worker_id, self.single, lease_ms)
        self._fences, self._until_s = mine, asked_s + self._lease_s
        lost = {each for each, fence in before.items() if mine.get(each) != fence}
        return {each for each, fence in mine.items() if before.get(each) != fence}, lost

    def may_open(self, connection_id: int, kind: str) -> bool:
        """Whether this worker may have a connection of this kind open."""
        if kind not in self.single:
            return True
        return connection_id in self._fences and steady_s() < self._until_s - _MARGIN_S

    def mine(self) -> frozenset[int]:
        """Those that it has."""
        return frozenset(self._fences)
