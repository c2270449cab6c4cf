"""The demo that newcomers see first: the scenario of `make demo`, played by the public command."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path

from tests.cli.terminal import fleetcast

ROOT = Path(__file__).parent.parent.parent
SCENARIO = ROOT / "examples" / "microbit.toml"
FIRMWARE = ROOT / "samples" / "firmware" / "micropython-microbit-1.0.1.bin"


def test_the_demo_updates_nine_of_ten_devices_with_a_real_firmware(tmp_path: Path) -> None:
    outcome, page = tmp_path / "outcome.json", tmp_path / "report.html"
    ended = fleetcast("rehearse", SCENARIO, "--json", outcome, "--report", page)
    assert ended.code == 0, (ended.out, ended.err)
    assert ended.err == ""
    assert "SUCCEEDED" in ended.out
    assert ended.out.rstrip().endswith(f"report: {page}")
    told = json.loads(outcome.read_text())
    assert told["status"] == "SUCCEEDED"
    assert told["devices"]["total"] == 200
    assert told["devices"]["running"] >= 180
    assert told["sha256"] == sha256(FIRMWARE.read_bytes()).hexdigest()
    assert told["duty_cycle_violations"] == 0
    assert told["fragments_sent"] >= told["fragments_minimum"] > 0
    assert page.read_text().startswith("<!doctype html>")


def test_make_demo_plays_this_scenario() -> None:
    rule = re.search(r"^demo:.*\n\t@(\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert rule is not None
    script = (ROOT / rule[1]).read_text()
    assert f"fleetcast rehearse {SCENARIO.relative_to(ROOT)} " in script
