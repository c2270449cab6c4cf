"""`fleetcast rehearse`: a campaign on a simulated fleet, in virtual time, from a scenario in a file."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated

import typer

from fleetcast.cli.arguments import BadArgument, FileUnusable
from fleetcast.cli.exit import ExitCode

_STANDARD_OUTPUT = Path("-")


def rehearse(
    scenario: Annotated[Path | None, typer.Argument(help="The scenario, a TOML file.", show_default=False)] = None,
    *,
    seed: Annotated[int | None, typer.Option(help="In place of the scenario's own.", min=0, show_default=False)] = None,
    json_out: Annotated[
        Path | None, typer.Option("--json", help="Write the outcome as JSON; - for standard output.")
    ] = None,
    report_out: Annotated[
        Path | None, typer.Option("--report", help="Write a report as one HTML file; - for standard output.")
    ] = None,
    example: Annotated[bool, typer.Option("--example", help="Print a commented scenario, and stop.")] = False,
) -> None:
    """Rehearse an update campaign before anything is sent: the real engine, a simulated fleet, virtual time.

    Exit code 0: the campaign succeeded. 1: it ended otherwise. 2: the scenario can't be carried out; nothing was sent.

    Examples:

        fleetcast rehearse --example > example.toml
        fleetcast rehearse example.toml --seed 7 --json outcome.json --report report.html
    """
    if example:
        from fleetcast.rehearsal.example import EXAMPLE

        sys.stdout.write(EXAMPLE)
        return
    if scenario is None:
        raise BadArgument(
            "name a scenario (a TOML file), or write one first: fleetcast rehearse --example > example.toml"
        )
    _run(scenario, seed, json_out, report_out)


def _run(path: Path, seed: int | None, json_out: Path | None, report_out: Path | None) -> None:
    from fleetcast.clock import stopwatch_s
    from fleetcast.planning.refusals import PlanRefused
    from fleetcast.rehearsal import terminal
    from fleetcast.rehearsal.measure import measure
    from fleetcast.rehearsal.refusal_places import at_its_place
    from fleetcast.rehearsal.rehearse import Rehearsal, prepare
    from fleetcast.rehearsal.report import to_json
    from fleetcast.rehearsal.scenario_file import load

    outs = [out for out in (json_out, report_out) if out is not None]
    _check_writable(outs, path)
    began = stopwatch_s()
    scenario = load(path)
    try:
        prepared = prepare(scenario, seed)
    except PlanRefused as refusal:
        raise at_its_place(scenario, refusal) from refusal
    # People read standard error when standard output is for a program.
    console = terminal.console_for(sys.stderr if _STANDARD_OUTPUT in outs else sys.stdout)
    terminal.print_plan(console, prepared)
    rehearsal = Rehearsal(prepared)
    with terminal.watching(console) as look:
        rehearsal.run(look)
    report = measure(rehearsal, stopwatch_s() - began)
    terminal.print_outcome(console, report)
    if json_out is not None:
        _write(json_out, json.dumps(to_json(report), indent=2) + "\n")
    if report_out is not None:
        from fleetcast.rehearsal.html import to_html

        _write(report_out, to_html(report))
        if report_out != _STANDARD_OUTPUT:
            console.print(f"report: {report_out}", soft_wrap=True)
    if report.status != "SUCCEEDED":
        raise typer.Exit(ExitCode.ANSWER_IS_NO)


def _check_writable(outs: Sequence[Path], scenario: Path) -> None:
    """Before a long run, what can be known of where its outcome shall go. Raises FileUnusable and BadArgument."""
    if len(outs) == 2 and _same(*outs):
        raise BadArgument(f"--json and --report both name {outs[0]}: write them to different places")
    for out in outs:
        if out == _STANDARD_OUTPUT:
            continue
        if _same(out, scenario):
            raise BadArgument(f"{out} is the scenario itself: write the outcome to another file")
        if not out.absolute().parent.is_dir():
            raise FileUnusable(f"{out}: there is no folder {out.parent}; make it first")
        if out.is_dir():
            raise FileUnusable(f"{out} is a folder: name a file in it, such as {out / 'outcome'}")
        # A new file needs a folder that can be written to, and so does one that is replaced.
        target = out if out.exists() and not out.is_file() else out.absolute().parent
        if not os.access(target, os.W_OK) or (out.exists() and not os.access(out, os.W_OK)):
            raise FileUnusable(f"{out}: can't be written (permission denied); name another place")


def _same(one: Path, other: Path) -> bool:
    return one.absolute() == other.absolute() or (one.exists() and other.exists() and one.samefile(other))


def _write(out: Path, text: str) -> None:
    """All of it or nothing: whoever reads the file never finds half of an outcome."""
    if out == _STANDARD_OUTPUT:
        sys.stdout.write(text)
        return
    try:
        if out.exists() and not out.is_file():
            out.write_text(text, encoding="utf-8")  # a pipe or a device
            return
        target = out.resolve()  # what a link stands for is replaced, not the link
        with NamedTemporaryFile("w", encoding="utf-8", dir=target.parent, prefix=f".{out.name}.", delete=False) as part:
            try:
                part.write(text)
                part.close()
                os.chmod(part.name, _mode_of(target))
                os.replace(part.name, target)
            except BaseException:
                os.unlink(part.name)
                raise
    except OSError as error:
        raise FileUnusable(f"{out}: can't be written ({error.strerror})") from None


def _mode_of(target: Path) -> int:
    """The rights a file has, or would be given as a new one."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
