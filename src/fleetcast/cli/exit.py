"""How the command line ends: errors become one line on standard error and an exit code, here and nowhere else.

0: done. 1: done, and the answer is no (a block that does not complete). 2: asked wrongly, or bytes that cannot be
right. 3: something outside does not answer. 130: interrupted. Anything unexpected is a bug and shows its traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from enum import IntEnum

import typer
from typer.main import get_command

from fleetcast.errors import Conflict, Damaged, FleetcastError, Forbidden, Invalid, NotFound, Unavailable


class ExitCode(IntEnum):
    """What the shell is told."""

    DONE = 0
    ANSWER_IS_NO = 1
    ASKED_WRONGLY = 2
    UNAVAILABLE = 3
    INTERRUPTED = 130


_BY_FAMILY: dict[type[FleetcastError], ExitCode] = {
    Invalid: ExitCode.ASKED_WRONGLY,
    Forbidden: ExitCode.ASKED_WRONGLY,
    NotFound: ExitCode.ASKED_WRONGLY,
    Conflict: ExitCode.ASKED_WRONGLY,
    Damaged: ExitCode.ASKED_WRONGLY,
    Unavailable: ExitCode.UNAVAILABLE,
}


def run(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; raises only what is a bug."""
    if sys.stdout is None:
        return _complain("standard output is closed: redirect it to a file or to /dev/null", ExitCode.ASKED_WRONGLY)
    try:
        outcome = get_command(app).main(args=list(arguments), prog_name=app.info.name, standalone_mode=False)
        sys.stdout.flush()
    except FleetcastError as error:
        return _complain(str(error), code_for(error))
    except typer.TyperException as error:
        return _complain_about_usage(error)
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader has gone (`| head`): what is still buffered must not complain at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.ANSWER_IS_NO
    except OSError as error:
        return _complain(f"{error.filename or 'input or output'}: {error.strerror or error}", ExitCode.ASKED_WRONGLY)
    return outcome if isinstance(outcome, int) else ExitCode.DONE


def code_for(error: FleetcastError) -> ExitCode:
    """The exit code of an error's family."""
    return next(code for family, code in _BY_FAMILY.items() if isinstance(error, family))


def _complain_about_usage(error: typer.TyperException) -> int:
    if not error.format_message():
        return ExitCode.ASKED_WRONGLY  # no command at all: the help was printed instead
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "fleetcast"
    said = error.format_message().rstrip(".").replace("Value error, ", "")
    return _complain(f"{said}; see {command} --help", ExitCode.ASKED_WRONGLY)


def _complain(text: str, code: ExitCode) -> ExitCode:
    one_line = " ".join(text.split())
    if sys.stderr is not None:
        sys.stderr.write(f"fleetcast: {one_line}\n")
    return code
