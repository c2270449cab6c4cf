"""The latest instant that anything stored speaks of: where accelerated time has to go on after a restart."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from fleetcast.instants import InstantMs
from fleetcast.store.tables import heard_key, journal, message


def latest_instant(connection: Connection) -> InstantMs | None:
    """The newest instant among messages, keys of what was heard, and the journal; None: nothing happened yet."""
    newest_line = select(journal.c.at).order_by(journal.c.id.desc()).limit(1)
    found = [
        connection.execute(select(func.max(message.c.at))).scalar(),
        connection.execute(select(func.max(heard_key.c.at))).scalar(),
        connection.execute(newest_line).scalar(),
    ]
    return max((each for each in found if each is not None), default=None)
