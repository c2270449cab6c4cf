"""The audit journal on both databases: chained under concurrency, guarded by triggers, and found out when bent."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from fleetcast.access.audit_chain import BEGINNING, Anchor
from fleetcast.store import audit
from fleetcast.store.audit import Note
from fleetcast.store.database import Database, DatabaseUnavailable

GUARDS = ("audit_unchanged", "audit_kept", "audit_appended", "audit_chain_kept", "audit_chain_grows")


def put(database: Database, subscriber_id: int, *names: str) -> None:
    with database.write() as connection:
        for name in names:
            audit.note(connection, subscriber_id, Note(kind="thing.made", user_id=1, who="ada", name=name))


def names(database: Database, subscriber_id: int) -> list[str]:
    with database.read() as connection:
        return [each.name for each in audit.entries(connection, subscriber_id)]


def faults(database: Database, subscriber_id: int = 1, *anchors: Anchor) -> list[str]:
    return [str(each) for each in audit.verify(database, subscriber_id, anchors).faults]


def forge(database: Database, *statements: str) -> None:
    """What somebody can do who owns the database: the guards are switched off before."""
    with database.write() as connection:
        if database.is_sqlite:
            for each in GUARDS:
                connection.execute(text(f"DROP TRIGGER {each}"))
        else:
            for table in ("audit", "audit_chain"):
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        for each in statements:
            connection.execute(text(each))


def test_each_subscriber_has_a_chain_of_its_own(database: Database) -> None:
    put(database, 1, "a", "b")
    put(database, 2, "c")
    put(database, 1, "d")
    assert (names(database, 1), names(database, 2), names(database, 0)) == (["a", "b", "d"], ["c"], [])
    assert faults(database, 1) == faults(database, 2) == faults(database, 0) == []
    with database.read() as connection:
        assert audit.chains(connection) == [1, 2]
        assert audit.head(connection, 1).n == 3
        assert audit.head(connection, 0) == Anchor(0, BEGINNING)


def test_what_is_thrown_away_leaves_no_entry(database: Database) -> None:
    put(database, 1, "a")

    def think_again() -> None:
        with database.write() as connection:
            audit.note(connection, 1, Note(kind="thing.made", name="b"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        think_again()
    put(database, 1, "c")
    assert names(database, 1) == ["a", "c"]


def test_many_at_once_chain_to_one_another(database: Database) -> None:
    """Each writes to two chains, in either order."""
    together = threading.Barrier(6)

    def write(number: int) -> None:
        together.wait(10)
        for i in range(10):
            with database.write() as connection:
                for subscriber_id in (1, 2) if number % 2 else (2, 1):
                    audit.note(connection, subscriber_id, Note(kind="thing.made", name=f"{number}.{i}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    expected = sorted(f"{number}.{i}" for number in range(6) for i in range(10))
    for subscriber_id in (1, 2):
        assert sorted(names(database, subscriber_id)) == expected
        assert faults(database, subscriber_id) == []


def test_more_than_a_batch_is_chained_in_order(database: Database) -> None:
    many = [str(i) for i in range(1203)]
    put(database, 1, *many)
    assert names(database, 1) == many
    assert faults(database) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET who = 'eve' WHERE n = 1",
        "DELETE FROM audit WHERE n = 2",
        "DELETE FROM audit",
        "DELETE FROM audit_chain",
        "UPDATE audit_chain SET length = 1",
    ],
)
def test_the_database_itself_refuses_to_bend_it(database: Database, statement: str) -> None:
    put(database, 1, "a", "b")
    with (
        pytest.raises((DBAPIError, DatabaseUnavailable), match=r"audit (entries|chains)"),
        database.write() as connection,
    ):
        connection.execute(text(statement))
    assert names(database, 1) == ["a", "b"]


def test_the_database_refuses_to_empty_or_to_replace(database: Database) -> None:
    put(database, 1, "a", "b")
    columns = "subscriber_id, n, at, user_id, who, through, address, kind, object_id, name, before, after, more"
    replace = f"INSERT OR REPLACE INTO audit SELECT {columns}, previous, hash FROM audit WHERE n = 1"  # noqa: S608
    statement = replace if database.is_sqlite else "TRUNCATE audit"
    with pytest.raises((DBAPIError, DatabaseUnavailable), match="audit entries"), database.write() as connection:
        connection.execute(text(statement))


def test_what_the_owner_of_the_database_bends_is_found(database: Database) -> None:
    put(database, 1, *"abcdef")
    put(database, 2, "x")
    forge(database)
    bent: dict[str, tuple[str, str]] = {
        "UPDATE audit SET name = 'z' WHERE subscriber_id = 1 AND n = 3": (
            "entry 3: was changed", "UPDATE audit SET name = 'c' WHERE subscriber_id = 1 AND n = 3",
        ),
        "UPDATE audit SET more = '{ }' WHERE subscriber_id = 1 AND n = 2": (
            "entry 2: was changed", "UPDATE audit SET more = '{}' WHERE subscriber_id = 1 AND n = 2",
        ),
        "UPDATE audit SET n = 7 WHERE subscriber_id = 1 AND n = 2": (
            "2 is missing", "UPDATE audit SET n = 2 WHERE subscriber_id = 1 AND n = 7",
        ),
        "UPDATE audit_chain SET length = 7 WHERE subscriber_id = 1": (
            "the end was cut off", "UPDATE audit_chain SET length = 6 WHERE subscriber_id = 1",
        ),
        "UPDATE audit SET subscriber_id = 3, n = 9 WHERE subscriber_id = 1 AND n = 6": (
            "the end was cut off", "UPDATE audit SET subscriber_id = 1, n = 6 WHERE subscriber_id = 3",
        ),
    }  # fmt: skip
    for statement, (found, back) in bent.items():
        with database.write() as connection:
            connection.execute(text(statement))
        assert any(found in each for each in faults(database)), statement
        with database.write() as connection:
            connection.execute(text(back))
        assert faults(database) == []


def test_a_removed_row_is_found_in_the_middle_and_at_the_end(database: Database) -> None:
    put(database, 1, *"abcd")
    with database.read() as connection:
        noted = audit.head(connection, 1)
    forge(database, "DELETE FROM audit WHERE n = 4")
    assert any("the end was cut off" in each for each in faults(database))
    with database.write() as connection:  # the chain's end bent as well: only what was noted elsewhere tells
        connection.execute(text("UPDATE audit_chain SET length = 3, head = (SELECT hash FROM audit WHERE n = 3)"))
    assert faults(database) == []
    assert any("the end was cut off" in each for each in faults(database, 1, noted))
    with database.write() as connection:
        connection.execute(text("DELETE FROM audit WHERE n = 2"))
    assert any("2 is missing" in each for each in faults(database))


def test_a_chain_without_its_end_is_found(database: Database) -> None:
    put(database, 1, "a")
    forge(database, "DELETE FROM audit_chain")
    assert any("does not end where" in each for each in faults(database))


def test_before_and_after_stand_there_as_they_were_said(database: Database) -> None:
    said: dict[str, Any] = {"tag": "ä\n\"'", "count": 3, "none": None, "list": [1, "b"]}
    with database.write() as connection:
        audit.note(connection, 1, Note(kind="device.edited", before=said, after={"tag": "b"}, object_id=5))
    with database.read() as connection:
        (entry,) = audit.entries(connection, 1)
    assert (json.loads(entry.before), json.loads(entry.after), entry.object_id) == (said, {"tag": "b"}, 5)
    assert faults(database) == []
