"""Coded fragments a second: the kernel and NumPy against a straightforward C program, side by side.

Run: python benchmarks/fec_encode.py [--quick]. Needs a C compiler as `cc`. Every result is compared with the baseline's
bytes; runs of the contestants take turns, and medians are printed. Nothing is kept from one run to the next.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from fleetcast.fec import Encoder, Implementation, Scheme, available

CASES = ((100_000, 100, 0.30), (256_000, 100, 0.50), (500_000, 200, 1.00))
SHOWN = ((100_000, 100, 0.05), (20_000, 50, 0.30), (20_000, 50, 0.05), (2_400, 48, 0.20))
"""Smaller or less redundant: without a target."""
TARGETS = {"kernel": 20.0, "numpy": 1.3}
RUNS = 11

ONE_PROCESS = """
import sys
from fleetcast.fec import Encoder
Encoder(bytes(range(250)) * 400, 100, implementation={implementation!r}).coded(1001, 300)
sys.path.append({folder!r})
from process_memory import peak_mb
print(peak_mb())
"""


def baseline() -> Callable[[bytes, int, Scheme, int], bytes]:
    """The C program beside this file, as a function."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise SystemExit("The baseline needs a C compiler: install one so that `cc` is found.")
    source = Path(__file__).with_name("fec_baseline.c")
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "baseline.so"
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", built, source], check=True)
        encode = ctypes.CDLL(str(built)).encode

    def run(data: bytes, size: int, scheme: Scheme, count: int) -> bytes:
        m = len(data) // size
        out = ctypes.create_string_buffer(count * size)
        encode(data, m, size, int(scheme != "v1"), 1, count, out)
        return out.raw

    return run


def milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - started) / 1e6


def against_the_baseline() -> bool:
    reference = baseline()
    reached = True
    print(f"{'block':>10} {'size':>5} {'coded':>6} {'scheme':<12}" + f"{'baseline':>12}", end="")
    print("".join(f"{name:>14} {'times':>7}" for name in available()))
    for block_bytes, size, redundancy in CASES + SHOWN:
        data = np.random.default_rng(1).bytes(block_bytes)
        m = block_bytes // size
        count = round(m * redundancy)
        for scheme in ("v1", "v2-relative"):
            expected = reference(data, size, scheme, count)
            encoders = {name: Encoder(data, size, scheme, implementation=name) for name in available()}
            contestants: dict[str, Callable[[], object]] = {
                "baseline": lambda data=data, size=size, scheme=scheme, count=count: reference(
                    data, size, scheme, count
                )
            }
            for name, encoder in encoders.items():
                assert encoder.coded(m + 1, count).tobytes() == expected, f"{name} differs from the baseline"
                contestants[name] = lambda encoder=encoder, m=m, count=count: encoder.coded(m + 1, count)
            times: dict[str, list[float]] = {name: [] for name in contestants}
            for _ in range(RUNS):
                for name, work in contestants.items():
                    times[name].append(milliseconds(work))
            base = median(times["baseline"])
            print(f"{block_bytes:>10} {size:>5} {count:>6} {scheme:<12}{base:>9.2f} ms", end="")
            for name in available():
                ratio = base / median(times[name])
                reached &= ratio >= TARGETS[name] or (block_bytes, size, redundancy) in SHOWN
                print(f"{median(times[name]):>11.3f} ms {ratio:>6.1f}x", end="")
            print()
    print(f"targets of the first {len(CASES)} blocks: kernel 20x, numpy 1.3x:", "reached" if reached else "NOT REACHED")
    return reached


def cost_per_fragment(quick: bool) -> None:
    sizes = (10, 48, 100, 222)
    for name in available():
        for scheme in ("v1", "v2-relative"):
            print(f"\nmicroseconds a coded fragment, {name}, {scheme}, 30 % coded (at least 20, at most 1000)")
            print(f"{'M':>8}" + "".join(f"{f'{size} bytes':>12}" for size in sizes))
            for m in (50, 100, 200, 500, 1000, 2000, 4000, 8000):
                if quick and m > 1000:
                    continue
                count = min(max(20, m * 3 // 10), 1000)
                print(f"{m:>8}", end="")
                for size in sizes:
                    print(f"{cost_us(m, size, count, scheme, name):>12.2f}", end="", flush=True)
                print()


def cost_us(m: int, size: int, count: int, scheme: Scheme, implementation: Implementation) -> float:
    encoder = Encoder(bytes(m * size), size, scheme, implementation=implementation)
    encoder.coded(m + 1, count)
    return median(milliseconds(lambda: encoder.coded(m + 1, count)) for _ in range(7)) * 1000 / count


def memory() -> None:
    print()
    for name in available():
        program = ONE_PROCESS.format(implementation=name, folder=str(Path(__file__).parent))
        done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
        print(f"a whole process that encodes the first case ({name}): {float(done.stdout):.1f} MB (target: 40)")


if __name__ == "__main__":
    fine = against_the_baseline()
    cost_per_fragment("--quick" in sys.argv[1:])
    memory()
    sys.exit(0 if fine else 1)
