"""A rehearsal on the terminal: the stages and how far each is while it runs, then the outcome in a few tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fleetcast.campaign.states import Outcome, Stage, Step, stages_of
from fleetcast.clock import stopwatch_s
from fleetcast.instants import to_datetime
from fleetcast.planning.plan import Band90, Plan
from fleetcast.rehearsal.rehearse import Prepared, Rehearsal
from fleetcast.rehearsal.report import Report
from fleetcast.rehearsal.wording import airtime, bytes_written, duration, percent, percent_band, phases_written

_REFRESH_S = 0.1
_WIDTH_OF_FILES = 110
_STEP_AFTER: dict[Stage, Step] = {
    Stage.MC_GROUP_SETUP: Step.MC_GROUP_SETUP,
    Stage.REBOOT_TIME_SETUP: Step.REBOOT_TIME,
    Stage.FRAG_SESSION_SETUP: Step.FRAG_SESSION_SETUP,
    Stage.MC_SESSION_SETUP: Step.MC_SESSION,
}


def console_for(out: TextIO) -> Console:
    """Where people read; a file or a pipe is wide enough for the tables."""
    return Console(file=out, highlight=False, width=None if out.isatty() else _WIDTH_OF_FILES)


@contextmanager
def watching(console: Console) -> Iterator[Callable[[Rehearsal], None]]:
    """Show the stages while a rehearsal runs; what is yielded is to be called every now and then."""
    shown_at = 0.0
    began = stopwatch_s()
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def look(rehearsal: Rehearsal) -> None:
            nonlocal shown_at
            now = stopwatch_s()
            if now - shown_at >= _REFRESH_S or rehearsal.state.campaign.status.final:
                shown_at = now
                live.update(_progress(rehearsal, now - began), refresh=True)

        yield look


def print_plan(console: Console, prepared: Prepared) -> None:
    """What is going to be rehearsed, and what the plan expects."""
    plan, scenario = prepared.plan, prepared.scenario
    what = plan.type.value if plan.file is None else f"{plan.file.name}, {bytes_written(plan.file.size_bytes)}"
    console.print(
        Text.assemble((scenario.name, "bold"), f"  {what} to {len(plan.devices)} devices, seed {prepared.seed}")
    )
    for group in plan.groups:
        sends = (
            f"{group.fragments} fragments of {group.fragment_bytes} bytes, {group.strategy}" if group.fragments else ""
        )
        console.print(
            Text(f"  group {group.name}: {group.band} DR{group.data_rate}, class {group.session_class}, {sends}", "dim")
        )
    for warning in plan.warnings:
        console.print(Text(f"  {warning}", "yellow"))
    if plan.left_out:
        console.print(Text(f"  {len(plan.left_out)} devices take no part", "yellow"))


def print_outcome(console: Console, report: Report) -> None:
    """The outcome: stages, failures, airtime, energy, estimate."""
    color = {"SUCCEEDED": "green", "FAILED": "red"}.get(report.status, "yellow")
    console.print(
        Text.assemble(
            (report.status, f"bold {color}"),
            f"  {report.succeeded} of {report.total} devices succeeded ({percent(report.success_share)}), ",
            f"{report.running} run the new version; " if report.campaign_type == "firmware" else "",
            f"{duration(report.virtual_seconds)} in {report.wall_seconds:.1f} s",
        )
    )
    if report.why:
        console.print(Text(f"  {report.why}", "dim"))
    console.print(_stages(report))
    if report.failed:
        console.print(_failures(report))
    console.print(_figures(report))


def _progress(rehearsal: Rehearsal, wall_s: float) -> RenderableType:
    plan, state = rehearsal.plan, rehearsal.state
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("stage")
    table.add_column("progress", width=32)
    table.add_column("", justify="right")
    table.add_column("began", justify="right")
    for number, (stage, name) in enumerate(zip(stages_of(plan), plan.stage_names, strict=True), 1):
        record = state.campaign.stages[number - 1] if state.campaign.stages else None
        done, of = _done(rehearsal, stage)
        over = record is not None and record.ended > 0
        began = "" if record is None or not record.started else duration((record.started - plan.start) / 1000)
        style = "dim" if record is None or not record.started else "bold" if number == state.campaign.stage else ""
        bar = ProgressBar(total=max(of, 1), completed=of if over else min(done, of), width=32)
        table.add_row(Text(f"{number} {name}", style), bar, f"{done}/{of}", began)
    failed = sum(state.counts[Outcome.FAILED]) + sum(state.counts[Outcome.BEHIND])
    when, passed = to_datetime(rehearsal.now), duration((rehearsal.now - plan.start) / 1000)
    footer = Text(
        f"{state.campaign.status}  virtual time {when:%Y-%m-%d %H:%M:%S}  ({passed})"
        f"  failed {failed}  commits {rehearsal.observation.commits}  {wall_s:.1f} s",
        "dim",
    )
    return Group(table, footer)


def _done(rehearsal: Rehearsal, stage: Stage) -> tuple[int, int]:
    """How far a stage is, as it is shown: devices that are final of all, or fragments of those planned."""
    plan, state = rehearsal.plan, rehearsal.state
    total = len(plan.devices)
    if stage in _STEP_AFTER:
        return _past(state.counts, _STEP_AFTER[stage]), total
    if stage is Stage.DL_FRAGMENT:
        planned = sum(_first_pass(plan, g) for g in range(len(plan.groups)))
        sent = sum(min(group.ledger.handed_over, _first_pass(plan, g)) for g, group in enumerate(state.groups))
        return sent, planned
    if stage is Stage.FRAG_SESSION_STATUS:
        return sum(device.missing >= 0 for device in state.devices) if total <= 20_000 else _past(
            state.counts, Step.TRANSFER
        ), total  # fmt: skip
    return sum(state.counts[Outcome.SUCCEEDED]) + sum(state.counts[Outcome.FAILED]), total


def _past(counts: list[list[int]], step: Step) -> int:
    alive = counts[Outcome.OPEN]
    return sum(alive[step + 1 :]) + sum(sum(counts[each]) for each in Outcome if each is not Outcome.OPEN)


def _first_pass(plan: Plan, g: int) -> int:
    group = plan.groups[g]
    return group.fragments + (0 if group.strategy == "carousel" else group.coded_first)


def _stages(report: Report) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in ("stage", "began", "took", "succeeded", "phases"):
        table.add_column(heading, justify="left" if heading in ("stage", "phases") else "right")
    for stage in report.stages:
        began = "" if stage.started is None else duration((stage.started - report.start) / 1000)
        took = "" if stage.started is None or stage.ended is None else duration((stage.ended - stage.started) / 1000)
        phases = "not needed" if stage.not_needed else phases_written(stage.phases)
        table.add_row(f"{stage.number} {stage.name}", began, took, str(stage.succeeded), phases)
    return table


def _failures(report: Report) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("failed", justify="right")
    table.add_column("cause")
    table.add_column("what to do")
    for cause, count, advice in report.failed:
        table.add_row(str(count), Text(cause), Text(advice))
    return table


def _figures(report: Report) -> Table:
    table = Table.grid(padding=(0, 2))
    estimate = report.estimate
    if report.groups and report.fragments_sent:
        table.add_row("fragments", f"{report.fragments_sent} sent, {report.fragments_minimum} at least needed")
        ratio = report.over_limit
        over = "" if ratio is None else f", {ratio:.3f} of the physical limit ({airtime(report.airtime_limit_s)})"
        table.add_row(
            "airtime",
            airtime(report.airtime_s) + over + _expected(None if estimate is None else estimate.airtime_s, airtime),
        )
    table.add_row(
        "duration",
        duration(report.virtual_seconds) + _expected(None if estimate is None else estimate.duration_s, duration),
    )
    if estimate is not None:
        table.add_row("success", f"{percent(report.success_share)}, expected {percent_band(estimate.success_share)}")
    busiest = max((each.busiest_hour_share for each in report.sub_bands), default=0.0)
    table.add_row("duty cycle", f"busiest hour {percent(busiest)} of the air; {report.violations} violations")
    table.add_row(
        "status", f"{report.polls} polls over multicast, {report.polls_unicast} by unicast, {report.answers} answers"
    )
    if report.energy is not None:
        expected = _expected(None if estimate is None else estimate.energy_mah, lambda mah: f"{mah:.2f} mAh")
        table.add_row("energy", f"{report.energy.median_mah:.2f} mAh for an ordinary device{expected}")
    if report.rebuilt_sha256:
        counted = sum(count for _, count in report.rebuilt_sha256)
        same = all(digest == report.file_sha256 for digest, _ in report.rebuilt_sha256)
        table.add_row("rebuilt", f"{counted} devices, {'byte for byte the file' if same else 'NOT the file'}")
    return table


def _expected(band: Band90 | None, write: Callable[[float], str]) -> str:
    return "" if band is None else f"; expected {write(band.median)} ({write(band.low)} to {write(band.high)})"
