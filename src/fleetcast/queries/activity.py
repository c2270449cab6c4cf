"""The journal, paged, and followed as it grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, select

from fleetcast.access import Identity, Right
from fleetcast.queries.kept import columns
from fleetcast.queries.lists import Listing, ListRequest, Page
from fleetcast.store import journal
from fleetcast.store import tables as t
from fleetcast.store.database import Database
from fleetcast.store.journal import CHANNEL, Written

__all__ = ["CHANNEL", "Written", "following", "last", "page"]


def _read(connection: Connection, ids: Sequence[int]) -> Mapping[int, Written]:
    names = tuple(Written.__dataclass_fields__)
    rows = connection.execute(select(*(t.journal.c[name] for name in names)).where(t.journal.c.id.in_(ids)))
    return {row.id: Written(**(dict(row._mapping) | {"data": row.data or {}})) for row in rows}


_FIELDS: Final = {
    name: shown for name, shown in columns(t.journal, hidden=("transaction_id",)).items() if name != "text"
} | {"text": columns(t.journal)["text"]}
_LINES: Final = Listing(table=t.journal, fields=_FIELDS, read=_read, sort="-id")


def page(database: Database, who: Identity, request: ListRequest, *, campaign_id: int | None = None) -> Page[Written]:
    """A page of the journal, the newest first; of one campaign where it is named."""
    who.require(Right.LOOK)
    with database.read() as connection:
        return _LINES.page(connection, request, *_scope(who, campaign_id))


def following(
    database: Database, who: Identity, after: int, most: int, *, campaign_id: int | None = None
) -> list[Written]:
    """Lines after number `after`, in order; none is passed over by going on from the last."""
    who.require(Right.LOOK)
    with database.read() as connection:
        conditions = [] if campaign_id is None else [t.journal.c.campaign_id == campaign_id]
        return journal.following(connection, who.subscriber_id, after, most, *conditions)


def last(database: Database, who: Identity) -> int:
    """The number of the newest line."""
    who.require(Right.LOOK)
    with database.read() as connection:
        return journal.last(connection, who.subscriber_id)


def _scope(who: Identity, campaign_id: int | None) -> list[ColumnElement[bool]]:
    scope: list[Any] = [t.journal.c.subscriber_id == who.subscriber_id]
    if campaign_id is not None:
        scope.append(t.journal.c.campaign_id == campaign_id)
    return scope
