"""Open a database, run a transaction on it, and the few places where SQLite and PostgreSQL differ.

It knows no table and no noun. Everything is synchronous: code that must not block calls it from a thread.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Insert,
    Integer,
    Table,
    create_engine,
    event,
    func,
    literal_column,
    make_url,
    select,
)
from sqlalchemy import exc as failures
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from fleetcast.errors import Invalid, Unavailable
from fleetcast.instants import InstantMs
from fleetcast.store.clashes import clash
from fleetcast.store.wakes import LocalWakes, PostgresWakes, Wakes

V = TypeVar("V")

BUSY_TIMEOUT_S: Final = 30
"""How long a transaction waits for another one that writes to the same SQLite file, or for a pooled connection."""
CONNECT_TIMEOUT_S: Final = 5
IDLE_S: Final = 15
"""PostgreSQL ends a transaction in which nothing is asked for so long: a process that is frozen, or a machine that is
gone, does not keep its locks, so that another worker can have its campaigns."""
BATCH: Final = 500
"""Rows of one statement or one hand-over to the driver."""

_WRITES: Final = "fleetcast_writes"
_WOKEN: Final = "fleetcast_woken"
_LAST: Final = "fleetcast_last"


class DatabaseUnavailable(Unavailable):
    """The database can't be reached, is being restarted, or is too busy; nothing of the transaction was kept."""

    def __init__(self, where: str, why: str) -> None:
        self.where = where
        self.why = why
        super().__init__(f"The database {where} can't be used just now ({why}): check that it runs, then try again.")


class Database:
    """One database, shared by all threads of the process. Make one with `Database.open`."""

    def __init__(self, engine: Engine, wakes: Wakes) -> None:
        self._reading = engine.execution_options(**{_WRITES: False})
        self._writing = engine.execution_options(**{_WRITES: True})
        self._wakes = wakes
        # SQLite takes one writer at a time and lets the others poll: waiting here is fair, and costs nothing.
        self._turn = _Turns() if engine.dialect.name == "sqlite" else None
        self._mine = threading.local()
        self.where = engine.url.render_as_string(hide_password=True)

    @classmethod
    def open(cls, url: str, *, connections: int = 10, idle_s: float = IDLE_S) -> Self:
        """The database at `sqlite:///path` or `postgresql://...`, with at most so many connections at once.

        `idle_s`: how long a transaction may do nothing before PostgreSQL ends it.

        Nothing is connected before the first transaction. Raises Invalid for any other URL.
        """
        parsed = _parsed(url)
        if parsed.get_backend_name() == "sqlite":
            engine = create_engine(
                parsed, pool_size=connections, max_overflow=0, pool_timeout=BUSY_TIMEOUT_S,
                connect_args={"timeout": BUSY_TIMEOUT_S},
            )  # fmt: skip
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return cls(engine, LocalWakes())
        engine = create_engine(
            parsed, pool_size=connections, max_overflow=0, pool_timeout=BUSY_TIMEOUT_S, pool_pre_ping=True,
            isolation_level="READ COMMITTED", connect_args={"connect_timeout": CONNECT_TIMEOUT_S},
        )  # fmt: skip
        event.listen(engine, "connect", partial(_prepare_postgresql, round(idle_s * 1000)))
        conninfo = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        return cls(engine, PostgresWakes(conninfo, CONNECT_TIMEOUT_S))

    @property
    def is_sqlite(self) -> bool:
        """Whether it is an embedded file, for this one process."""
        return self._turn is not None

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database."""
        name = self._reading.url.database
        return Path(name) if self.is_sqlite and name else None

    @contextmanager
    def read(self) -> Generator[Connection]:
        """A transaction that only looks; SQLite: at one state throughout. Raises DatabaseUnavailable."""
        with self._explaining(), self._reading.connect() as connection:
            if not self.is_sqlite:
                connection = connection.execution_options(postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Generator[Connection]:
        """A transaction that is kept when the block ends, and thrown away when it raises.

        Raises DatabaseUnavailable, and `clashes.Taken` where a row would be there twice.
        """
        woken: list[tuple[str, str]] = []
        with self._one_writer(), self._explaining(), self._writing.connect() as connection:
            connection.info[_WOKEN], connection.info[_LAST] = woken, {}
            with connection.begin():
                yield connection
                for do, value in connection.info[_LAST].values():
                    do(connection, value)
        for channel, payload in woken:
            self._wakes.wake(channel, payload)

    def listen(self, channel: str, woken: Callable[[str], None]) -> Callable[[], None]:
        """Call `woken` with the payload of each `wake` of a channel, from a thread of ours; returns how to end that.

        An empty payload may also mean that wakes were missed: look. `woken` must be quick and raise nothing.
        """
        return self._wakes.listen(channel, woken)

    def close(self) -> None:
        """Let go of all connections."""
        self._wakes.close()
        self._reading.dispose()

    @contextmanager
    def _one_writer(self) -> Generator[None]:
        if self._turn is None:
            yield
            return
        if getattr(self._mine, "turn", False):
            raise RuntimeError("this thread writes to the database already: pass its connection on")
        if not self._turn.acquire(timeout=BUSY_TIMEOUT_S):
            raise DatabaseUnavailable(self.where, f"another transaction has been writing for {BUSY_TIMEOUT_S} s")
        self._mine.turn = True
        try:
            yield
        finally:
            self._mine.turn = False
            self._turn.release()

    @contextmanager
    def _explaining(self) -> Generator[None]:
        """The driver's failures in our words; what is none of the database's fault rises as it is."""
        try:
            yield
        except failures.IntegrityError as error:
            if (taken := clash(error)) is not None:
                raise taken from error
            raise
        except failures.TimeoutError as error:
            raise DatabaseUnavailable(self.where, "all its connections are in use") from error
        except failures.DBAPIError as error:
            if error.connection_invalidated or isinstance(error, failures.OperationalError) or _is_standby(error):
                raise DatabaseUnavailable(self.where, _first_line(error)) from error
            raise


class _Turns:
    """A lock that is given in the order of asking: whoever writes much doesn't keep the others out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()

    def acquire(self, timeout: float) -> bool:
        """Wait for one's turn, at most so many seconds; whether it came."""
        with self._lock:
            if not self._taken:
                self._taken = True
                return True
            mine = threading.Event()
            self._waiting.append(mine)
        if mine.wait(timeout):
            return True
        with self._lock:
            if mine.is_set():  # it came while we were about to leave
                return True
            self._waiting.remove(mine)
            return False

    def release(self) -> None:
        """Give it to whoever has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False


def wake(connection: Connection, channel: str, payload: str = "") -> None:
    """Wake whoever listens to a channel, once this transaction is kept (not at all, if it isn't)."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(channel, payload)))
    connection.info[_WOKEN].append((channel, payload))


def before_commit(connection: Connection, name: str, do: Callable[[Connection, V], None], value: Callable[[], V]) -> V:
    """Have something done at the very end of this transaction, once for each name, with what was gathered until then.

    Gives what is gathered in: made by `value` at the first call. It is for locks that everybody wants for an instant.
    """
    last: dict[str, tuple[Callable[[Connection, V], None], V]] = connection.info[_LAST]
    if name not in last:
        last[name] = (do, value())
    return last[name][1]


def now_ms(connection: Connection) -> InstantMs:
    """The database's own clock, the same for all workers: leases go by it."""
    return int(connection.execute(select(clock_ms(connection))).scalar_one())


def clock_ms(connection: Connection) -> ColumnElement[int]:
    """The same, as an expression for use within a statement."""
    if connection.dialect.name == "postgresql":
        return literal_column("CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)", BigInteger)
    return literal_column("CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)", BigInteger)


def upsert(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, key: Sequence[str]
) -> None:  # fmt: skip
    """Put rows in, or where one with the same `key` is there, give it the new values; 500 at a time.

    All rows have the same columns. No two of them may have the same key (PostgreSQL refuses that).
    """
    if not rows:
        return
    statement = _upsert(table, connection.dialect.name, tuple(rows[0]), tuple(key))
    for start in range(0, len(rows), BATCH):
        connection.execute(statement, [dict(row) for row in rows[start : start + BATCH]])


def insert_absent(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put rows in; one that is there already, by whatever is unique, stays as it is; 500 at a time."""
    insert = sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
    for start in range(0, len(rows), BATCH):
        connection.execute(insert.on_conflict_do_nothing(), [dict(row) for row in rows[start : start + BATCH]])


@lru_cache(maxsize=256)
def _upsert(table: Table, dialect: str, columns: tuple[str, ...], key: tuple[str, ...]) -> Insert:
    """Made once: putting such a statement together takes longer than carrying it out for one row."""
    insert = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    others = {name: insert.excluded[name] for name in columns if name not in key}
    if others:
        return insert.on_conflict_do_update(index_elements=list(key), set_=others)
    return insert.on_conflict_do_nothing(index_elements=list(key))


def update_many(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]], *, key: int
) -> int:
    """Give rows new values, 500 at a time, by the quickest way of each driver; how many rows there were.

    Each row is the values of `columns`, of which the last `key` name the row. Columns are integers and texts.
    """
    statement, changed = _update_many(table, connection.dialect.name, columns, key), 0
    for start in range(0, len(rows), BATCH):
        batch: Any = list(rows[start : start + BATCH])
        if connection.dialect.name == "postgresql":
            batch = tuple([list(column) for column in zip(*batch, strict=True)])
        changed += connection.exec_driver_sql(statement, batch).rowcount
    return changed


@lru_cache(maxsize=64)
def _update_many(table: Table, dialect: str, columns: tuple[str, ...], key: int) -> str:
    values, keys = columns[:-key], columns[-key:]
    if dialect == "sqlite":
        new, same = ", ".join(f"{each} = ?" for each in values), " AND ".join(f"{each} = ?" for each in keys)
        return f"UPDATE {table.name} SET {new} WHERE {same}"  # noqa: S608 - names of the schema
    # One statement with a column of values in each parameter: the server reads it once, not once a row.
    types = ["bigint[]" if isinstance(table.c[each].type, Integer) else "text[]" for each in columns]
    given = ", ".join(f"%b::{each}" for each in types)
    new = ", ".join(f"{each} = given.{each}" for each in values)
    same = " AND ".join(f"{table.name}.{each} = given.{each}" for each in keys)
    named = ", ".join(columns)
    return f"UPDATE {table.name} SET {new} FROM unnest({given}) AS given({named}) WHERE {same}"  # noqa: S608 - own names


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except failures.ArgumentError:
        raise Invalid(f"database {url!r}: write sqlite:///fleetcast.db or postgresql://user@host/name") from None
    match parsed.get_backend_name():
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            return parsed.set(drivername="sqlite+pysqlite")
        case "sqlite":
            raise Invalid("a database in memory would be another one for each connection: write sqlite:///path")
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql+psycopg")
        case other:
            raise Invalid(f"database {other}: SQLite (sqlite:///path) and PostgreSQL (postgresql://...) are possible")


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # The driver would begin by itself, at the first change only and never for writing; we begin ourselves, below.
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")  # NORMAL may forget the last commits when the power goes
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA cache_size = -65536")  # kB
    finally:
        cursor.close()


def _prepare_postgresql(idle_ms: int, connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    try:
        cursor.execute(f"SET idle_in_transaction_session_timeout = {idle_ms}")
    finally:
        cursor.close()
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("PRAGMA query_only = " + ("OFF" if writes else "ON"))
    # Without IMMEDIATE two transactions that read first and write then would fail each other.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _is_standby(error: failures.DBAPIError) -> bool:
    """A PostgreSQL server that takes no writes: a fail-over is under way."""
    return getattr(error.orig, "sqlstate", None) == "25006"


def _first_line(error: failures.DBAPIError) -> str:
    return next(iter(str(error.orig).strip().splitlines()), type(error.orig).__name__)
