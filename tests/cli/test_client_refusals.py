"""Commands that speak with a server and are asked wrongly: one line, the right exit code, and nothing half done."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.servers import ServerProcess
from tests.cli.terminal import Ended, fleetcast, refusal
from tests.cli.test_campaign_commands import done, eui, make_fleet

NOUNS = ("device", "device-set", "profile", "group", "region", "file", "campaign", "connection")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(running: ServerProcess, no_login: None, monkeypatch: pytest.MonkeyPatch) -> ServerProcess:
    assert running.first is not None
    monkeypatch.setenv("FLEETCAST_SERVER", running.url)
    monkeypatch.setenv("FLEETCAST_TOKEN", running.first["token"])
    return running


@pytest.fixture
def fleet(server: ServerProcess) -> ServerProcess:
    if "meter" not in done("profile", "list", "--columns", "name").out:
        make_fleet()
    return server


def unavailable(*arguments: object) -> str:
    ended = fleetcast(*arguments)
    assert (ended.code, ended.out, ended.err.count("\n")) == (3, "", 1), ended
    return ended.err


@pytest.mark.usefixtures("no_login")
@pytest.mark.parametrize("noun", NOUNS)
def test_without_a_login_every_command_says_how_to_get_one(noun: str) -> None:
    assert "not logged in: fleetcast login" in refusal(noun, "list")
    assert "not logged in: fleetcast login" in refusal(noun, "show", "x")


@pytest.mark.usefixtures("no_login")
@pytest.mark.parametrize("noun", NOUNS)
def test_without_a_server_every_command_says_where_it_looked(noun: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("FLEETCAST_SERVER", f"http://127.0.0.1:{free.getsockname()[1]}")
        monkeypatch.setenv("FLEETCAST_TOKEN", "fleetcast_x")
        assert "start one with fleetcast serve" in unavailable(noun, "list")


def test_a_login_that_fails_keeps_nothing(
    server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLEETCAST_TOKEN")
    monkeypatch.setenv("FLEETCAST_PASSWORD", "not this one")
    refusal("login", "--server", server.url)
    monkeypatch.delenv("FLEETCAST_PASSWORD")
    assert "write it to standard input" in refusal("login", "--server", server.url)
    refusal("login", "--server", server.url, "--token", stdin="fleetcast_nonsense\n")
    assert "write it as http" in refusal("login", "--server", "ftp://example", stdin="x\n")
    assert not (tmp_path / "config" / "fleetcast").exists()
    assert server.first is not None
    assert fleetcast("login", "--server", server.url, stdin=f"{server.first['password']}\n").code == 0
    assert (tmp_path / "config" / "fleetcast" / "login.json").exists()


def test_a_token_that_nobody_knows_asks_for_a_login(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEETCAST_TOKEN", "fleetcast_nonsense")
    assert "fleetcast login" in refusal("device", "list")


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("noun", NOUNS)
def test_what_is_not_there_and_fields_that_are_not_are_named(noun: str) -> None:
    assert "'nowhere'" in refusal(noun, "show", "nowhere")
    assert "'nowhere'" in refusal(noun, "edit", "nowhere", "name=x")
    assert "'nowhere'" in refusal(noun, "archive", "nowhere")
    assert "nmae: there is no such field" in refusal(noun, "create", "nmae=x")
    refusal(noun, "show", "123456789")
    refusal(noun, "list", "--filter", "nonsense=1")
    refusal(noun, "list", "--sort", "nonsense")


@pytest.mark.usefixtures("fleet")
def test_an_ambiguous_name_is_not_guessed_at() -> None:
    for number in (0, 1):
        done("device", "edit", eui(number), "name=twin")
    assert "several have name 'twin'" in refusal("device", "archive", "twin")
    assert done("device", "list", "--filter", "name=twin", "--json").out.count("\n") == 2


@pytest.mark.usefixtures("fleet")
def test_conflicts_and_wrong_values_change_nothing() -> None:
    before = done("device", "show", eui(2)).out
    assert "dev_eui taken" in refusal("device", "edit", eui(2), f"dev_eui={eui(3)}", "name=x")
    assert "connection_id" in refusal("device", "create", f"dev_eui={eui(77)}", "lorawan_version=1.0")
    assert "lorawan_version" in refusal("device", "edit", eui(2), "lorawan_version=9")
    assert done("device", "show", eui(2)).out == before


@pytest.mark.usefixtures("fleet")
def test_campaigns_refuse_what_their_status_does_not_allow() -> None:
    done("campaign", "create", "name=groups", "type=multicast setup", "device_sets=north", "regions=lowlands",
         "max_duration_minutes=60")  # fmt: skip
    for order in ("stop", "pause", "resume", "unschedule"):
        assert "is CONFIGURED" in refusal("campaign", order, "groups")
    assert "past" in refusal("campaign", "schedule", "groups", "--at", "2001-01-01T00:00:00Z")
    refusal("campaign", "schedule", "groups", "--at", "tomorrow")
    refusal("campaign", "create", "name=groups", "type=multicast setup", "device_sets=north", "regions=lowlands",
            "max_duration_minutes=60")  # fmt: skip
    assert "file_id" in refusal(
        "campaign", "create", "name=b", "type=binary", "device_sets=north", "regions=lowlands", "max_duration_minutes=9"
    )
    done("campaign", "schedule", "groups", "--at", "2100-01-01T00:00:00Z")
    assert "SCHEDULED" in done("campaign", "list", "--columns", "name,status").out
    done("campaign", "unschedule", "groups")
    assert fleetcast("campaign", "watch", "groups").code == 1


@pytest.mark.usefixtures("server")
def test_a_file_that_is_refused_or_missing_leaves_nothing_in_the_list(tmp_path: Path) -> None:
    assert "there is no such file" in refusal("file", "upload", tmp_path / "gone.bin")
    empty = tmp_path / "empty.bin"
    empty.write_bytes(b"")
    refusal("file", "upload", empty)
    assert "empty.bin" not in done("file", "list").out
    refusal("file", "download", "empty.bin", "--out", tmp_path / "out.bin")
    assert not (tmp_path / "out.bin").exists()


@pytest.mark.usefixtures("fleet")
def test_the_shell_completes_commands_and_names_of_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    def completed(words: str) -> Ended:
        monkeypatch.setenv("_FLEETCAST_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
        ended = subprocess.run([sys.executable, "-m", "fleetcast"], capture_output=True, text=True, check=False)
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    assert completed("fleetcast camp").out.split() == ["campaign"]
    assert completed("fleetcast profile show me").out.split() == ["meter"]
    assert completed(f"fleetcast device show {eui(0)[:15].lower()}").out.split()[0] == eui(0).lower()
    monkeypatch.setenv("FLEETCAST_SERVER", "http://127.0.0.1:9")
    nothing = completed("fleetcast profile show me")
    assert (nothing.out.strip(), nothing.err) == ("", "")
