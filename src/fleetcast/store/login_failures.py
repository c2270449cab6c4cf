"""Failed logins not long ago, counted for each login and each address, by all processes together.

An attempt is counted before its password is looked at, so that many at once are slowed down like one after another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from fleetcast.instants import InstantMs
from fleetcast.store.tables import login_failure as table

FORGOTTEN_MS: Final = 30 * 60_000
"""After so long without a failure it begins anew."""
_FIRST_WAIT_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted, how many failures cost nothing, and how long it waits at most."""

    key: str
    free: int
    longest_ms: int

    def wait_ms(self, failures: int) -> int:
        """How long nothing more is looked at after so many failures: a second, then twice as long each time."""
        over = failures - self.free
        return 0 if over <= 0 else min(self.longest_ms, _FIRST_WAIT_MS << min(over - 1, 30))


def begin(connection: Connection, counted: Sequence[Counted], now: InstantMs) -> int:
    """Count an attempt; gives 0, or for how many ms none is looked at: then it isn't counted."""
    connection.execute(delete(table).where(table.c.last_at < now - FORGOTTEN_MS))
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    found: list[tuple[Counted, int]] = []
    wait = 0
    for each in sorted(counted, key=lambda each: each.key):
        fresh = {"key": each.key, "failures": 0, "last_at": now, "until_at": 0}
        connection.execute(dialect.insert(table).on_conflict_do_nothing(), fresh)
        row = connection.execute(
            select(table.c.failures, table.c.until_at).where(table.c.key == each.key).with_for_update()
        ).one()
        found.append((each, row.failures))
        wait = max(wait, row.until_at - now)
    if wait > 0:
        return wait
    for each, failures in found:
        _put(connection, each, failures + 1, now)
    return 0


def succeeded(connection: Connection, login: Counted, others: Sequence[Counted], now: InstantMs) -> None:
    """The password was right: the login is clean; for the others this attempt was no failure."""
    connection.execute(delete(table).where(table.c.key == login.key))
    for each in sorted(others, key=lambda each: each.key):
        row = connection.execute(select(table.c.failures).where(table.c.key == each.key).with_for_update()).first()
        if row is not None:
            _put(connection, each, max(0, row.failures - 1), now)


def _put(connection: Connection, counted: Counted, failures: int, now: InstantMs) -> None:
    connection.execute(
        update(table)
        .where(table.c.key == counted.key)
        .values(failures=failures, last_at=now, until_at=now + counted.wait_ms(failures))
    )
