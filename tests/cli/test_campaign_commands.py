"""From an empty server to an updated fleet, by commands alone: the server in a process of its own, time accelerated."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.servers import ServerProcess
from tests.cli.terminal import Ended, fleetcast, refusal

DEVICES = 4
KEY = "000102030405060708090A0B0C0D0E0F"


def eui(number: int) -> str:
    return f"{0x70B3_D57E_D000_0000 + number:016X}"


def done(*arguments: object) -> Ended:
    ended = fleetcast(*arguments)
    assert (ended.code, ended.err) == (0, ""), (arguments, ended)
    return ended


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServerProcess]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("FLEETCAST_SERVER", "FLEETCAST_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with ServerProcess(tmp_path, "--time-factor", "20000") as running:
        assert running.first is not None
        monkeypatch.setenv("FLEETCAST_PASSWORD", running.first["password"])
        done("login", "--server", running.url)
        monkeypatch.delenv("FLEETCAST_PASSWORD")
        yield running


def make_fleet() -> None:
    """A profile, devices, a set, a group and a region."""
    packages = ("multicast_setup", "fragmentation", "firmware_management", "clock_sync")
    done(
        "profile", "create", "name=meter", "producer_id=Acme", "module_id=M1", "hw_revision=1", "uplink_period_s=600",
        "takes_any_order=yes", *(f"{each}_version=1" for each in packages),
    )  # fmt: skip
    for number in range(DEVICES):
        done(
            "device", "create", f"dev_eui={eui(number)}", "connection=simulated", "profile=meter",
            "lorawan_version=1.0", f"key={KEY}", "firmware_version=1.0.0.0",
        )  # fmt: skip
    done("device-set", "create", "name=north", f"dev_euis={','.join(eui(n) for n in range(DEVICES))}")
    done(
        "group", "create", f"dev_eui={eui(1000)}", "connection=simulated", "session_class=C", "band=EU868",
        "dev_addr=01FC0001", "frequency_hz=869525000", "data_rate=5", "name=stream",
    )  # fmt: skip
    done("region", "create", "name=lowlands", "groups=stream")


def test_a_fleet_is_updated_by_commands_and_the_server_stops_cleanly(server: ServerProcess, tmp_path: Path) -> None:
    make_fleet()
    image = tmp_path / "meter-2.bin"
    image.write_bytes(bytes(n % 251 for n in range(700)))
    said = done("file", "upload", image, "name=meter 2", "kind=firmware", "version=2.0.0.0", "profile=meter").out
    assert "700 bytes" in said
    draft = [
        "name=update", "type=firmware", "device_sets=north", "regions=lowlands", "file=meter 2",
        "max_duration_minutes=1440", "settings.setup=pipelined", "settings.msg_retries=4",
        "settings.stage_complete_delay=3",
    ]  # fmt: skip
    assert f"{DEVICES} devices of {DEVICES} take part" in done("campaign", "validate", *draft).out
    made = json.loads(done("campaign", "create", *draft, "--json").out)
    assert (made["status"], made["settings"]["msg_retries"]) == ("CONFIGURED", 4)
    assert "started" in done("campaign", "start", "update").out
    watched = done("campaign", "watch", "update", "--every", "0.2").out.splitlines()
    assert watched[-1].startswith("SUCCEEDED")
    assert watched[-1].endswith(f"{DEVICES} succeeded, 0 failed of {DEVICES}")

    devices = [json.loads(line) for line in done("campaign", "devices", "update", "--json").out.splitlines()]
    assert {(each["outcome"], each["firmware_after"]) for each in devices} == {("succeeded", "2.0.0.0")}
    assert "Succeeded." in done("campaign", "explain", "update", eui(0)).out
    assert "2.0.0.0" in done("device", "list").out
    assert done("device", "messages", eui(0)).out.count("\n") > 5
    assert "campaign.ended" in done("campaign", "journal", "update").out
    out = tmp_path / "back.bin"
    done("file", "download", "meter 2", "--out", out)
    assert out.read_bytes() == image.read_bytes()
    assert "none" in done("campaign", "left-out", "update").out

    done("campaign", "copy", "update", "--name", "again")
    done("campaign", "archive", "update")
    assert "update" not in done("campaign", "list", "--columns", "name").out
    assert server.stop() == 0
    assert KEY not in (tmp_path / "server.log").read_text()


def test_refusals_are_one_line_that_says_what_to_do(server: ServerProcess, tmp_path: Path) -> None:
    make_fleet()
    assert "did you mean dev_eui?" in refusal("device", "create", "dev_ui=1")
    assert "there is no device profile 'pump'" in refusal("device", "create", "profile=pump")
    assert "FIELD=VALUE" in refusal("device", "edit", eui(0), "name")
    assert "there is no device 'nobody'" in refusal("device", "show", "nobody")
    assert "hw_revision" in refusal("profile", "create", "name=x", "producer_id=a", "module_id=b", "hw_revision=300")
    assert "name" in refusal("profile", "create", "name=meter", "producer_id=a", "module_id=b", "hw_revision=3")
    hex_file = tmp_path / "x.hex"
    hex_file.write_text(":020000021000EC\n:04FFFE0001020304F5\n:00000001FF\n")
    upload = ("file", "upload", hex_file, "kind=firmware", "version=2.0.0.0", "profile=meter")
    assert "conversion to binary" in refusal(*upload, "name=x")
    assert "x" not in done("file", "list", "--columns", "name").out.split()
    assert "converted from Intel HEX" in refusal_or_out(*upload, "name=y", "--convert")
    config = Path(json.loads(done("login", "--help") and json.dumps(str(tmp_path / "config/fleetcast/login.json"))))
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    server.stop()
    ended = fleetcast("device", "list")
    assert ended.code == 3
    assert "start one with fleetcast serve" in ended.err


def refusal_or_out(*arguments: object) -> str:
    ended = fleetcast(*arguments)
    return ended.out + ended.err
