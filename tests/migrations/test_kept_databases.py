"""Databases of every released schema come to the newest one with everything that was in them."""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path

import pytest

from fleetcast.store import schema, soundness
from fleetcast.store.database import Database
from tests.migrations.keep import DEVICES, DIRECTORY
from tests.store import running

KEPT = sorted(DIRECTORY.glob("schema_*.sql.gz"))


def _opened(kept: Path, path: Path) -> Database:
    with sqlite3.connect(path) as made:
        made.executescript(gzip.decompress(kept.read_bytes()).decode())
    made.close()
    return Database.open(f"sqlite:///{path}")


def test_every_schema_has_its_kept_database() -> None:
    assert [each.name for each in KEPT][-1] == f"schema_{schema.newest()}.sql.gz"


@pytest.mark.parametrize("kept", KEPT, ids=lambda each: each.name)
def test_a_kept_database_is_migrated_and_its_campaign_goes_on(kept: Path, tmp_path: Path) -> None:
    database = _opened(kept, tmp_path / "kept.db")
    schema.migrate(database)
    assert soundness.complaints(database) == []
    parts = running.load(database, 1)
    assert len(parts.devices) == len(parts.plan.devices) == DEVICES
    assert parts.groups[0].next_f_cnt == 40
    database.close()
