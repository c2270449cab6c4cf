"""What a campaign, a group or a device waits for: since when, until when, and what happens then. One sentence each."""

from __future__ import annotations

from fleetcast.campaign import requests
from fleetcast.campaign.draft import Draft
from fleetcast.campaign.progress import current_stage
from fleetcast.campaign.progression import latest_end
from fleetcast.campaign.states import LAST_STEP, Aside, DeviceState, Mode, Outcome, Status, Step, Talk, stages_of
from fleetcast.campaign.table import State
from fleetcast.instants import InstantMs, rfc3339, to_datetime

_DAY_S = 86_400
_HOUR_S = 3_600


def explain_campaign(state: State, now: InstantMs) -> str:
    """What the campaign as a whole does and waits for."""
    campaign, plan = state.campaign, state.plan
    if campaign.status is Status.CONFIGURED:
        return "Not started."
    if campaign.status.final:
        why = f": {campaign.why}" if campaign.why and campaign.status is not Status.SUCCEEDED else ""
        return f"{campaign.status.value} since {rfc3339(campaign.ended)}{why}."
    if campaign.status is Status.STOPPING:
        return (
            f"Cleaning up ({campaign.why}): waiting for {state.undoing} devices to confirm, until "
            f"{_clock(campaign.cleanup_until)}; then {campaign.end_status.value}."
        )
    if campaign.status is Status.PAUSED:
        ends = [group.session_end for group in state.groups if group.session_end > now]
        until = f" A resume works within this class session until {_clock(min(ends))}." if ends else ""
        return f"Paused: answers are taken, nothing is sent. The time runs on until {_clock(plan.end)}.{until}"
    view = current_stage(state)
    if view is None:
        return "About to begin."
    stage = stages_of(plan)[campaign.stage - 1]
    last = LAST_STEP.get(stage)
    if last is None:
        groups = " ".join(explain_group(state, g, now) for g in range(len(state.groups)))
        if all(group.mode in (Mode.OVER, Mode.REFUSED) for group in state.groups):
            still_open = sum(state.counts[Outcome.OPEN])
            return f"{view.label}: waiting for {still_open} of {view.total} devices, until {_clock(plan.end)}."
        return f"{view.label}: {groups}"
    return _unicast_stage(state, now, view.label, last)


def explain_group(state: State, g: int, now: InstantMs) -> str:
    """What one group's stream does and waits for."""
    group, planned = state.groups[g], state.plan.groups[g]
    name = planned.name or planned.dev_eui
    if group.held:
        then = f"it is tried again at {_clock(group.due)}" if group.due else "it goes on when its network server has it"
        return f"Group {name} is held ({group.held}); {then}."
    match group.mode:
        case Mode.UNKNOWN | Mode.ENSURING:
            return f"Group {name} waits for its network server to have it; nothing is said to its devices before."
        case Mode.READY:
            return f"Group {name} stands ready; its session start is settled when the session requests begin."
        case Mode.ARMED:
            return f"Group {name} starts its class session {group.session} at {_clock(group.session_start)}."
        case Mode.SENDING:
            sent = group.ledger.handed_over
            then = f", the next at {_clock(group.due)}" if group.due > now else ""
            return f"Group {name} has sent {sent} fragments ({planned.fragments} uncoded make the file){then}."
        case Mode.ASKING:
            return f"Group {name} asks its devices what they miss."
        case Mode.LISTENING:
            return f"Group {name} awaits status answers until {_clock(group.poll_closes)}, then sends what is missing."
        case Mode.SAMPLING:
            return (
                f"Group {name} asks the next devices that speak how much they miss, until {_clock(group.poll_closes)} "
                "at the latest, then sends what most of them need."
            )
        case Mode.UNICAST:
            asked = sum(state.devices[i].asked_singly for i in state.members[g])
            return f"Group {name} waits for {asked} devices, asked one by one at their next uplink."
        case Mode.RE_ARMING:
            return f"Group {name} sets up a further class session."
        case Mode.REFUSED:
            return f"Group {name} was refused: {group.finish}."
        case Mode.OVER:
            return f"Group {name} is done: {group.finish or 'closed'}."


def explain_device(state: State, i: int, now: InstantMs) -> str:
    """Why a device isn't final yet, or what became of it."""
    device = state.devices[i]
    if device.outcome is Outcome.SUCCEEDED:
        return "Succeeded."
    if device.outcome is Outcome.FAILED:
        return f"Failed: {device.failure}."
    if device.outcome is Outcome.BEHIND:
        return f"Fell behind: {device.failure}; a late answer may still bring it back."
    if not device.heard:
        return (
            f"Waiting to be heard since {rfc3339(state.campaign.started)}: nothing is said to it before it spoke. "
            f"It is expected every {_span(device.period_s)}."
        )
    if device.step is Step.SOAK:
        return f"Watched until {_clock(device.due)}, whether it goes on speaking."
    draft = Draft(state, now)
    request = requests.wanted(draft, i)
    if request is None:
        return "Listening for fragments." if device.step is Step.TRANSFER else "Waiting for its stage to begin."
    return _talk(state, device, request.name)


def _talk(state: State, device: DeviceState, name: str) -> str:
    tries = device.tries if device.aside is Aside.NONE else device.aside_tries
    most = state.plan.policy.msg_retries + 1
    match device.talk:
        case Talk.WAITING:
            after = f" after {_clock(device.not_before)}" if device.not_before else ""
            return f"{name} is said at its next uplink{after}, expected within {_span(device.period_s)}."
        case Talk.QUEUED:
            return f"{name} waits for its turn on the connection."
        case Talk.REQUESTED:
            return f"{name} was handed to the network at {_clock(device.since)}; its report is awaited."
        case Talk.SENT:
            return (
                f"{name} was sent at {_clock(device.since)} ({tries} of {most}); without an answer by its next uplink "
                + ("it is said again." if tries < most else "it counts as silent.")
            )


def _unicast_stage(state: State, now: InstantMs, label: str, last: Step) -> str:
    campaign, plan = state.campaign, state.plan
    open_devices = [d for d in state.devices if d.outcome is Outcome.OPEN and d.step <= last]
    unheard = sum(not device.heard for device in open_devices)
    slowest = max((device.period_s for device in open_devices), default=0)
    passed = sum(state.counts[Outcome.OPEN][last + 1 :]) + sum(state.counts[Outcome.SUCCEEDED])
    what = f"{unheard} of {len(plan.devices)} devices to be heard" if unheard else ""
    answers = f"{len(open_devices) - unheard} to answer" if len(open_devices) > unheard else ""
    waiting = " and ".join(part for part in (what, answers) if part) or "nobody"
    text = f"{label}: waiting for {waiting}; the slowest speaks every {_span(slowest)}. "
    share = 100 * passed // max(1, len(plan.devices))
    latest = latest_end(Draft(state, now), campaign.stage)
    if passed >= plan.needed and campaign.grace_until:
        return text + f"Can go on with {share} % from {_clock(min(latest, campaign.grace_until))}."
    return text + f"{share} % are through, {plan.threshold_percent} % are needed by {_clock(latest)}."


def _clock(instant: InstantMs) -> str:
    return to_datetime(instant).strftime("%Y-%m-%d %H:%M:%S UTC")


def _span(seconds: int) -> str:
    if seconds >= _DAY_S:
        return f"{seconds / _DAY_S:.3g} days"
    if seconds >= _HOUR_S:
        return f"{seconds / _HOUR_S:.3g} hours"
    return f"{seconds / 60:.3g} minutes"
