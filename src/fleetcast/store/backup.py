"""A copy of the whole database in one file, made while others work on it, and looked at before it counts.

The key-encryption key isn't in it: without that file, kept elsewhere, the keys in a copy open nowhere.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import make_url

from fleetcast.errors import Conflict, Unavailable
from fleetcast.store.database import Database


class BackupExists(Conflict):
    """There is a file of that name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} is there already: name another file, a backup replaces none")


class BackupFailed(Unavailable):
    """The copy could not be made; nothing of it was left."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The backup could not be made ({why}); nothing was written.")


def back_up(database: Database, url: str, target: Path) -> int:
    """Copy the database into a new file that only its owner may read; its size in bytes.

    SQLite: a database file, to be put in the place of the old one. PostgreSQL: what `pg_restore` reads, made by
    `pg_dump`. Raises BackupExists, BackupFailed.
    """
    if target.exists():
        raise BackupExists(target)
    beside = target.with_name(f"{target.name}.{os.getpid()}.part")
    copy: Callable[[], None]
    if database.file is not None:
        source = database.file
        copy = lambda: _copy_sqlite(source, beside)  # noqa: E731 - one of two ways, chosen here
    else:
        copy = lambda: _dump_postgresql(url, beside)  # noqa: E731 - the other
    try:
        os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        copy()
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        try:
            os.link(beside, target)  # unlike a rename it replaces nothing
        except FileExistsError:
            raise BackupExists(target) from None
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(str(error)) from error
    finally:
        beside.unlink(missing_ok=True)
    return target.stat().st_size


def _copy_sqlite(source: Path, target: Path) -> None:
    if not source.exists():
        raise BackupFailed(f"there is no database {source}")
    reading = f"{source.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(reading, uri=True)) as original, closing(sqlite3.connect(target)) as copy:
        original.backup(copy)
        # One file, without a log beside it: it can be carried about.
        copy.execute("PRAGMA journal_mode = DELETE")
        found = copy.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok":
        raise BackupFailed(f"the copy is damaged: {found}")


def _dump_postgresql(url: str, target: Path) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        raise BackupFailed("pg_dump is not installed: install PostgreSQL's client programs")
    parsed = make_url(url)
    # The password goes by the environment: arguments can be read by everybody on the machine.
    environment = {**os.environ, **({"PGPASSWORD": str(parsed.password)} if parsed.password else {})}
    bare = parsed.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    command = [program, "--format=custom", "--no-owner", "--no-password", f"--file={target}", f"--dbname={bare}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - pg_dump
    if done.returncode:
        raise BackupFailed(" ".join(done.stderr.split()) or f"pg_dump ended with {done.returncode}")
