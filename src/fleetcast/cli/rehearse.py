"""`fleetcast rehearse`: a campaign on a simulated fleet, in virtual time, from a scenario in a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from fleetcast.cli.arguments import BadArgument, FileUnusable
from fleetcast.cli.exit import ExitCode


def rehearse(
    scenario: Annotated[Path | None, typer.Argument(help="The scenario, a TOML file.", show_default=False)] = None,
    *,
    seed: Annotated[int | None, typer.Option(help="In place of the scenario's own.", min=0, show_default=False)] = None,
    json_out: Annotated[
        Path | None, typer.Option("--json", help="Write the outcome as JSON; - for standard output.")
    ] = None,
    report_out: Annotated[Path | None, typer.Option("--report", help="Write a report as one HTML file.")] = None,
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
    from fleetcast.rehearsal import terminal
    from fleetcast.rehearsal.measure import measure
    from fleetcast.rehearsal.rehearse import Rehearsal, prepare
    from fleetcast.rehearsal.report import to_json
    from fleetcast.rehearsal.scenario_file import load

    for out in (json_out, report_out):
        if out is not None and str(out) != "-" and not out.absolute().parent.is_dir():
            raise FileUnusable(f"{out}: there is no folder {out.parent}; make it first")
    began = stopwatch_s()
    prepared = prepare(load(path), seed)
    # People read standard error when JSON goes to standard output.
    console = terminal.console_for(sys.stderr if str(json_out) == "-" else sys.stdout)
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
        console.print(f"report: {report_out}", soft_wrap=True)
    if report.status != "SUCCEEDED":
        raise typer.Exit(ExitCode.ANSWER_IS_NO)


def _write(out: Path, text: str) -> None:
    if str(out) == "-":
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FileUnusable(f"{out}: can't be written ({error.strerror})") from None
