"""`fixed`: the uncoded fragments, the group's share of coded ones, one round of questions, and that was all."""

from __future__ import annotations

from collections.abc import Sequence

from fleetcast.campaign.transfer.strategy import (
    Decision,
    Finish,
    Phase,
    PollMulticast,
    PollUnicast,
    Reason,
    Receiver,
    Transfer,
)


def decide(transfer: Transfer, receivers: Sequence[Receiver]) -> tuple[Transfer, Decision]:
    """What follows when the batch or a round of questions is over."""
    if transfer.phase is Phase.SENDING:
        return transfer, PollMulticast(everyone=True)
    unheard = tuple(one.index for one in receivers if one.missing is None and not one.silent)
    if unheard:
        return transfer, PollUnicast(unheard)
    return transfer, Finish(Reason.USED_UP, tuple(one.index for one in receivers))
