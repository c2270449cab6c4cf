"""Making something in one transaction, and only once where the caller gave the request a key."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from fleetcast.access import Identity
from fleetcast.instants import InstantMs
from fleetcast.store import idempotency
from fleetcast.store.clashes import Taken
from fleetcast.store.database import Database
from fleetcast.store.idempotency import Once


def create_once(
    database: Database, who: Identity, once: Once | None, now: InstantMs, make: Callable[[Connection], int]
) -> int:
    """The number of what `make` puts in, or of what the same request made before."""
    if once is None:
        with database.write() as connection:
            return make(connection)
    try:
        return _under_key(database, who, once, now, make)
    except Taken as error:
        if error.table != "idempotency_key":
            raise
        # The same request, at the same moment, was a little faster: its result is there now.
        return _under_key(database, who, once, now, make)


def _under_key(database: Database, who: Identity, once: Once, now: InstantMs, make: Callable[[Connection], int]) -> int:
    with database.write() as connection:
        idempotency.forget(connection, now)
        made = idempotency.made_before(connection, who.subscriber_id, who.user_id, once)
        if made is None:
            made = make(connection)
            idempotency.remember(connection, who.subscriber_id, who.user_id, once, made, now)
        return made
