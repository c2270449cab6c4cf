"""How command lines end: exit codes, one line of complaint, and quiet when the reader has gone."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from typing import IO

import pytest
import typer

from fleetcast import __version__, errors
from fleetcast.cli.exit import ExitCode, code_for, run
from tests.cli.terminal import fleetcast, refusal


def start(*arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "fleetcast", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)  # noqa: S603 - ourselves


def streams_of(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    return process.stdin, process.stdout, process.stderr


def test_every_family_of_errors_has_an_exit_code() -> None:
    families = errors.FleetcastError.__subclasses__()
    assert len(families) == 6
    for family in families:
        expected = ExitCode.UNAVAILABLE if family is errors.Unavailable else ExitCode.ASKED_WRONGLY
        assert code_for(family("x")) is expected


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (errors.Damaged("two\nlines"), 2, "fleetcast: two lines\n"),
        (errors.Unavailable("later"), 3, "fleetcast: later\n"),
        (OSError(28, "No space left on device", "a.bin"), 2, "fleetcast: a.bin: No space left on device\n"),
        (typer.Exit(1), 1, ""),
        (typer.Abort(), 130, ""),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_a_command_raises_becomes_an_exit_code(
    raised: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    app = typer.Typer(name="fleetcast")

    @app.command()
    def fails() -> None:
        raise raised

    assert run(app, []) == code
    assert capsys.readouterr().err == said


def test_a_bug_is_not_swallowed() -> None:
    app = typer.Typer(name="fleetcast")

    @app.command()
    def fails() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(app, [])


def test_nothing_at_all_shows_the_help_and_is_refused() -> None:
    ended = fleetcast()
    assert ended.code == 2
    assert ended.err == ""
    assert "Usage: fleetcast" in ended.out


def test_an_unknown_command_is_refused() -> None:
    assert "No such command 'nonsense'" in refusal("nonsense")


def test_the_version_is_printed() -> None:
    assert fleetcast("--version").out == f"fleetcast {__version__}\n"
    report = fleetcast("version", "--json").json
    assert report["version"] == __version__
    assert report["fec_engine"] in ("kernel", "numpy")
    assert f"fleetcast {__version__}" in fleetcast("version").out


def test_the_module_is_the_command_line_and_passes_on_its_exit_code() -> None:
    with start("decode", "0", "-p", "201", "-d", "up") as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, b"")
    assert err.startswith(b"fleetcast: the payload has 1 hex digits")


def test_a_reader_that_goes_away_is_no_error_message() -> None:
    line = b'{"hex": "00", "port": 201, "direction": "down"}\n'
    with start("decode", "--lines") as process:
        tell, hear, complaints = streams_of(process)
        tell.write(line)
        tell.flush()
        # Each result is there at once, although more lines may come.
        assert b"PackageVersionReq" in hear.readline()
        hear.close()
        tell.write(line * 10)
        with contextlib.suppress(BrokenPipeError):
            tell.close()
        assert complaints.read() == b""
    assert process.returncode == 1


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("decode --lines <&-", "--lines reads from standard input, which is closed"),
        ("decode -p 201 -d down <&-", "no payload given"),
        ("bands >&-", "standard output is closed"),
    ],
)
def test_closed_streams_get_one_line(command: str, said: str) -> None:
    shell = f'"{sys.executable}" -m fleetcast {command}'
    ended = subprocess.run(shell, shell=True, capture_output=True, text=True, check=False)  # noqa: S602 - ourselves
    assert ended.returncode == 2
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_ctrl_c_is_quiet() -> None:
    with start("decode", "--lines") as process:
        tell, hear, _ = streams_of(process)
        tell.write(b'{"hex": "00", "port": 201, "direction": "down"}\n')
        tell.flush()
        hear.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, b"", b"")
