"""Stages of a trial begin and are over: thresholds, grace, latest ends, session starts that must move."""

from __future__ import annotations

from typing import Final

from fleetcast.planning import trial_sending, trial_steps, trial_unicast
from fleetcast.planning.expectation import Step
from fleetcast.planning.policy import LateStart, TransferUntil
from fleetcast.planning.session_window import doubled
from fleetcast.planning.trial_device import Aside, Outcome, Talk, TrialDevice
from fleetcast.planning.trial_group import Mode
from fleetcast.planning.trial_state import JOIN_AHEAD_S, JOIN_LEAST_S, LAST, Kind, Stage, TrialState

RESTART_S: Final = 3.0
"""From a restart in the middle of a session until the device begins to join."""


def begin(trial: TrialState) -> None:
    if trial.pipelined:
        for group in trial.groups:
            trial_sending.arm(trial, group, _latest_start(trial))
    trial.at(trial.end, Kind.CAMPAIGN, 0)
    _begin_stage(trial, 1)
    for device in trial.devices:
        if not trial_steps.needs(trial, device, device.step):
            trial_steps.advance(trial, device)
        trial_unicast.replan(trial, device)


def _begin_stage(trial: TrialState, number: int) -> None:
    trial.stage = number
    trial.grace_until = None
    stage = trial.stages[number - 1]
    if stage is Stage.SESSION and not trial.pipelined:
        for group in trial.groups:
            trial_sending.arm(trial, group, _latest_start(trial))
    if number > 1 and (not trial.pipelined or stage is Stage.ROUNDS):
        for device in trial.devices:
            if device.outcome is Outcome.OPEN and device.talk is Talk.WAITING and device.aside is Aside.NONE:
                if not trial_steps.needs(trial, device, device.step):
                    trial_steps.advance(trial, device)
                trial_unicast.replan(trial, device)
    if stage is Stage.SENDING:
        for group in trial.groups:
            trial_sending.drive(trial, group)


def _latest_start(trial: TrialState) -> float:
    return min(trial.ends[trial.stages.index(Stage.SESSION)], trial.end) if trial.ends else trial.end


def _latest_end(trial: TrialState) -> float:
    stage = trial.stages[trial.stage - 1]
    if (stage is Stage.SESSION or (trial.pipelined and stage in LAST)) and not trial.setup_only:
        starts = [group.session_start for group in trial.groups if group.mode is not Mode.OVER]
        if any(starts):
            return min(max(starts), trial.end)
    planned = trial.ends[trial.stage - 1] if trial.ends else trial.end
    return min(planned, trial.end)


def progress(trial: TrialState) -> bool:
    """Go as far as the campaign can go now; whether it moved."""
    stage = trial.stages[trial.stage - 1]
    if stage in LAST:
        return _unicast_stage(trial, LAST[stage])
    if stage is Stage.ROUNDS:
        return _last_stage(trial)
    over = all(group.first_pass_over if stage is Stage.SENDING else group.first_status_over for group in trial.groups)
    if not over and trial.now < trial.end:
        return False
    passed = trial.passed(Step.SESSION if stage is Stage.SENDING else Step.TRANSFER)
    fixed = all(group.planned.strategy == "fixed" for group in trial.groups)
    return _end_stage(trial, passed, judge=stage is Stage.STATUS and fixed)


def _unicast_stage(trial: TrialState, last: Step) -> bool:
    passed = trial.passed(last)
    still_open = sum(trial.counts[Outcome.OPEN][: last + 1])
    latest = _latest_end(trial)
    lost = trial.fails and passed + still_open < trial.needed
    over = still_open == 0 or lost or trial.now >= latest
    if not over and passed >= trial.needed:
        over = _grace_over(trial, last)
    elif trial.grace_until is not None:
        trial.grace_until = None
    if not over:
        trial.wake(min(latest, trial.grace_until or latest))
        return False
    if not lost and still_open and _came_too_early(trial):
        given = trial.plan.groups[0].session_start is not None and trial.groups[0].session == 1
        if trial.policy.late_start is LateStart.FAIL and given:
            _fail(trial)
            return True
        if _move_starts(trial):
            return True
    if still_open:
        _leave_behind(trial, last, late=trial.now >= min(latest, trial.end))
    return _end_stage(trial, trial.passed(last))


def _came_too_early(trial: TrialState) -> bool:
    if trial.setup_only or trial.passed(Step.SESSION) >= trial.needed:
        return False
    return any(group.mode is Mode.ARMED and group.session_start <= trial.now for group in trial.groups)


def _move_starts(trial: TrialState) -> bool:
    latest = trial.end
    if trial.ends:
        transfer_s = max(group.planned.transfer_s for group in trial.groups)
        latest = min(latest, max(_latest_start(trial), trial.ends[-1] - transfer_s))
    late = [group for group in trial.groups if group.mode is Mode.ARMED and group.session_start <= trial.now]
    if trial.now >= latest:
        return False
    for group in late:
        trial_sending.arm(trial, group, latest, patience=doubled(group.session))
        trial_sending.tell_again(trial, group)
    return bool(late)


def _last_stage(trial: TrialState) -> bool:
    succeeded = sum(trial.counts[Outcome.SUCCEEDED])
    still_open = sum(trial.counts[Outcome.OPEN])
    reachable = succeeded + still_open + sum(trial.counts[Outcome.BEHIND])
    lost = trial.fails and reachable < trial.needed
    over = still_open == 0 or lost or trial.now >= trial.end
    if not over and succeeded >= trial.needed:
        transfers_over = all(group.mode is Mode.OVER for group in trial.groups)
        enough = trial.policy.transfer_until is TransferUntil.THRESHOLD or transfers_over
        over = enough and _grace_over(trial, Step.DONE)
    if not over:
        trial.wake(min(trial.end, trial.grace_until or trial.end))
        return False
    succeeded = sum(trial.counts[Outcome.SUCCEEDED])
    trial.ended_at = min(trial.now + trial.policy.complete_delay_s, max(trial.end, trial.now))
    trial.failed = succeeded < trial.needed or not succeeded
    return False


def _grace_over(trial: TrialState, last: Step) -> bool:
    if trial.grace_until is None:
        more = trial.policy.stage_complete_delay + 1
        trial.grace_until = max(
            (
                max(trial.now, device.not_before) + more * trial_sending.learned_s(trial, device)
                for device in trial.devices
                if device.outcome is Outcome.OPEN and device.step <= last
            ),
            default=trial.now,
        )
    return trial.now >= trial.grace_until


def _leave_behind(trial: TrialState, last: Step, *, late: bool) -> None:
    for device in trial.devices:
        if device.outcome is Outcome.OPEN and device.step <= last and not (late and _may_join(trial, device)):
            trial_steps.settle(trial, device, Outcome.BEHIND)


def _may_join(trial: TrialState, device: TrialDevice) -> bool:
    """Whether a device that is told too late can join the class session that is about to begin, or under way."""
    group = trial.groups[device.group]
    if trial.setup_only or not group.session_start or trial.now < group.session_start or group.mode is Mode.OVER:
        return False
    planned = group.planned
    if planned.session_class == "B" or trial.now + JOIN_AHEAD_S + JOIN_LEAST_S > group.session_end:
        return False
    if not group.stream.on_air(trial.now):
        return True
    left = planned.coded_max - max(0, group.stream.on_air(trial.now) - planned.fragments)
    return left * (1 - device.expected_loss) > planned.fragments * 1.1


def restarted(trial: TrialState, device: TrialDevice) -> None:
    """A device restarts while it listens: it forgets all it was told and received, and begins anew if it can."""
    if device.outcome is not Outcome.OPEN or device.step is not Step.TRANSFER or not device.tuned_to:
        return
    if device.aside is Aside.STATUS:
        trial_steps.one_less_asked(trial, device)
    device.armed_for = device.tuned_to = device.uncoded_heard = device.coded_heard = 0
    device.missing, device.received_told = -1, 0
    if not _may_join(trial, device):
        trial_steps.settle(trial, device, Outcome.BEHIND)
        return
    device.talk, device.aside, device.tries, device.aside_tries = Talk.WAITING, Aside.NONE, 0, 0
    device.left[Step.GROUP] = 1
    device.left[Step.REBOOT_TIME] = device.expected.exchanges[Step.REBOOT_TIME]
    device.left[Step.FRAG_SESSION] = 1 + device.expected.clears_frag_session
    device.left[Step.SESSION] = device.expected.exchanges[Step.SESSION]
    trial.move(device, Step.GROUP)
    back = trial.now + RESTART_S
    device.not_before = back
    trial_steps.off_air(trial, device, back)
    trial_unicast.replan(trial, device)


def _end_stage(trial: TrialState, succeeded: int, *, judge: bool = True) -> bool:
    number = trial.stage
    if judge and number < len(trial.stages) and ((trial.fails and succeeded < trial.needed) or not succeeded):
        _fail(trial)
        return False
    if number == len(trial.stages):
        succeeded = sum(trial.counts[Outcome.SUCCEEDED])
        trial.ended_at = trial.now + trial.policy.complete_delay_s
        trial.failed = succeeded < trial.needed or not succeeded
        return False
    _begin_stage(trial, number + 1)
    return True


def _fail(trial: TrialState) -> None:
    trial.ended_at = trial.now
    trial.failed = True
