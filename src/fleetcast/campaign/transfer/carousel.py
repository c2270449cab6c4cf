"""`carousel`: all uncoded fragments, ask, and again while any device misses some, up to a number of passes.

Devices that take only rising numbers gain nothing from a second pass; the plan says so before the start.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def decide(
    transfer: Transfer, ledger: Ledger, receivers: Sequence[Receiver], tally: Tally, frames_left: int
) -> tuple[Transfer, Decision]:
    """What follows when a pass or a round of questions is over."""
    counting = [one for one in receivers if not one.silent and not one.memory_exhausted]
    if not counting:
        reason = Reason.COMPLETE if tally.complete else Reason.NOBODY_COUNTS
        return transfer, Finish(reason, tuple(one.index for one in receivers))
    if transfer.phase is Phase.SENDING:
        if transfer.polls == 0 or open_percent(len(counting), tally) > transfer.multicast_above_percent:
            return transfer, PollMulticast(everyone=True)
        return transfer, PollUnicast(tuple(one.index for one in counting))
    missing_some = [one for one in counting if one.frames_at_answer == ledger.on_air and one.missing is not None]
    if not missing_some:  # who said nothing about this pass may be complete
        return transfer, PollUnicast(tuple(one.index for one in counting))
    if min(frames_left, transfer.numbers_left) < transfer.fragments:
        # No pass follows. Who is unheard of gets a last chance to say that it is complete.
        unheard = tuple(one.index for one in counting if one.frames_at_answer < ledger.on_air or one.missing is None)
        if unheard:
            return transfer, PollUnicast(unheard)
        return transfer, Finish(Reason.PASSES_USED_UP, tuple(one.index for one in receivers))
    return transfer.another_pass(ledger), SendMore(transfer.fragments)
