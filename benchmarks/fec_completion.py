"""When does a device complete: microseconds a device, a million devices, and a fleet tracked fragment by fragment.

Run: python benchmarks/fec_completion.py [--million]. Losses are rolled in batches and not part of the time a device.
"""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

import numpy as np

from fleetcast.fec import Implementation, RankTracker, Scheme, available, completion
from process_memory import peak_mb

M, LOSS, SENT = 1000, 0.20, 320
TARGET_US = {"kernel": 40, "numpy": 800}
BATCH = 2000


def a_device(scheme: Scheme, implementation: Implementation) -> float:
    """Microseconds a device, the median of seven batches."""
    dice = np.random.default_rng(1)
    devices = BATCH if implementation == "kernel" else BATCH // 4
    uncoded, coded = dice.random((devices, M)) >= LOSS, dice.random((devices, SENT)) >= LOSS
    times = []
    for _ in range(7):
        started = time.perf_counter()
        completion(M, uncoded, coded, scheme=scheme, implementation=implementation)
        times.append(time.perf_counter() - started)
    return median(times) / devices * 1e6


def a_million(implementation: Implementation) -> None:
    dice = np.random.default_rng(2)
    started, complete, inside = time.perf_counter(), 0, 0.0
    for _ in range(1_000_000 // BATCH):
        uncoded = dice.random((BATCH, M), dtype=np.float32) >= LOSS
        coded = dice.random((BATCH, SENT), dtype=np.float32) >= LOSS
        before = time.perf_counter()
        complete += int(np.count_nonzero(completion(M, uncoded, coded, implementation=implementation) >= 0))
        inside += time.perf_counter() - before
    took = time.perf_counter() - started
    print(f"a million devices ({implementation}): {took:.1f} s, of which {inside:.1f} s are not dice;", end=" ")
    print(f"{complete} completed; whole process {peak_mb():.0f} MB (target: 60 s, 150 MB)")


def a_fleet(devices: int, m: int, implementation: Implementation) -> None:
    dice = np.random.default_rng(3)
    loss = dice.uniform(0.01, 0.4, devices).astype(np.float32)
    tracker = RankTracker(m, devices, implementation=implementation)
    n, inside = 0, 0.0
    while not tracker.complete.all():
        n += 1
        heard = dice.random(devices, dtype=np.float32) >= loss
        before = time.perf_counter()
        tracker.hear(n, heard)
        inside += time.perf_counter() - before
    print(f"{devices} devices, M = {m}, loss 1 to 40 %, tracked to the last ({implementation}):", end=" ")
    print(f"{n} fragments, {inside:.1f} s, whole process {peak_mb():.0f} MB")


def main() -> None:
    for implementation in available():
        for scheme in ("v1", "v2-relative"):
            cost = a_device(scheme, implementation)
            print(f"M = {M}, {LOSS:.0%} loss, {scheme}, {implementation}:", end=" ")
            print(f"{cost:.1f} us a device (target: {TARGET_US[implementation]})")
    for devices, m in ((10_000, 420), (100_000, 420)):
        for implementation in available():
            if implementation == "kernel" or devices <= 10_000:
                a_fleet(devices, m, implementation)
    if "--million" in sys.argv[1:]:  # in a process of its own, whose memory is what is asked for
        subprocess.run([sys.executable, __file__, "--only-million"], check=True)


if __name__ == "__main__":
    if "--only-million" in sys.argv[1:]:
        a_million(available()[0])
    else:
        main()
