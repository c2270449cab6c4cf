"""Quotas of a subscriber: archived objects don't count."""

from __future__ import annotations

from sqlalchemy import Connection

from fleetcast.errors import Conflict
from fleetcast.store import devices, multicast_groups, subscribers


class QuotaReached(Conflict):
    """The subscriber may not have so many."""

    def __init__(self, what: str, most: int, wanted: int) -> None:
        self.what, self.most, self.wanted = what, most, wanted
        super().__init__(
            f"{wanted} {what} would be more than this subscriber's quota of {most}: archive some, or have it raised"
        )


def keep_devices(connection: Connection, subscriber_id: int, more: int = 0) -> None:
    """Raises QuotaReached when there are more active devices than allowed, those of this transaction among them, and
    so many more."""
    most = subscribers.get(connection, subscriber_id).what.max_devices
    if most is not None and (count := devices.active(connection, subscriber_id) + more) > most:
        raise QuotaReached("devices", most, count)


def keep_groups(connection: Connection, subscriber_id: int, more: int = 0) -> None:
    """The same for multicast groups."""
    most = subscribers.get(connection, subscriber_id).what.max_multicast_groups
    if most is not None and (count := multicast_groups.active(connection, subscriber_id) + more) > most:
        raise QuotaReached("multicast groups", most, count)
