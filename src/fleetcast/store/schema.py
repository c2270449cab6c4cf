"""Which schema a database has, and bringing it to today's.

The steps are in `migrations/versions`; none is undone, since rows that only the new schema holds would be lost: go back
by restoring a backup.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from fleetcast.errors import Conflict
from fleetcast.store.database import Database
from fleetcast.store.tables import metadata
from fleetcast.store.tables.trust import GUARDS

_MIGRATION_LOCK: Final = 0x666C6565  # any number of our own


class SchemaDiffers(Conflict):
    """The database's schema isn't the one that this version of Fleetcast needs."""

    def __init__(self, found: str | None, needed: str) -> None:
        self.found = found
        self.needed = needed
        if found is None:
            super().__init__("The database has no schema of Fleetcast yet: run `fleetcast database migrate`.")
        elif found < needed:
            super().__init__(
                f"The database has schema {found}, this Fleetcast needs {needed}: back it up, then run "
                "`fleetcast database migrate`."
            )
        else:
            super().__init__(
                f"The database has schema {found}, made by a newer Fleetcast; this one knows {needed}: install the "
                "newer one, or restore a backup."
            )


@dataclass(frozen=True, slots=True)
class Migrated:
    """From which schema to which; equal when nothing was to be done, `before` None for an empty database."""

    before: str | None
    after: str


def newest() -> str:
    """The schema this version of Fleetcast needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None  # noqa: S101 - the first step is part of the package
    return head


def version(database: Database) -> str | None:
    """The schema the database has; None: it is empty."""
    with database.read() as connection:
        return _version(connection)


def require_current(database: Database) -> None:
    """Raises SchemaDiffers unless the database has the schema that is needed."""
    found, needed = version(database), newest()
    if found != needed:
        raise SchemaDiffers(found, needed)


def migrate(database: Database) -> Migrated:
    """Bring the database to the newest schema, in one transaction; of several at once one does it, the others wait.

    Raises SchemaDiffers for one that is newer than this Fleetcast.
    """
    needed = newest()
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        before = _version(connection)
        if before is not None and before > needed:
            raise SchemaDiffers(before, needed)
        if before != needed:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, needed)
    return Migrated(before, needed)


def differences(database: Database) -> list[str]:
    """Where the database departs from the schema it should have, and rows that can't be right; empty: nothing."""
    with database.read() as connection:
        found = [str(each) for each in compare_metadata(MigrationContext.configure(connection), metadata)]
        found += [
            f"trigger {each} isn't there" for each in sorted(GUARDS[connection.dialect.name] - _triggers(connection))
        ]
        if database.is_sqlite:
            found += [
                f"integrity: {line}" for (line,) in connection.execute(text("PRAGMA integrity_check")) if line != "ok"
            ]
            found += [
                f"{table}, row {row}: refers to a row of {target} that isn't there"
                for table, row, target, _ in connection.execute(text("PRAGMA foreign_key_check"))
            ]
    return found


def _triggers(connection: Connection) -> frozenset[str]:
    if connection.dialect.name == "sqlite":
        return frozenset(connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars())
    switched_on = text("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'")
    return frozenset(connection.execute(switched_on).scalars())


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config
