"""The estimate given before the start against what the rehearsal then does: 30 scenarios, 5 seeds each.

    python benchmarks/estimate_against_rehearsal.py [--scenarios 30] [--seeds 5]

For each scenario: the estimate's median over the seeds against the outcome's, as error of duration and airtime in
percent and of the success share in points, and how many runs the 90 % band holds. Scenarios vary in size, loss, file,
data rate, strategy, setup, class and uplink period, by a fixed seed.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from fleetcast.planning.plan import Band90, Estimate
from fleetcast.rehearsal.measure import measure
from fleetcast.rehearsal.rehearse import Rehearsal, prepare
from fleetcast.rehearsal.report import Report
from fleetcast.rehearsal.scenario import Scenario
from fleetcast.rehearsal.scenario_file import parse

SCENARIO = """
[[profile]]
name = "sensor"
uplink_period_s = {period}
packages = {packages}
reports_version_s = [30, 120]

[[fleet]]
count = {count}
loss = {{ uniform = [{low}, {high}] }}
uplink_loss = {{ uniform = [0.01, 0.15] }}
data_rate = 5
  [fleet.defects]
  never_heard = {silent}

[campaign]
threshold_percent = {threshold}
max_duration_s = 1209600
class = "{session_class}"
data_rate = {data_rate}
redundancy = {redundancy}
[campaign.settings]
setup = "{setup}"
msg_retries = {retries}
stage_complete_delay = 2

[file]
size_bytes = {size}
"""


@dataclass(frozen=True, slots=True)
class Compared:
    """One scenario over its seeds."""

    error: float
    """Of the outcome's median from the estimate's: relative, or in points for shares."""
    inside: int
    """Runs within the 90 % band."""


def scenarios(count: int) -> list[Scenario]:
    """Always the same ones."""
    chance = random.Random(30)
    made = []
    for number in range(count):
        low = chance.choice([0.01, 0.05, 0.1])
        made.append(
            parse(
                SCENARIO.format(
                    period=chance.choice([600, 1800, 3600, 7200]),
                    packages=chance.choice([1, 1, 2]),
                    count=chance.choice([20, 50, 100, 200]),
                    low=low,
                    high=low + chance.choice([0.05, 0.15, 0.25]),
                    silent=chance.choice([0, 0, 1]),
                    threshold=chance.choice([70, 80, 90]),
                    session_class=chance.choice(["C", "C", "C", "B"]),
                    data_rate=chance.choice([3, 4, 5, 5]),
                    redundancy=chance.choice(['"adaptive"', '"adaptive"', "0.5", '"none"']),
                    setup=chance.choice(["staged", "pipelined"]),
                    retries=chance.choice([3, 5, 7]),
                    size=chance.choice([2_000, 10_000, 40_000]),
                ),
                f"scenario {number + 1}",
                Path(),
            )
        )
    return made


def main() -> None:
    """Play them all, and print scenario by scenario and the means."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--scenarios", type=int, default=30)
    arguments.add_argument("--seeds", type=int, default=5)
    asked = arguments.parse_args()
    compared: list[tuple[Compared, Compared, Compared]] = []
    for number, scenario in enumerate(scenarios(asked.scenarios), 1):
        runs = [_play(scenario, seed) for seed in range(1, asked.seeds + 1)]
        duration = _compare([(e.duration_s, r.virtual_seconds) for e, r in runs], relative=True)
        airtime = _compare([(e.airtime_s, r.airtime_s) for e, r in runs], relative=True)
        success = _compare([(e.success_share, r.success_share) for e, r in runs], relative=False)
        compared.append((duration, airtime, success))
        statuses = " ".join(sorted({r.status for _, r in runs}))
        print(
            f"{number:3} {scenario.size:4} devices {runs[0][1].strategy:9} {runs[0][1].setup:9}  "
            f"duration {duration.error:+7.1%} {duration.inside}/{asked.seeds}  airtime {airtime.error:+7.1%} "
            f"{airtime.inside}/{asked.seeds}  success {100 * success.error:+5.1f} points "
            f"{success.inside}/{asked.seeds}  {statuses}",
            flush=True,
        )
    for at, name in enumerate(("duration", "airtime", "success")):
        column = [row[at] for row in compared]
        held = sum(each.inside for each in column) / (asked.seeds * len(column))
        print(
            f"{name:9} mean error {mean(each.error for each in column):+.1%}, mean absolute error "
            f"{mean(abs(each.error) for each in column):.1%}, 90 % band holds {held:.0%} of the runs"
        )


def _play(scenario: Scenario, seed: int) -> tuple[Estimate, Report]:
    prepared = prepare(scenario, seed)
    estimate = prepared.plan.estimate
    if estimate is None:
        raise SystemExit(f"{scenario.name}: the plan holds no estimate")
    rehearsal = Rehearsal(prepared)
    rehearsal.run()
    return estimate, measure(rehearsal, 0.0)


def _compare(runs: list[tuple[Band90, float]], *, relative: bool) -> Compared:
    expected, came = median(band.median for band, _ in runs), median(value for _, value in runs)
    error = came - expected
    if relative:
        error = error / expected if expected else 0.0
    # A share of few devices moves in steps: a run on the band's edge is inside.
    inside = sum(band.low - 1e-9 <= value <= band.high + 1e-9 for band, value in runs)
    return Compared(error, inside)


if __name__ == "__main__":
    main()
