"""A server in processes of its own on both databases: stopped in the middle of a campaign, and split into its roles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.servers import ServerProcess
from tests.cli.terminal import fleetcast
from tests.cli.test_campaign_commands import DEVICES, done, make_fleet
from tests.conftest import Databases

pytestmark = pytest.mark.usefixtures("no_login")


def start_update(directory: Path) -> None:
    """A fleet, and its campaign under way."""
    make_fleet()
    image = directory / "meter-2.bin"
    image.write_bytes(bytes(n % 251 for n in range(700)))
    done("file", "upload", image, "name=meter 2", "kind=firmware", "version=2.0.0.0", "profile=meter")
    done(
        "campaign", "create", "name=update", "type=firmware", "device_sets=north", "regions=lowlands", "file=meter 2",
        "max_duration_minutes=1440", "settings.msg_retries=4", "settings.stage_complete_delay=3",
    )  # fmt: skip
    done("campaign", "start", "update")


def campaign() -> dict[str, Any]:
    found: dict[str, Any] = done("campaign", "show", "update", "--json").json
    return found


def journal() -> list[str]:
    lines = done("campaign", "journal", "update", "--json").out.splitlines()
    return [json.loads(line)["kind"] for line in lines]


def until_it_moves() -> None:
    """Until the campaign's first stage has begun."""
    while "campaign.stage" not in journal():
        pass


def log_in(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    assert server.first is not None
    monkeypatch.setenv("FLEETCAST_PASSWORD", server.first["password"])
    done("login", "--server", server.url)
    monkeypatch.delenv("FLEETCAST_PASSWORD")


def test_a_campaign_goes_on_after_a_clean_stop_in_its_middle(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = databases.empty()
    with ServerProcess(tmp_path, "--database", url, "--time-factor", "2000") as server:
        log_in(server, monkeypatch)
        start_update(tmp_path)
        until_it_moves()
        assert campaign()["status"] == "RUNNING"
        assert server.stop() == 0
    assert server.log()[-1]["event"] == "server.stopped"
    assert fleetcast("campaign", "list").code == 3

    with ServerProcess(tmp_path, "--database", url, "--time-factor", "20000") as again:
        assert again.first is None
        monkeypatch.setenv("FLEETCAST_SERVER", again.url)
        kept = json.loads((tmp_path / "config" / "fleetcast" / "login.json").read_text())
        monkeypatch.setenv("FLEETCAST_TOKEN", kept["token"])
        last = done("campaign", "watch", "update", "--every", "0.2", "--json").out.splitlines()[-1]
        assert json.loads(last)["status"] == "SUCCEEDED"
        assert campaign()["succeeded"] == DEVICES
        log = (tmp_path / "server.log").read_text()
        assert kept["token"] not in log
        assert again.stop() == 0
    databases.drop(url)


def test_one_process_answers_and_another_runs_campaigns(
    shared_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ServerProcess(tmp_path, "--database", shared_url, "--role", "api") as api:
        log_in(api, monkeypatch)
        done("connection", "edit", "simulated", "settings.uplink_period_s=10")
        start_update(tmp_path)
        assert "campaign.stage" not in journal()
        with ServerProcess(tmp_path, "--database", shared_url, "--role", "worker") as worker:
            until_it_moves()
            assert worker.get("/api/v1/devices").status_code == 404
            assert worker.get("/readyz").json()["ready"]
            assert worker.stop() == 0
        assert campaign()["status"] == "RUNNING"
        assert api.stop() == 0
