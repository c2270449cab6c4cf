"""`fleetcast webhook`, `usage-report`, `counters` and `workers`, against a server in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.servers import ServerProcess
from tests.cli.terminal import fleetcast, refusal


def done(*arguments: object) -> str:
    ended = fleetcast(*arguments)
    assert (ended.code, ended.err) == (0, ""), (arguments, ended)
    return ended.out


@pytest.fixture
def server(tmp_path: Path, no_login: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path) as running:
        assert running.first is not None
        monkeypatch.setenv("FLEETCAST_TOKEN", running.first["token"])
        monkeypatch.setenv("FLEETCAST_SERVER", running.url)
        yield running


def test_what_was_used_and_who_works(server: ServerProcess, tmp_path: Path) -> None:
    done("profile", "create", "name=pump", "producer_id=1", "module_id=2", "hw_revision=3")
    shown = json.loads(done("counters", "--json"))
    assert shown["objects"]["device_profiles"] == {"active": 1, "archived": 0}
    lines = [line.split() for line in done("counters").splitlines()]
    assert ["device_profiles", "1", "0"] in lines
    assert "workers: 1 alive" in " ".join(done("counters").split())
    (worker,) = [json.loads(line) for line in done("workers", "--json").splitlines()]
    assert (worker["state"], worker["pid"]) == ("alive", server.process.pid)
    assert "alive" in done("workers")

    period = "--from", "2026-01-01", "--until", "2026-02-01T00:00:00"
    number = json.loads(done("usage-report", "create", "usage", *period, "--json"))["id"]
    assert done("usage-report", "create", "delta", *period) == f"usage report {number + 1} made\n"
    listed = [
        json.loads(line) for line in done("usage-report", "list", "--filter", f"id={number}", "--json").splitlines()
    ]
    assert [(each["from_at"], each["until_at"]) for each in listed] == [
        ("2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z")
    ]
    out = tmp_path / "usage.csv"
    done("usage-report", "download", number, "--out", out)
    assert out.read_text() != ""
    assert "999" in refusal("usage-report", "download", 999, "--out", tmp_path / "none.csv")
    assert sorted(each.name for each in tmp_path.glob("*.csv*")) == ["usage.csv"]
    assert refusal("usage-report", "create", "usage", "--from", "2026-02-01", "--until", "2026-01-01") != ""


def test_webhooks_are_kept_by_commands(server: ServerProcess) -> None:
    secret = done("webhook", "create", "name=pager", "url=http://127.0.0.1:9/hook").strip()
    assert len(secret.split()) == 1
    assert secret not in done("webhook", "show", "pager")
    again = done("webhook", "secret", "pager").strip()
    assert again != secret
    done("webhook", "edit", "pager", "enabled=false")
    assert "pager" in done("webhook", "list")
    told = [json.loads(line) for line in done("webhook", "deliveries", "pager", "--json").splitlines()]
    assert {"webhook.created", "webhook.secret-exchanged"} <= {each["kind"] for each in told}
    assert "webhook.created" in done("webhook", "deliveries", "pager", "--filter", "kind=webhook.created")
    done("webhook", "redeliver", "pager", told[-1]["id"])
    assert refusal("webhook", "redeliver", "pager", 999) != ""
    done("webhook", "archive", "pager")
    assert "pager" not in done("webhook", "list")
    done("webhook", "restore", "pager")
