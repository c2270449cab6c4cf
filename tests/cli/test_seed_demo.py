"""`fleetcast seed-demo` against servers in processes of their own: an invented utility, and campaigns really played."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import pytest

from fleetcast.cli.demo_fleet import FILES, MAKES, PLACES, firmware
from tests.cli.servers import ServerProcess
from tests.cli.terminal import fleetcast, refusal

SAMPLES = Path(__file__).parents[2] / "samples" / "firmware"


@contextmanager
def logged_in(directory: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Iterator[ServerProcess]:
    with ServerProcess(directory, *arguments) as server:
        assert server.first is not None
        monkeypatch.setenv("FLEETCAST_SERVER", server.url)
        monkeypatch.setenv("FLEETCAST_TOKEN", server.first["token"])
        yield server


@pytest.mark.usefixtures("no_login")
def test_an_empty_server_gets_campaigns_in_every_status_and_a_used_one_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with logged_in(tmp_path, monkeypatch, "--time-factor", "20000") as server:
        ended = fleetcast("seed-demo", "--devices", 40, "--json")
        assert (ended.code, ended.err) == (0, ""), ended
        made = [json.loads(line) for line in ended.out.splitlines()]
        campaigns = {each["name"]: each for each in made if each["made"] == "campaign"}
        assert {each["status"] for each in campaigns.values()} == {
            "CONFIGURED", "SCHEDULED", "RUNNING", "PAUSED", "STOPPED", "FAILED", "SUCCEEDED",
        }  # fmt: skip
        assert campaigns["Parking sensors to 1.0.1"]["status"] == "SUCCEEDED"
        assert any(each["archived"] for each in campaigns.values())

        users = {each["role"]: each for each in made if each["made"] == "user"}
        assert set(users) == {"viewer", "operator", "approver", "admin"}
        viewer = (users["viewer"]["login"], users["viewer"]["password"])
        assert server.get("/api/v1/me", auth=viewer).json()["role"] == "viewer"

        # Played, not written down: devices said themselves what they run. Radio may lose one of them for good.
        fleet = fleetcast("device", "list", "-f", "tag=Parking, harbour", "--json").out.splitlines()
        versions = [json.loads(line)["firmware_version"] for line in fleet]
        shown = json.loads(fleetcast("campaign", "show", "Parking sensors to 1.0.1", "--json").out)
        assert set(versions) <= {"1.0.0.0", "1.0.1.0"}
        assert versions.count("1.0.1.0") >= shown["succeeded"] > 0

        assert "add --anyway" in refusal("seed-demo")
        again = fleetcast("seed-demo", "--devices", 20, "--anyway", "--wait", 0)
        assert again.code in (0, 3), again
        assert "Water meter WM3 (2)" in again.out


@pytest.mark.usefixtures("no_login")
def test_a_server_in_real_time_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with logged_in(tmp_path, monkeypatch):
        ended = fleetcast("seed-demo", "--devices", 20)
        assert (ended.code, ended.err) == (0, ""), ended
        assert "start it again with --time-factor" in ended.out.splitlines()[-1]


@pytest.mark.usefixtures("no_login")
def test_it_asks_for_a_login_first() -> None:
    assert "not logged in" in refusal("seed-demo")


def test_the_packed_firmware_is_that_of_the_samples() -> None:
    samples = {path.name: path.read_bytes() for path in SAMPLES.iterdir()}
    with (
        files("fleetcast.cli").joinpath("data/demo-firmware.zip").open("rb") as packed,
        zipfile.ZipFile(packed) as archive,
    ):
        assert {name: archive.read(name) for name in archive.namelist()} == samples
    assert firmware("micropython-microbit-1.0.1.bin") == samples["micropython-microbit-1.0.1.bin"]


def test_every_file_fits_the_devices_it_is_for() -> None:
    limits = {make.name: make.profile()["max_image_bytes"] for make in MAKES}
    for upload in FILES:
        limit = limits[upload.make]
        assert limit is None or len(upload.bytes()) <= limit, upload.name
    assert sum(place.share for place in PLACES) == 100
