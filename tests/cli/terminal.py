"""Runs command lines in this process, through the same door as `fleetcast` itself."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from typing import Any
from unittest import mock

from fleetcast.cli.app import app
from fleetcast.cli.exit import run


@dataclass(frozen=True)
class Ended:
    """How a command line ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON value."""
        return json.loads(self.out)


def fleetcast(*arguments: object, stdin: bytes | str = b"") -> Ended:
    """Run one command line with this standard input."""
    given = stdin.encode() if isinstance(stdin, str) else stdin
    out, err = io.StringIO(), io.StringIO()
    source = io.TextIOWrapper(io.BytesIO(given), encoding="utf-8")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), mock.patch("sys.stdin", source):
        code = run(app, [str(argument) for argument in arguments])
    return Ended(int(code), out.getvalue(), err.getvalue())


def refusal(*arguments: object, stdin: bytes | str = b"") -> str:
    """The one line of complaint of a command line that must be refused with exit code 2."""
    ended = fleetcast(*arguments, stdin=stdin)
    assert (ended.code, ended.out) == (2, ""), ended
    assert ended.err.startswith("fleetcast: ")
    assert ended.err.endswith("\n")
    assert ended.err.count("\n") == 1, ended.err
    return ended.err.removeprefix("fleetcast: ").strip()
