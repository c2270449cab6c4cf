"""A planned group and a lean crowd of devices, to drive transfers with: a code in which any M fragments decode."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from fleetcast.campaign.transfer import course
from fleetcast.campaign.transfer.ledger import Ledger
from fleetcast.campaign.transfer.strategy import (
    AskSome,
    Decision,
    Finish,
    PollMulticast,
    PollUnicast,
    Receiver,
    SendMore,
    Tally,
    Transfer,
)
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.planning.plan import PlannedGroup
from fleetcast.planning.policy import Policy
from fleetcast.planning.transfer_rules import SILENT_ROUNDS

ENDLESS = 400
"""No transfer here takes as many decisions."""


def group(fragments: int = 50, **changes: object) -> PlannedGroup:
    planned = PlannedGroup(
        dev_eui=DevEui("00000000000000AA"), name="", connection="", band="EU868", session_class="C",
        mc_addr=DevAddr("01020304"), frequency_hz=869_525_000, data_rate=5, periodicity=0, sub_band="", duty_cycle=1.0,
        network_counts=False, max_under_way=1, gateways=frozenset(), first_f_cnt=0, end_f_cnt=32768,
        fragments=fragments, coded_first=-(-fragments // 9), coded_max=16383 - fragments, passes_max=10,
    )  # fmt: skip
    return replace(planned, **changes)  # type: ignore[arg-type]


@dataclass
class Crowd:
    """Devices with their losses; `answering` is the chance that one request gets an answer."""

    losses: list[float]
    seed: int = 0
    answering: float = 0.85
    dead: frozenset[int] = frozenset()
    refused: float = 0.0
    """Chance that no gateway sends a frame."""
    planned: PlannedGroup = field(default_factory=group)
    policy: Policy = field(default_factory=Policy)
    wanted: int | None = None
    frames_left: int = 100_000
    traits: dict[int, dict[str, object]] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)
    """Everything handed over, in order."""
    batches: list[list[int]] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    heard: list[set[int]] = field(default_factory=list)
    complete: set[int] = field(default_factory=set)

    def play(self) -> tuple[Transfer, Ledger, Finish]:
        """The whole transfer; fails when it finds no end."""
        dice = random.Random(self.seed)
        m, count = self.planned.fragments, len(self.losses)
        transfer, ledger = course.begin(self.planned, self.policy), Ledger.of(m)
        self.heard = [set() for _ in self.losses]
        open_ = {
            i: Receiver(index=i, expected_loss=0.1, **self.traits.get(i, {}))  # type: ignore[arg-type]
            for i in range(count)
        }
        rounds = dict.fromkeys(open_, 0)
        for _ in range(ENDLESS):
            batch: list[int] = []
            while (n := course.next_number(transfer, ledger)) is not None and len(self.numbers) < self.frames_left:
                ledger = ledger.hand_over(n, 1000)
                batch.append(n)
                self.numbers.append(n)
                if dice.random() < self.refused:
                    ledger = ledger.was_refused(n)
                    continue
                ledger = ledger.was_sent(n)
                for i, loss in enumerate(self.losses):
                    if dice.random() >= loss and i not in self.dead:
                        self.heard[i].add(n if m > 1 else 1)
            if batch:
                self.batches.append(batch)
            tally = Tally(
                devices=count, complete=len(self.complete), wanted=count if self.wanted is None else self.wanted
            )
            left = self.frames_left - len(self.numbers)
            transfer, decision = course.decide(transfer, ledger, tuple(open_.values()), tally, left)
            self.decisions.append(decision)
            match decision:
                case Finish():
                    return transfer, ledger, decision
                case SendMore(fragments):
                    assert fragments > 0
                    continue
                case AskSome(devices):
                    asked, tries, all_answer = (
                        tuple(sorted(dice.sample(sorted(open_), min(devices, len(open_))))),
                        1,
                        True,
                    )
                case PollMulticast(everyone):
                    asked, tries, all_answer = tuple(open_), 1, everyone
                case PollUnicast(indexes):
                    asked, tries, all_answer = indexes, 3, True
            assert asked, "nobody is asked"
            for i in asked:
                missing = max(0, m - len(self.heard[i]))
                answers = i not in self.dead and any(dice.random() < self.answering for _ in range(tries))
                if answers and (all_answer or missing):
                    rounds[i] = 0
                    if missing == 0:
                        self.complete.add(i)
                        del open_[i]
                        continue
                    open_[i] = replace(
                        open_[i], missing=min(255, missing), received=len(self.heard[i]), silent=False,
                        frames_at_answer=ledger.on_air,
                    )  # fmt: skip
                elif all_answer and tries > 1:
                    rounds[i] += 1
                    open_[i] = replace(open_[i], silent=rounds[i] >= SILENT_ROUNDS)
        raise AssertionError(f"no end after {ENDLESS} decisions: {self.decisions[-5:]}")
