"""`adaptive`: a first batch, ask, then as many new fragments as the worst device that still counts needs, ask, ...

Each further batch weighs frames sent in vain against another round of questions. It never orders a coded number twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from fleetcast.campaign.transfer.forecast import Outlook, complete_by, outlook
from fleetcast.campaign.transfer.ledger import Ledger
from fleetcast.campaign.transfer.strategy import (
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

WORST: Final = 256
"""The forecast looks at this many devices that need most; the others are done before them."""


def decide(
    transfer: Transfer, ledger: Ledger, receivers: Sequence[Receiver], tally: Tally, frames_left: int
) -> tuple[Transfer, Decision]:
    """What follows when a batch or a round of questions is over."""
    unheard: list[Receiver] = []
    outlooks: list[Outlook] = []
    given_up: list[int] = []
    unproven: list[int] = []
    on_air = ledger.on_air
    for one in receivers:
        if one.silent or one.memory_exhausted:
            given_up.append(one.index)
            continue
        known = outlook(one, transfer.fragments, on_air)
        if known is None:
            unheard.append(one)
        elif not known.told_now:
            outlooks.append(known)
        elif known.unprovable and known.surely_complete():
            unproven.append(one.index)
        elif known.hopeless or not known.fits(frames_left):
            given_up.append(one.index)
        else:
            outlooks.append(known)
    counting = len(unheard) + len(outlooks)
    if not counting:
        if not given_up:
            return transfer, Finish(Reason.COMPLETE, unproven=tuple(unproven))
        reason = Reason.USED_UP if frames_left <= 0 else Reason.NOBODY_COUNTS
        return transfer, Finish(reason, tuple(given_up), tuple(unproven))
    everybody = tuple(sorted([one.index for one in unheard] + [one.index for one in outlooks]))
    if transfer.phase is Phase.SENDING:
        if transfer.polls == 0:
            return transfer, PollMulticast(everyone=True)
        if open_percent(counting, tally) > transfer.multicast_above_percent:
            return transfer, PollMulticast(everyone=False)
        return transfer, PollUnicast(everybody)
    if not any(one.told_now for one in outlooks):
        # Silence may mean complete: only their own word ends it.
        return transfer, PollUnicast(everybody)
    wanted = counting
    if transfer.until is TransferUntil.THRESHOLD:
        wanted = max(1, min(counting, tally.wanted - tally.complete) - len(unheard))
    count = min(batch_size(transfer, outlooks, wanted), frames_left)
    return transfer.going_on(ledger, count), SendMore(count)


def batch_size(transfer: Transfer, outlooks: Sequence[Outlook], wanted: int) -> int:
    """How many frames to send before the next question, so that the first `wanted` of these devices are complete."""
    ranked = sorted(outlooks, key=Outlook.expected_frames)[:wanted][-WORST:]
    mean = max(one.expected_frames() for one in ranked)
    most = math.ceil(mean + 6 * math.sqrt(mean + 4) + 12)
    frames = np.arange(1, most + 1)
    all_done = complete_by(ranked, frames).prod(axis=0)
    worth = max(2.0, transfer.fragments / 250)
    # One frame more is in vain if all are done without it, and saves a question if they are done by it.
    better = np.flatnonzero(np.diff(all_done, prepend=0.0) * (worth + 4) < all_done)
    return int(better[0]) + 1 if len(better) else most
