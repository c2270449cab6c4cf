"""Stages begin, are over, and the campaign ends: thresholds, grace, latest ends. Nothing here speaks to anybody."""

from __future__ import annotations

from fleetcast.campaign import cleanup, exchange, flow, group_sessions, late_starts, transmission, verdicts
from fleetcast.campaign.draft import Draft
from fleetcast.campaign.effects import RecordKind
from fleetcast.campaign.states import (
    LAST_STEP,
    CampaignState,
    Mode,
    Outcome,
    Stage,
    StageRecord,
    Status,
    Step,
    Talk,
    stages_of,
)
from fleetcast.instants import InstantMs
from fleetcast.planning.plan import CampaignType
from fleetcast.planning.policy import BelowThreshold, LateStart, Setup, TransferUntil

SLICE = 5_000
"""Devices worked off in one reaction where something concerns all; each slice is a commit of its own."""


def progress(draft: Draft) -> None:
    """Go as far as the campaign can go now."""
    if draft.campaign.status is Status.RUNNING and not draft.may_move_campaign():
        return
    while _step(draft):
        pass


def _step(draft: Draft) -> bool:
    campaign = draft.campaign
    if campaign.status is Status.STOPPING:
        return _clean_up(draft)
    if campaign.status is Status.PAUSED and draft.now < draft.plan.end:
        _wake_at(draft, draft.plan.end)
        return False
    if campaign.status not in (Status.RUNNING, Status.PAUSED) or campaign.stage == 0:
        return False
    if campaign.rouse >= 0 and campaign.status is Status.RUNNING:
        return _rouse(draft)
    for g in range(len(draft.plan.groups)):
        if draft.group(g).telling >= 0:
            more = group_sessions.tell_some(draft, g, SLICE)
            draft.edit_campaign().due = draft.now
            return not more
    if campaign.closing:
        return _close(draft)
    if campaign.sweep >= 0:
        return _leave_behind_open(draft)
    stage = _stage(draft)
    if stage in LAST_STEP:
        return _unicast_stage(draft, stage)
    if stage is Stage.FURTHER_ROUNDS:
        return _last_stage(draft)
    return _transfer_stage(draft, stage)


def begin(draft: Draft) -> None:
    """The campaign starts with its first stage."""
    campaign = draft.edit_campaign()
    campaign.status, campaign.started = Status.RUNNING, draft.now
    campaign.stages = tuple(StageRecord(stage) for stage in stages_of(draft.plan))
    draft.note(RecordKind.STATUS, "", Status.RUNNING.value)
    for g in range(len(draft.plan.groups)):
        group_sessions.ensure(draft, g)
        if draft.plan.policy.setup is Setup.PIPELINED:
            group_sessions.arm(draft, g, late_starts.latest_start(draft))
    _begin_stage(draft, 1)


def latest_end(draft: Draft, number: int) -> InstantMs:
    """The latest end of a stage; the one before the transfer ends at the session start at the latest.

    So do all setup stages where the session start was settled with the first of them (`pipelined`): those still open
    must not hold up a session in which the others listen already.
    """
    planned = draft.plan.stage_latest_ends[number - 1] if draft.plan.stage_latest_ends else draft.plan.end
    planned = min(planned, draft.plan.end)
    stage, pipelined = stages_of(draft.plan)[number - 1], draft.plan.policy.setup is Setup.PIPELINED
    if stage is Stage.MC_SESSION_SETUP or (pipelined and stage in LAST_STEP):
        groups = [draft.group(g) for g in range(len(draft.plan.groups))]
        starts = [group.session_start for group in groups if group.mode is not Mode.REFUSED]
        if draft.plan.type is not CampaignType.MULTICAST_SETUP and any(starts):
            return min(max(starts), draft.plan.end)
    return planned


def _stage(draft: Draft) -> Stage:
    return stages_of(draft.plan)[draft.campaign.stage - 1]


def _begin_stage(draft: Draft, number: int) -> None:
    campaign = draft.edit_campaign()
    campaign.stage = number
    campaign.grace_since = campaign.grace_until = 0
    _edit_record(campaign, number).started = draft.now
    stage = _stage(draft)
    draft.note(RecordKind.STAGE, "", f"{number}/{len(campaign.stages)} begins")
    if stage is Stage.MC_SESSION_SETUP and draft.plan.policy.setup is Setup.STAGED:
        for g in range(len(draft.plan.groups)):
            if draft.group(g).mode is not Mode.REFUSED:
                group_sessions.arm(draft, g, late_starts.latest_start(draft))
    if stage in LAST_STEP or stage is Stage.FURTHER_ROUNDS:
        campaign.rouse = 0


def _rouse(draft: Draft) -> bool:
    """Devices that need no uplink first are told what the stage begins with: a slice of them."""
    first, devices = draft.campaign.rouse, draft.plan.devices
    end = min(first + SLICE, len(devices))
    for i in range(first, end):
        if devices[i].class_c_for_good and draft.device(i).talk is Talk.WAITING:
            flow.settle(draft, i)
            exchange.opportunity(draft, i)
    campaign = draft.edit_campaign()
    campaign.rouse, campaign.due = (end, draft.now) if end < len(devices) else (-1, campaign.due)
    return campaign.rouse < 0


def _unicast_stage(draft: Draft, stage: Stage) -> bool:
    counts = draft.counts()
    last = LAST_STEP[stage]
    passed, still_open = counts.passed(last), counts.at(Outcome.OPEN, last=last)
    latest = latest_end(draft, draft.campaign.stage)
    lost = passed + still_open < draft.plan.needed and draft.plan.policy.below_threshold is BelowThreshold.FAIL
    for_transfer = draft.plan.type is not CampaignType.MULTICAST_SETUP
    over = still_open == 0 or lost or draft.now >= latest
    if not over and not for_transfer and late_starts.came_too_early(draft, late_starts.armed(draft)):
        if draft.plan.policy.late_start is LateStart.FAIL and late_starts.was_given(draft):
            _fail_late_start(draft, late_starts.armed(draft))
            return True
        # In class C whoever is told now joins the session under way; in class B the others need a later start.
        if any(planned.session_class == "B" for planned in draft.plan.groups) and late_starts.move(draft):
            return True
    if not over and passed >= draft.plan.needed:
        over = _grace_over(draft, last)
    elif draft.campaign.grace_since:
        _end_grace(draft)
    if not over:
        _wake_at(draft, min(latest, draft.campaign.grace_until or latest, late_starts.next_start(draft) or latest))
        return False
    if for_transfer and not lost and still_open and late_starts.came_too_early(draft, late_starts.armed(draft)):
        if draft.plan.policy.late_start is LateStart.FAIL and late_starts.was_given(draft):
            _fail_late_start(draft, passed)
            return True
        if late_starts.move(draft):
            return True
    if still_open:
        draft.edit_campaign().sweep = 0
        return True
    return _end_stage(draft, passed)


def _fail_late_start(draft: Draft, told: int) -> None:
    _fail_campaign(draft, f"{told} devices were told by the session start, {draft.plan.needed} are needed")


def _transfer_stage(draft: Draft, stage: Stage) -> bool:
    groups = [draft.group(g) for g in range(len(draft.plan.groups))]
    if stage is Stage.DL_FRAGMENT:
        over = all(group.first_pass_over for group in groups)
    else:
        over = all(group.first_status_over for group in groups)
    if not over and draft.now < draft.plan.end:
        _wake_at(draft, draft.plan.end)
        return False
    passed = draft.counts().passed(Step.MC_SESSION if stage is Stage.DL_FRAGMENT else Step.TRANSFER)
    fixed = all(planned.strategy == "fixed" for planned in draft.plan.groups)
    return _end_stage(draft, passed, judge=stage is Stage.FRAG_SESSION_STATUS and fixed)


def _last_stage(draft: Draft) -> bool:
    counts = draft.counts()
    succeeded, still_open = counts.at(Outcome.SUCCEEDED), counts.at(Outcome.OPEN)
    policy, needed = draft.plan.policy, draft.plan.needed
    # Who is behind may still come back while the grace of the others runs.
    reachable = succeeded + still_open + counts.at(Outcome.BEHIND)
    lost = reachable < needed and policy.below_threshold is BelowThreshold.FAIL
    over = still_open == 0 or lost or draft.now >= draft.plan.end
    if not over and succeeded >= needed:
        transfers_over = all(draft.group(g).mode in (Mode.OVER, Mode.REFUSED) for g in range(len(draft.plan.groups)))
        enough = policy.transfer_until is TransferUntil.THRESHOLD or transfers_over
        over = enough and _grace_over(draft, Step.DONE)
    if not over:
        _wake_at(draft, min(draft.plan.end, draft.campaign.grace_until or draft.plan.end))
        return False
    if still_open:
        draft.edit_campaign().sweep = 0
        return True
    return _end_stage(draft, succeeded, judge=False)


def _grace_over(draft: Draft, last: Step) -> bool:
    """Whether every device still open had its chance since the threshold was reached; asking begins the grace."""
    campaign = draft.campaign
    if not campaign.grace_since:
        campaign = draft.edit_campaign()
        campaign.grace_since = draft.now
        campaign.grace_until = max(
            (
                max(draft.now, device.not_before)
                + (draft.plan.policy.stage_complete_delay + 1) * device.period_s * 1000
                for device in (draft.device(i) for i in range(len(draft.plan.devices)))
                if device.outcome is Outcome.OPEN and device.step <= last
            ),
            default=draft.now,
        )
    return draft.now >= campaign.grace_until


def _end_grace(draft: Draft) -> None:
    """The threshold is out of reach again: devices that had passed fell back."""
    campaign = draft.edit_campaign()
    campaign.grace_since = campaign.grace_until = 0


def _leave_behind_open(draft: Draft) -> bool:
    """The stage is over for those who are still open in it: a slice of them."""
    stage = _stage(draft)
    last = LAST_STEP.get(stage, Step.DONE)
    first = draft.campaign.sweep
    end = min(first + SLICE, len(draft.plan.devices))
    late = draft.now >= min(latest_end(draft, draft.campaign.stage), draft.plan.end)
    for i in range(first, end):
        device = draft.device(i)
        if device.outcome is Outcome.OPEN and device.step <= last:
            if stage in LAST_STEP and late and _may_join_late(draft, i):
                continue
            failure = verdicts.why_open(draft, device, late=late)
            draft.leave_behind(i, failure.cause, failure.detail)
    campaign = draft.edit_campaign()
    if end < len(draft.plan.devices):
        campaign.sweep, campaign.due = end, draft.now
        return False
    campaign.sweep = -1
    counts = draft.counts()
    if stage is Stage.FURTHER_ROUNDS:
        return _end_stage(draft, counts.at(Outcome.SUCCEEDED), judge=False)
    return _end_stage(draft, counts.passed(last))


def _may_join_late(draft: Draft, i: int) -> bool:
    """Whether a device that is told too late can join the class session that is about to begin, or under way."""
    if draft.plan.type is CampaignType.MULTICAST_SETUP or draft.now >= draft.plan.end:
        return False
    group = draft.group(draft.planned(i).group)
    return group.session_start > 0 and draft.now >= group.session_start and flow.can_join(draft, i)


def _end_stage(draft: Draft, succeeded: int, *, judge: bool = True) -> bool:
    campaign = draft.edit_campaign()
    number = campaign.stage
    record = _edit_record(campaign, number)
    record.ended, record.succeeded = draft.now, succeeded
    record.not_needed = record.started == draft.now and _nothing_done(draft, record.stage)
    draft.note(RecordKind.STAGE, "", f"{number}/{len(campaign.stages)} over: {succeeded} devices succeeded")
    fails = draft.plan.policy.below_threshold is BelowThreshold.FAIL
    if judge and number < len(campaign.stages) and fails and succeeded < draft.plan.needed:
        _fail_campaign(draft, f"stage {number} ended below the threshold")
        return True
    if judge and succeeded == 0 and number < len(campaign.stages):
        _fail_campaign(draft, f"no device passed stage {number}")
        return True
    if number == len(campaign.stages):
        campaign.closing = True
        return True
    _begin_stage(draft, number + 1)
    if stages_of(draft.plan)[number] not in LAST_STEP:
        for g in range(len(draft.plan.groups)):
            transmission.drive(draft, g)
    return True


def _nothing_done(draft: Draft, stage: Stage) -> bool:
    """Whether a stage that was over at once had nothing to do; a pipelined setup did its work before it was shown."""
    groups = [draft.group(g) for g in range(len(draft.plan.groups))]
    if stage is Stage.DL_FRAGMENT:
        return not any(group.ledger.handed_over for group in groups)
    if stage is Stage.FRAG_SESSION_STATUS:
        return not any(group.poll for group in groups)
    return draft.plan.policy.setup is Setup.STAGED or stage is Stage.FURTHER_ROUNDS


def _close(draft: Draft) -> bool:
    campaign = draft.campaign
    ended = campaign.stages[-1].ended
    until = min(ended + draft.plan.policy.complete_delay_s * 1000, max(draft.plan.end, ended))
    if draft.now < until:
        _wake_at(draft, until)
        return False
    succeeded = draft.counts().at(Outcome.SUCCEEDED)
    if succeeded < draft.plan.needed or succeeded == 0:
        _fail_campaign(draft, f"{succeeded} of {len(draft.plan.devices)} devices succeeded, below the threshold")
        return True
    first, devices = max(campaign.sweep, 0), len(draft.plan.devices)
    end = min(first + SLICE, devices)
    verdicts.make_final(draft, first, end)
    campaign = draft.edit_campaign()
    if end < devices:
        campaign.sweep, campaign.due = end, draft.now
        return False
    campaign.sweep = -1
    cleanup.close(draft, campaign, Status.SUCCEEDED)
    return False


def _fail_campaign(draft: Draft, why: str) -> None:
    cleanup.begin(draft, Status.FAILED, why)


def _clean_up(draft: Draft) -> bool:
    campaign = draft.campaign
    devices = len(draft.plan.devices)
    if campaign.sweep >= 0:
        end = min(campaign.sweep + SLICE, devices)
        cleanup.sweep(draft, campaign.sweep, end)
        verdicts.make_final(draft, campaign.sweep, end)
        campaign = draft.edit_campaign()
        campaign.sweep = end if end < devices else -1
        if campaign.sweep >= 0:
            campaign.due = draft.now
            return False
        return True
    if cleanup.may_end(draft):
        cleanup.end(draft)
        return False
    _wake_at(draft, campaign.cleanup_until)
    return False


def _edit_record(campaign: CampaignState, number: int) -> StageRecord:
    old = campaign.stages[number - 1]
    record = StageRecord(old.stage, old.started, old.ended, old.succeeded, old.not_needed)
    campaign.stages = (*campaign.stages[: number - 1], record, *campaign.stages[number:])
    return record


def _wake_at(draft: Draft, at: InstantMs) -> None:
    if draft.campaign.due != at:
        draft.edit_campaign().due = at
