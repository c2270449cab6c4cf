"""`fleetcast import` and `fleetcast export` against a server in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.servers import ServerProcess
from tests.cli.terminal import fleetcast, refusal

KEY = "000102030405060708090A0B0C0D0E0F"
GROUP = f"0123456789ABCDEF,C,{KEY},ABCDEF01,869525000,2,EU868,ONE_TO_TWO,0,,Test group,TEST,0\r\n"


def row(number: int, module: str = "M1") -> str:
    cells = [""] * 32
    cells[1], cells[10], cells[22], cells[24] = f"{number:016X}", f"Meter {number}", "LORAWAN_1_0", KEY
    cells[29], cells[30], cells[31] = "Acme", module, "1"
    return ",".join(cells) + "\r\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(autouse=True)
def logged_in(running: ServerProcess, no_login: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert running.first is not None
    monkeypatch.setenv("FLEETCAST_SERVER", running.url)
    monkeypatch.setenv("FLEETCAST_TOKEN", running.first["token"])


def test_what_goes_in_comes_out_again(tmp_path: Path) -> None:
    made = fleetcast("profile", "create", "name=meter", "producer_id=Acme", "module_id=M1", "hw_revision=1")
    assert made.code == 0, made
    source = tmp_path / "devices.csv"
    source.write_bytes((row(1) + row(2)).encode())
    looked = fleetcast("import", "devices", source, "-c", "simulated", "--dry-run")
    assert (looked.code, looked.out) == (0, "Would be imported: 2 new, 0 updated (0 restored).\n")
    done = fleetcast("import", "devices", source, "--connection", "simulated", "--json")
    assert done.json == {"imported": True, "created": 2, "updated": 0, "restored": 0}
    again = fleetcast("import", "devices", "-", "-c", "simulated", "--update-existing", stdin=source.read_bytes())
    assert again.out == "Imported: 0 new, 2 updated (0 restored).\n"
    out = tmp_path / "out.csv"
    assert fleetcast("export", "devices", "--keys", "--out", out).code == 0
    assert [line.split(",")[1] for line in out.read_text().splitlines()] == [f"{1:016X}", f"{2:016X}"]
    assert KEY in out.read_text()

    sets = fleetcast("import", "device-sets", "-", stdin=f"north,,{1:016X};{2:016X}\r\n")
    assert (sets.code, sets.out) == (0, "Imported: 1 new, 0 updated (0 restored).\n")
    assert fleetcast("export", "device-sets", "-o", out).code == 0
    assert out.read_bytes() == f"north,,{1:016X};{2:016X}\r\n".encode()

    groups = fleetcast("import", "groups", "-", "-c", "simulated", stdin=GROUP)
    assert groups.code == 0, groups
    assert fleetcast("export", "groups", "-o", out).code == 0
    assert out.read_text().startswith("0123456789ABCDEF,C,,ABCDEF01")
    assert list(tmp_path.glob(".*")) == []


def test_every_bad_row_is_shown_and_nothing_is_done(tmp_path: Path) -> None:
    source = tmp_path / "bad.csv"
    source.write_text(row(11, "none") + row(12)[:-3] + "256\r\n")
    ended = fleetcast("import", "devices", source, "-c", "simulated")
    assert (ended.code, ended.out) == (2, "")
    lines = ended.err.splitlines()
    assert lines[0].startswith(f"{source}: line 1, column AD: no device profile has producer id")
    assert lines[1].startswith(f"{source}: line 2, column AF: ")
    assert lines[2] == "fleetcast: nothing was imported: 2 bad rows"
    told = fleetcast("import", "devices", source, "-c", "simulated", "--json")
    assert (told.code, told.json["imported"], told.json["bad_rows"]) == (2, False, 2)
    found = fleetcast("device", "list", "--json").out
    assert not [each for each in map(json.loads, found.splitlines()) if each["dev_eui"] == f"{11:016X}"]


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    assert "nowhere.csv" in refusal("import", "devices", tmp_path / "nowhere.csv", "-c", "simulated")
    (tmp_path / "some.csv").write_text(row(1))
    assert "no connection 'none'" in refusal("import", "devices", tmp_path / "some.csv", "-c", "none")
    assert "nowhere" in refusal("export", "devices", "-o", tmp_path / "nowhere" / "out.csv")
