"""The audit journal as it is looked at: pages, where the chain ends, and an export line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from fleetcast.access import Identity, Right
from fleetcast.access.audit_chain import Anchor, Entry, footer
from fleetcast.instants import InstantMs
from fleetcast.queries.kept import columns
from fleetcast.queries.lists import Listing, ListRequest, Page
from fleetcast.store import audit
from fleetcast.store import tables as t
from fleetcast.store.database import Database

_FIELDS = columns(t.audit, hidden=("before", "after", "more"))


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    """An entry as people read it."""

    n: int
    at: InstantMs
    user_id: int
    who: str
    through: str
    address: str
    kind: str
    object_id: int | None
    name: str
    before: dict[str, Any]
    after: dict[str, Any]
    more: dict[str, Any]
    hash: str


def page(database: Database, who: Identity, request: ListRequest) -> Page[EntryView]:
    """A page of the subscriber's entries, the newest first; a system admin's are the deployment's own."""
    who.require(Right.AUDIT)

    def read(connection: Connection, numbers: Sequence[int]) -> Mapping[int, EntryView]:
        found = audit.numbered(connection, who.subscriber_id, numbers)
        return {n: _view(entry) for n, entry in found.items()}

    listing = Listing(table=t.audit, fields=_FIELDS, read=read, sort="-n", key=t.audit.c.n)
    with database.read() as connection:
        return listing.page(connection, request, t.audit.c.subscriber_id == who.subscriber_id)


def head(database: Database, who: Identity) -> Anchor:
    """Where the chain ends: what to note elsewhere."""
    who.require(Right.AUDIT)
    with database.read() as connection:
        return audit.head(connection, who.subscriber_id)


def lines(database: Database, who: Identity, after: int) -> Iterator[str]:
    """An export: the entries after a number as JSON lines, and a last line that says where the chain ended."""
    who.require(Right.AUDIT)
    with database.read() as connection:
        end = audit.head(connection, who.subscriber_id)
        for entry in audit.entries(connection, who.subscriber_id, after=after):
            if entry.n > end.n:
                break  # it was written meanwhile
            yield entry.line() + "\n"
    yield footer(who.subscriber_id, end) + "\n"


def _view(entry: Entry) -> EntryView:
    return EntryView(
        n=entry.n,
        at=entry.at,
        user_id=entry.user_id,
        who=entry.who,
        through=entry.through,
        address=entry.address,
        kind=entry.kind,
        object_id=entry.object_id,
        name=entry.name,
        before=_document(entry.before),
        after=_document(entry.after),
        more=_document(entry.more),
        hash=entry.hash.hex(),
    )


def _document(text: str) -> dict[str, Any]:
    """What stands there; where somebody broke it, the text itself, so that the rest can still be read."""
    try:
        found = json.loads(text)
    except ValueError:
        return {"damaged": text}
    return found if isinstance(found, dict) else {"damaged": text}
