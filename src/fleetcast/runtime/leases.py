"""Which campaigns this worker owns, and until when it may act on that.

A lease is counted from before its renewal was asked for, on a clock that goes on while the machine sleeps: so it ends
here before it ends in the database, whatever happened in between. Writing is protected by the fence as well; sending
only by this.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from fleetcast.clock import steady_s
from fleetcast.store import ownership
from fleetcast.store.database import Database
from fleetcast.store.ownership import Claimed

LEASE_S: Final = 8.0
RENEW_S: Final = 2.0
_MARGIN_S: Final = 0.5
"""Clocks of two machines don't run alike, and a call takes a moment."""


class Leases:
    """The campaigns of one worker. Claims, renewals and releases are called from threads, one at a time."""

    def __init__(self, database: Database, worker_id: int, lease_s: float = LEASE_S) -> None:
        self._database = database
        self._worker_id = worker_id
        self._lease_s = lease_s
        self._until_s: dict[int, float] = {}
        self._fences: dict[int, int] = {}

    def held(self, campaign_id: int, fence: int) -> bool:
        """Whether something may be sent for a campaign now."""
        return self._fences.get(campaign_id) == fence and steady_s() < self._until_s.get(campaign_id, 0.0) - _MARGIN_S

    def owned(self) -> dict[int, int]:
        """Fence by campaign."""
        return dict(self._fences)

    def claim(self, most: int, single: Collection[str] = (), mine: Collection[int] = ()) -> list[Claimed]:
        """Take campaigns that nobody has; where they use connections of kinds in `single`, these must be in `mine`."""
        asked_s = steady_s()
        with self._database.write() as connection:
            claimed = ownership.claim(connection, self._worker_id, round(self._lease_s * 1000), most, single, mine)
        for each in claimed:
            self._fences[each.campaign_id] = each.fence
            self._until_s[each.campaign_id] = asked_s + self._lease_s
        return claimed

    def renew(self) -> set[int]:
        """Prolong all leases; returns campaigns that were lost."""
        fences = self.owned()
        if not fences:
            return set()
        asked_s = steady_s()
        with self._database.write() as connection:
            mine = ownership.renew(connection, self._worker_id, fences, round(self._lease_s * 1000))
        for campaign_id in mine:
            self._until_s[campaign_id] = asked_s + self._lease_s
        lost = fences.keys() - mine
        for campaign_id in lost:
            self.forget(campaign_id, fences[campaign_id])
        return set(lost)

    def release(self, campaign_id: int, fence: int) -> None:
        """Let go: another worker may have it at once."""
        self.forget(campaign_id, fence)
        with self._database.write() as connection:
            ownership.release(connection, self._worker_id, {campaign_id: fence})

    def forget(self, campaign_id: int, fence: int) -> None:
        """It isn't ours any more."""
        if self._fences.get(campaign_id) == fence:
            self._fences.pop(campaign_id, None)
            self._until_s.pop(campaign_id, None)
