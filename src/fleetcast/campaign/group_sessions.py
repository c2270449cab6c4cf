"""A group at its network server, and the class sessions in which its devices listen."""

from __future__ import annotations

from fleetcast.campaign import exchange, requests, status_rounds
from fleetcast.campaign.causes import Cause
from fleetcast.campaign.draft import Draft, quiet
from fleetcast.campaign.effects import EnsureGroup, RecordKind
from fleetcast.campaign.states import Aside, DeviceState, Done, Mode, Outcome, Step
from fleetcast.instants import InstantMs
from fleetcast.planning.group_air import in_sub_band
from fleetcast.planning.session_window import (
    doubled,
    longest_session_s,
    longest_wait_s,
    session_start,
    timeout_exponent,
    timeout_s,
)


def ensure(draft: Draft, g: int) -> None:
    """Have the group at its network server before the first device is told."""
    group = draft.edit_group(g)
    group.mode, group.effect = Mode.ENSURING, draft.new_effect_id()
    members = tuple(draft.planned(i).dev_eui for i in draft.state.members[g])
    draft.ask(EnsureGroup(group.effect, draft.planned_group(g).dev_eui, members))


def arm(draft: Draft, g: int, latest: InstantMs, *, patience: int = 1) -> None:
    """Settle when the group's next class session starts and how long it may last; its devices are told from now on.

    `patience`: so many times the wait in which every device can have been told.
    """
    group, planned = draft.edit_group(g), draft.planned_group(g)
    policy = draft.plan.policy
    open_members = [i for i in draft.state.members[g] if draft.device(i).outcome is Outcome.OPEN]
    periods = [draft.device(i).period_s for i in open_members]
    wait_s = patience * longest_wait_s(periods, policy)
    start = session_start(draft.now, wait_s, tolerance_s(draft, g), policy, planned.session_class, latest=latest)
    if planned.session_start is not None and group.session == 0:
        start = planned.session_start
    group.session += 1
    group.session_start = start
    exponent = planned.session_timeout_exp
    if group.session > 1:
        left_s = max(1, (draft.plan.end - start) // 1000)
        longest = min(max(planned.transfer_s, 1), left_s, longest_session_s(planned.session_class))
        exponent = timeout_exponent(longest, planned.session_class)
    group.session_timeout_exp = exponent
    group.session_end = start + timeout_s(exponent, planned.session_class) * 1000
    if group.mode is Mode.READY or group.session > 1:
        group.mode = Mode.ARMED
        group.due = start


def arm_again(draft: Draft, g: int) -> bool:
    """The class session ends before the transfer does: set up another for those who still need it, if one fits."""
    planned = draft.planned_group(g)
    latest = draft.plan.end - planned.airtime_us // 1000
    needy = [i for i in draft.state.members[g] if status_rounds.receives(draft.device(i))]
    if not needy or draft.now >= latest:
        return False
    arm(draft, g, latest)
    _tell_again(draft, g)
    return True


def move_start(draft: Draft, g: int, latest: InstantMs) -> None:
    """The start has come and too few were told: settle a later one, and tell everyone again.

    Each time after twice the wait: what kept devices away for long may do so for longer, and every new start costs a
    downlink for each device that was told of the last.
    """
    arm(draft, g, latest, patience=doubled(draft.group(g).session))
    _tell_again(draft, g)


def _tell_again(draft: Draft, g: int) -> None:
    group = draft.edit_group(g)
    dev_eui = draft.planned_group(g).dev_eui
    draft.note(RecordKind.GROUP, dev_eui, f"class session {group.session} is being set up")
    group.telling = 0
    draft.edit_campaign().due = draft.now


def tell_some(draft: Draft, g: int, most: int) -> bool:
    """Have the next of a group's devices told of its new class session, at most so many; whether others are left."""
    group, members = draft.edit_group(g), draft.state.members[g]
    first = group.telling
    group.telling = first + most if first + most < len(members) else -1
    for i in members[first : first + most]:
        device = draft.device(i)
        # An answer to a request for the session before says nothing of this one.
        if not (status_rounds.receives(device) and device.session < group.session) and not _was_asked(device):
            continue
        device = draft.edit(i)
        quiet(device)
        device.done &= ~Done.SESSION_SET
        device.session_start_asked = 0
        device.step, device.aside = Step.MC_SESSION, Aside.NONE
        if not group.ledger.on_air:
            device.session = 0  # nothing was sent in the session that it knew of
        if draft.planned(i).class_c_for_good:
            device.due = max(draft.now + exchange.RETRY_AFTER_MS, requests.reachable_from(draft, i))
    return group.telling >= 0


def _was_asked(device: DeviceState) -> bool:
    return device.outcome is Outcome.OPEN and device.step is Step.MC_SESSION and device.session_start_asked > 0


def group_ready(draft: Draft, g: int, next_f_cnt: int, frequency_hz: int, data_rate: int, *, created: bool) -> None:
    """The group stands at its network server; what it really has there counts."""
    group = draft.group(g)
    if group.mode is not Mode.ENSURING:
        return
    group = draft.edit_group(g)
    planned = draft.planned_group(g)
    group.mode, group.effect, group.held = Mode.READY, 0, ""
    group.frequency_hz, group.data_rate, group.created_here = frequency_hz, data_rate, created
    # Fragment size, airtime and duty cycle were planned for one data rate in one sub-band.
    if data_rate != planned.data_rate:
        refuse_group(draft, g, f"it stands there at data rate {data_rate}, the plan is made for {planned.data_rate}")
        return
    if frequency_hz != planned.frequency_hz and not in_sub_band(planned, frequency_hz):
        refuse_group(draft, g, f"it stands there at {frequency_hz} Hz, outside the sub-band of the plan")
        return
    if next_f_cnt > planned.end_f_cnt - 1:
        refuse_group(draft, g, f"its next FCntDown {next_f_cnt} lies outside the window that was planned")
        return
    group.next_f_cnt = max(planned.first_f_cnt, next_f_cnt)
    if group.session_start:
        group.mode = Mode.ARMED
        group.due = group.session_start


def refuse_group(draft: Draft, g: int, why: str) -> None:
    """The network server won't have the group: its devices can't take part."""
    group = draft.edit_group(g)
    group.mode, group.effect, group.due, group.held = Mode.REFUSED, 0, 0, why
    group.first_pass_over = group.first_status_over = True
    group.finish = why
    draft.note(RecordKind.GROUP, draft.planned_group(g).dev_eui, f"refused: {why}")
    for i in draft.state.members[g]:
        if draft.device(i).outcome in (Outcome.OPEN, Outcome.BEHIND):
            draft.fail(i, Cause.NETWORK_REFUSED_GROUP, why)


def tolerance_s(draft: Draft, g: int) -> int:
    """The largest time tolerance of a group's devices."""
    used = {draft.planned(i).profile for i in draft.state.members[g]}
    return max((requests.tolerance_s(draft, draft.plan.profiles[p]) for p in used), default=0)
