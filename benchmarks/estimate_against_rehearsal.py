"""The estimate given before the start against what the rehearsal then does: 30 scenarios, 5 seeds each.

    python benchmarks/estimate_against_rehearsal.py [--scenarios 30] [--seeds 5] [--processes 2] [--only 7 12]

For each scenario: the estimate's median and band (of the seeds, the one in the middle), the outcomes, the error of the
median, and how many runs the 90 % band holds; at the end the means and what they should be. Scenarios vary in fleet,
period, loss, file, data rate, class, package version, gateways, groups, strategy, setup, session start, reboot and
defects, by a fixed seed. The planner is told what a server would know: losses counted over 300 earlier frames,
learned periods, who has been silent for long. Other defects it isn't told of.
"""

from __future__ import annotations

import argparse
import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from fleetcast.planning.plan import Band90
from fleetcast.rehearsal.measure import measure
from fleetcast.rehearsal.rehearse import Rehearsal, prepare
from fleetcast.rehearsal.scenario import Scenario
from fleetcast.rehearsal.scenario_file import parse

SCENARIO = """
[[profile]]
name = "sensor"
uplink_period_s = {period}
packages = {packages}
{profile}

[[fleet]]
profile = "sensor"
count = {count}
loss = {{ uniform = [{low}, {high}] }}
uplink_loss = {{ uniform = [0.01, 0.15] }}
uplink_period_s = {{ uniform = [{shortest}, {period}] }}
data_rate = {uplink_rates}
class = "{own_class}"
gateways_in_range = {in_range}
  [fleet.defects]
{defects}

[network]
gateways = {gateways}

[campaign]
type = "{type}"
threshold_percent = {threshold}
max_duration_s = 2419200
class = "{session_class}"
data_rate = {data_rate}
redundancy = {redundancy}
{campaign}
[campaign.settings]
setup = "{setup}"
msg_retries = {retries}
stage_complete_delay = {grace}
transfer_until = "{until}"
duty_cycle_use = "{use}"
{settings}

[file]
size_bytes = {size}
"""

TARGETS = {"duration": 0.05, "airtime": 0.05, "success": 0.02}
"""Mean absolute error of the median: relative, for the success share in points."""
HELD = 0.85
"""Share of the runs that the 90 % band holds."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of one scenario over its seeds."""

    expected: Band90
    came: tuple[float, ...]
    error: float
    """Of the estimate's median from the outcome's: relative, or in points for shares."""
    inside: int
    """Runs within the 90 % band."""


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario."""

    words: str
    figures: dict[str, Compared]
    statuses: str


def scenarios(count: int) -> list[tuple[str, Scenario]]:
    """Always the same ones, with what tells them apart."""
    chance = random.Random(30)
    return [_scenario(chance, number) for number in range(1, count + 1)]


def _scenario(chance: random.Random, number: int) -> tuple[str, Scenario]:
    pick = chance.choice
    period = pick([600, 1800, 3600, 3600, 7200])
    low = pick([0.01, 0.05, 0.1])
    kind = pick(["firmware", "firmware", "firmware", "binary"])
    session_class = pick(["C", "C", "C", "B"])
    count = pick([50, 50, 100, 100, 200, 200, 500, 1000])
    gateways = pick([1, 1, 1, 2, 3])
    size = pick([2_000, 10_000, 20_000, 40_000, 100_000])
    data_rate = pick([3, 4, 5, 5]) if size <= 40_000 else 5
    setup = pick(["staged", "pipelined"])
    retries, grace = pick([3, 5, 7]), pick([1, 2, 3])
    defects = {
        "never_heard": pick([0, 0, 1, 2]),
        "refuses_fragmentation": pick([0, 0, 1]),
        "does_not_reboot": pick([0, 0, 1]),
        "reboots_in_the_middle": pick([0, 0, 0, 1]),
        "answers_twice": pick([0, 0, 2]),
    }
    campaign, settings, profile = [], [], []
    if pick([0, 0, 0, 1]):
        campaign.append(f"session_start_after_s = {(retries + 3) * period * (1 if setup == 'pipelined' else 3)}")
    if kind == "firmware" and pick([0, 0, 0, 1]):
        campaign.append("reboot_after_s = 345600")
    if kind == "firmware" and pick([0, 1]):
        profile.append("reports_version_s = [30, 120]")
    if pick([0, 0, 0, 1]):
        profile.append("decoder_memory = 200")
    if pick([0, 0, 1]):
        profile.append("commands_per_downlink = 3")
    if pick([0, 0, 0, 1]):
        settings.append("ucast_msg_delay_ms = 3000")
    own_class = "C" if session_class == "C" and pick([0, 0, 0, 0, 0, 1]) else "A"
    redundancy = pick(['"adaptive"', '"adaptive"', '"adaptive"', "0.5", '"none"'])
    packages = pick([1, 1, 2])
    text = SCENARIO.format(
        period=period,
        shortest=period // pick([1, 1, 2, 4]),
        packages=packages,
        profile="\n".join(profile),
        count=count,
        low=low,
        high=low + pick([0.05, 0.15, 0.25]),
        uplink_rates=pick(["5", "5", "{ 3 = 0.2, 4 = 0.3, 5 = 0.5 }"]),
        own_class=own_class,
        in_range=min(gateways, pick([1, 2])),
        defects="\n".join(f"  {name} = {_defect(name, many)}" for name, many in defects.items() if many),
        gateways=gateways,
        type=kind,
        threshold=pick([70, 80, 90]),
        session_class=session_class,
        data_rate=data_rate,
        redundancy=redundancy,
        campaign="\n".join(campaign),
        setup=setup,
        retries=retries,
        grace=grace,
        until=pick(["everyone", "everyone", "threshold"]),
        use=pick(["even", "even", "even", "burst"]),
        settings="\n".join(settings),
        size=size,
    )
    words = (
        f"{count:4} devices, {period:5} s, v{packages} class {session_class}{' own C' if own_class == 'C' else ''} "
        f"DR{data_rate} {size // 1000:3} kB {redundancy.strip(chr(34)):8} {setup:9} {kind}"
    )
    return words, parse(text, f"scenario {number}", Path())


def _defect(name: str, many: int) -> str:
    return f"{{ count = {many}, after_s = 300 }}" if name == "reboots_in_the_middle" else str(many)


def compare(words: str, scenario: Scenario, seeds: int) -> Row:
    """Estimate and play a scenario with the seeds from 1 on."""
    runs = [_play(scenario, seed) for seed in range(1, seeds + 1)]
    figures = {
        name: _compared([run[0][name] for run in runs], [run[1][name] for run in runs], relative=name != "success")
        for name in TARGETS
    }
    return Row(words, figures, " ".join(sorted({run[2] for run in runs})))


def _play(scenario: Scenario, seed: int) -> tuple[dict[str, Band90], dict[str, float], str]:
    prepared = prepare(scenario, seed)
    estimate = prepared.plan.estimate
    if estimate is None:
        raise SystemExit(f"{scenario.name}: the plan holds no estimate")
    rehearsal = Rehearsal(prepared)
    rehearsal.run()
    report = measure(rehearsal, 0.0)
    expected = {"duration": estimate.duration_s, "airtime": estimate.airtime_s, "success": estimate.success_share}
    came = {"duration": report.virtual_seconds, "airtime": report.airtime_s, "success": report.success_share}
    return expected, came, report.status


def _compared(expected: list[Band90], came: list[float], *, relative: bool) -> Compared:
    middle = sorted(expected, key=lambda band: band.median)[len(expected) // 2]
    error = median(band.median for band in expected) - median(came)
    if relative:
        error = error / median(came) if median(came) else float(error != 0)
    # A share of few devices moves in steps: a run on the band's edge is inside.
    inside = sum(band.low - 1e-9 <= value <= band.high + 1e-9 for band, value in zip(expected, came, strict=True))
    return Compared(middle, tuple(came), error, inside)


def _show(number: int, row: Row) -> None:
    print(f"{number:3} {row.words}  {row.statuses}")
    for name, figure in row.figures.items():
        scale, unit = {"duration": (1 / 3600, "h"), "airtime": (1.0, "s"), "success": (100.0, "%")}[name]
        band = figure.expected
        came = " ".join(f"{value * scale:7.2f}" for value in figure.came)
        error = f"{100 * figure.error:+6.1f} {'points' if name == 'success' else '%'}"
        print(
            f"      {name:8} {band.median * scale:8.2f} {unit} [{band.low * scale:.2f} to {band.high * scale:.2f}]  "
            f"came {came}  error {error}  {figure.inside}/{len(figure.came)}",
            flush=True,
        )


def main() -> None:
    """Play them all, and print scenario by scenario and the means."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--scenarios", type=int, default=30)
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--processes", type=int, default=2)
    arguments.add_argument("--only", type=int, nargs="*", help="numbers of scenarios")
    asked = arguments.parse_args()
    chosen = [
        (number, *each)
        for number, each in enumerate(scenarios(asked.scenarios), 1)
        if not asked.only or number in asked.only
    ]
    rows: list[Row] = []
    with ProcessPoolExecutor(asked.processes) as pool:
        tasks = [(number, pool.submit(compare, words, scenario, asked.seeds)) for number, words, scenario in chosen]
        for number, task in tasks:
            rows.append(task.result())
            _show(number, rows[-1])
    for name, target in TARGETS.items():
        figures = [row.figures[name] for row in rows]
        off = mean(abs(figure.error) for figure in figures)
        held = sum(figure.inside for figure in figures) / sum(len(figure.came) for figure in figures)
        unit = "points" if name == "success" else "%"
        print(
            f"{name:8} mean error {100 * mean(figure.error for figure in figures):+5.1f} {unit}, mean absolute error "
            f"{100 * off:4.1f} {unit} (target {100 * target:g}), 90 % band holds {held:.0%} of the runs "
            f"(target {HELD:.0%})"
        )


if __name__ == "__main__":
    main()
