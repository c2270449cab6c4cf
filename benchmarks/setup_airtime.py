"""What the setup of 1 000 devices costs a gateway's airtime, against the least it can cost; `staged` and `pipelined`.

    python benchmarks/setup_airtime.py [--devices 1000] [--seeds 1]

EU868, one gateway, devices at DR0 to DR5 (6, 8, 8, 11, 22, 45 %), hourly uplinks, class A. The bound: each of the three
setup requests and one firmware request once, in RX1 at the device's own data rate, at the duty cycle of the two
sub-bands that carry RX1 and of RX2's, all three used to the full.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fleetcast.radio.airtime import PHY_OVERHEAD_BYTES, downlink_airtime_us
from fleetcast.radio.band import Direction
from fleetcast.radio.bands import catalog
from fleetcast.rehearsal.measure import measure
from fleetcast.rehearsal.rehearse import Rehearsal, prepare
from fleetcast.rehearsal.scenario import Scenario
from fleetcast.rehearsal.scenario_file import parse

MIX = {0: 0.06, 1: 0.08, 2: 0.08, 3: 0.11, 4: 0.22, 5: 0.45}
REQUEST_BYTES = {"McGroupSetupReq": 30, "FragSessionSetupReq": 11, "McClassCSessionReq": 11, "DevVersionReq": 1}
"""With their command identifiers (TS004, TS005, TS006)."""

SCENARIO = """
[[profile]]
name = "sensor"
uplink_period_s = 3600

[[fleet]]
count = {count}
loss = 0.05
uplink_loss = 0.05
known = false
data_rate = {{ {mix} }}

[campaign]
type = "binary"
max_duration_s = 2592000
threshold_percent = 90
data_rate = 5
[campaign.settings]
setup = "{setup}"
msg_retries = 6
stage_complete_delay = 3

[file]
size_bytes = 10000
"""


def scenario(count: int, setup: str) -> Scenario:
    """A small file to many devices: setup is nearly all there is."""
    mix = ", ".join(f"{rate} = {share}" for rate, share in MIX.items())
    return parse(SCENARIO.format(count=count, setup=setup, mix=mix), "setup", Path())


def bound_s(count: int) -> float:
    """Seconds of airtime that the requests take, each sent once in RX1."""
    band = catalog.band("EU868")
    total_us = 0.0
    for rate, share in MIX.items():
        modulation = band.data_rate(band.rx1_data_rate(rate), Direction.DOWNLINK).modulation
        each = sum(downlink_airtime_us(modulation, PHY_OVERHEAD_BYTES + size) for size in REQUEST_BYTES.values())
        total_us += share * each
    return count * total_us / 1e6


def main() -> None:
    """Play both ways of setting up, and print them side by side."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--devices", type=int, default=1000)
    arguments.add_argument("--seeds", type=int, default=1)
    asked = arguments.parse_args()
    least_s = bound_s(asked.devices)
    print(f"{asked.devices} devices: at least {least_s:.0f} s of airtime for {len(REQUEST_BYTES)} requests each")
    for setup in ("staged", "pipelined"):
        for seed in range(1, asked.seeds + 1):
            rehearsal = Rehearsal(prepare(scenario(asked.devices, setup), seed))
            rehearsal.run()
            report = measure(rehearsal, 0.0)
            armed = next(stage for stage in report.stages if stage.name.startswith("McClass"))
            took_s = ((armed.ended or report.end) - report.start) / 1000
            until = (armed.ended or report.end) * 1000
            sent_s = sum(
                airtime
                for gateway in rehearsal.world.gateways
                for each in gateway.airtime()
                for start, airtime in gateway.frames(each.sub_band)
                if start <= until
            ) / 1e6  # fmt: skip
            requests = sum(count for _, count in report.requests)
            print(
                f"{setup:10} seed {seed}: setup {took_s / 3600:6.1f} h, gateway airtime {sent_s:7.0f} s, "
                f"{sent_s / least_s:.2f} of the bound, {requests / report.total:.2f} requests a device, "
                f"{armed.succeeded} of {report.total} armed, {report.status}, {report.violations} violations",
                flush=True,
            )


if __name__ == "__main__":
    main()
