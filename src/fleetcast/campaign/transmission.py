"""A group's stream: its class sessions, the fragments at their pace, the status rounds, and its end.

What is sent next and when it is worth asking is the strategy's matter (`transfer`); this keeps time, counters and
ledger, and turns decisions into effects.
"""

from __future__ import annotations

from fleetcast.campaign import exchange, flow, phrasing, requests
from fleetcast.campaign.causes import Cause
from fleetcast.campaign.draft import Draft
from fleetcast.campaign.effects import EnsureGroup, RecordKind, SendFragment, SendMulticast
from fleetcast.campaign.events import DownlinkFailed, DownlinkQueued, DownlinkSent, DownlinkUnknown
from fleetcast.campaign.meanings import StatusTold
from fleetcast.campaign.states import (
    Aside,
    DeviceState,
    Done,
    GroupState,
    Mode,
    Outcome,
    Stage,
    Status,
    Step,
    Talk,
    UnderWay,
    stages_of,
)
from fleetcast.campaign.transfer import course
from fleetcast.campaign.transfer.pace import even_spacing_ms
from fleetcast.campaign.transfer.ping_slots import next_slot
from fleetcast.campaign.transfer.strategy import (
    Decision,
    Finish,
    PollMulticast,
    PollUnicast,
    Receiver,
    SendMore,
    Tally,
)
from fleetcast.instants import InstantMs
from fleetcast.planning.plan import CampaignType, PlannedGroup
from fleetcast.planning.session_window import (
    first_fragment_delay_s,
    longest_session_s,
    longest_wait_s,
    session_start,
    timeout_exponent,
    timeout_s,
)
from fleetcast.protocol.packages import Package

FAILURES_THAT_HOLD = 3
"""So many failures in a row with one cause hold a group."""
HOLD_MS = 300_000
"""A held group is tried again after this: nothing waits for ever."""
_STATUS_REQUEST = 0
_FRAMES_FOR_STATUS = 2


def ensure(draft: Draft, g: int) -> None:
    """Have the group at its network server before the first device is told."""
    group = draft.edit_group(g)
    group.mode, group.effect = Mode.ENSURING, draft.new_effect_id()
    members = tuple(draft.planned(i).dev_eui for i in draft.state.members[g])
    draft.ask(EnsureGroup(group.effect, draft.planned_group(g).dev_eui, members))


def arm(draft: Draft, g: int, latest: InstantMs) -> None:
    """Settle when the group's next class session starts and how long it may last; its devices are told from now on."""
    group, planned = draft.edit_group(g), draft.planned_group(g)
    policy = draft.plan.policy
    open_members = [i for i in draft.state.members[g] if draft.device(i).outcome is Outcome.OPEN]
    periods = [draft.device(i).period_s for i in open_members]
    start = session_start(
        draft.now, longest_wait_s(periods, policy), _tolerance_s(draft, g), policy, planned.session_class, latest=latest
    )
    if planned.session_start is not None and group.session == 0:
        start = planned.session_start
    group.session += 1
    group.session_start = start
    exponent = planned.session_timeout_exp
    if group.session > 1:
        exponent = timeout_exponent(planned.transfer_s, planned.session_class)
    group.session_timeout_exp = exponent
    group.session_end = start + timeout_s(exponent, planned.session_class) * 1000
    if group.mode is Mode.READY or group.session > 1:
        group.mode = Mode.ARMED
        group.due = start


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
            return _ask(draft, g) if not group.under_way else _await_reports(draft, g)
        case Mode.LISTENING:
            if draft.now < group.poll_closes and group.poll_awaited > 0:
                _wake_at(draft, g, group.poll_closes)
                return False
            return _decide(draft, g)
        case Mode.UNICAST:
            if any(draft.device(i).aside is Aside.STATUS for i in draft.state.members[g]):
                return False
            return _decide(draft, g)
        case _:
            return False


def group_ready(draft: Draft, g: int, next_f_cnt: int, frequency_hz: int, data_rate: int, *, created: bool) -> None:
    """The group stands at its network server; what it really has there counts."""
    group = draft.group(g)
    if group.mode is not Mode.ENSURING:
        return
    group = draft.edit_group(g)
    planned = draft.planned_group(g)
    group.mode, group.effect = Mode.READY, 0
    group.frequency_hz, group.data_rate, group.created_here = frequency_hz, data_rate, created
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


def reported(draft: Draft, g: int, event: DownlinkQueued | DownlinkSent | DownlinkFailed | DownlinkUnknown) -> None:
    """What the network says of a multicast frame under way."""
    group = draft.group(g)
    frame = next((frame for frame in group.under_way if frame.effect == event.effect_id), None)
    if frame is None or isinstance(event, DownlinkQueued):
        return
    match event:
        case DownlinkSent():
            if event.f_cnt is not None:
                group = draft.edit_group(g)
                group.next_f_cnt = max(group.next_f_cnt, event.f_cnt + 1)
            _resolve(draft, g, frame, sent=True, at=max(event.sent_at, frame.since))
        case DownlinkUnknown():
            _resolve(draft, g, frame, sent=None, at=draft.now)
        case DownlinkFailed():
            if event.next_f_cnt is not None:
                group = draft.edit_group(g)
                group.next_f_cnt = max(group.next_f_cnt, event.next_f_cnt)
            _resolve(draft, g, frame, sent=False, at=draft.now)
            _count_failure(draft, g, event.cause)


def timer(draft: Draft, g: int) -> None:
    """An instant has come for a group: reports that stayed out are taken as unknown, a held group is tried again."""
    group = draft.edit_group(g)
    group.due = 0
    if group.held and group.mode in (Mode.SENDING, Mode.ASKING):
        group.held, group.failures_in_row = "", 0
    for frame in group.under_way:
        if draft.now >= frame.since + _report_timeout_ms(draft, frame):
            _resolve(draft, g, frame, sent=None, at=frame.since)


def status_told(draft: Draft, i: int, told: StatusTold) -> None:
    """A device said how many fragments it has and misses."""
    device = draft.device(i)
    g = draft.planned(i).group
    group, planned = draft.group(g), draft.planned_group(g)
    if Done.FRAG_SET not in device.done or told.frag_index not in (None, planned.frag_index):
        return
    if device.outcome not in (Outcome.OPEN, Outcome.BEHIND) or Done.TRANSFERRED in device.done:
        _answered(draft, i, group)
        return
    if told.no_session:
        _answered(draft, i, group)
        flow.lost_everything(draft, i, why="the device has no fragmentation session any more")
        return
    if device.step is not Step.TRANSFER:
        return
    device = draft.edit(i)
    earlier_missing, earlier_received = device.missing, device.received
    asked_at = device.frames_asked if device.aside is Aside.STATUS and device.aside_tries else group.poll_frames
    device.received, device.missing, device.silent_polls = told.received, told.missing, 0
    _answered(draft, i, group)
    device = draft.edit(i)
    device.frames_asked = asked_at
    if told.missing != earlier_missing:
        device.frames_at_change = asked_at
    if told.memory_error:
        device.done |= Done.MEMORY_EXHAUSTED
        return
    quirks = draft.profile(i).quirks
    complete = told.missing == 0 and told.received > 0
    if not complete and "LOSSLESS_MISSING_1" in quirks and told.missing == 1:
        # Such a stack goes on saying (M, 1) after a block without losses; one that misses a fragment moves on.
        whole = told.received == planned.fragments
        complete = whole and (
            asked_at <= planned.fragments or (earlier_missing, earlier_received) == (1, told.received)
        )
    if complete:
        _complete(draft, i, mic_error=told.mic_error and "MIC_UNRELIABLE" not in quirks)


def ask_by_unicast(draft: Draft, i: int) -> None:
    """Have a device asked for its status at its next opportunity."""
    device = draft.edit(i)
    device.aside, device.aside_tries, device.talk, device.due = Aside.STATUS, 0, Talk.WAITING, 0
    if draft.planned(i).class_c_for_good:
        device.due = draft.now + exchange.RETRY_AFTER_MS


def unanswered(draft: Draft, i: int) -> None:
    """A device's unicast status request ended without an answer; its group may be waiting for that."""
    g = draft.planned(i).group
    if draft.group(g).mode is Mode.UNICAST:
        drive(draft, g)


# Sessions and fragments.


def _begin_sending(draft: Draft, g: int) -> bool:
    group = draft.group(g)
    stages = stages_of(draft.plan)
    if Stage.DL_FRAGMENT not in stages or draft.campaign.stage <= stages.index(Stage.DL_FRAGMENT):
        return False
    delay_s = first_fragment_delay_s(draft.plan.policy, _tolerance_s(draft, g))
    first = group.session_start + int(delay_s * 1000)
    if draft.now < first:
        _wake_at(draft, g, first)
        return False
    if not any(requests.is_armed(draft, i) and draft.device(i).outcome is Outcome.OPEN for i in draft.state.members[g]):
        _finish(draft, g, "no device listens")
        return False
    draft.edit_group(g).mode = Mode.SENDING
    return True


def _send_next(draft: Draft, g: int) -> bool:
    group, planned = draft.group(g), draft.planned_group(g)
    if group.held:
        return False
    if group.ledger.must_wait or len(group.under_way) >= planned.max_under_way:
        return _await_reports(draft, g)
    n = course.next_number(group.transfer, group.ledger)
    if n is None:
        if group.under_way:
            return _await_reports(draft, g)
        if not group.first_pass_over:
            draft.edit_group(g).first_pass_over = True
        return _decide(draft, g)
    if not _counter_left(group, planned):
        _finish(draft, g, "the announced window of FCntDown is used up")
        return False
    at = _earliest(draft, g, planned.airtime_us)
    if at + planned.airtime_us // 1000 > group.session_end:
        return _further_session(draft, g)
    if at > draft.now:
        _wake_at(draft, g, at)
        return False
    group = draft.edit_group(g)
    f_cnt = _spend_counter(group, planned)
    effect = draft.new_effect_id()
    group.ledger = group.ledger.hand_over(n, planned.airtime_us)
    group.pace = group.pace.booked(draft.now, planned.airtime_us)
    group.under_way = (*group.under_way, UnderWay(effect, n, f_cnt or 0, draft.now, planned.airtime_us))
    draft.ask(SendFragment(effect, planned.dev_eui, planned.frag_index, n, f_cnt, draft.now))
    return True


def _await_reports(draft: Draft, g: int) -> bool:
    group = draft.group(g)
    _wake_at(draft, g, min(frame.since + _report_timeout_ms(draft, frame) for frame in group.under_way))
    return False


def _further_session(draft: Draft, g: int) -> bool:
    """The class session ends before the transfer does: set up another for those who still need it."""
    group, planned = draft.group(g), draft.planned_group(g)
    if group.under_way:
        return _await_reports(draft, g)
    latest = draft.plan.end - planned.airtime_us // 1000
    needy = [i for i in draft.state.members[g] if _receives(draft.device(i))]
    if not needy or draft.now >= latest:
        _finish(draft, g, "the time is over")
        return False
    arm(draft, g, latest)
    group = draft.edit_group(g)
    left_s = max(1, (draft.plan.end - group.session_start) // 1000)
    longest = min(max(planned.transfer_s, 1), left_s, longest_session_s(planned.session_class))
    group.session_timeout_exp = timeout_exponent(longest, planned.session_class)
    group.session_end = group.session_start + timeout_s(group.session_timeout_exp, planned.session_class) * 1000
    draft.note(RecordKind.GROUP, planned.dev_eui, f"class session {group.session} is being set up")
    for i in needy:
        device = draft.edit(i)
        device.done &= ~Done.SESSION_SET
        device.step, device.aside = Step.MC_SESSION, Aside.NONE
        device.talk, device.tries, device.due, device.effect = Talk.WAITING, 0, 0, 0
    return True


# Status rounds.


def _ask(draft: Draft, g: int) -> bool:
    group, planned = draft.group(g), draft.planned_group(g)
    if group.held:
        return False
    if not _counter_left(group, planned):
        _finish(draft, g, "the announced window of FCntDown is used up")
        return False
    at = _earliest(draft, g, planned.request_airtime_us)
    if at + planned.request_airtime_us // 1000 > group.session_end:
        return _further_session(draft, g)
    if at > draft.now:
        _wake_at(draft, g, at)
        return False
    group = draft.edit_group(g)
    f_cnt = _spend_counter(group, planned)
    effect = draft.new_effect_id()
    group.pace = group.pace.booked(draft.now, planned.request_airtime_us)
    frame = UnderWay(effect, _STATUS_REQUEST, f_cnt or 0, draft.now, planned.request_airtime_us)
    group.under_way = (*group.under_way, frame)
    command = phrasing.frag_status(planned.frag_index, everyone=group.poll_everyone)
    f_port = _f_port(draft, g)
    draft.ask(SendMulticast(effect, planned.dev_eui, f_port, (command,), f_cnt, draft.now))
    return _await_reports(draft, g)


def _asked(draft: Draft, g: int, at: InstantMs) -> None:
    group, planned = draft.edit_group(g), draft.planned_group(g)
    spread_s = 1 << (planned.block_ack_delay + 4)
    group.mode = Mode.LISTENING
    group.poll += 1
    group.poll_frames = group.ledger.on_air
    group.poll_closes = at + (spread_s + draft.plan.policy.fsession_status_timeout_s) * 1000
    asked = [i for i in draft.state.members[g] if _listens(draft, i)]
    # With Participants 0 silence may mean complete, lost or gone: only time closes such a round.
    group.poll_awaited = len(asked) if group.poll_everyone else len(asked) + 1
    group.due = group.poll_closes


def _answered(draft: Draft, i: int, group: GroupState) -> None:
    device = draft.device(i)
    if device.aside is Aside.STATUS:
        device = draft.edit(i)
        device.aside, device.aside_tries, device.talk, device.due = Aside.NONE, 0, Talk.WAITING, 0
    if group.mode is Mode.LISTENING and device.poll_answered != group.poll:
        draft.edit(i).poll_answered = group.poll
        draft.edit_group(draft.planned(i).group).poll_awaited -= 1


def _decide(draft: Draft, g: int) -> bool:
    group = draft.group(g)
    members = draft.state.members[g]
    receivers = tuple(_receiver(draft, i) for i in members if _receives(draft.device(i)))
    complete = sum(Done.TRANSFERRED in draft.device(i).done for i in members)
    wanted = -(-draft.plan.threshold_percent * len(members) // 100)
    tally = Tally(devices=complete + len(receivers), complete=complete, wanted=wanted)
    frames_left = _frames_left(draft, g)
    transfer, decision = course.decide(group.transfer, group.ledger, receivers, tally, frames_left)
    edited = draft.edit_group(g)
    edited.transfer = transfer
    asked_once = edited.poll > 0 and not isinstance(decision, PollUnicast)
    edited.first_status_over = edited.first_status_over or asked_once
    return _carry_out(draft, g, decision)


def _carry_out(draft: Draft, g: int, decision: Decision) -> bool:
    group = draft.edit_group(g)
    match decision:
        case SendMore():
            group.mode = Mode.SENDING
        case PollMulticast(everyone):
            group.mode, group.poll_everyone = Mode.ASKING, everyone
        case PollUnicast(indexes):
            group.mode = Mode.UNICAST
            for i in indexes:
                ask_by_unicast(draft, i)
        case Finish(reason):
            _finish(draft, g, reason.value)
            return False
    return True


def _receiver(draft: Draft, i: int) -> Receiver:
    device, profile = draft.device(i), draft.profile(i)
    heard = device.missing >= 0
    trusted = not {"BIG_ENDIAN_STATUS", "LAST_NUMBER_AS_RECEIVED"} & profile.quirks
    return Receiver(
        index=i,
        expected_loss=draft.planned(i).expected_loss,
        missing=device.missing if heard else None,
        received=device.received if heard and trusted else None,
        frames_at_answer=device.frames_asked,
        silent=device.silent_polls > 0,
        stuck_frames=max(0, device.frames_asked - device.frames_at_change) if heard else 0,
        memory_exhausted=Done.MEMORY_EXHAUSTED in device.done,
        memory_limit=profile.max_lost_fragments,
        missing_falls="MISSING_NEVER_FALLS" not in profile.quirks,
        takes_any_order=profile.takes_any_order,
    )


# The end.


def _complete(draft: Draft, i: int, *, mic_error: bool) -> None:
    if mic_error:
        draft.fail(i, Cause.INTEGRITY, "all fragments are there, their MIC is wrong")
        return
    device = draft.edit(i)
    if device.outcome is Outcome.BEHIND:
        device.outcome, device.failure = Outcome.OPEN, None
    device.done |= Done.TRANSFERRED
    checks_mic = requests.version(device, Package.FRAGMENTATION) == 2
    if checks_mic and draft.plan.type is not CampaignType.FIRMWARE:
        device.done |= Done.VALID
    flow.advance(draft, i)


def _finish(draft: Draft, g: int, why: str) -> None:
    group, planned = draft.edit_group(g), draft.planned_group(g)
    group.mode, group.finish, group.due = Mode.OVER, why, 0
    group.first_pass_over = group.first_status_over = True
    draft.note(RecordKind.GROUP, planned.dev_eui, f"transfer over: {why}")
    for i in draft.state.members[g]:
        device = draft.device(i)
        if device.outcome is not Outcome.OPEN or device.step > Step.TRANSFER:
            continue
        if "MISSING_NEVER_FALLS" in draft.profile(i).quirks and device.step is Step.TRANSFER:
            # Its status can't tell whether the block was rebuilt; its image or its version will.
            device = draft.edit(i)
            device.step = Step.IMAGE_CHECK
            flow.advance(draft, i)
        else:
            _leave(draft, i, device, planned)


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


def _receives(device: DeviceState) -> bool:
    return device.outcome is Outcome.OPEN and device.step is Step.TRANSFER and Done.TRANSFERRED not in device.done


def _listens(draft: Draft, i: int) -> bool:
    device = draft.device(i)
    return device.step >= Step.TRANSFER and Done.SESSION_SET in device.done and device.outcome is not Outcome.FAILED


# Time, counters, failures.


def _earliest(draft: Draft, g: int, airtime_us: int) -> InstantMs:
    group, planned, policy = draft.group(g), draft.planned_group(g), draft.plan.policy
    share = group.share * policy.duty_cycle_share / 100 if planned.duty_cycle < 1 else 1.0
    at = group.pace.earliest(
        draft.now, airtime_us, planned.min_gap_ms, planned.duty_cycle, share, policy.duty_cycle_use
    )
    if planned.session_class == "B":
        return next_slot(planned.mc_addr, planned.periodicity, at, airtime_us)
    return at


def _frames_left(draft: Draft, g: int) -> int:
    """How many more fragments counter window and time allow, with a frame kept for each of a few status requests."""
    group, planned, policy = draft.group(g), draft.planned_group(g), draft.plan.policy
    counters = planned.end_f_cnt - group.next_f_cnt - _FRAMES_FOR_STATUS
    gap_ms = planned.min_gap_ms
    if planned.duty_cycle < 1:
        share = max(group.share * policy.duty_cycle_share / 100, 1e-6)
        gap_ms = max(gap_ms, even_spacing_ms(planned.airtime_us, planned.duty_cycle, share))
    spread_ms = (1 << (planned.block_ack_delay + 4)) * 1000 + policy.fsession_status_timeout_s * 1000
    time_ms = draft.plan.end - draft.now - spread_ms
    return max(0, min(counters, time_ms // max(gap_ms, 1)))


def _counter_left(group: GroupState, planned: PlannedGroup) -> bool:
    return group.next_f_cnt < planned.end_f_cnt


def _spend_counter(group: GroupState, planned: PlannedGroup) -> int | None:
    if planned.network_counts:
        # The report tells which value it was; until then one more is counted as used.
        group.next_f_cnt += 1
        return None
    f_cnt = group.next_f_cnt
    group.next_f_cnt += 1
    return f_cnt


def _resolve(draft: Draft, g: int, frame: UnderWay, *, sent: bool | None, at: InstantMs) -> None:
    group = draft.edit_group(g)
    group.under_way = tuple(other for other in group.under_way if other.effect != frame.effect)
    if sent is not False:
        group.failures_in_row = 0
    if frame.n == _STATUS_REQUEST:
        if sent is not False:
            _asked(draft, g, at)
        return
    if sent is None:
        group.ledger = group.ledger.is_unknown(frame.n)
    elif sent:
        group.ledger = group.ledger.was_sent(frame.n)
    else:
        group.ledger = group.ledger.was_refused(frame.n)


def _count_failure(draft: Draft, g: int, cause: str) -> None:
    group = draft.edit_group(g)
    group.failures_in_row = group.failures_in_row + 1 if cause == group.last_failure else 1
    group.last_failure = cause
    if group.failures_in_row >= FAILURES_THAT_HOLD:
        group.held = f"{group.failures_in_row} failures in a row: {cause}"
        group.due = draft.now + HOLD_MS
        draft.note(RecordKind.GROUP, draft.planned_group(g).dev_eui, f"held: {group.held}")


def _report_timeout_ms(draft: Draft, frame: UnderWay) -> int:
    policy = draft.plan.policy
    if policy.summary_reports_disabled:
        return frame.airtime_us // 1000 + 1
    return policy.summary_report_timeout_s * 1000


def _wake_at(draft: Draft, g: int, at: InstantMs) -> None:
    if draft.group(g).due != at:
        draft.edit_group(g).due = at


def _connection_lost(draft: Draft, g: int) -> bool:
    return draft.planned_group(g).connection in draft.campaign.lost_connections


def _tolerance_s(draft: Draft, g: int) -> int:
    used = {draft.planned(i).profile for i in draft.state.members[g]}
    return max((requests.tolerance_s(draft, draft.plan.profiles[p]) for p in used), default=0)


def _f_port(draft: Draft, g: int) -> int:
    first = draft.state.members[g][0]
    return draft.profile(first).packages[Package.FRAGMENTATION].f_port
