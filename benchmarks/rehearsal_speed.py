"""How long a rehearsal takes, how much memory, and where the time goes: from 1 000 to 100 000 devices.

    python benchmarks/rehearsal_speed.py                    1 000 and 10 000 devices
    python benchmarks/rehearsal_speed.py 100000             other sizes; each runs in a process of its own
    python benchmarks/rehearsal_speed.py 1000 --shares      and where its time went, from a second run under a profiler

The whole rehearsal, as `fleetcast rehearse` plays it: fleet drawn, campaign planned, played to its end, measured.
A firmware of 100 kB (about 420 fragments) in class C at DR5, 10 % loss down and 5 % up, one uplink an hour, a gateway
for every 500 devices, multicast frames sent by all gateways at the same instant, setup pipelined, session start after
six hours, redundancy adaptive. Every frame is encoded, ciphered and decoded; 100 devices rebuild the real bytes. A
profiler makes Python calls dearer than they are, so that shares are good to a few percent.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import subprocess
import sys
import time
from pathlib import Path

from fleetcast.rehearsal.measure import measure
from fleetcast.rehearsal.rehearse import Rehearsal, prepare
from fleetcast.rehearsal.report import Report
from fleetcast.rehearsal.scenario import Scenario
from fleetcast.rehearsal.scenario_file import parse
from process_memory import peak_mb

DEVICES_PER_GATEWAY = 500
LIMITS = {1_000: "10 s", 10_000: "60 s, 1 GB", 100_000: "600 s, 4 GB"}

SCENARIO = """
name = "speed"
[[profile]]
name = "meter"
uplink_period_s = 3600
[[fleet]]
profile = "meter"
count = {devices}
loss = 0.1
uplink_loss = 0.05
data_rate = 5
[network]
gateways = {gateways}
  [network.server]
  gateways_at_once = true
[campaign]
type = "firmware"
threshold_percent = 95
class = "C"
data_rate = 5
session_start_after_s = 21600
  [campaign.settings]
  setup = "pipelined"
  ucast_msg_delay_ms = 10
[file]
size_bytes = 100000
version = "2.0.0.0"
"""

PARTS = (
    ("planning", ("/planning/", "/rehearsal/population.py", "/rehearsal/scenario")),
    ("engine", ("/campaign/", "/rehearsal/translation.py")),
    ("codecs", ("/protocol/", "/runtime/", "/fec/", "/simulator/lorawan.py", "cryptography", "hashlib")),
    ("devices", ("/simulator/device", "/simulator/packages/", "/simulator/traits.py", "/simulator/quirks.py")),
    ("air", ("/simulator/", "/radio/")),
)
"""Which files belong to what, first match first; `air` is gateways, network server and virtual time, too.

What is left over, `rest`, is the rehearsal's own loop and the standard library.
"""


def scenario(devices: int) -> Scenario:
    """The scenario of the figures at this size."""
    text = SCENARIO.format(devices=devices, gateways=max(1, devices // DEVICES_PER_GATEWAY))
    return parse(text, "speed", Path())


def play(devices: int) -> tuple[Report, Rehearsal]:
    """One whole rehearsal."""
    began = time.perf_counter()
    rehearsal = Rehearsal(prepare(scenario(devices)))
    rehearsal.run()
    return measure(rehearsal, time.perf_counter() - began), rehearsal


def in_this_process(devices: int, *, profiled: bool) -> dict[str, object]:
    """Figures of one rehearsal."""
    profiler = cProfile.Profile() if profiled else None
    if profiler is not None:
        profiler.enable()
    report, rehearsal = play(devices)
    if profiler is not None:
        profiler.disable()
    used = os.times()
    group = report.groups[0]
    return {
        "status": report.status,
        "succeeded": report.succeeded,
        "fragments": group.fragments,
        "sent": group.sent,
        "virtual_h": (report.end - report.start) / 3_600_000,
        "uplinks": rehearsal.world.traffic.uplinks,
        "downlinks": rehearsal.world.traffic.downlinks,
        "wall_s": report.wall_seconds,
        "cpu_s": used.user + used.system,
        "peak_mb": peak_mb(),
        "shares": shares(profiler) if profiler is not None else {},
    }


def shares(profiler: cProfile.Profile) -> dict[str, float]:
    """Time by part, as a share of all; what built-in functions take belongs to their callers."""
    spent: dict[str, float] = {}
    for (path, _, name), (_, _, own_s, _, callers) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        if path == "~" and "cryptography" not in name:
            for (caller, _, caller_name), (_, _, caller_s, _) in callers.items():
                part = _part(caller, caller_name)
                spent[part] = spent.get(part, 0.0) + caller_s
        else:
            part = _part(path, name)
            spent[part] = spent.get(part, 0.0) + own_s
    total = sum(spent.values())
    return {part: spent_s / total for part, spent_s in sorted(spent.items(), key=lambda one: -one[1])}


def _part(path: str, name: str) -> str:
    where = f"{path} {name}"
    return next((part for part, marks in PARTS if any(mark in where for mark in marks)), "rest")


def in_a_process_of_its_own(devices: int, *, profiled: bool) -> dict[str, object]:
    """The same, with memory that is its own."""
    command = [sys.executable, str(Path(__file__)), str(devices), "--one"] + ["--shares"] * profiled
    told: dict[str, object] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("devices", type=int, nargs="*", default=[1_000, 10_000], help="fleet sizes")
    parser.add_argument("--shares", action="store_true", help="where the time goes, from a second run each")
    parser.add_argument("--one", action="store_true", help="one size in this process, figures as JSON")
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(in_this_process(chosen.devices[0], profiled=chosen.shares)))
        return
    print(f"{'devices':>8} {'status':9} {'M':>4} {'sent':>5} {'virtual':>8} {'uplinks':>9} {'downlinks':>9}"
          f" {'wall':>8} {'CPU':>8} {'a device':>9} {'peak':>8}  limit")  # fmt: skip
    for devices in chosen.devices:
        got = in_a_process_of_its_own(devices, profiled=False)
        print(f"{devices:8} {got['status']:9} {got['fragments']:4} {got['sent']:5} {got['virtual_h']:6.1f} h"
              f" {got['uplinks']:9} {got['downlinks']:9} {got['wall_s']:6.1f} s {got['cpu_s']:6.1f} s"
              f" {1000 * float(str(got['wall_s'])) / devices:6.2f} ms {got['peak_mb']:5.0f} MB"
              f"  {LIMITS.get(devices, '')}", flush=True)  # fmt: skip
        if chosen.shares:
            parts = in_a_process_of_its_own(devices, profiled=True)["shares"]
            print("        ", ", ".join(f"{name} {100 * share:.0f} %" for name, share in dict(parts).items()))  # type: ignore[call-overload]


if __name__ == "__main__":
    main()
