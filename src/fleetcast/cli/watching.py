"""A campaign as it moves: bars on a terminal, a line whenever something moved elsewhere.

It only looks, again and again; a server that is away for a moment is waited for.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from fleetcast import clock
from fleetcast.cli.output import print_json, print_line
from fleetcast.cli.remote import Remote
from fleetcast.errors import Unavailable

if TYPE_CHECKING:
    from rich.console import RenderableType

FINAL: Final = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})
AT_REST: Final = frozenset({"CONFIGURED"})
"""Nothing moves until somebody orders it."""
_AWAY_S: Final = 60.0
_MOVING: Final = ("status", "stage", "stage_name", "stage_done", "stage_total", "succeeded", "failed", "explanation")
_MARKS: Final = {"done": "✓", "running": "▶", "not needed": "–"}
_BAR: Final = 40


def watch_campaign(remote: Remote, campaign_id: int, every_s: float, *, as_json: bool) -> str:
    """Show a campaign until it is over, or waits for somebody; its status then."""
    looks = _looks(remote, campaign_id, every_s)
    if as_json or not sys.stdout.isatty():
        return _lines(looks, as_json=as_json)
    from rich.console import Console
    from rich.live import Live

    status = ""
    with Live(console=Console(), auto_refresh=False) as live:
        for campaign, progress in looks:
            live.update(_picture(campaign, progress), refresh=True)
            status = str(campaign["status"])
    return status


def _looks(remote: Remote, campaign_id: int, every_s: float) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    away_since: float | None = None
    while True:
        try:
            campaign = remote.get(f"/campaigns/{campaign_id}")
            progress = remote.get(f"/campaigns/{campaign_id}/progress")
        except Unavailable:
            away_since = clock.steady_s() if away_since is None else away_since
            if clock.steady_s() - away_since > _AWAY_S:
                raise
        else:
            away_since = None
            yield campaign, progress
            if campaign["status"] in FINAL | AT_REST:
                return
        asyncio.run(clock.pause(every_s))


def _lines(looks: Iterator[tuple[dict[str, Any], dict[str, Any]]], *, as_json: bool) -> str:
    shown: dict[str, Any] = {}
    for campaign, _ in looks:
        now = {name: campaign[name] for name in _MOVING}
        if now == shown:
            continue
        shown = now
        if as_json:
            print_json({"id": campaign["id"], "name": campaign["name"], **now, "stages": campaign["stages"]})
        else:
            print_line(f"{campaign['status']}  {_stage(campaign)}  {_counts(campaign)}")
        sys.stdout.flush()
    return str(shown["status"])


def _stage(campaign: Mapping[str, Any]) -> str:
    if not campaign["stages"]:
        return "not started"
    done = f"  {campaign['stage_done']}/{campaign['stage_total']}" if campaign["stage_total"] else ""
    return f"{campaign['stage']}/{campaign['stages']} {campaign['stage_name']}{done}"


def _counts(campaign: Mapping[str, Any]) -> str:
    return f"{campaign['succeeded']} succeeded, {campaign['failed']} failed of {campaign['participants']}"


def _picture(campaign: Mapping[str, Any], progress: Mapping[str, Any]) -> RenderableType:
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    stages = Table.grid(padding=(0, 1))
    for each in progress["stages"]:
        current = each["status"] == "running"
        total, done = campaign["stage_total"], campaign["stage_done"]
        bar: RenderableType = ""
        if current:
            bar = ProgressBar(total=max(total, 1), completed=done, width=_BAR)
        elif each["status"] == "done":
            bar = ProgressBar(total=1, completed=1, width=_BAR)
        name = campaign["stage_name"] if current else each["name"]
        stages.add_row(_MARKS.get(each["status"], " "), Text(name), bar, f"{done}/{total}" if current and total else "")
    devices = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=max(campaign["participants"], 1), completed=campaign["succeeded"], width=_BAR)
    devices.add_row(" ", "devices", bar, _counts(campaign))
    heading = Text(f"{campaign['name']}: {campaign['status']}", style="bold")
    return Group(heading, stages, devices, Text(str(campaign["explanation"])))
