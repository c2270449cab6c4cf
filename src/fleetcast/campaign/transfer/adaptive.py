"""`adaptive`: a first batch, ask, then as many new fragments as the worst device that still counts needs, ask, ...

Each further batch weighs fragments sent in vain against another round of questions: it falls a little short on purpose
while much is open, and most likely suffices at the end. Silence ends nothing: every device has said itself that it is
complete, or was given up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from fleetcast.campaign.transfer.forecast import Outlook, complete_by, learned_from_all, outlook
from fleetcast.campaign.transfer.ledger import Ledger
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
    open_percent,
)
from fleetcast.planning.policy import TransferUntil
from fleetcast.planning.redundancy import DEFAULT_LOSS
from fleetcast.planning.transfer_rules import round_worth

WORST: Final = 256
"""The forecast looks at this many devices that need most; the others are done before them."""
FRUITLESS: Final = 30
"""A device that should have heard so many fragments since it began to tell the same is helped by none."""
ONE_HEARD: Final = 0.99
"""How surely a device that heard no uncoded fragment shall hear one of those repeated for it."""


SAMPLE: Final = 32
"""So many devices are asked first where nothing is known of the losses."""
SAMPLED_FROM: Final = 50
"""In a smaller group everyone is asked at once: the sample would be half of it."""
SAMPLE_LEAST: Final = 8
"""Fewer answers than this say nothing about the others."""
COMPLETE_WHEN_ASKED: Final = 0.9
"""Share of the devices that should be complete when everyone is asked: an answer that something is missing is one that
the device has to give again. Whoever needs most needs more than this, so that nothing is sent in vain."""


@dataclass(slots=True)
class _Devices:
    """The open devices, sorted by what is to be done about them."""

    known: list[Outlook] = field(default_factory=list)
    """They count, and said what they miss."""
    unheard: list[int] = field(default_factory=list)
    """They count, and said nothing yet."""
    given_up: list[int] = field(default_factory=list)
    too_much: bool = False
    """One of those given up needs more than may still be sent."""
    unproven: list[int] = field(default_factory=list)
    uncoded_again: int = 0
    """Uncoded fragments that one of them needs once more."""

    @property
    def counting(self) -> tuple[int, ...]:
        return tuple(sorted([*self.unheard, *(one.index for one in self.known)]))


def decide(
    transfer: Transfer, ledger: Ledger, receivers: Sequence[Receiver], tally: Tally, frames_left: int
) -> tuple[Transfer, Decision]:
    """What follows when a batch or a round of questions is over."""
    frames = min(frames_left, transfer.numbers_left)
    devices = _sorted_out(transfer, ledger, receivers, frames)
    counting = devices.counting
    if not counting:
        return transfer, _finish(devices, tally)
    if transfer.phase is Phase.SAMPLING:
        more = min(_until_worth_asking(devices, tally), frames)
        return (transfer.going_on(ledger, more), SendMore(more)) if more else (transfer, PollMulticast(everyone=True))
    if transfer.phase is Phase.SENDING:
        if transfer.polls == 0:
            if not transfer.sampled and _mostly_unknown(receivers) and tally.devices >= SAMPLED_FROM:
                return transfer, AskSome(SAMPLE, enough=3 * SAMPLE // 4, least=SAMPLE_LEAST)
            return transfer, PollMulticast(everyone=True)
        if open_percent(len(counting), tally) > transfer.multicast_above_percent:
            return transfer, PollMulticast(everyone=False)
        return transfer, PollUnicast(counting)
    ranked = sorted(devices.known, key=Outlook.expected_frames)
    if transfer.until is TransferUntil.THRESHOLD:
        ranked = ranked[: _still_wanted(devices, tally)]
    if not any(one.told_now for one in ranked):
        # Silence may mean complete, lost or gone: only their own word ends it.
        not_told = [*devices.unheard, *(one.index for one in devices.known if not one.told_now)]
        return transfer, PollUnicast(tuple(sorted(not_told)))
    if devices.uncoded_again == transfer.fragments and transfer.passes < transfer.passes_max:
        return transfer.another_pass(ledger), SendMore(transfer.fragments)
    count = min(batch_size(transfer, ranked, devices.known), frames)
    uncoded = min(devices.uncoded_again, transfer.fragments, frames_left - count)
    if count + uncoded == 0:
        return transfer, _nothing_left(devices)
    return transfer.going_on(ledger, count, uncoded_again=uncoded), SendMore(count + uncoded)


def _mostly_unknown(receivers: Sequence[Receiver]) -> bool:
    """Whether the first batch was a guess: nothing was known of the losses of half of the devices."""
    return 2 * sum(one.expected_loss == DEFAULT_LOSS for one in receivers) >= len(receivers)


def _until_worth_asking(devices: _Devices, tally: Tally) -> int:
    """Fragments until `COMPLETE_WHEN_ASKED` of the devices should be complete, judged by those that were asked."""
    needs = sorted([*([0.0] * tally.complete), *(one.expected_frames() for one in devices.known)])
    if len(needs) < SAMPLE_LEAST:
        return 0
    return max(0, math.ceil(needs[int(COMPLETE_WHEN_ASKED * (len(needs) - 1))]))


def _still_wanted(devices: _Devices, tally: Tally) -> int:
    """How many of the known ones the threshold needs, if the unheard are complete as often as the others."""
    answered = tally.complete + len(devices.known)
    unheard_complete = len(devices.unheard) * tally.complete // answered if answered else 0
    return max(0, tally.wanted - tally.complete - unheard_complete)


def batch_size(transfer: Transfer, ranked: Sequence[Outlook], everyone: Sequence[Outlook]) -> int:
    """How many fragments to send before the next question, for the devices in `ranked`, worst last.

    `everyone` are all that say something about how losses are spread over the fleet.
    """
    worst = learned_from_all(ranked[-WORST:], everyone)
    mean = max(one.expected_frames() for one in worst)
    most = math.ceil(mean + 6 * math.sqrt(max(mean, 0) + 4) + 12)
    all_done = complete_by(worst, most).prod(axis=0)
    # One fragment more is in vain if all are done without it, and saves a round of questions if they are done by it.
    worth = round_worth(transfer.fragments, sampled=transfer.sampled)
    better = np.flatnonzero(np.diff(all_done) * worth < all_done[:-1])
    return max(1, int(better[0])) if len(better) else most


def _sorted_out(transfer: Transfer, ledger: Ledger, receivers: Sequence[Receiver], frames_left: int) -> _Devices:
    devices = _Devices()
    even_lines_only = transfer.scheme != "v1" and transfer.fragments % 4 in (0, 1)
    for one in receivers:
        if one.silent or one.memory_exhausted:
            devices.given_up.append(one.index)
            continue
        known = outlook(one, transfer, ledger.on_air)
        if known is None:
            devices.unheard.append(one.index)
            continue
        if known.told_now:
            if known.unprovable and known.surely_complete():
                devices.unproven.append(one.index)
                continue
            coded_heard_at_most = max(0, one.frames_at_answer - max(transfer.fragments, one.listening_from))
            late = even_lines_only and known.heard <= coded_heard_at_most
            fits = known.fits(frames_left)
            if not fits or _stuck(one, known) or (late and _wants_rising(one, known, transfer)):
                devices.given_up.append(one.index)
                devices.too_much |= not fits
                continue
            if late:  # coded fragments alone, each of an even number of uncoded ones, leave it one short
                again = math.ceil(math.log(1 - ONE_HEARD) / math.log(max(known.loss, 0.01)))
                devices.uncoded_again = max(devices.uncoded_again, again)
            if one.takes_any_order and one.memory_limit is not None and known.need > one.memory_limit:
                devices.uncoded_again = transfer.fragments
        devices.known.append(known)
    return devices


def _stuck(receiver: Receiver, known: Outlook) -> bool:
    """Whether it makes no progress, whatever is sent."""
    return receiver.missing_falls and receiver.stuck_frames * (1 - known.loss) > FRUITLESS


def _wants_rising(receiver: Receiver, known: Outlook, transfer: Transfer) -> bool:
    """Whether it joined after the uncoded fragments, heard coded ones since, and throws falling numbers away."""
    return receiver.listening_from >= transfer.fragments and known.heard > 0 and not receiver.takes_any_order


def _nothing_left(devices: _Devices) -> Finish:
    """Nothing more may be sent: who can't prove to be complete may be all the same, the others are given up."""
    unproven = [one.index for one in devices.known if one.unprovable]
    given_up = [one.index for one in devices.known if not one.unprovable]
    return Finish(
        Reason.USED_UP,
        tuple(sorted([*devices.given_up, *devices.unheard, *given_up])),
        tuple(sorted([*devices.unproven, *unproven])),
    )


def _finish(devices: _Devices, tally: Tally) -> Finish:
    if devices.too_much:
        reason = Reason.USED_UP
    elif devices.given_up and not tally.complete and not devices.unproven:
        reason = Reason.NOBODY_COUNTS
    else:
        reason = Reason.COMPLETE
    return Finish(reason, tuple(devices.given_up), tuple(devices.unproven))
