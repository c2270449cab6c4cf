"""`fleetcast database`: the schema, the check and the backup from the command line."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fleetcast.cli.database import database
from fleetcast.errors import Conflict
from fleetcast.store import schema


def _run(*arguments: object) -> tuple[int, str]:
    ended = CliRunner().invoke(
        database, [str(each) for each in arguments], catch_exceptions=False, standalone_mode=False
    )
    code = ended.return_value if isinstance(ended.return_value, int) else ended.exit_code
    return code, ended.output


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_an_empty_database_gets_its_tables_and_then_has_them(data: Path) -> None:
    code, said = _run("migrate", "--data", data)
    assert (code, said) == (0, f"The database has schema {schema.newest()} now; before: none.\n")
    assert _run("migrate", "--data", data)[1] == f"The database has schema {schema.newest()} already.\n"
    _, said = _run("migrate", "--data", data, "--json")
    assert json.loads(said) == {"before": schema.newest(), "after": schema.newest()}


def test_a_database_can_be_named_by_its_url(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.db"
    assert _run("migrate", "--data", data, "--database", f"sqlite:///{path}")[0] == 0
    assert path.exists()
    assert not (data / "fleetcast.db").exists()


def test_a_sound_database_ends_with_nothing_wrong(data: Path) -> None:
    _run("migrate", "--data", data)
    assert _run("check", "--data", data) == (0, "Nothing is wrong.\n")


def test_what_is_wrong_is_listed_and_ends_with_1(data: Path) -> None:
    _run("migrate", "--data", data)
    with sqlite3.connect(data / "fleetcast.db") as raw:
        raw.execute("ALTER TABLE region DROP COLUMN description")
    raw.close()
    code, said = _run("check", "--data", data, "--json")
    assert code == 1
    assert json.loads(said)["sound"] is False
    assert any("description" in line for line in json.loads(said)["complaints"])


def test_a_database_without_schema_is_named_so(data: Path) -> None:
    with pytest.raises(Conflict, match="fleetcast database migrate"):
        _run("check", "--data", data)


def test_a_backup_is_a_database_file(data: Path, tmp_path: Path) -> None:
    _run("migrate", "--data", data)
    target = tmp_path / "copy.db"
    code, said = _run("backup", target, "--data", data, "--json")
    assert code == 0
    assert json.loads(said) == {"file": str(target), "size_bytes": target.stat().st_size}
    assert _run("check", "--data", data, "--database", f"sqlite:///{target}") == (0, "Nothing is wrong.\n")
