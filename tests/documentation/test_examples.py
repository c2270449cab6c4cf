"""The examples in README and docs do what they say.

Blocks marked `console` hold commands after `$ ` and what they print; `...` stands for anything. In `console about` the
figures may be others; in `console refused` the command is refused, and its complaint is shown. A block marked
`toml NAME` is saved under that name first. `console server` starts a server, on a free port and with folders of its
own; it runs until the page's examples are over, and the commands after it speak with it. FLEETCAST_COMMAND names
another installation to run them with (CI: one made by a plain `pip install .`).
"""

from __future__ import annotations

import inspect
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
    kind: str = ""
    """What stands behind `console`."""


def blocks(page: Path, language: str) -> Iterator[str]:
    yield from re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def examples(page: Path) -> list[Example]:
    found: list[Example] = []
    for kind in ("", "about", "refused", "server"):
        for block in blocks(page, f"console {kind}".strip()):
            found += examples_in(block, kind)
    return found


def examples_in(block: str, kind: str) -> Iterator[Example]:
    for entry in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = entry.partition("\n")
        yield Example(command, output, kind)


def steps(page: Path) -> Iterator[Example | tuple[str, str]]:
    """The examples of a page and the files it has people save (name and content), in its order."""
    fences = re.compile(r"^```(console|toml) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for language, rest, block in fences.findall(page.read_text(encoding="utf-8")):
        if language == "console":
            yield from examples_in(block, rest)
        elif rest:
            yield rest, block


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


def environment_of(workplace: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLEETCAST_")}
    path = f"{workplace / 'bin'}{os.pathsep}{os.environ['PATH']}"
    folders = {name: str(workplace / name.lower()) for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    return {**kept, **folders, "PATH": path}


def run(command: str, workplace: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S602 - commands of our own pages, which use pipes
        command, shell=True, cwd=workplace, env=environment_of(workplace) | more, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


@contextmanager
def running(example: Example, workplace: Path) -> Iterator[dict[str, str]]:
    """A server of a page; what the commands after it find in their environment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told, log = workplace / "server.out", workplace / "server.err"
    environment = environment_of(workplace) | {"FLEETCAST_PORT": str(port)}
    with told.open("w") as out, log.open("w") as err:
        process = subprocess.Popen(  # noqa: S602 - a command of our own page
            f"exec {example.command}", shell=True, cwd=workplace, env=environment, stdout=out, stderr=err
        )
    try:
        last = lines_of(example.output)[-1]
        while not told.read_text().rstrip().endswith(last.rpartition("...")[2].replace(":8080", f":{port}")):
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)  # noqa: TID251 - of the real world, in which the server starts
        said = told.read_text()
        assert agrees(example.output.replace(":8080", f":{port}"), said), said
        found = re.search(r"^ +password +(\S+)$", said, re.MULTILINE)
        assert found is not None
        yield {"FLEETCAST_SERVER": f"http://127.0.0.1:{port}", "FLEETCAST_PASSWORD": found[1]}
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()


def lines_of(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


def agrees(shown: str, printed: str) -> bool:
    """Whether what was printed is what is shown; `...` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in re.split(r"\.{3}(?!\.)", "\n".join(lines_of(shown))))
    return re.fullmatch(pattern, "\n".join(lines_of(printed)), re.DOTALL) is not None


def without_figures(text: str) -> str:
    """The text with every figure and duration alike, and laid out alike."""
    text = re.sub(r"\d+ (?:d|h|min|s)\b(?: \d+ (?:h|min|s)\b)?", "TIME", text)
    text = re.sub(r"\d+(?:\.\d+)?(?!\w)", "N", text)
    text = re.sub(r"\s+", " ", re.sub("─+", "─", text)).strip()
    return re.sub(r"(?: ?\.\.\. ?)+", "...", text)


def test_figures_may_differ_where_a_page_says_so_and_nothing_else_may() -> None:
    shown = "5 failed   after 3 h 07 min\n...\nend"
    assert agrees(without_figures(shown), without_figures("12 failed after 59 s\nmore\nend\n"))
    assert not agrees(without_figures(shown), without_figures("12 passed after 59 s\nmore\nend\n"))


@pytest.mark.parametrize("page", PAGES_WITH_EXAMPLES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_on_a_page_prints_what_the_page_shows(page: Path, workplace: Path) -> None:
    with ExitStack() as servers:
        more: dict[str, str] = {}
        for step in steps(page):
            if isinstance(step, tuple):
                (workplace / step[0]).write_text(step[1])
            elif step.kind == "server":
                more = servers.enter_context(running(step, workplace))
            else:
                compare(step, run(step.command, workplace, **more), more)


def compare(step: Example, ended: subprocess.CompletedProcess[str], more: dict[str, str]) -> None:
    refused = step.kind == "refused"
    assert ended.returncode == (2 if refused else 0), (step.command, ended.stderr)
    said, elsewhere = (ended.stderr, ended.stdout) if refused else (ended.stdout, ended.stderr)
    assert elsewhere == "", step.command
    said = said.replace(more.get("FLEETCAST_SERVER", "http://127.0.0.1:8080"), "http://127.0.0.1:8080")
    written = without_figures if step.kind == "about" else str
    assert agrees(written(step.output), written(said)), f"{step.command} printed:\n{said}"


def test_the_readme_has_examples_of_every_command_that_users_meet_first() -> None:
    shown = " ".join(example.command for example in examples(ROOT / "README.md"))
    for name in (
        "version",
        "decode",
        "encode",
        "fragment",
        "assemble",
        "airtime",
        "bands",
        "rehearse",
        "serve",
        "login",
    ):
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
