"""Subscribers as system admins list them: names and quotas, nothing of their fleets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection

from fleetcast.access import Identity, Right
from fleetcast.queries.kept import columns
from fleetcast.queries.lists import Listing, ListRequest, Page
from fleetcast.store import subscribers
from fleetcast.store import tables as t
from fleetcast.store.database import Database
from fleetcast.store.objects import Stored
from fleetcast.store.subscribers import Subscriber

_THEIRS: Final = ("max_version_age_s", "asks_versions", "approval_devices", "requires_signature")


def _read(connection: Connection, ids: Sequence[int]) -> Mapping[int, Stored[Subscriber]]:
    return {each: subscribers.get(connection, each) for each in ids}


_LIST: Final = Listing(
    table=t.subscriber, fields=columns(t.subscriber, hidden=_THEIRS), read=_read, sort="name"
)  # fmt: skip


def page(database: Database, who: Identity, request: ListRequest) -> Page[Stored[Subscriber]]:
    """A page of all subscribers."""
    who.require(Right.SYSTEM)
    with database.read() as connection:
        return _LIST.page(connection, request)


def one(database: Database, who: Identity, row_id: int) -> Stored[Subscriber]:
    """One subscriber; raises Missing."""
    who.require(Right.SYSTEM)
    with database.read() as connection:
        return subscribers.get(connection, row_id)
