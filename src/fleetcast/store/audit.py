"""The audit journal: who did what, chained for each subscriber, in the transaction that did it.

Entries are put down when the transaction is about to be kept, under the lock of the subscriber's chain: so that is the
last lock a transaction takes, held for an instant. No two chain to the same entry, and nobody waits for long work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from fleetcast.access.audit_chain import BEGINNING, Anchor, Entry, Verification, canonical
from fleetcast.store.database import BATCH, Database, before_commit, clock_ms
from fleetcast.store.tables import audit as table
from fleetcast.store.tables import audit_chain as chain

_WAITING: Final = "fleetcast_audit"
_NAMES: Final = tuple(Entry.__dataclass_fields__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is to be put down. `before`, `after` and `more` hold values that JSON knows, and no secrets."""

    kind: str
    user_id: int = 0
    who: str = ""
    through: str = ""
    address: str = ""
    object_id: int | None = None
    name: str = ""
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)


def note(connection: Connection, subscriber_id: int, *notes: Note) -> None:
    """Put these down in the subscriber's chain when the transaction is kept, and not if it isn't."""
    before_commit(connection, _WAITING, _append, dict[int, list[Note]]).setdefault(subscriber_id, []).extend(notes)


def _append(connection: Connection, waiting: Mapping[int, list[Note]]) -> None:
    for subscriber_id in sorted(waiting):  # in one order, so that no two wait for each other
        _append_to(connection, subscriber_id, waiting[subscriber_id])


def _append_to(connection: Connection, subscriber_id: int, notes: Iterable[Note]) -> None:
    select_end = (
        select(chain.c.length, chain.c.head, clock_ms(connection).label("now"))
        .where(chain.c.subscriber_id == subscriber_id)
        .with_for_update()
    )
    end = connection.execute(select_end).first()
    if end is None:
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        first = {"subscriber_id": subscriber_id, "length": 0, "head": BEGINNING}
        connection.execute(dialect.insert(chain).on_conflict_do_nothing(), first)
        end = connection.execute(select_end).one()
    length, head = end.length, bytes(end.head)
    rows = []
    for each in notes:
        entry = Entry(
            subscriber_id=subscriber_id,
            n=length + 1,
            at=end.now,
            user_id=each.user_id,
            who=each.who,
            through=each.through,
            address=each.address,
            kind=each.kind,
            object_id=each.object_id,
            name=each.name,
            before=canonical(each.before),
            after=canonical(each.after),
            more=canonical(each.more),
            previous=head,
        ).sealed()
        rows.append({name: getattr(entry, name) for name in _NAMES})
        length, head = entry.n, entry.hash
    for start in range(0, len(rows), BATCH):
        connection.execute(insert(table), rows[start : start + BATCH])
    connection.execute(update(chain).where(chain.c.subscriber_id == subscriber_id).values(length=length, head=head))


def entries(connection: Connection, subscriber_id: int, *, after: int = 0) -> Iterator[Entry]:
    """The entries of a chain after a number in their order, read in batches."""
    statement = select(*(table.c[name] for name in _NAMES)).where(table.c.subscriber_id == subscriber_id)
    while True:
        rows = connection.execute(statement.where(table.c.n > after).order_by(table.c.n).limit(BATCH)).all()
        for row in rows:
            yield _entry(row._mapping)
        if len(rows) < BATCH:
            return
        after = rows[-1].n


def numbered(connection: Connection, subscriber_id: int, numbers: Iterable[int]) -> dict[int, Entry]:
    """Entries of a chain by their numbers."""
    columns = [table.c[name] for name in _NAMES]
    rows = connection.execute(select(*columns).where(table.c.subscriber_id == subscriber_id, table.c.n.in_(numbers)))
    return {row.n: _entry(row._mapping) for row in rows}


def head(connection: Connection, subscriber_id: int) -> Anchor:
    """Where a chain ends."""
    row = connection.execute(select(chain.c.length, chain.c.head).where(chain.c.subscriber_id == subscriber_id)).first()
    return Anchor(0, BEGINNING) if row is None else Anchor(row.length, bytes(row.head))


def chains(connection: Connection) -> list[int]:
    """Subscribers with a chain, or with entries that lost theirs; 0 is the deployment's own."""
    known = set(connection.execute(select(chain.c.subscriber_id)).scalars())
    return sorted(known | set(connection.execute(select(table.c.subscriber_id).distinct()).scalars()))


def verify(database: Database, subscriber_id: int, anchors: Iterable[Anchor] = ()) -> Verification:
    """Go along one chain as it is stored; see `Verification.faults`."""
    found = Verification(subscriber_id, anchors=anchors)
    with database.read() as connection:
        end = head(connection, subscriber_id)
        for entry in entries(connection, subscriber_id):
            if entry.n > end.n and head(connection, subscriber_id).n >= entry.n:
                break  # it was written meanwhile
            found.feed(entry)
    found.ended(end)
    return found


def _entry(row: RowMapping) -> Entry:
    said = {name: row[name] for name in _NAMES}
    return Entry(**said | {"previous": bytes(said["previous"]), "hash": bytes(said["hash"])})
