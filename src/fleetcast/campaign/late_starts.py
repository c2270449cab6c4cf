"""Session starts that came too early: before enough devices had been told. They are settled anew, where time allows."""

from __future__ import annotations

from fleetcast.campaign import group_sessions
from fleetcast.campaign.draft import Draft
from fleetcast.campaign.states import Mode, Stage, Step, stages_of
from fleetcast.instants import InstantMs
from fleetcast.planning.plan import CampaignType


def resumed(draft: Draft) -> None:
    """A pause is over: session starts that passed in it, before enough devices were told, are settled anew."""
    stages = stages_of(draft.plan)
    number = stages.index(Stage.MC_SESSION_SETUP) + 1
    short = draft.counts().passed(Step.MC_SESSION) < draft.plan.needed
    if draft.plan.type is not CampaignType.MULTICAST_SETUP and draft.campaign.stage <= number and short:
        move(draft)


def latest_start(draft: Draft) -> InstantMs:
    """The latest instant at which the first session may start."""
    stages = stages_of(draft.plan)
    number = stages.index(Stage.MC_SESSION_SETUP) + 1
    if draft.plan.stage_latest_ends:
        return min(draft.plan.stage_latest_ends[number - 1], draft.plan.end)
    return draft.plan.end


def came_too_early(draft: Draft, armed: int) -> bool:
    """Whether a session start has come, given or computed, and fewer devices than the threshold asks for are armed."""
    if armed >= draft.plan.needed:
        return False
    groups = [draft.group(g) for g in range(len(draft.plan.groups))]
    return any(group.mode is Mode.ARMED and group.session_start <= draft.now for group in groups)


def was_given(draft: Draft) -> bool:
    """Whether a session start that the operator gave has come."""
    return any(
        planned.session_start is not None and draft.group(g).session == 1 for g, planned in enumerate(draft.plan.groups)
    )


def move(draft: Draft) -> bool:
    """Settle later session starts for groups whose start has passed; False where the time doesn't allow one."""
    latest = draft.plan.end
    if draft.plan.stage_latest_ends:
        transfer_s = max(planned.transfer_s for planned in draft.plan.groups)
        latest = min(latest, max(latest_start(draft), draft.plan.stage_latest_ends[-1] - transfer_s * 1000))
    late = [
        g for g in range(len(draft.plan.groups))
        if draft.group(g).mode is Mode.ARMED and draft.group(g).session_start <= draft.now
    ]  # fmt: skip
    if draft.now >= latest:
        return False
    for g in late:
        group_sessions.move_start(draft, g, latest)
    return bool(late)


def armed(draft: Draft) -> int:
    """How many devices know of their session and passed all before."""
    return draft.counts().passed(Step.MC_SESSION)


def next_start(draft: Draft) -> InstantMs:
    """When a session of a multicast setup campaign starts, for which nothing else waits; 0: none lies ahead."""
    if draft.plan.type is not CampaignType.MULTICAST_SETUP:
        return 0
    starts = [draft.group(g).session_start for g in range(len(draft.plan.groups))]
    return min((start for start in starts if start > draft.now), default=0)
