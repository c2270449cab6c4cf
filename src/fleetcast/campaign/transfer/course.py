"""The course of a group's transfer: begin it, ask for the next number, and decide what follows when a batch is over.

    while (n := next_number(transfer, ledger)) is not None:  hand n over, note its fate in the ledger
    transfer, decision = decide(...)                         send more | ask over multicast | ask by unicast | finish

It holds no timer and names no device by more than an index. The rules are those of the strategy's own module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from fleetcast.campaign.transfer import adaptive, carousel, fixed
from fleetcast.campaign.transfer.ledger import MAX_NUMBER, Ledger
from fleetcast.campaign.transfer.strategy import (
    AskSome,
    Decision,
    Finish,
    Phase,
    PollMulticast,
    PollUnicast,
    Reason,
    Receiver,
    SendMore,
    Tally,
    Transfer,
)
from fleetcast.errors import Conflict
from fleetcast.planning.plan import PlannedGroup
from fleetcast.planning.policy import Policy, TransferUntil


class TransferOver(Conflict):
    """A transfer that has ended is asked to decide."""

    def __init__(self) -> None:
        super().__init__("This transfer is over: more fragments need a new fragmentation session.")


def begin(group: PlannedGroup, policy: Policy) -> Transfer:
    """The transfer of a planned group before its first fragment."""
    m = group.fragments
    limits = [MAX_NUMBER if m == 1 else min(group.coded_max, MAX_NUMBER - m)]
    if policy.frag_redundancy_max is not None:
        limits.append(policy.frag_redundancy_max)
    coded_max = 0 if group.strategy == "carousel" else max(0, min(limits))
    extra = min(group.coded_first, coded_max)
    return Transfer(
        strategy=group.strategy,
        scheme=group.scheme,
        fragments=m,
        coded_first=group.coded_first,
        coded_max=coded_max,
        passes_max=policy.datafrag_loops_max if group.strategy == "adaptive" else group.passes_max,
        until=policy.transfer_until,
        multicast_above_percent=policy.fsession_status_threshold,
        batch=((1, 1),) * (1 + extra) if m == 1 else ((1, m + extra),),
        extra=extra,
    )


def next_number(transfer: Transfer, ledger: Ledger) -> int | None:
    """The number to hand over next; None: the batch is over, or a frame's fate must be known first (`must_wait`)."""
    if ledger.must_wait:
        return None
    repeat = ledger.to_repeat()
    if repeat is not None:
        return repeat
    at = ledger.steps - transfer.batch_from
    for first, last in transfer.batch:
        if at <= last - first:
            return first + at
        at -= last - first + 1
    return None


def batch_left(transfer: Transfer, ledger: Ledger) -> int:
    """Fragments of the batch that were not handed over yet, refused ones aside."""
    return transfer.batch_from + transfer.batch_steps - ledger.steps


def decide(
    transfer: Transfer, ledger: Ledger, receivers: Sequence[Receiver], tally: Tally, frames_left: int
) -> tuple[Transfer, Decision]:
    """What follows: to be asked when a batch is over and nothing under way, and when a round of questions is.

    `receivers` are all who take part and aren't known to be complete; `frames_left` is what counter window and time
    still allow. Raises TransferOver.
    """
    if transfer.phase is Phase.OVER:
        raise TransferOver
    if not receivers:
        return _over(transfer, Finish(Reason.COMPLETE))
    if transfer.until is TransferUntil.THRESHOLD and transfer.strategy != "fixed" and tally.complete >= tally.wanted:
        return _over(transfer, Finish(Reason.THRESHOLD))
    rest = min(batch_left(transfer, ledger), frames_left)
    if transfer.phase is Phase.SENDING and rest > 0:
        return transfer, SendMore(rest)
    if transfer.phase is Phase.ASKING and transfer.polls == 1 and tally.devices:
        answered = tally.complete + sum(one.missing is not None for one in receivers)
        transfer = replace(transfer, answer_share=min(0.98, max(0.3, answered / tally.devices)))
    match transfer.strategy:
        case "carousel":
            transfer, decision = carousel.decide(transfer, ledger, receivers, tally, frames_left)
        case "fixed":
            transfer, decision = fixed.decide(transfer, receivers)
        case "adaptive":
            transfer, decision = adaptive.decide(transfer, ledger, receivers, tally, frames_left)
        case _:
            assert_never(transfer.strategy)
    match decision:
        case SendMore():
            return replace(transfer, phase=Phase.SENDING), decision
        case AskSome():
            return replace(transfer, phase=Phase.SAMPLING, sampled=True), decision
        case PollMulticast(everyone):
            asked = transfer.asked_at if everyone else (*transfer.asked_at, ledger.on_air)
            return replace(transfer, phase=Phase.ASKING, polls=transfer.polls + 1, asked_at=asked), decision
        case PollUnicast():
            return replace(transfer, phase=Phase.ASKING, polls=transfer.polls + 1), decision
        case Finish():
            return _over(transfer, decision)
        case _:
            assert_never(decision)


def _over(transfer: Transfer, finish: Finish) -> tuple[Transfer, Decision]:
    return replace(transfer, phase=Phase.OVER), finish
