"""`fleetcast serve`: the first start, probes, what keeps it from starting, and a clean stop."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

from tests.cli.servers import ServerProcess
from tests.cli.terminal import fleetcast, refusal


def test_the_first_start_makes_an_admin_and_a_network_and_shows_the_password_once(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        assert server.first is not None
        basic = (server.first["login"], server.first["password"])
        assert server.get("/api/v1/me", auth=basic).json()["role"] == "admin"
        bearer = {"Authorization": f"Bearer {server.first['token']}"}
        (connection,) = server.get("/api/v1/connections", headers=bearer).json()["items"]
        assert (connection["name"], connection["kind"]) == ("simulated", "simulated")
        assert server.get("/api/v1/devices").status_code == 401
        assert server.stop() == 0
    assert server.log()[-1]["event"] == "server.stopped"
    data = tmp_path / "data"
    assert stat.S_IMODE((data / "key-encryption-keys.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    log = (tmp_path / "server.log").read_text()
    assert server.first["password"] not in log
    assert server.first["token"] not in log

    with ServerProcess(tmp_path) as again:
        assert again.first is None
        assert again.get("/api/v1/me", auth=basic).status_code == 200


def test_probes_and_metrics_ask_nobody_who_they_are(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        assert server.get("/healthz").text == "alive\n"
        ready = server.get("/readyz")
        assert ready.status_code == 200
        assert {"database", "connection 1 simulated"} <= {part["name"] for part in ready.json()["parts"]}
        server.get("/api/v1/devices")
        server.get("/nowhere/at/all")
        lines = server.get("/metrics").text.splitlines()
        assert 'fleetcast_part_well{part="database"} 1.0' in lines
        assert 'fleetcast_http_requests_total{method="GET",route="/devices",status="401"} 1.0' in lines
        assert 'fleetcast_http_requests_total{method="GET",route="other",status="404"} 1.0' in lines


def test_a_second_server_on_the_same_file_and_one_on_the_same_port_are_refused(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        said = refusal("serve", "--data", tmp_path / "data", "--port", 0)
        assert f"in use by another process (process {server.process.pid}): stop that one first" in said
        port = server.url.rpartition(":")[2]
        assert f"can't listen at 127.0.0.1 port {port}" in refusal("serve", "--data", tmp_path / "x", "--port", port)


def test_a_second_server_is_refused_by_whatever_name_it_calls_the_file(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        file = next((tmp_path / "data").glob("*.db"))
        elsewhere, folder = tmp_path / "elsewhere", tmp_path / "folder"
        elsewhere.mkdir()
        (elsewhere / "other-name.db").symlink_to(file)
        folder.symlink_to(file.parent, target_is_directory=True)
        for name in (elsewhere / "other-name.db", folder / file.name, file.parent / ".." / "data" / file.name):
            said = refusal("serve", "--data", tmp_path / "x", "--port", 0, "--database", f"sqlite:///{name}")
            assert f"in use by another process (process {server.process.pid}): stop that one first" in said


def test_a_server_that_was_killed_starts_again(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    server.process.kill()
    server.process.wait()
    server.stop()
    with ServerProcess(tmp_path) as again:
        assert again.get("/readyz").status_code == 200


def test_sqlite_is_for_one_process_that_does_all(tmp_path: Path) -> None:
    said = refusal("serve", "--data", tmp_path, "--role", "worker", "--port", 0)
    assert said == "role worker: an SQLite file is for one process, which does all"


def test_what_is_wrong_with_settings_is_said_in_one_line(tmp_path: Path) -> None:
    assert "role 'both'" in refusal("serve", "--data", tmp_path, "--role", "both")
    assert "write sqlite:///" in refusal("serve", "--data", tmp_path, "--port", 0, "--database", "nowhere")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        gone = fleetcast("serve", "--data", tmp_path, "--port", 0, "--database", f"postgresql://127.0.0.1:{port - 1}/x")
    assert gone.code == 3
    assert "check that it runs" in gone.err


def test_accelerated_time_goes_on_where_it_was_even_at_the_speed_of_real_time(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, "--time-factor", "5000") as server:
        assert server.get("/readyz").json()["ready"]
    with ServerProcess(tmp_path) as server:
        assert server.get("/readyz").json()["ready"]


def test_settings_are_listed_with_defaults_and_without_secrets() -> None:
    ended = fleetcast("settings", "--json")
    assert ended.code == 0
    assert '"name": "port"' in ended.out
    assert "FLEETCAST_HOST" in ended.out
    assert "data_directory" in fleetcast("settings").out
