"""Whatever a database was, migrated it is what a new one would be."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from fleetcast.store import schema
from fleetcast.store.database import Database
from fleetcast.store.tables import metadata
from tests.conftest import Databases

_POSTGRESQL_CATALOG = """
SELECT 'column', table_name || '.' || column_name, concat_ws(' ', ordinal_position, data_type, is_nullable,
       column_default, is_identity, col_description(('"' || table_name || '"')::regclass, ordinal_position))
  FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'constraint', conname, conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
       WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'table', relname, concat_ws(' ', obj_description(oid), reloptions::text) FROM pg_class
       WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'function', proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""
_SQLITE_CATALOG = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"


def _catalog(database: Database) -> set[tuple[str, str, str]]:
    """Every statement that the schema is made of, whatever its order."""
    with database.read() as connection:
        rows = connection.execute(text(_SQLITE_CATALOG if database.is_sqlite else _POSTGRESQL_CATALOG))
        return {(kind, name, " ".join(what.split())) for kind, name, what in rows if "alembic" not in name + what}


@pytest.fixture
def empty(databases: Databases) -> Iterator[Database]:
    url = databases.empty()
    database = Database.open(url)
    yield database
    database.close()
    databases.drop(url)


def test_a_migrated_schema_equals_a_fresh_one_statement_for_statement(database: Database, empty: Database) -> None:
    with empty.write() as connection:
        metadata.create_all(connection)
    migrated, fresh = _catalog(database), _catalog(empty)
    assert migrated - fresh == set()
    assert fresh - migrated == set()
    assert len(fresh) > len(metadata.tables)


def test_an_empty_database_is_migrated_once(empty: Database) -> None:
    with pytest.raises(schema.SchemaDiffers, match="no schema of Fleetcast yet"):
        schema.require_current(empty)
    assert schema.migrate(empty) == schema.Migrated(None, schema.newest())
    assert schema.migrate(empty) == schema.Migrated(schema.newest(), schema.newest())
    schema.require_current(empty)
    assert schema.differences(empty) == []


def test_a_database_of_a_newer_fleetcast_is_left_alone(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(schema.SchemaDiffers, match="made by a newer Fleetcast"):
        schema.migrate(database)


def test_a_column_that_is_missing_is_found(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("ALTER TABLE region DROP COLUMN description"))
    assert any("description" in line for line in schema.differences(database))


def test_a_missing_guard_of_the_audit_journal_is_found(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("DROP TRIGGER audit_kept" + ("" if database.is_sqlite else " ON audit")))
    assert any("audit_kept" in line for line in schema.differences(database))


def test_every_table_and_every_column_says_what_it_is_for() -> None:
    for table in metadata.tables.values():
        assert table.comment, table.name
        for column in table.columns:
            assert column.comment, f"{table.name}.{column.name}"


def test_every_row_belongs_to_a_subscriber() -> None:
    of_the_deployment = {"subscriber", "worker", "heard_key", "login_failure"}
    without = {name for name, table in metadata.tables.items() if "subscriber_id" not in table.columns}
    assert without == of_the_deployment
