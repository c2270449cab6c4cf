"""Whole campaigns for the journeys: a scenario in a few words, played to its end."""

from __future__ import annotations

from pathlib import Path

from fleetcast.rehearsal.measure import measure
from fleetcast.rehearsal.rehearse import Rehearsal, prepare
from fleetcast.rehearsal.report import Report
from fleetcast.rehearsal.scenario import Scenario
from fleetcast.rehearsal.scenario_file import parse

BASE = """\
[[profile]]
name = "p"
uplink_period_s = 600
reports_version_s = [10, 60]
{profile}

[[fleet]]
profile = "p"
count = {count}
loss = {loss}
uplink_loss = 0.03
firmware_version = "1.0.0.0"
{fleet}

[network]
{network}

[campaign]
threshold_percent = {threshold}
{campaign}
[campaign.settings]
setup = "pipelined"
msg_retries = 5
stage_complete_delay = 4
{settings}

[file]
{file}
"""


def scenario(
    *,
    count: int = 12,
    loss: str = "0.1",
    threshold: int = 90,
    profile: str = "",
    fleet: str = "",
    network: str = "",
    campaign: str = "",
    settings: str = "",
    file: str = 'size_bytes = 4000\nversion = "2.0.0.0"',
) -> Scenario:
    """A small firmware campaign; each argument adds lines to a table of the scenario."""
    text = BASE.format(
        count=count, loss=loss, threshold=threshold, profile=profile, fleet=fleet, network=network, campaign=campaign,
        settings=settings, file=file,
    )  # fmt: skip
    if not file:
        text = text.replace("[file]\n", "")
    return parse(text, "journey.toml", Path())


def play(of: Scenario, *, seed: int = 1, crash_every: int | None = None) -> tuple[Report, Rehearsal]:
    """Play it, and what came of it."""
    rehearsal = Rehearsal(prepare(of, seed), crash_every=crash_every)
    rehearsal.run()
    return measure(rehearsal, 0.0), rehearsal
