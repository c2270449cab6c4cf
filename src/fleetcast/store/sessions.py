"""Sessions of browsers: kept here, so that they can be ended here."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from fleetcast.instants import InstantMs
from fleetcast.store.tables import session as table

TOUCHED_MS = 60_000
"""When a session was last used is noted to the minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session that is still valid."""

    id: int
    user_id: int
    seen_at: InstantMs
    expires_at: InstantMs


def add(
    connection: Connection,
    subscriber_id: int,
    user_id: int,
    cookie_hash: bytes,
    address: str,
    now: InstantMs,
    expires_at: InstantMs,
) -> int:
    """Begin one; gives its number. Those that are long over go."""
    connection.execute(delete(table).where(table.c.expires_at < now))
    key = connection.execute(
        insert(table).values(
            subscriber_id=subscriber_id or None,
            user_id=user_id,
            hash=cookie_hash,
            address=address,
            created_at=now,
            seen_at=now,
            expires_at=expires_at,
        )
    ).inserted_primary_key
    return int(key[0]) if key is not None else 0


def find(connection: Connection, cookie_hash: bytes, now: InstantMs, idle_ms: int) -> Session | None:
    """The session of this cookie, unless it was ended, is over, or was not used for so long."""
    row = connection.execute(
        select(table.c.id, table.c.user_id, table.c.seen_at, table.c.expires_at).where(
            table.c.hash == cookie_hash,
            table.c.ended_at.is_(None),
            table.c.expires_at > now,
            table.c.seen_at > now - idle_ms,
        )
    ).first()
    return None if row is None else Session(**dict(row._mapping))


def touch(connection: Connection, session_id: int, now: InstantMs) -> None:
    """Note that it was used."""
    connection.execute(update(table).where(table.c.id == session_id).values(seen_at=now))


def end(
    connection: Connection,
    now: InstantMs,
    *,
    session_id: int | None = None,
    user_id: int | None = None,
    but_not: int | None = None,
) -> None:
    """End one, or all of a user, but for one that goes on."""
    conditions: list[ColumnElement[bool]] = [table.c.ended_at.is_(None)]
    conditions.append(table.c.id == session_id if user_id is None else table.c.user_id == user_id)
    if but_not is not None:
        conditions.append(table.c.id != but_not)
    connection.execute(update(table).where(*conditions).values(ended_at=now))
