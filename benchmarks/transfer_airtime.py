"""Airtime of a transfer over the erasure limit of the same run, for the real strategies and the real version 1 code.

    python benchmarks/transfer_airtime.py            the acceptance case: 1 000 devices, 200 campaigns each
    python benchmarks/transfer_airtime.py --full     100 and 10 000 devices, and losses up to 50 %, beside it

One group; each device has its own loss, drawn evenly from 1 to 40 %, independent from frame to frame. 85 % of the
status requests that should be answered are: each multicast request by each device, and each unicast request, which is
repeated twice at most. Threshold 100 %, transfer until everyone is complete. Ledger, `course` and strategies are driven
as the engine drives them; `RankTracker` says what each device misses. No time passes here, and no session ends.

The limit A* is the frame with which the last device that completes held any M frames. "known" means that the plan has
each device's loss as 200 frames of an earlier transfer showed it, "10 %" that it knows nothing and assumes 10 %. Rounds
are all rounds of status requests, the sample included, those over multicast in brackets; unicasts are status requests
to single devices, of the sample and of later rounds, repetitions included; answers are status answers that devices
sent.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fleetcast.campaign.transfer import course
from fleetcast.campaign.transfer.ledger import Ledger
from fleetcast.campaign.transfer.strategy import (
    AskSome,
    Finish,
    PollMulticast,
    PollUnicast,
    Receiver,
    Tally,
)
from fleetcast.fec.rank_tracker import RankTracker
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.planning.plan import PlannedGroup, StrategyName
from fleetcast.planning.policy import Policy
from fleetcast.planning.redundancy import first_batch
from fleetcast.planning.transfer_rules import SILENT_ROUNDS

ANSWERED = 0.85
TRIES = 3
MOST_NUMBERS = 16383
AIRTIME_US = 1
EARLIER_FRAMES = 200
TARGETS = {1000: "1.01 / 1.03", 200: "1.02 / 1.08", 50: "1.08"}


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    m: int
    devices: int
    strategy: StrategyName = "adaptive"
    known: bool = True
    worst_loss: float = 0.4


@dataclass(frozen=True)
class Outcome:
    """One campaign."""

    ratio: float
    rounds: int
    multicast_rounds: int
    unicasts: float
    """Status requests by unicast, repetitions included, for each device."""
    answers: float
    incomplete: int


class Air:
    """Who hears which frame: the same for every strategy of a run."""

    def __init__(self, losses: NDArray[np.float64], seed: list[int]) -> None:
        self._losses = losses
        self._dice = np.random.default_rng([*seed, 1])
        self._ahead: list[NDArray[np.bool_]] = []
        self._frames_held = np.zeros(len(losses), np.int32)
        self._frame = 0

    def next_frame(self) -> NDArray[np.bool_]:
        """Flags of the devices that hear the next frame."""
        if not self._ahead:
            rolls = self._dice.random((64, len(self._losses)), dtype=np.float32)
            self._ahead = list((rolls >= self._losses)[::-1])
        return self._ahead.pop()


def play(case: Case, run: int) -> Outcome:
    """One campaign, from the first fragment to the end of the transfer."""
    seed = [case.m, case.devices, round(case.worst_loss * 100), run]
    dice = np.random.default_rng([*seed, 0])
    losses = dice.uniform(0.01, case.worst_loss, case.devices)
    known = dice.binomial(EARLIER_FRAMES, losses) / EARLIER_FRAMES if case.known else np.full(case.devices, 0.1)
    group = PlannedGroup(
        dev_eui=DevEui("70B3D57ED0000001"), name="", connection="", band="EU868", session_class="C",
        mc_addr=DevAddr("01020304"), frequency_hz=869_525_000, data_rate=5, periodicity=0, sub_band="", duty_cycle=1.0,
        network_counts=False, max_under_way=1, gateways=frozenset(), first_f_cnt=0, end_f_cnt=32768,
        fragments=case.m, strategy=case.strategy, coded_max=MOST_NUMBERS - case.m, passes_max=100,
        coded_first=-(-3 * case.m // 10) if case.strategy == "fixed" else first_batch(case.m, known.tolist()),
    )  # fmt: skip
    transfer, ledger = course.begin(group, Policy()), Ledger.of(case.m)
    tracker, air = RankTracker(case.m, case.devices), Air(losses, seed)
    held = np.zeros(case.devices, np.int32)
    limit_of = np.zeros(case.devices, np.int32)
    open_ = {i: Receiver(index=i, expected_loss=float(known[i])) for i in range(case.devices)}
    silent_rounds = dict.fromkeys(open_, 0)
    answers = rounds = multicast_rounds = unicasts = 0
    while True:
        while (n := course.next_number(transfer, ledger)) is not None:
            ledger = ledger.hand_over(n, AIRTIME_US).was_sent(n)
            heard = air.next_frame()
            tracker.hear(n, heard)
            held += heard
            limit_of[heard & (held == case.m)] = ledger.on_air
        tally = Tally(devices=case.devices, complete=case.devices - len(open_), wanted=case.devices)
        transfer, decision = course.decide(transfer, ledger, list(open_.values()), tally, MOST_NUMBERS * 10)
        most_tries = 1
        match decision:
            case Finish():
                break
            case PollMulticast(everyone):
                asked = np.array(sorted(open_))
                rounds, multicast_rounds = rounds + 1, multicast_rounds + 1
                if everyone:
                    answers += int(dice.binomial(case.devices - len(asked), ANSWERED))
            case PollUnicast(indexes):
                asked = np.array(indexes)
                rounds, most_tries = rounds + 1, TRIES
                everyone = True
            case AskSome(devices=count):
                asked = np.sort(dice.choice(np.array(sorted(open_)), min(count, len(open_)), replace=False))
                rounds += 1
                everyone = True
            case _:
                continue
        for i, missing in zip(asked.tolist(), tracker.missing(asked).tolist(), strict=True):
            if missing == 0 and not everyone:
                continue
            tries = int(dice.geometric(ANSWERED))
            unicasts += 0 if isinstance(decision, PollMulticast) else min(tries, most_tries)
            if tries > most_tries:
                if isinstance(decision, PollUnicast):
                    silent_rounds[i] += 1
                    open_[i] = replace(open_[i], silent=silent_rounds[i] >= SILENT_ROUNDS)
                continue
            answers, silent_rounds[i] = answers + 1, 0
            if missing == 0:
                del open_[i]
            else:
                open_[i] = replace(
                    open_[i],
                    missing=min(missing, 255),
                    received=int(tracker.received[i]),
                    frames_at_answer=ledger.on_air,
                    silent=False,
                )
    assert ledger.airtime_us == ledger.on_air * AIRTIME_US
    whole = np.array([i not in open_ for i in range(case.devices)])
    limit = max(case.m, int(limit_of[whole].max(initial=0)))
    return Outcome(
        ledger.on_air / limit, rounds, multicast_rounds, unicasts / case.devices, answers / case.devices, len(open_)
    )


def line(case: Case, outcomes: list[Outcome]) -> str:
    """One line of the table."""
    ratios = np.array([one.ratio for one in outcomes])
    means = np.mean(
        [(one.rounds, one.multicast_rounds, one.unicasts, one.answers, one.incomplete) for one in outcomes], axis=0
    )
    target = TARGETS[case.m] if case.strategy == "adaptive" and case.devices == 1000 and case.worst_loss == 0.4 else ""
    return (
        f"{case.m:5} {case.devices:7} {case.worst_loss:5.0%} {case.strategy:9} {'known' if case.known else '10 %':6}"
        f"{len(outcomes):6} {ratios.mean():8.4f} {np.quantile(ratios, 0.99):8.4f} {target:>12} "
        f"{means[0]:6.2f} ({means[1]:5.2f}) {means[2]:10.3f} {means[3]:8.3f} {100 * means[4] / case.devices:10.4f} %"
    )


def cases(full: bool) -> list[tuple[Case, int]]:
    """What is measured, with the share of the campaigns each case gets: the large ones are steadier and slower."""
    found = [(Case(m, 1000, known=known), 1) for m in TARGETS for known in (True, False)]
    found += [(Case(m, 1000, strategy), 20) for m in TARGETS for strategy in ("fixed", "carousel")]
    if full:
        found += [(Case(m, n, known=known), 1 if n == 100 else 20) for m in TARGETS for n in (100, 10_000)
                  for known in (True, False)]  # fmt: skip
        found += [(Case(m, 1000, worst_loss=0.5), 4) for m in TARGETS]
    return found


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="also other sizes of the fleet and losses up to 50 %%")
    parser.add_argument("--campaigns", type=int, default=200, help="campaigns for each case (default 200)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    options = parser.parse_args()
    started = time.perf_counter()
    print(
        "    M devices  loss strategy  prior campaigns  mean A/A*  99 %  target (N = 1000)  rounds (multicast)"
        "  unicasts/device  answers/device  incomplete"
    )
    with ProcessPoolExecutor(options.jobs) as pool:
        for case, less in cases(options.full):
            runs = max(1, options.campaigns // less)
            outcomes = list(pool.map(partial(play, case), range(runs), chunksize=max(1, runs // (4 * options.jobs))))
            print(line(case, outcomes), flush=True)
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
