"""`fleetcast audit`, against a server and offline against its database file and its exports."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.cli.servers import ServerProcess
from tests.cli.terminal import fleetcast, refusal


def done(*arguments: object) -> str:
    ended = fleetcast(*arguments)
    assert (ended.code, ended.err) == (0, ""), (arguments, ended)
    return ended.out


@pytest.mark.usefixtures("no_login")
def test_what_was_bent_is_found_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ServerProcess(tmp_path) as running:
        assert running.first is not None
        monkeypatch.setenv("FLEETCAST_PASSWORD", running.first["password"])
        done("login", "--server", running.url)
        done("profile", "create", "name=meter", "producer_id=Acme", "module_id=M1", "hw_revision=1")
        done("profile", "edit", "meter", "description=of water")
        listed = done("audit", "list", "--json", "-f", "kind~profile").splitlines()
        assert [json.loads(line)["kind"] for line in listed] == ["device-profile.edited", "device-profile.created"]
        head = done("audit", "head").strip()
        done("audit", "export", tmp_path / "export.jsonl")
        assert "is there already" in refusal("audit", "export", tmp_path / "export.jsonl")
    data = tmp_path / "data"
    assert "Nothing was bent." in done("audit", "verify", "--data", data)
    assert "Nothing was bent." in done("audit", "verify", "--data", data, "--subscriber", 1, "--noted", head)
    assert "Nothing was bent." in done("audit", "verify", "--file", tmp_path / "export.jsonl", "--noted", head)

    text = (tmp_path / "export.jsonl").read_text()
    (tmp_path / "bent.jsonl").write_text(text.replace("of water", "of gas"))
    ended = fleetcast("audit", "verify", "--file", tmp_path / "bent.jsonl")
    assert (ended.code, "was changed" in ended.out) == (1, True)

    with sqlite3.connect(data / "fleetcast.db") as connection:
        connection.execute("DROP TRIGGER audit_unchanged")
        connection.execute("UPDATE audit SET who = 'eve' WHERE subscriber_id = 1 AND n = 2")
    connection.close()
    ended = fleetcast("audit", "verify", "--data", data, "--json")
    found = {each["subscriber_id"]: each for each in map(json.loads, ended.out.splitlines())}
    assert (ended.code, found[1]["whole"], found[1]["faults"][0]["n"]) == (1, False, 2)


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    assert "no such file" in refusal("audit", "verify", "--file", path)
    path.write_text("hello\n")
    assert "no JSON" in refusal("audit", "verify", "--file", path)
    path.write_bytes(b"\xff\xfe")
    assert "no export" in refusal("audit", "verify", "--file", path)
    assert "number:hash" in refusal("audit", "verify", "--file", path, "--noted", "12")
