"""What becomes of a device that is still open when its stage, or the campaign, is over, and why."""

from __future__ import annotations

from fleetcast.campaign.causes import Cause, Failure
from fleetcast.campaign.draft import Draft
from fleetcast.campaign.states import DeviceState, Outcome, Status, Step


def why_open(draft: Draft, device: DeviceState, *, late: bool) -> Failure:
    """Why a device that is open when its stage is over is left behind; `late`: the stage's latest end has come."""
    if not device.heard:
        return Failure(Cause.NEVER_HEARD)
    if device.failure is not None and device.failure.cause is Cause.NETWORK_ERROR and not device.tries:
        return device.failure
    stage = draft.campaign.stage
    if late and draft.now >= draft.plan.end:
        unseen = ", not one uplink of the new firmware was heard" if device.step is Step.VERSION_CHECK else ""
        return Failure(Cause.TIME_OVER, f"stage {stage}{unseen}")
    if device.step in (Step.VERSION_CHECK, Step.SOAK) and not device.tries:
        if device.step is Step.SOAK:
            return Failure(Cause.NOT_HEALTHY)
        return Failure(Cause.NO_ANSWER, "not heard since the reboot was due")
    return Failure(Cause.TIME_OVER if late else Cause.NO_ANSWER, f"stage {stage}")


def _why_not_done(draft: Draft) -> Cause:
    """Why a device is still open when the campaign ends."""
    if draft.campaign.end_status is Status.STOPPED:
        return Cause.STOPPED
    return Cause.TIME_OVER if draft.now >= draft.plan.end else Cause.CAMPAIGN_FAILED


def make_final(draft: Draft, first: int, end: int) -> None:
    """The campaign is over: whoever of these is behind or open has failed."""
    for i in range(first, end):
        device = draft.device(i)
        if device.outcome is Outcome.BEHIND and device.failure is not None:
            draft.fail(i, device.failure.cause, device.failure.detail)
        elif device.outcome is Outcome.OPEN:
            draft.fail(i, _why_not_done(draft), f"stage {draft.campaign.stage}")
