"""The estimate given before the start, held against what the rehearsal then does."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pytest

from fleetcast.rehearsal.measure import measure
from fleetcast.rehearsal.rehearse import Rehearsal, prepare
from fleetcast.rehearsal.scenario import Scenario
from fleetcast.rehearsal.scenario_file import parse

SEEDS = (1, 2, 3)

SCENARIO = """
[[profile]]
name = "sensor"
uplink_period_s = 1800
packages = {packages}
reports_version_s = [30, 120]

[[fleet]]
count = 40
loss = {{ uniform = [0.01, 0.2] }}
uplink_loss = {{ uniform = [0.01, 0.1] }}
  [fleet.defects]
  never_heard = 1

[campaign]
threshold_percent = 80
max_duration_s = 604800
class = "{session_class}"
redundancy = "adaptive"
[campaign.settings]
setup = "staged"
msg_retries = 4
stage_complete_delay = 2

[file]
size_bytes = 20000
"""


def scenario(packages: int, session_class: str) -> Scenario:
    return parse(SCENARIO.format(packages=packages, session_class=session_class), "held", Path())


@pytest.mark.parametrize(("packages", "session_class"), [(1, "C"), (2, "C"), (1, "B")])
def test_what_was_estimated_is_what_comes(packages: int, session_class: str) -> None:
    expected, came = [], []
    for seed in SEEDS:
        prepared = prepare(scenario(packages, session_class), seed)
        assert prepared.plan.estimate is not None
        expected.append(prepared.plan.estimate)
        rehearsal = Rehearsal(prepared)
        rehearsal.run()
        came.append(measure(rehearsal, 0.0))
    assert median(each.duration_s.median for each in expected) == pytest.approx(
        median(each.virtual_seconds for each in came), rel=0.15
    )
    assert median(each.airtime_s.median for each in expected) == pytest.approx(
        median(each.airtime_s for each in came), rel=0.10
    )
    assert median(each.success_share.median for each in expected) == pytest.approx(
        median(each.success_share for each in came), abs=0.05
    )


ALWAYS_OPEN = """
[[profile]]
name = "meter"
uplink_period_s = 3600

[[fleet]]
profile = "meter"
count = 150
class = "C"
loss = { uniform = [0.01, 0.05] }
uplink_loss = { uniform = [0.01, 0.1] }

[campaign]
threshold_percent = 80
max_duration_s = 1209600
class = "C"
redundancy = "adaptive"
[campaign.settings]
setup = "staged"
msg_retries = 5

[file]
size_bytes = 10000
"""


def test_what_was_estimated_of_devices_in_class_c_for_good_is_what_comes() -> None:
    expected, came = [], []
    for seed in SEEDS:
        prepared = prepare(parse(ALWAYS_OPEN, "always open", Path()), seed)
        assert prepared.plan.estimate is not None
        expected.append(prepared.plan.estimate)
        rehearsal = Rehearsal(prepared)
        rehearsal.run()
        came.append(measure(rehearsal, 0.0))
    durations = [each.virtual_seconds for each in came]
    assert median(each.duration_s.median for each in expected) == pytest.approx(median(durations), rel=0.06)
    assert sum(e.duration_s.low <= c <= e.duration_s.high for e, c in zip(expected, durations, strict=True)) >= 2
    assert median(each.success_share.median for each in expected) >= 0.99


def test_a_device_silent_for_long_is_known_to_be_silent() -> None:
    population = prepare(scenario(1, "C"), 1).population
    silent = [device for device in population.devices if device.last_uplink is not None]
    assert len(silent) == 1
    assert population.fleet.defects(population.fleet.number(silent[0].dev_eui)).never_heard
