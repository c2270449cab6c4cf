"""A rehearsal's outcome: JSON for programs, a page for people, and the command line around both."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer import Typer

from fleetcast.cli.app import app
from fleetcast.cli.exit import run
from fleetcast.rehearsal.example import EXAMPLE
from fleetcast.rehearsal.html import to_html
from fleetcast.rehearsal.measure import measure
from fleetcast.rehearsal.rehearse import Rehearsal, prepare
from fleetcast.rehearsal.report import Phase, Report, to_json
from fleetcast.rehearsal.scenario_file import load, parse
from fleetcast.rehearsal.wording import phases_written


@pytest.fixture(scope="module")
def example() -> Report:
    rehearsal = Rehearsal(prepare(parse(EXAMPLE, "example.toml", Path())))
    rehearsal.run()
    return measure(rehearsal, 1.5)


def test_the_example_succeeds_with_nine_of_ten_devices_running(example: Report) -> None:
    assert example.status == "SUCCEEDED"
    assert example.running >= 0.9 * example.total
    assert example.violations == 0


def test_the_json_has_what_programs_rely_on(example: Report) -> None:
    told = json.loads(json.dumps(to_json(example)))
    assert {
        "status", "devices", "stages", "fragments_sent", "airtime_s", "fragments_minimum", "airtime_limit_s", "sha256",
        "virtual_seconds", "wall_seconds", "estimate", "energy_mah", "duty_cycle", "polls", "answers",
    } <= set(told)  # fmt: skip
    devices = told["devices"]
    assert devices["total"] == 150
    assert devices["running"] <= devices["valid"] <= devices["transferred"] <= 150
    assert sum(devices["failed"].values()) + devices["succeeded"] == 150
    assert [stage["number"] for stage in told["stages"]] == [1, 2, 3, 4, 5, 6]
    assert {"name", "phases", "started", "ended", "succeeded"} <= set(told["stages"][0])
    assert told["sha256"] == told["file"]["sha256"]
    assert told["airtime_s"] >= told["airtime_limit_s"] > 0
    assert told["fragments_sent"] >= told["fragments_minimum"] > 0
    assert told["wall_seconds"] == 1.5
    assert told["virtual_seconds"] > 3600


LATE = """
[[profile]]
name = "p"
stack = "zephyr-main"
version_uplink_port = 9
uplink_period_s = 600
[[fleet]]
count = 40
loss = { uniform = [0.02, 0.3] }
[campaign]
[campaign.settings]
setup = "pipelined"
msg_retries = 5
stage_complete_delay = 4
below_threshold = "continue"
[file]
size_bytes = 8000
"""


def test_every_further_class_session_is_a_phase_of_the_stage_in_which_it_was_set_up() -> None:
    rehearsal = Rehearsal(prepare(parse(LATE, "late.toml", Path())))
    rehearsal.run()
    report = measure(rehearsal, 0.0)
    sessions = rehearsal.state.groups[0].session
    assert sessions > 1
    found = [(stage, phase) for stage in report.stages for phase in stage.phases if phase.kind == "class session"]
    assert [phase.name for _, phase in found] == [f"class session {n}" for n in range(2, sessions + 1)]
    for stage, phase in found:
        assert stage.started is not None
        assert stage.ended is not None
        assert stage.started <= phase.started < phase.ended <= stage.ended
    told = json.loads(json.dumps(to_json(report)))
    names = [phase["name"] for stage in told["stages"] for phase in stage["phases"]]
    assert "class session 2" in names
    assert "class session" in to_html(report)


def test_phases_of_one_kind_are_written_together() -> None:
    def phase(kind: str, label: str = "") -> Phase:
        return Phase(kind, 0, 1, label)

    assert phases_written([phase("class session", "2"), phase("version check")]) == "class session 2, version check"
    several = [phase("class session", "2"), phase("reboot"), phase("class session", "3"), phase("class session", "4")]
    assert phases_written(several) == "class sessions 2 to 4, reboot"
    named = [phase("class session", "2 (near)"), phase("class session", "2 (far)")]
    assert phases_written(named) == "class sessions 2 (near), 2 (far)"
    assert phases_written([]) == ""


class _Page(HTMLParser):
    """Which elements are open, and what is asked from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.outside += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "action")]
        self.outside += [tag] if tag in ("script", "link", "iframe", "img") else []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag, attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_report_is_one_well_formed_page_that_asks_for_nothing_outside(example: Report) -> None:
    text = to_html(example)
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert page.outside == []
    assert "url(" not in text
    assert "@import" not in text
    assert "prefers-color-scheme: dark" in text


def test_the_report_shows_every_stage_cause_and_figure(example: Report) -> None:
    text = to_html(example)
    for stage in example.stages:
        assert stage.name in text
    for cause, _, advice in example.failed:
        assert cause in text
        assert advice.split("'")[0] in text
    assert f"{example.over_limit:.3f} of the physical minimum" in text
    assert len(re.findall("<svg", text)) >= 5


def test_what_comes_from_outside_is_text_in_the_report_never_markup() -> None:
    text = EXAMPLE.replace('name = "example"', "name = '<script>alert(1)</script>'").replace(
        "count = 140", "count = 20"
    )
    rehearsal = Rehearsal(prepare(parse(text, "x.toml", Path())))
    rehearsal.run()
    page = to_html(measure(rehearsal, 0.0))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


SMALL = """
[[profile]]
name = "p"
uplink_period_s = 600
[[fleet]]
count = 6
loss = {loss}
[campaign.settings]
setup = "pipelined"
msg_retries = {retries}
stage_complete_delay = 4
[file]
size_bytes = 2000
"""


GOOD = SMALL.format(loss=0.1, retries=5)
SLOW = "[campaign]\n"
GROUP_DR0 = '[[group]]\nname = "slow"\ndata_rate = 0\n'


def fleetcast(*arguments: str) -> int:
    assert isinstance(app, Typer)
    return run(app, ["rehearse", *arguments])


def test_the_command_prints_the_example_and_plays_a_scenario(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fleetcast("--example") == 0
    assert capsys.readouterr().out == EXAMPLE
    scenario = tmp_path / "s.toml"
    scenario.write_text(SMALL.format(loss=0.05, retries=5))
    page, outcome = tmp_path / "r.html", tmp_path / "r.json"
    assert fleetcast(str(scenario), "--seed", "4", "--json", str(outcome), "--report", str(page)) == 0
    said = capsys.readouterr().out
    assert "SUCCEEDED" in said
    assert str(page) in said.replace("\n", "")
    assert json.loads(outcome.read_text())["seed"] == 4
    assert page.read_text().startswith("<!doctype html>")


def test_json_on_standard_output_stands_there_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = tmp_path / "s.toml"
    scenario.write_text(SMALL.format(loss=0.05, retries=5))
    assert fleetcast(str(scenario), "--json", "-") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["status"] == "SUCCEEDED"
    assert "SUCCEEDED" in said.err


def test_a_campaign_that_fails_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = tmp_path / "s.toml"
    scenario.write_text(SMALL.format(loss=0.95, retries=0))
    assert fleetcast(str(scenario)) == 1
    assert "FAILED" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SMALL.format(loss=2, retries=1), "line 7: fleet[1].loss: 2: write 0 to 1"),
        (SMALL.format(loss=0.1, retries=1) + "verson = 3\n", "did you mean version"),
        (GOOD.replace("count = 6", "count = 6\nfirmware_version = 2"), "line 5: fleet: no device can take part"),
        (GOOD.replace("= 2000", "= 4000000") + GROUP_DR0, "line 12: file: no device can take part"),
        (GOOD.replace("= 2000", "= 4000000") + GROUP_DR0, "at most 786384 bytes go through"),
        (SLOW + "reboot_after_s = 900000\n" + GOOD, "line 2: campaign.reboot_after_s: reboot at"),
        (SLOW + "session_start_after_s = 900000\n" + GOOD, "line 2: campaign.session_start_after_s: session start"),
        (SLOW + "session_start_after_s = 60\n" + GOOD, "is too early"),
        (SLOW + "max_duration_s = 60\n" + GOOD, "line 2: campaign.max_duration_s: maximum duration 60 s is too short"),
        (SLOW + 'strategy = "fixed"\n' + GOOD, "line 2: campaign.strategy: strategy fixed, but"),
        (SLOW + "settings.fsize = 1\n" + GOOD.replace("[campaign.settings]", "[x]"), "x: unknown key"),
        (SLOW + "next_f_cnt = 4294967290\n" + GOOD, "campaign: group 02F1EE7100000000 has counter values for 0"),
        (GOOD.replace("retries = 5", "retries = 5\nfsize = 250"), "line 11: campaign.settings.fsize: fsize 250 does"),
        (GOOD.replace("count = 6", "count = 6\ncount = 7"), "line 7: this is no TOML: Cannot overwrite a value: count"),
        (GOOD.replace("size_bytes = 2000", 'path = "a\\u0000"'), "can't be read (embedded null byte)"),
        (GOOD.replace("size_bytes = 2000", 'path = "/dev/zero"'), "file.path: /dev/zero is no file"),
        ('start = "1970-01-01T00:00:00Z"\n' + GOOD, "line 1: start: 1970-01-01T00:00:00Z: write a time from"),
    ],
)  # fmt: skip
def test_what_cannot_be_played_is_one_line_and_2(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = tmp_path / "s.toml"
    scenario.write_text(text)
    assert fleetcast(str(scenario)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error


def test_a_missing_scenario_or_folder_is_said_before_anything_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fleetcast(str(tmp_path / "none.toml")) == 2
    assert "none.toml" in capsys.readouterr().err
    assert fleetcast() == 2
    assert "--example" in capsys.readouterr().err
    scenario = tmp_path / "s.toml"
    scenario.write_text(SMALL.format(loss=0.05, retries=5))
    assert fleetcast(str(scenario), "--json", str(tmp_path / "no" / "r.json")) == 2
    assert "no folder" in capsys.readouterr().err


def test_a_text_from_an_editor_of_windows_is_read(tmp_path: Path) -> None:
    scenario = tmp_path / "s.toml"
    scenario.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(scenario) == parse(GOOD, "s.toml", tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--json", "{here}"), "is a folder: name a file in it"),
        (("--report", "{here}/s.toml"), "is the scenario itself"),
        (("--json", "{here}/o", "--report", "{here}/o"), "write them to different places"),
        (("--json", "-", "--report", "-"), "write them to different places"),
        (("--report", "{here}/link/r.html"), "there is no folder"),
    ],
)  # fmt: skip
def test_where_an_outcome_can_not_go_is_said_before_anything_is_played(
    arguments: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = tmp_path / "s.toml"
    scenario.write_text(GOOD)
    assert fleetcast(str(scenario), *(argument.format(here=tmp_path) for argument in arguments)) == 2
    heard = capsys.readouterr()
    assert said in heard.err
    assert heard.out == ""
    assert scenario.read_text() == GOOD
    assert [each.name for each in tmp_path.iterdir()] == ["s.toml"]


def test_a_refused_scenario_leaves_an_earlier_outcome_as_it_was(tmp_path: Path) -> None:
    scenario, outcome = tmp_path / "s.toml", tmp_path / "o.json"
    scenario.write_text(GOOD.replace("count = 6", "count = 0"))
    outcome.write_text("earlier")
    assert fleetcast(str(scenario), "--json", str(outcome)) == 2
    assert outcome.read_text() == "earlier"


def test_an_outcome_is_replaced_as_a_whole_where_a_link_points(tmp_path: Path) -> None:
    scenario, outcome, link = tmp_path / "s.toml", tmp_path / "o.json", tmp_path / "link.json"
    scenario.write_text(GOOD)
    outcome.write_text("x" * 100_000)
    outcome.chmod(0o640)
    link.symlink_to(outcome)
    assert fleetcast(str(scenario), "--json", str(link)) == 0
    assert json.loads(outcome.read_text())["status"] == "SUCCEEDED"
    assert link.is_symlink()
    assert outcome.stat().st_mode & 0o777 == 0o640
    assert {each.name for each in tmp_path.iterdir()} == {"s.toml", "o.json", "link.json"}


def test_a_report_on_standard_output_stands_there_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = tmp_path / "s.toml"
    scenario.write_text(GOOD)
    assert fleetcast(str(scenario), "--report", "-") == 0
    said = capsys.readouterr()
    assert said.out.startswith("<!doctype html>")
    assert said.out.endswith("</html>\n")
    assert "SUCCEEDED" in said.err
