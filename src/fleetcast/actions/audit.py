"""Taking a copy of the audit journal, which is an entry of it."""

from __future__ import annotations

from fleetcast.access import Identity, Right
from fleetcast.actions.history import note
from fleetcast.instants import InstantMs
from fleetcast.store.database import Database


def exported(database: Database, who: Identity, after: int, now: InstantMs) -> None:
    """Note that somebody takes a copy of all entries after a number; raises NotAllowed."""
    who.require(Right.AUDIT)
    with database.write() as connection:
        note(connection, who, "audit journal", "exported", None, "", now, after_entry=after)
