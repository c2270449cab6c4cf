"""Multicast frames: when the next may go, what is handed over, and what the network reports of it."""

from __future__ import annotations

from enum import Enum

from fleetcast.campaign import phrasing, status_rounds
from fleetcast.campaign.draft import Draft
from fleetcast.campaign.effects import RecordKind, SendFragment, SendMulticast
from fleetcast.campaign.events import DownlinkFailed, DownlinkQueued, DownlinkSent, DownlinkUnknown
from fleetcast.campaign.states import Mode, UnderWay
from fleetcast.campaign.transfer.pace import even_spacing_ms
from fleetcast.campaign.transfer.ping_slots import next_slot
from fleetcast.instants import InstantMs
from fleetcast.planning.pacing import GATEWAYS_IN_TURN
from fleetcast.protocol.packages import Package
from fleetcast.radio.class_b import ping_spacing_us

FAILURES_THAT_HOLD = 3
"""So many failures in a row with one cause hold a group."""
HOLD_MS = 300_000
"""A held group is tried again after this: nothing waits for ever."""
SLOT_LEAD_MS = 2_000
"""A frame of class B is handed over this long before its ping slot, so that it reaches the gateway in time for it."""
_STATUS_REQUEST = 0
_FRAMES_FOR_STATUS = 2


class Gate(Enum):
    """Whether a group's next frame may go."""

    OPEN = 0
    LATER = 1
    """At an instant that the group is woken at."""
    COUNTER_USED_UP = 2
    SESSION_ENDS = 3


def gate(draft: Draft, g: int, airtime_us: int) -> Gate:
    """Whether a frame of this length may go now: counter window, pace, and the end of the class session."""
    group, planned = draft.group(g), draft.planned_group(g)
    if group.next_f_cnt >= planned.end_f_cnt:
        return Gate.COUNTER_USED_UP
    if group.share <= 0 and planned.duty_cycle < 1:
        wake_at(draft, g, draft.plan.end)
        return Gate.LATER if draft.now < draft.plan.end else Gate.SESSION_ENDS
    at = _earliest(draft, g, airtime_us)
    if at + airtime_us // 1000 > group.session_end:
        return Gate.SESSION_ENDS
    hand_over = at - SLOT_LEAD_MS if planned.session_class == "B" else at
    if hand_over > draft.now:
        wake_at(draft, g, hand_over)
        return Gate.LATER
    return Gate.OPEN


def send_fragment(draft: Draft, g: int, n: int) -> None:
    """Hand fragment `n` over: its counter is spent and its airtime booked before it is sent."""
    planned = draft.planned_group(g)
    frame, f_cnt = _hand_over(draft, g, n, planned.airtime_us)
    group = draft.edit_group(g)
    group.ledger = group.ledger.hand_over(n, planned.airtime_us)
    draft.ask(SendFragment(frame.effect, planned.dev_eui, planned.frag_index, n, f_cnt, frame.since))


def send_status_request(draft: Draft, g: int) -> None:
    """Ask the group over multicast how many fragments its devices miss."""
    planned = draft.planned_group(g)
    frame, f_cnt = _hand_over(draft, g, _STATUS_REQUEST, planned.request_airtime_us)
    command = phrasing.frag_status(planned.frag_index, everyone=draft.group(g).poll_everyone)
    f_port = draft.profile(draft.state.members[g][0]).packages[Package.FRAGMENTATION].f_port
    draft.ask(SendMulticast(frame.effect, planned.dev_eui, f_port, (command,), f_cnt, frame.since))


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
            elif draft.planned_group(g).network_counts:
                draft.edit_group(g).next_f_cnt -= 1  # the network used none
            _resolve(draft, g, frame, sent=False, at=draft.now)
            _count_failure(draft, g, event.cause)


def timer(draft: Draft, g: int) -> None:
    """An instant has come for a group: reports that stayed out are taken as unknown, a held group is tried again."""
    group = draft.edit_group(g)
    group.due = 0
    if group.held and group.mode in (Mode.SENDING, Mode.ASKING):
        group.held, group.failures_in_row = "", 0
    for frame in group.under_way:
        if draft.now >= frame.since + _report_timeout_ms(draft, g, frame):
            _resolve(draft, g, frame, sent=None, at=frame.since)


def _earliest(draft: Draft, g: int, airtime_us: int) -> InstantMs:
    group, planned, policy = draft.group(g), draft.planned_group(g), draft.plan.policy
    share = group.share * policy.duty_cycle_share / 100 if planned.duty_cycle < 1 else 1.0
    at = group.pace.earliest(
        draft.now, airtime_us, planned.min_gap_ms, planned.duty_cycle, share, policy.duty_cycle_use
    )
    if planned.session_class == "B":
        return next_slot(planned.mc_addr, planned.periodicity, at, airtime_us)
    return at


def frames_left(draft: Draft, g: int) -> int:
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


def _resolve(draft: Draft, g: int, frame: UnderWay, *, sent: bool | None, at: InstantMs) -> None:
    group = draft.edit_group(g)
    group.under_way = tuple(other for other in group.under_way if other.effect != frame.effect)
    if sent is not False:
        group.failures_in_row = 0
    if frame.n == _STATUS_REQUEST:
        if sent is not False:
            status_rounds.asked(draft, g, at)
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


def _report_timeout_ms(draft: Draft, g: int, frame: UnderWay) -> int:
    policy, planned = draft.plan.policy, draft.planned_group(g)
    if policy.summary_reports_disabled:
        return frame.airtime_us // 1000 + 1
    in_turn_ms = 0
    if planned.session_class == "B":
        # Each gateway has a ping slot of its own, and the report comes after the last. Going on before it would leave
        # frames waiting in the network until the class session is over, and nobody hears them.
        gateways = len(planned.gateways) or GATEWAYS_IN_TURN
        in_turn_ms = gateways * ping_spacing_us(planned.periodicity) // 1000
    return policy.summary_report_timeout_s * 1000 + in_turn_ms


def wake_at(draft: Draft, g: int, at: InstantMs) -> None:
    """Time alone changes something for the group at this instant."""
    if draft.group(g).due != at:
        draft.edit_group(g).due = at


def await_reports(draft: Draft, g: int) -> None:
    """Wake up when the oldest frame under way has stayed without a report for too long."""
    group = draft.group(g)
    wake_at(draft, g, min(frame.since + _report_timeout_ms(draft, g, frame) for frame in group.under_way))


def _hand_over(draft: Draft, g: int, n: int, airtime_us: int) -> tuple[UnderWay, int | None]:
    at = _earliest(draft, g, airtime_us)
    group = draft.edit_group(g)
    f_cnt = group.next_f_cnt
    # Where the network counts, its report tells which value it was; until then one more is counted as used.
    group.next_f_cnt += 1
    group.pace = group.pace.booked(at, airtime_us)
    frame = UnderWay(draft.new_effect_id(), n, f_cnt, at, airtime_us)
    group.under_way = (*group.under_way, frame)
    return frame, None if draft.planned_group(g).network_counts else f_cnt
