"""A copy of the database is whole, private, and replaces nothing; a check finds what is wrong."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import text, update

from fleetcast.store import ownership, schema, soundness
from fleetcast.store import tables as t
from fleetcast.store.backup import BackupExists, BackupFailed, back_up
from fleetcast.store.database import Database
from tests.conftest import Databases
from tests.store import rows, running


def _begun(database: Database) -> int:
    campaign_id = running.start(database, 3)
    with database.write() as connection:
        (claimed,) = ownership.claim(connection, rows.worker(connection), 60_000, 1)
    running.begun(database, campaign_id, claimed.fence)
    return campaign_id


def _restored(databases: Databases, target: Path) -> str:
    """The URL of a database made from a backup."""
    url = databases.empty()
    if databases.kind == "sqlite":
        shutil.copyfile(target, url.removeprefix("sqlite:///"))
    else:
        program = shutil.which("pg_restore")
        assert program is not None
        subprocess.run([program, f"--dbname={url}", "--exit-on-error", "--no-owner", str(target)], check=True)  # noqa: S603
    return url


def test_a_backup_holds_a_running_campaign_whole(
    databases: Databases, database: Database, database_url: str, tmp_path: Path
) -> None:
    campaign_id = _begun(database)
    target = tmp_path / "backup"
    with database.write() as connection:  # others may write meanwhile; what they didn't commit isn't in it
        connection.execute(update(t.campaign).values(why="not yet"))
        size = back_up(database, database_url, target)
    assert size == target.stat().st_size > 0
    assert target.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["backup"]
    url = _restored(databases, target)
    copy = Database.open(url)
    schema.require_current(copy)
    assert soundness.complaints(copy) == []
    assert running.load(copy, campaign_id) == running.load(database, campaign_id)
    copy.close()
    databases.drop(url)


def test_a_backup_replaces_nothing(database: Database, database_url: str, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    target.write_text("something dear")
    with pytest.raises(BackupExists, match="name another file"):
        back_up(database, database_url, target)
    assert target.read_text() == "something dear"


def test_a_backup_that_fails_leaves_nothing(database: Database, tmp_path: Path, databases: Databases) -> None:
    url = databases.empty()
    if databases.kind == "sqlite":
        nothing = Database.open(url)
    else:
        nothing, url = database, "postgresql://fleetcast@127.0.0.1:1/none"
    with pytest.raises(BackupFailed, match="nothing was written"):
        back_up(nothing, url, tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []


def test_a_sound_database_has_no_complaints(database: Database) -> None:
    _begun(database)
    assert soundness.complaints(database) == []


def test_a_state_that_cannot_be_read_is_named_with_its_campaign(database: Database) -> None:
    campaign_id = _begun(database)
    with database.write() as connection:
        connection.execute(update(t.campaign_device).where(t.campaign_device.c.n == 1).values(state="[1,["))
    (complaint,) = soundness.complaints(database)
    assert complaint.startswith(f"campaign {campaign_id}: A stored device state can't be read")


def test_a_device_without_its_state_is_missed(database: Database) -> None:
    _begun(database)
    with database.write() as connection:
        connection.execute(t.campaign_device.delete().where(t.campaign_device.c.n == 2))
    (complaint,) = soundness.complaints(database)
    assert complaint.endswith("2 of 3 devices have a state")


def test_a_reference_to_nothing_is_found_in_an_embedded_file(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'broken.db'}")
    schema.migrate(database)
    with database.write() as connection:
        tenant = rows.subscriber(connection)
        rows.network(connection, tenant)
    import sqlite3

    with sqlite3.connect(tmp_path / "broken.db") as raw:  # whoever doesn't ask for it isn't kept from it
        raw.execute("DELETE FROM subscriber")
    raw.close()
    assert any("refers to a row of subscriber" in line for line in soundness.complaints(database))
    database.close()


def test_a_database_without_schema_is_not_looked_at(databases: Databases) -> None:
    url = databases.empty()
    database = Database.open(url)
    with pytest.raises(schema.SchemaDiffers, match="database migrate"):
        soundness.complaints(database)
    with database.read() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    database.close()
    databases.drop(url)
