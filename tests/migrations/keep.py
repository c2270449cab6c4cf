"""Keeps a database of the present schema, with a campaign in it, as a file for the tests of later schemas.

Run once for each released schema: `python -m tests.migrations.keep`. A kept file is never made anew after its release.
"""

from __future__ import annotations

import gzip
import sqlite3
import tempfile
from pathlib import Path

from fleetcast.store import ownership, schema
from fleetcast.store.database import Database
from tests.store import rows, running

DIRECTORY = Path(__file__).parent
DEVICES = 3


def fill(database: Database) -> int:
    """A subscriber with devices, a group and a campaign under way; its number."""
    campaign_id = running.start(database, DEVICES)
    with database.write() as connection:
        (claimed,) = ownership.claim(connection, rows.worker(connection), 60_000, 1)
    running.begun(database, campaign_id, claimed.fence)
    return campaign_id


def keep() -> Path:
    """Write the file of the present schema; it is SQL, so that a change in it can be read."""
    target = DIRECTORY / f"schema_{schema.newest()}.sql.gz"
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "kept.db"
        database = Database.open(f"sqlite:///{path}")
        schema.migrate(database)
        fill(database)
        database.close()
        with sqlite3.connect(path) as opened:
            text = "\n".join(opened.iterdump())
        opened.close()
    target.write_bytes(gzip.compress(text.encode(), mtime=0))
    return target


if __name__ == "__main__":
    print(keep())  # noqa: T201 - a program
