"""What was heard lately, by a short key: the same thing enters once, from however many workers it comes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, delete, select, tuple_

from fleetcast.instants import InstantMs
from fleetcast.store.database import BATCH
from fleetcast.store.tables import heard_key as table

# One parameter for all keys: a row of parameters for each takes longer to put together than to carry out.
_SQLITE: Final = """
    INSERT INTO heard_key (connection_id, key, at) SELECT ?1, value, ?2 FROM json_each(?3) WHERE true
    ON CONFLICT DO NOTHING RETURNING key
"""
_POSTGRESQL: Final = """
    INSERT INTO heard_key (connection_id, key, at) SELECT %b, given, %b FROM unnest(%b::text[]) AS given
    ON CONFLICT DO NOTHING RETURNING key
"""


def enter(connection: Connection, connection_id: int, keys: Sequence[str], now: InstantMs) -> set[str]:
    """Note these keys; returns those that were not there."""
    new: set[str] = set()
    # In order, so that two workers that hear the same wait for one another instead of locking each other out.
    distinct = sorted(set(keys))
    for start in range(0, len(distinct), BATCH):
        batch = distinct[start : start + BATCH]
        if connection.dialect.name == "sqlite":
            found = connection.exec_driver_sql(_SQLITE, (connection_id, now, json.dumps(batch)))
        else:
            found = connection.exec_driver_sql(_POSTGRESQL, (connection_id, now, batch))
        new.update(found.scalars())
    return new


def prune(connection: Connection, before: InstantMs, most: int = BATCH) -> int:
    """Forget what was heard before, at most so much; how much that was."""
    key = tuple_(table.c.connection_id, table.c.key)
    old = select(table.c.connection_id, table.c.key).where(table.c.at < before).order_by(table.c.at).limit(most)
    return connection.execute(delete(table).where(key.in_(old.with_for_update(skip_locked=True)))).rowcount
