"""Creations that were asked for under a key: the same request again makes nothing twice.

What is kept is the number of what was made, in the transaction that made it; no answer is, for it might hold a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, insert, select, tuple_

from fleetcast.errors import Conflict
from fleetcast.instants import InstantMs
from fleetcast.store.database import BATCH
from fleetcast.store.tables import idempotency_key as table

KEPT_MS: Final = 24 * 3600 * 1000
"""How long a key is remembered."""

_CREATED: Final = 201


@dataclass(frozen=True, slots=True)
class Once:
    """A key that a caller chose for one request, and what tells that request from another."""

    key: str
    request_hash: bytes


class KeyUsed(Conflict):
    """The key was sent with another request before."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(
            f"idempotency key {key!r} came with another request before: choose a new key for a new request"
        )


def made_before(connection: Connection, subscriber_id: int, user_id: int, once: Once) -> int | None:
    """The number of what this request made before, or None; raises KeyUsed."""
    row = connection.execute(
        select(table.c.request_hash, table.c.body).where(
            table.c.subscriber_id == subscriber_id, table.c.user_id == user_id, table.c.key == once.key
        )
    ).first()
    if row is None:
        return None
    if bytes(row.request_hash) != once.request_hash:
        raise KeyUsed(once.key)
    return int(row.body)


def remember(connection: Connection, subscriber_id: int, user_id: int, once: Once, made: int, now: InstantMs) -> None:
    """Keep what this request made; raises `clashes.Taken` where the same request does so at this moment."""
    connection.execute(
        insert(table).values(
            subscriber_id=subscriber_id,
            user_id=user_id,
            key=once.key,
            request_hash=once.request_hash,
            status=_CREATED,
            body=str(made).encode(),
            created_at=now,
        )
    )


def forget(connection: Connection, now: InstantMs, most: int = BATCH) -> int:
    """Remove keys that were remembered long enough, at most so many; how many that were."""
    key = tuple_(table.c.subscriber_id, table.c.user_id, table.c.key)
    old = (
        select(table.c.subscriber_id, table.c.user_id, table.c.key)
        .where(table.c.created_at < now - KEPT_MS)
        .order_by(table.c.created_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return connection.execute(delete(table).where(key.in_(old))).rowcount
