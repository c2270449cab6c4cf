"""What was heard lately, by a short key: the same thing enters once, from however many workers it comes."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from fleetcast.instants import InstantMs
from fleetcast.store.database import BATCH
from fleetcast.store.tables import heard_key as table


def enter(connection: Connection, connection_id: int, keys: Sequence[str], now: InstantMs) -> set[str]:
    """Note these keys; returns those that were not there."""
    insert = sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
    new: set[str] = set()
    # In order, so that two workers that hear the same wait for one another instead of locking each other out.
    distinct = sorted(set(keys))
    for start in range(0, len(distinct), BATCH):
        rows = [{"connection_id": connection_id, "key": key, "at": now} for key in distinct[start : start + BATCH]]
        found = connection.execute(insert.values(rows).on_conflict_do_nothing().returning(table.c.key))
        new.update(found.scalars())
    return new


def prune(connection: Connection, before: InstantMs, most: int = BATCH) -> int:
    """Forget what was heard before, at most so much; how much that was."""
    key = tuple_(table.c.connection_id, table.c.key)
    old = select(table.c.connection_id, table.c.key).where(table.c.at < before).order_by(table.c.at).limit(most)
    return connection.execute(delete(table).where(key.in_(old.with_for_update(skip_locked=True)))).rowcount
