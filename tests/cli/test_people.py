"""`fleetcast user`, `token`, `subscriber` and `login`, against a server in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.servers import ServerProcess
from tests.cli.terminal import fleetcast, refusal

PASSWORD = "a long enough sentence"  # noqa: S105 - of a test


def done(*arguments: object) -> str:
    ended = fleetcast(*arguments)
    assert (ended.code, ended.err) == (0, ""), (arguments, ended)
    return ended.out


@pytest.fixture
def server(tmp_path: Path, no_login: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path) as running:
        yield running


def log_in(server: ServerProcess, monkeypatch: pytest.MonkeyPatch, login: str, password: str) -> None:
    monkeypatch.setenv("FLEETCAST_PASSWORD", password)
    done("login", "--server", server.url, "--login", login)
    monkeypatch.delenv("FLEETCAST_PASSWORD")


def test_people_and_tenants_are_kept_by_commands(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    first = server.first
    assert first is not None
    monkeypatch.setenv("FLEETCAST_NEW_PASSWORD", PASSWORD)
    log_in(server, monkeypatch, "admin", first["password"])
    done("user", "create", "ada", "--role", "operator")
    assert "operator" in done("user", "list")
    done("user", "edit", "ada", "role=viewer")
    assert json.loads(done("user", "show", "ada", "--json"))["role"] == "viewer"
    assert "last admin" in refusal("user", "archive", "admin")
    done("user", "password", "ada")
    token = done("token", "create", "night", "--scope", "look").strip()
    assert token.startswith("fleetcast_")
    monkeypatch.setenv("FLEETCAST_TOKEN", token)
    assert "outside this token's scope" in refusal("user", "create", "eve")
    monkeypatch.delenv("FLEETCAST_TOKEN")
    number = next(json.loads(line)["id"] for line in done("token", "list", "--json").splitlines() if "night" in line)
    done("token", "revoke", number)
    monkeypatch.setenv("FLEETCAST_TOKEN", token)
    assert "doesn't know who is asking" in refusal("user", "list")
    monkeypatch.delenv("FLEETCAST_TOKEN")
    assert "takes the right to system" in refusal("subscriber", "list")

    log_in(server, monkeypatch, "ada", PASSWORD)
    monkeypatch.setenv("FLEETCAST_PASSWORD", "not this one here")
    assert "present password is wrong" in refusal("user", "password", "ada")

    log_in(server, monkeypatch, first["system_login"], first["system_password"])
    done("subscriber", "create", "waterworks", "--admin", "wanda", "--max-devices", 5)
    done("subscriber", "edit", "waterworks", "max_devices=7")
    listed = {each["name"]: each for each in map(json.loads, done("subscriber", "list", "--json").splitlines())}
    assert (sorted(listed), listed["waterworks"]["max_devices"]) == (["default", "waterworks"], 7)
    done("subscriber", "archive", "waterworks")
    assert "doesn't take the right" not in refusal("device", "list")
    done("subscriber", "restore", "waterworks")
