"""`fleetcast key`, beside a running server."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.cli.servers import ServerProcess
from tests.cli.terminal import fleetcast, refusal


def done(*arguments: object) -> str:
    ended = fleetcast(*arguments)
    assert (ended.code, ended.err) == (0, ""), (arguments, ended)
    return ended.out


@pytest.mark.usefixtures("no_login")
def test_a_running_server_opens_keys_after_the_rotation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    with ServerProcess(tmp_path) as running:
        assert running.first is not None
        monkeypatch.setenv("FLEETCAST_PASSWORD", running.first["password"])
        done("login", "--server", running.url)
        group = ("dev_eui=0300000000000001", "connection=simulated", "session_class=C", "band=EU868", "data_rate=5",
                 "dev_addr=01FC0001", "frequency_hz=869525000")  # fmt: skip
        done("group", "create", *group)
        auth = {"Authorization": f"Bearer {running.first['token']}"}
        keys = running.post("/api/v1/multicast-groups/1/keys", headers=auth).json()
        before = done("key", "status", "--data", data)
        done("key", "rotate", "--data", data)
        assert running.post("/api/v1/multicast-groups/1/keys", headers=auth).json() == keys
        assert before.split()[0] in done("key", "status", "--data", data).splitlines()[1]
        done("key", "forget-older", "--data", data)
        assert running.post("/api/v1/multicast-groups/1/keys", headers=auth).json() == keys
    assert stat.S_IMODE((data / "key-encryption-keys.json").stat().st_mode) == 0o600
    with ServerProcess(tmp_path):
        pass


def test_without_a_key_file_nothing_is_made_up(tmp_path: Path) -> None:
    done("database", "migrate", "--data", tmp_path)
    assert "no key file" in refusal("key", "status", "--data", tmp_path)
    assert len(done("key", "new").strip()) == 64
