"""A group's stream from its session start to its end: what is due now, and what the strategy's decisions mean.

What is sent next and when it is worth asking is the strategy's matter (`transfer`); frames, status rounds and class
sessions have their own modules.
"""

from __future__ import annotations

from fleetcast.campaign import flow, frames, group_sessions, requests, restarts, status_rounds
from fleetcast.campaign.causes import Cause
from fleetcast.campaign.draft import Draft
from fleetcast.campaign.effects import RecordKind
from fleetcast.campaign.states import DeviceState, Done, Mode, Outcome, Stage, Status, Step, stages_of
from fleetcast.campaign.transfer import course
from fleetcast.campaign.transfer.adaptive import FRUITLESS
from fleetcast.campaign.transfer.strategy import AskSome, Decision, Finish, PollMulticast, PollUnicast, SendMore, Tally
from fleetcast.planning.facts import FirmwareCommand
from fleetcast.planning.plan import PlannedGroup
from fleetcast.planning.session_window import first_fragment_delay_s


def drive(draft: Draft, g: int) -> None:
    """Do what is due for a group now; then wait for a report, an answer or an instant."""
    while _step(draft, g):
        pass


def _step(draft: Draft, g: int) -> bool:
    group = draft.group(g)
    if draft.campaign.status is not Status.RUNNING or _connection_lost(draft, g):
        return False
    match group.mode:
        case Mode.ARMED:
            return _begin_sending(draft, g)
        case Mode.SENDING:
            return _send_next(draft, g)
        case Mode.ASKING:
            return _ask(draft, g)
        case Mode.LISTENING:
            if draft.now < group.poll_closes and group.poll_awaited > 0:
                frames.wake_at(draft, g, group.poll_closes)
                return False
            return _decide(draft, g)
        case Mode.SAMPLING:
            if draft.now < group.poll_closes and group.poll_awaited > 0:
                frames.wake_at(draft, g, group.poll_closes)
                return False
            status_rounds.end_sample(draft, g)
            return _decide(draft, g)
        case Mode.UNICAST:
            return False if draft.asked_singly(g) else _decide(draft, g)
        case _:
            return False


def unanswered(draft: Draft, i: int) -> None:
    """A device's unicast status request ended without an answer; its group may be waiting for that."""
    g = draft.planned(i).group
    if draft.group(g).mode is Mode.UNICAST:
        drive(draft, g)


def _begin_sending(draft: Draft, g: int) -> bool:
    group = draft.group(g)
    stages = stages_of(draft.plan)
    if Stage.DL_FRAGMENT not in stages or not _may_begin(draft, g, stages.index(Stage.DL_FRAGMENT) + 1):
        return False
    delay_s = first_fragment_delay_s(draft.plan.policy, group_sessions.tolerance_s(draft, g))
    first = group.session_start + int(delay_s * 1000)
    if draft.now < first:
        frames.wake_at(draft, g, first)
        return False
    if not any(requests.is_armed(draft, i) and draft.device(i).outcome is Outcome.OPEN for i in draft.state.members[g]):
        _finish(draft, g, "no device listens")
        return False
    group = draft.edit_group(g)
    group.mode, group.asks_next = Mode.ASKING if group.asks_next else Mode.SENDING, False
    return True


def _may_begin(draft: Draft, g: int, stage: int) -> bool:
    """Whether a group may send: the stage has come, or it starts before other groups and has enough of its devices."""
    if draft.campaign.stage != stage - 1:
        return draft.campaign.stage >= stage
    members = draft.state.members[g]
    ready = sum(requests.is_armed(draft, i) and draft.device(i).outcome is Outcome.OPEN for i in members)
    return draft.now >= draft.group(g).session_start and 100 * ready >= draft.plan.threshold_percent * len(members)


def _send_next(draft: Draft, g: int) -> bool:
    group, planned = draft.group(g), draft.planned_group(g)
    if group.held:
        return False
    if group.ledger.must_wait or len(group.under_way) >= planned.max_under_way:
        return _await_reports(draft, g)
    n = course.next_number(group.transfer, group.ledger)
    if n is None and group.under_way:
        return _await_reports(draft, g)
    if n is None:
        return _decide(draft, g)
    gate = frames.gate(draft, g, planned.airtime_us)
    if gate is frames.Gate.OPEN:
        frames.send_fragment(draft, g, n)
        return True
    return _not_now(draft, g, gate)


def _ask(draft: Draft, g: int) -> bool:
    group = draft.group(g)
    if group.under_way:
        return _await_reports(draft, g)
    if group.held:
        return False
    gate = frames.gate(draft, g, draft.planned_group(g).request_airtime_us)
    if gate is frames.Gate.OPEN:
        frames.send_status_request(draft, g)
        return _await_reports(draft, g)
    return _not_now(draft, g, gate)


def _not_now(draft: Draft, g: int, gate: frames.Gate) -> bool:
    """A frame can't go: wait for its instant, set up a further class session, or end the transfer."""
    if gate is frames.Gate.LATER:
        return False
    if draft.group(g).under_way:
        return _await_reports(draft, g)
    if gate is frames.Gate.COUNTER_USED_UP:
        _finish(draft, g, "the announced window of FCntDown is used up")
        return False
    asking = draft.group(g).mode is Mode.ASKING
    if not group_sessions.arm_again(draft, g):
        _finish(draft, g, "the time is over")
        return False
    draft.edit_group(g).asks_next = asking
    return True


def _await_reports(draft: Draft, g: int) -> bool:
    frames.await_reports(draft, g)
    return False


def _decide(draft: Draft, g: int) -> bool:
    group = draft.group(g)
    members = draft.state.members[g]
    receivers = tuple(status_rounds.receiver(draft, i) for i in members if status_rounds.receives(draft.device(i)))
    complete = sum(Done.TRANSFERRED in draft.device(i).done for i in members)
    wanted = -(-draft.plan.threshold_percent * len(members) // 100)
    tally = Tally(devices=complete + len(receivers), complete=complete, wanted=wanted)
    left = frames.frames_left(draft, g)
    transfer, decision = course.decide(group.transfer, group.ledger, receivers, tally, left)
    edited = draft.edit_group(g)
    edited.transfer = transfer
    # What is sent before the first request to everyone belongs to the first pass, a sample or not.
    edited.first_pass_over = edited.first_pass_over or transfer.polls > 0
    asked_once = edited.poll > 0 and not isinstance(decision, PollUnicast)
    edited.first_status_over = edited.first_status_over or asked_once
    return _carry_out(draft, g, decision)


def _carry_out(draft: Draft, g: int, decision: Decision) -> bool:
    group = draft.edit_group(g)
    match decision:
        case SendMore():
            group.mode = Mode.SENDING
        case AskSome(devices, enough, least):
            if not status_rounds.begin_sample(draft, g, devices, enough=enough, least=least):
                return _decide(draft, g)
        case PollMulticast(everyone):
            group.mode, group.poll_everyone = Mode.ASKING, everyone
        case PollUnicast(indexes):
            group.mode = Mode.UNICAST
            for i in indexes:
                status_rounds.ask_by_unicast(draft, i)
        case Finish(reason):
            _finish(draft, g, reason.value)
            return False
    return True


def _connection_lost(draft: Draft, g: int) -> bool:
    return draft.planned_group(g).connection in draft.campaign.lost_connections


def _finish(draft: Draft, g: int, why: str) -> None:
    group, planned = draft.edit_group(g), draft.planned_group(g)
    group.mode, group.finish, group.due = Mode.OVER, why, 0
    group.first_pass_over = group.first_status_over = True
    draft.note(RecordKind.GROUP, planned.dev_eui, f"transfer over: {why}")
    for i in draft.state.members[g]:
        device = draft.device(i)
        if device.outcome is not Outcome.OPEN or device.step > Step.TRANSFER:
            continue
        if restarts.may_have_installed(draft, i) and requests.needs(draft, i, Step.VERSION_CHECK):
            restarts.look_what_runs(draft, i)
        elif device.step is Step.TRANSFER and _asked_of_its_image(draft, i, device):
            device = draft.edit(i)
            device.step = Step.IMAGE_CHECK
            flow.advance(draft, i)
        else:
            _leave(draft, i, device, planned)


def _asked_of_its_image(draft: Draft, i: int, device: DeviceState) -> bool:
    """Whether a device's status can't tell that its block is complete, so that its image or its version must."""
    quirks = draft.profile(i).quirks
    if {"MISSING_NEVER_FALLS", "SILENT_AFTER_DONE"} & quirks or (
        "MISSING_COUNTS_REPEATS" in quirks and device.missing == 0
    ):
        return True
    stuck = device.missing > 0 and device.frames_asked - device.frames_at_change > FRUITLESS + device.missing
    silent = device.received > 0 and device.silent_polls > 0
    return (stuck or silent) and requests.knows(draft, i, FirmwareCommand.UPGRADE_IMAGE)


def _leave(draft: Draft, i: int, device: DeviceState, planned: PlannedGroup) -> None:
    if device.step < Step.TRANSFER:
        draft.leave_behind(i, Cause.TIME_OVER, "not set up before the transfer ended")
    elif Done.MEMORY_EXHAUSTED in device.done:
        limit = draft.profile(i).max_lost_fragments
        draft.leave_behind(i, Cause.MEMORY_USED_UP, f"memory for {limit}" if limit is not None else "")
    elif device.missing < 0:
        draft.leave_behind(i, Cause.NO_ANSWER, "FragSessionStatusReq")
    elif device.received == 0:
        draft.leave_behind(i, Cause.WRONG_ROOT_KEY, "suspected: set up, and not one fragment received")
    else:
        missing = "255 or more" if device.missing == 255 else str(device.missing)
        draft.leave_behind(i, Cause.TOO_MANY_LOST, f"missing {missing} of {planned.fragments}")
