"""Databases for the tests: every test that asks for one runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import psycopg
import pytest
from psycopg import sql

from fleetcast.store import schema
from fleetcast.store.database import Database
from tests.postgresql import PostgreSQL


class Databases(Protocol):
    """Makes empty databases of one kind, migrated already."""

    kind: str

    def new(self) -> str:
        """The URL of a new database with the newest schema."""
        ...

    def empty(self) -> str:
        """The URL of a new database without any schema."""
        ...

    def drop(self, url: str) -> None:
        """Take a database away; nobody may be connected."""
        ...


class SqliteDatabases:
    """Files, copied from one that was migrated once."""

    kind = "sqlite"

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = itertools.count()
        self._template = directory / "template.db"
        _migrate(f"sqlite:///{self._template}")

    def new(self) -> str:
        path = self._path()
        shutil.copyfile(self._template, path)
        return f"sqlite:///{path}"

    def empty(self) -> str:
        return f"sqlite:///{self._path()}"

    def drop(self, url: str) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(url.removeprefix("sqlite:///") + suffix).unlink(missing_ok=True)

    def _path(self) -> Path:
        return self._directory / f"{next(self._numbers)}.db"


class PostgresqlDatabases:
    """Databases of one cluster, copied by the server from one that was migrated once."""

    kind = "postgresql"

    def __init__(self, server: PostgreSQL) -> None:
        self._server = server
        self._numbers = itertools.count()
        self._create("migrated")
        _migrate(server.url("migrated"))

    def new(self) -> str:
        return self._create(f"n{next(self._numbers)}", template="migrated")

    def empty(self) -> str:
        return self._create(f"n{next(self._numbers)}")

    def drop(self, url: str) -> None:
        self._command(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(url.rpartition("/")[2])))

    def _create(self, name: str, *, template: str = "template0") -> str:
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        self._command(command.format(sql.Identifier(name), sql.Identifier(template)))
        return self._server.url(name)

    def _command(self, command: sql.Composed) -> None:
        with psycopg.connect(self._server.url("postgres"), autocommit=True) as connection:
            connection.execute(command)


def _migrate(url: str) -> None:
    database = Database.open(url)
    schema.migrate(database)
    database.close()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL of this test run's own."""
    server = PostgreSQL()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def postgresql_databases(postgresql: PostgreSQL) -> PostgresqlDatabases:
    """Makes PostgreSQL databases."""
    return PostgresqlDatabases(postgresql)


@pytest.fixture
def shared_url(postgresql_databases: PostgresqlDatabases) -> Iterator[str]:
    """A new PostgreSQL database with the newest schema: for tests of what several processes share."""
    url = postgresql_databases.new()
    yield url
    postgresql_databases.drop(url)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """Makes databases: first SQLite's, then PostgreSQL's."""
    if request.param == "sqlite":
        return SqliteDatabases(tmp_path_factory.mktemp("databases"))
    made: PostgresqlDatabases = request.getfixturevalue("postgresql_databases")
    return made


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """A new database with the newest schema, for this test alone."""
    url = databases.new()
    yield url
    databases.drop(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The same, open."""
    opened = Database.open(database_url)
    yield opened
    opened.close()
