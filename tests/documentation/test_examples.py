"""The examples in README and docs do what they say.

Blocks marked `console` hold commands after `$ ` and what they print; `...` stands for anything. FLEETCAST_COMMAND names
another installation to run them with (CI: one made by a plain `pip install .`).
"""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleetcast.cli.app import app

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@dataclass(frozen=True)
class Example:
    """A command and the text that should follow it."""

    command: str
    output: str


def blocks(page: Path, language: str) -> Iterator[str]:
    yield from re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def examples(page: Path) -> list[Example]:
    found = []
    for block in blocks(page, "console"):
        for entry in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = entry.partition("\n")
            found.append(Example(command, output))
    return found


PAGES_WITH_EXAMPLES = [page for page in PAGES if examples(page)]


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A directory with the samples in it, and `fleetcast` on the path of its shell."""
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    (tmp_path / "bin").mkdir()
    named = os.environ.get("FLEETCAST_COMMAND")
    command = f'"{Path(named).absolute()}"' if named else f'"{sys.executable}" -m fleetcast'
    (tmp_path / "bin" / "fleetcast").write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    (tmp_path / "bin" / "fleetcast").chmod(0o755)
    return tmp_path


def run(command: str, workplace: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{workplace / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(  # noqa: S602 - commands of our own pages, which use pipes
        command, shell=True, cwd=workplace, env=environment, capture_output=True, text=True, check=False
    )


def lines_of(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


def agrees(shown: str, printed: str) -> bool:
    """Whether what was printed is what is shown; `...` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in "\n".join(lines_of(shown)).split("..."))
    return re.fullmatch(pattern, "\n".join(lines_of(printed)), re.DOTALL) is not None


@pytest.mark.parametrize("page", PAGES_WITH_EXAMPLES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_on_a_page_prints_what_the_page_shows(page: Path, workplace: Path) -> None:
    for example in examples(page):
        ended = run(example.command, workplace)
        assert ended.returncode == 0, (example.command, ended.stderr)
        assert ended.stderr == "", example.command
        assert agrees(example.output, ended.stdout), f"{example.command} printed:\n{ended.stdout}"


def test_the_readme_has_examples_of_every_command_that_users_meet_first() -> None:
    shown = " ".join(example.command for example in examples(ROOT / "README.md"))
    for name in ("version", "decode", "encode", "fragment", "assemble", "airtime", "bands", "rehearse"):
        assert f"fleetcast {name}" in shown


@pytest.mark.parametrize("page", [page for page in PAGES if any(blocks(page, "python"))], ids=lambda page: page.name)
def test_every_python_example_runs(page: Path) -> None:
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), {})  # noqa: S102 - our own pages


def test_the_examples_in_every_help_text_run(workplace: Path) -> None:
    firmware = (ROOT / "samples" / "firmware" / "micropython-microbit-1.0.0.bin").read_bytes()
    (workplace / "firmware.bin").write_bytes(firmware[:20_000])
    (workplace / "log.jsonl").write_text('{"hex": "00", "port": 201, "direction": "down"}\n')
    commands = [command.callback for command in app.registered_commands]
    for command in commands:
        assert command is not None
        shown = re.findall(r"^ +(fleetcast .*)$", inspect.getdoc(command) or "", re.MULTILINE)
        assert shown, f"{command.__name__} has no examples in its help"
        for line in shown:
            ended = run(line, workplace)
            assert (ended.returncode, ended.stderr) == (0, ""), line
