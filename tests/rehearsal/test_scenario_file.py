"""Scenarios: what a good one means, and that a wrong one is told by line, key and what is allowed."""

from pathlib import Path

import pytest

from fleetcast.planning.facts import FileKind
from fleetcast.planning.plan import CampaignType
from fleetcast.planning.policy import Setup
from fleetcast.rehearsal.distributions import Beta
from fleetcast.rehearsal.example import EXAMPLE
from fleetcast.rehearsal.reading import ScenarioWrong
from fleetcast.rehearsal.scenario import Scenario
from fleetcast.rehearsal.scenario_file import ScenarioMissing, load, parse
from fleetcast.simulator.fleet import Fixed, Steps, Uniform

SMALL = """\
[[fleet]]
count = 5

[file]
size_bytes = 100
"""


def read(text: str, directory: Path = Path()) -> Scenario:
    return parse(text, "s.toml", directory)


def test_the_example_says_what_its_comments_say() -> None:
    scenario = read(EXAMPLE)
    assert scenario.size == 150
    assert scenario.fleet[0].loss == Uniform(0.01, 0.25)
    assert scenario.fleet[0].uplink_loss == Beta(2, 18, 0, 0.5)
    assert scenario.fleet[0].data_rate == Steps(((3, 0.2), (4, 0.2), (5, 0.6)))
    assert sum(defect.count for defect in scenario.fleet[0].defects) == 6
    assert scenario.campaign.settings.setup is Setup.PIPELINED
    assert scenario.file is not None
    assert scenario.file.version == 0x01010000


def test_every_commented_out_choice_of_the_example_is_understood() -> None:
    for number, line in enumerate(EXAMPLE.splitlines()):
        commented = line.lstrip().removeprefix("# ")
        key = commented.split(" = ")[0]
        if not line.lstrip().startswith("# ") or " = " not in commented or not key.replace("_", "").isalnum():
            continue
        if key in ("name", "data_rate", "bad_share", "mean_bad_s", "after_s", "lasts_s"):
            continue  # of a table that is commented out as a whole
        lines = EXAMPLE.splitlines()
        lines[number] = commented
        others = [i for i, other in enumerate(lines) if i != number and other.strip().startswith(f"{key} =")]
        for other in others:
            lines[other] = "#"
        if key == "base_version":
            assert read("\n".join(lines)).file is not None
            continue
        read("\n".join(lines))


def test_a_small_scenario_has_every_default() -> None:
    scenario = read(SMALL)
    assert scenario.campaign.type is CampaignType.FIRMWARE
    assert scenario.network.band == "EU868"
    assert scenario.fleet[0].loss == Fixed(0.1)
    assert [group.name for group in scenario.groups] == ["1"]
    assert scenario.groups[0].frequency_hz == 869_525_000
    assert scenario.file is not None
    assert scenario.file.kind is FileKind.FIRMWARE
    assert len(scenario.file.data) == 100


def test_the_same_seed_makes_the_same_file() -> None:
    one, other = (read(SMALL.replace("100", "100\nseed = 7")).file for _ in range(2))
    assert one is not None
    assert other is not None
    assert one.data == other.data
    first = read(SMALL).file
    assert first is not None
    assert first.data != one.data


def test_a_fleet_of_two_versions_gets_a_group_for_each() -> None:
    text = """\
[[profile]]
name = "old"
[[profile]]
name = "new"
packages = 2
[[fleet]]
profile = "old"
count = 1
[[fleet]]
profile = "new"
count = 1
[campaign]
type = "binary"
[file]
size_bytes = 100
"""
    assert [group.name for group in read(text).groups] == ["1", "2"]


def test_a_base_version_makes_a_delta() -> None:
    file = read(SMALL + 'base_version = "1.0"\n').file
    assert file is not None
    assert file.kind is FileKind.DELTA
    assert file.base_version == 0x01000000


WRONG = [
    ("[[fleet]]\ncount = 5\nlos = 0.1\n", 3, ["fleet[1].los", "unknown key", "loss"]),
    ("[[fleet]]\ncount = 'five'\n", 2, ["fleet[1].count", '"five"', "whole number"]),
    ("[[fleet]]\ncount = 5\nloss = 1.5\n", 3, ["fleet[1].loss", "1.5", "0 to 1"]),
    ("[[fleet]]\ncount = 5\nloss = { uniform = [0.3, 0.1] }\n", 3, ["uniform", "the lower number comes first"]),
    ("[[fleet]]\ncount = 5\nloss = { normal = 1 }\n", 3, ["uniform", "beta"]),
    ("[[fleet]]\ncount = 5\ndata_rate = 99\n", 3, ["data_rate", "99"]),
    ("[[fleet]]\ncount = 0\n", 2, ["fleet[1].count", "0", "1 to"]),
    ("[[fleet]]\nloss = 0.1\n", 1, ["fleet[1].count", "how many"]),
    ("[[fleet]]\ncount = 5\n[fleet.defects]\nnever_herd = 1\n", 4, ["never_herd", "never_heard"]),
    ("[[fleet]]\ncount = 5\n[fleet.defects]\nnever_heard = 9\n", 4, ["never_heard", "9", "0 to 5"]),
    ("[[fleet]]\ncount = 5\n[fleet.defects]\nnever_heard = 3\nanswers_twice = 3\n", 3, ["6 defects among 5"]),
    ("[network]\nband = 'EU686'\n", 2, ["network.band", "EU868"]),
    ("[network]\nbands = 'EU868'\n", 2, ["network.bands", "band"]),
    ("[network.server]\nreports_lost = 2\n", 2, ["network.server.reports_lost", "0 to 1"]),
    ("[[profile]]\nname = 'a'\nstack = 'mine'\n", 3, ["profile[1].stack", "reference", "zephyr-main"]),
    ("[[profile]]\nname = 'a'\nquirks = ['NO_SUCH']\n", 3, ["profile[1].quirks", "NO_SUCH"]),
    ("[[profile]]\nname = 'a'\n[[profile]]\nname = 'a'\n", 4, ["profile[2].name", "already"]),
    ("[campaign]\ndata_rate = 99\n", 2, ["campaign.data_rate", "EU868", "99"]),
    ("[campaign]\nfrequency_mhz = 915\n", 2, ["campaign.frequency_mhz"]),
    ("[campaign]\ntype = 'fota'\n", 2, ["campaign.type", "firmware", "binary"]),
    ("[campaign]\nredundancy = 'lots'\n", 2, ["campaign.redundancy"]),
    ("[campaign.settings]\nsetup = 'fast'\n", 2, ["settings.setup", "staged or pipelined"]),
    ("[campaign.settings]\nduty_cycle_share = 0\n", 2, ["settings.duty_cycle_share"]),
    ("[campaign.settings]\nmsg_retry = 3\n", 2, ["settings.msg_retry", "msg_retries"]),
    ("[file]\nsize_bytes = 99999999\n", 2, ["file.size_bytes", "4177665"]),
    ("[file]\nsize_bytes = 10\npath = 'a'\n", 1, ["file", "either path"]),
    ("[file]\npath = 'missing.bin'\n", 2, ["file.path", "missing.bin"]),
    ("[file]\nsize_bytes = 10\nversion = '1.2.3.256'\n", 3, ["file.version", "0 to 255"]),
    ("start = 'tomorrow'\n", 1, ["start", "2026-03-01T08:00:00Z"]),
    ("fleet = 3\n", 1, ["fleet", "[[fleet]]"]),
]


@pytest.mark.parametrize(("text", "line", "parts"), WRONG, ids=[str(parts[0]) for _, _, parts in WRONG])
def test_what_is_wrong_is_named_with_line_key_and_what_is_allowed(text: str, line: int, parts: list[str]) -> None:
    rest = "" if "[file]" in text else "\n[file]\nsize_bytes = 100\n"
    rest += "" if "fleet" in text else "\n[[fleet]]\ncount = 5\n"
    with pytest.raises(ScenarioWrong) as found:
        read(text + rest)
    said = str(found.value)
    assert said.startswith(f"s.toml, line {line}: "), said
    for part in parts:
        assert part in said
    assert "\n" not in said


def test_text_that_is_no_toml_is_told_with_its_line() -> None:
    with pytest.raises(ScenarioWrong, match="no TOML") as found:
        read("a = 1\nb = = 2\n")
    assert "line 2" in str(found.value)


def test_an_empty_scenario_says_what_it_needs() -> None:
    with pytest.raises(ScenarioWrong, match=r"path|fleet"):
        read("")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ScenarioMissing, match=r"nowhere\.toml"):
        load(Path("nowhere.toml"))


def test_paths_start_at_the_scenarios_folder(tmp_path: Path) -> None:
    (tmp_path / "new.bin").write_bytes(b"abc")
    (tmp_path / "s.toml").write_text("[[fleet]]\ncount = 1\n[file]\npath = 'new.bin'\n")
    file = load(tmp_path / "s.toml").file
    assert file is not None
    assert (file.name, file.data) == ("new.bin", b"abc")
