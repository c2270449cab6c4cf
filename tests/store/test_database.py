"""Transactions that hold, on both databases; failures in our words; wakes that arrive."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, Queue

import pytest
from sqlalchemy import exc as failures
from sqlalchemy import func, insert, select, text

from fleetcast.errors import Invalid, Unavailable
from fleetcast.store import tables as t
from fleetcast.store.clashes import Taken
from fleetcast.store.database import BATCH, Database, clock_ms, now_ms, update_many, upsert, wake
from tests.postgresql import PostgreSQL
from tests.store import rows

SOON_S = 20.0
"""Longer than anything here may take."""


def _count(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(t.subscriber)).scalar_one())


def test_what_a_transaction_wrote_is_there_when_it_ends(database: Database) -> None:
    with database.write() as connection:
        rows.subscriber(connection)
        assert _count(database) == 0
    assert _count(database) == 1


def test_what_a_transaction_wrote_is_gone_when_it_raises(database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            rows.subscriber(connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert _count(database) == 0


def test_a_reading_transaction_cannot_write(database: Database) -> None:
    with database.read() as connection, pytest.raises(failures.DBAPIError, match=r"read-?only"):
        rows.subscriber(connection)


def test_after_reading_a_connection_can_write_again(database: Database) -> None:
    for number in range(15):  # more often than there are connections
        assert _count(database) == number
        with database.write() as connection:
            rows.subscriber(connection, f"tenant {number}")


def test_writers_in_many_threads_lose_no_count(database: Database) -> None:
    with database.write() as connection:
        number = rows.subscriber(connection)

    def add_one() -> None:
        with database.write() as connection:
            connection.execute(text(f"UPDATE subscriber SET revision = revision + 1 WHERE id = {number}"))  # noqa: S608

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(add_one) for _ in range(64)]:
            done.result(SOON_S)
    with database.read() as connection:
        assert connection.execute(select(t.subscriber.c.revision)).scalar_one() == 65


def test_a_thread_that_writes_already_is_told_so_instead_of_waiting_for_itself(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'one.db'}")
    with database.write(), pytest.raises(RuntimeError, match="pass its connection on"), database.write():
        pass
    database.close()


def test_a_row_that_is_there_already_is_named(database: Database) -> None:
    def twice() -> None:
        with database.write() as connection:
            rows.subscriber(connection)
            rows.subscriber(connection)

    with pytest.raises(Taken) as raised:
        twice()
    assert (raised.value.table, raised.value.columns) == ("subscriber", ("name",))
    assert _count(database) == 0


def test_the_subscriber_is_no_part_of_what_clashed(database: Database) -> None:
    def twice() -> None:
        with database.write() as connection:
            tenant = rows.subscriber(connection)
            rows.network(connection, tenant)
            rows.network(connection, tenant)

    with pytest.raises(Taken, match="connection: name taken by another one"):
        twice()


def test_an_archived_name_is_free_again(database: Database) -> None:
    with database.write() as connection:
        tenant = rows.subscriber(connection)
        rows.network(connection, tenant)
        connection.execute(t.connection.update().values(archived_at=1))
        rows.network(connection, tenant)


def test_a_reference_to_nothing_is_refused(database: Database) -> None:
    def refer() -> None:
        with database.write() as connection:
            rows.network(connection, 12345)

    with pytest.raises(failures.IntegrityError):
        refer()


def test_the_databases_clock_is_in_milliseconds_and_goes_on(database: Database) -> None:
    with database.read() as connection:
        first = now_ms(connection)
        assert 1_700_000_000_000 < first < 4_000_000_000_000
        assert first <= connection.execute(select(clock_ms(connection))).scalar_one() < first + 60_000


def test_an_upsert_puts_in_what_is_new_and_replaces_what_is_there(database: Database) -> None:
    def settings(word: str, count: int) -> list[dict[str, object]]:
        return [{"connection_id": 1, "key": f"{n}", "at": len(word)} for n in range(count)]

    with database.write() as connection:
        rows.network(connection, rows.subscriber(connection))
        upsert(connection, t.heard_key, settings("a", BATCH + 7), key=("connection_id", "key"))
        upsert(connection, t.heard_key, settings("abc", 2 * BATCH + 1), key=("connection_id", "key"))
        upsert(connection, t.heard_key, [], key=("connection_id", "key"))
        found = connection.execute(select(t.heard_key.c.at, func.count()).group_by(t.heard_key.c.at)).all()
    assert [tuple(row) for row in found] == [(3, 2 * BATCH + 1)]


def test_many_rows_are_given_new_values_and_counted(database: Database) -> None:
    number = BATCH + 3
    with database.write() as connection:
        rows.network(connection, rows.subscriber(connection))
        keys = [{"connection_id": 1, "key": f"{n}'\"\\,{{}}é\n", "at": 0} for n in range(number)]
        connection.execute(insert(t.heard_key), keys)
        new = [(7 + n, 1, each["key"]) for n, each in enumerate(keys)]
        columns = ("at", "connection_id", "key")
        assert update_many(connection, t.heard_key, columns, new, key=2) == number
        assert update_many(connection, t.heard_key, columns, [(1, 1, "unknown")], key=2) == 0
        found = connection.execute(select(t.heard_key.c.at).order_by(t.heard_key.c.at)).scalars().all()
    assert found == list(range(7, 7 + number))


def test_values_that_are_missing_are_written_as_such(database: Database) -> None:
    with database.write() as connection:
        number = rows.subscriber(connection)
        update_many(connection, t.subscriber, ("max_devices", "id"), [(5, number)], key=1)
        update_many(connection, t.subscriber, ("max_devices", "id"), [(None, number)], key=1)
        assert connection.execute(select(t.subscriber.c.max_devices)).scalar_one() is None


@pytest.fixture
def woken(database: Database) -> Iterator[Queue[str]]:
    heard: Queue[str] = Queue()
    end = database.listen("journal", heard.put)
    if not database.is_sqlite:
        assert heard.get(timeout=SOON_S) == ""  # listening now: whatever was before may have been missed
    yield heard
    end()


def test_a_wake_arrives_with_the_commit_and_not_before(database: Database, woken: Queue[str]) -> None:
    with database.write() as connection:
        wake(connection, "journal", "7")
        with pytest.raises(Empty):
            woken.get(timeout=0.05)
    assert woken.get(timeout=SOON_S) == "7"


def test_who_listens_in_the_same_process_is_woken_before_the_writer_goes_on(
    database: Database, woken: Queue[str]
) -> None:
    """So accelerated time, which goes on when nobody works, can't pass between the two."""
    with database.write() as connection:
        wake(connection, "journal", "7")
    assert woken.get_nowait() == "7"


def test_a_transaction_that_is_thrown_away_wakes_nobody(database: Database, woken: Queue[str]) -> None:
    def fail() -> None:
        with database.write() as connection:
            wake(connection, "journal", "7")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.write() as connection:
        wake(connection, "journal", "8")
    assert woken.get(timeout=SOON_S) == "8"


def test_another_channel_wakes_others(database: Database, woken: Queue[str]) -> None:
    with database.write() as connection:
        wake(connection, "inbox", "7")
        wake(connection, "journal", "8")
    assert woken.get(timeout=SOON_S) == "8"


def test_who_listens_no_more_is_not_woken(database: Database) -> None:
    heard: Queue[str] = Queue()
    database.listen("inbox", heard.put)()
    with database.write() as connection:
        wake(connection, "inbox", "7")
    with pytest.raises(Empty):
        heard.get(timeout=0.05)


def test_whoever_else_has_opened_a_shared_database_is_woken_too(shared_url: str) -> None:
    database, other = Database.open(shared_url), Database.open(shared_url)
    heard: Queue[str] = Queue()
    other.listen("inbox", heard.put)
    assert heard.get(timeout=SOON_S) == ""
    with database.write() as connection:
        wake(connection, "inbox", "7")
    assert heard.get(timeout=SOON_S) == "7"
    other.close()
    database.close()


def test_a_database_that_is_not_there_is_unavailable_and_its_password_is_not_shown() -> None:
    database = Database.open("postgresql://somebody:secret@127.0.0.1:1/none")

    def look() -> None:
        with database.read():
            pass

    with pytest.raises(Unavailable) as raised:
        look()
    assert "secret" not in str(raised.value)
    assert "check that it runs" in str(raised.value)
    database.close()


def test_after_an_outage_everything_goes_on() -> None:
    server = PostgreSQL()
    database = Database.open(server.url("postgres"))
    heard: Queue[str] = Queue()
    try:
        with database.write() as connection:
            t.metadata.create_all(connection)
        database.listen("journal", heard.put)
        assert heard.get(timeout=SOON_S) == ""
        server.stop(mode="immediate")

        def write() -> None:
            with database.write() as connection:
                rows.subscriber(connection)

        with pytest.raises(Unavailable):
            write()
        server.start()
        write()
        assert _count(database) == 1
        assert heard.get(timeout=SOON_S) == ""  # it listens again, and says that something may have been missed
        with database.write() as connection:
            wake(connection, "journal", "7")
        assert heard.get(timeout=SOON_S) == "7"
    finally:
        database.close()
        server.remove()


def test_an_outage_in_the_middle_of_a_transaction_is_unavailable_and_nothing_is_kept(shared_url: str) -> None:
    database = Database.open(shared_url)

    def thrown_out() -> None:
        with database.write() as connection:
            rows.subscriber(connection)
            mine = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            ender = Database.open(shared_url)
            with ender.write() as other:
                other.execute(text(f"SELECT pg_terminate_backend({mine}, 10000)"))
            ender.close()
            rows.subscriber(connection, "second")

    with pytest.raises(Unavailable):
        thrown_out()
    assert _count(database) == 0
    database.close()


def test_a_transaction_in_which_nothing_is_asked_any_more_lets_go_of_its_locks(shared_url: str) -> None:
    """Its process may be frozen, or its machine gone: others are not to wait for ever."""
    frozen, other = Database.open(shared_url, idle_s=0.2), Database.open(shared_url)
    with frozen.write() as connection:
        number = rows.subscriber(connection)
    mine = select(t.subscriber.c.id).where(t.subscriber.c.id == number).with_for_update()

    def freeze() -> None:
        with frozen.write() as connection:
            connection.execute(mine).one()
            with other.write() as elsewhere:
                elsewhere.execute(text(f"SET LOCAL lock_timeout = {round(SOON_S * 1000)}"))
                elsewhere.execute(mine).one()
            connection.execute(mine)

    with pytest.raises(Unavailable):
        freeze()
    frozen.close()
    other.close()


def test_a_writer_elsewhere_that_does_not_end_makes_an_embedded_file_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleetcast.store.database.BUSY_TIMEOUT_S", 0.05)
    path = tmp_path / "busy.db"
    database = Database.open(f"sqlite:///{path}")
    with database.write() as connection:
        t.metadata.create_all(connection)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    def write() -> None:
        with database.write():
            pass

    with pytest.raises(Unavailable, match="locked"):
        write()
    other.execute("COMMIT")
    other.close()
    write()
    database.close()


def test_an_embedded_file_keeps_what_was_committed_when_the_power_goes(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'safe.db'}")
    with database.write() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert found == ["wal", 2, 1]  # 2: FULL
    database.close()


@pytest.mark.parametrize("url", ["mysql://host/name", "sqlite://", "sqlite:///:memory:", "fleetcast.db"])
def test_other_databases_are_refused_with_what_is_possible(url: str) -> None:
    with pytest.raises(Invalid, match="sqlite:///"):
        Database.open(url)


def test_readers_do_not_wait_for_a_writer(database: Database) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with database.write() as connection:
            rows.subscriber(connection)
            inside.set()
            assert go_on.wait(SOON_S)

    writer = threading.Thread(target=write_slowly)
    writer.start()
    assert inside.wait(SOON_S)
    assert _count(database) == 0
    go_on.set()
    writer.join(SOON_S)
    assert _count(database) == 1
