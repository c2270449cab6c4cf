"""One request to one device: an opportunity comes, it is said, reported as sent, answered, refused, or silence.

A class A device can be reached only just after it spoke, so what drives an exchange is uplinks, not timers. A network
failure is not a lost try. Nothing is said to a device before it was heard (with `class_c_at_once`, a device in class C
for good needs none).
"""

from __future__ import annotations

from fleetcast.campaign import requests
from fleetcast.campaign.causes import Cause, Failure
from fleetcast.campaign.draft import Draft
from fleetcast.campaign.effects import SendUnicast
from fleetcast.campaign.events import DownlinkFailed, DownlinkQueued, DownlinkSent, DownlinkUnknown
from fleetcast.campaign.requests import Request
from fleetcast.campaign.states import (
    STAGE_OF_STEP,
    Aside,
    DeviceState,
    Mode,
    Outcome,
    Status,
    Step,
    Talk,
    stages_of,
)
from fleetcast.planning.policy import Setup
from fleetcast.protocol.packages import Package
from fleetcast.protocol.ts005_multicast.v1 import McClassBSessionReq, McClassCSessionReq

SESSION_REQUESTS = (McClassCSessionReq, McClassBSessionReq)
RETRY_AFTER_MS = 10_000
"""The next sending goes at least this long after the last."""
WINDOW_MS = 1_500
"""A class A device that spoke longer ago than this has closed its receive windows."""
_CONNECTION_BACK_MS = 10_000
CLASS_C_ROOM_MS = 5_000
"""Room for the answer of a device in class C for good: a gateway that sends to the next one meanwhile can't hear it."""
CLASS_C_AGAIN_MS = 60_000
"""After a network failure a device in class C for good is tried again so much later; others have their next uplink."""


def opportunity(draft: Draft, i: int) -> None:
    """A device can be reached now: say what is wanted, or say it again when the answer did not come."""
    device = draft.device(i)
    match device.talk:
        case Talk.WAITING:
            if draft.now >= device.not_before and may_speak(draft, i) and requests.wanted(draft, i) is not None:
                _take_turn(draft, i)
        case Talk.REQUESTED:
            if not device.due:
                draft.edit(i).due = draft.now + draft.plan.policy.delivery_timeout_s * 1000
        case Talk.SENT:
            if draft.now - device.since < answer_wait_ms(draft, i):
                return
            edited = draft.edit(i)
            edited.talk, edited.due = Talk.WAITING, 0
            if _tries(device) > draft.plan.policy.msg_retries:
                return  # the caller finds the tries used up
            if _must_clear_first(draft, i):
                edited.aside, edited.aside_tries = Aside.FRAG_DELETE, 0
            opportunity(draft, i)
        case Talk.QUEUED:
            pass


def gave_up(draft: Draft, i: int) -> bool:
    """Whether every sending of the present request went without an answer."""
    device = draft.device(i)
    return device.talk is Talk.WAITING and _tries(device) > draft.plan.policy.msg_retries


def may_speak(draft: Draft, i: int) -> bool:
    """Whether anything may be said to a device: campaign, stage, connection, group and first contact allow it."""
    campaign, device = draft.campaign, draft.device(i)
    g = draft.planned(i).group
    if draft.state.connections[draft.state.connection_of[g]] in campaign.lost_connections:
        return False
    if not device.heard and not (draft.plan.policy.class_c_at_once and draft.planned(i).class_c_for_good):
        return False
    if campaign.status is Status.STOPPING:
        return bool(device.undo)
    if campaign.status is not Status.RUNNING:
        return False
    if device.aside is Aside.CANCEL_REBOOT:
        return True
    if device.outcome is not Outcome.OPEN:
        return False
    if device.aside is not Aside.NONE:
        return True
    if device.step >= Step.MC_GROUP_SETUP and draft.group(g).mode in (Mode.UNKNOWN, Mode.ENSURING, Mode.REFUSED):
        return False
    return _stage_allows(draft, device.step)


def serve_connection(draft: Draft, connection: int) -> None:
    """A connection may carry a unicast again: whoever would have to wait longest for the next chance goes first."""
    i = draft.state.next_turn(connection)
    if i is None or draft.device(i).talk is not Talk.QUEUED:
        return
    if draft.state.connections[connection] in draft.campaign.lost_connections:
        _hold_turns(draft, connection, draft.now + _CONNECTION_BACK_MS)
        return
    say(draft, i)
    if draft.device(i).talk is not Talk.REQUESTED:
        # It has nothing to be told any more: the next one's turn comes at once.
        draft.edit(i).talk = Talk.WAITING


def say(draft: Draft, i: int) -> None:
    """Hand the present request of a device to the network."""
    request = requests.wanted(draft, i) if may_speak(draft, i) else None
    device = draft.edit(i)
    if request is None:
        device.talk = Talk.WAITING
        return
    planned, now = draft.planned(i), draft.now
    connection = draft.state.connection_of[planned.group]
    always = requests.listens_always(draft, i)
    room_ms = CLASS_C_ROOM_MS if always else 0
    _hold_turns(draft, connection, now + max(draft.plan.policy.ucast_msg_delay_ms, room_ms))
    timeout_ms = draft.plan.policy.delivery_timeout_s * 1000
    window_open = always or now - device.heard_at <= WINDOW_MS
    device.effect = draft.new_effect_id()
    device.talk, device.since = Talk.REQUESTED, now
    # In a window that has closed the network keeps it for the device's next uplink, and time is counted from there.
    device.due = now + timeout_ms if window_open else 0
    valid_until = now + (timeout_ms if window_open else max(timeout_ms, 2000 * device.period_s))
    _remember_said(draft, i, device, request)
    if any(isinstance(command, SESSION_REQUESTS) for command in request.commands):
        # After the start it would only be refused: a network that still has it lets it go.
        valid_until = max(min(valid_until, device.session_start_asked), now + 1)
    if device.aside is Aside.NONE:
        device.tries += 1
    else:
        device.aside_tries += 1
    f_port = draft.profile(i).packages[request.package].f_port
    draft.ask(
        SendUnicast(
            device.effect, planned.dev_eui, request.package, f_port, request.commands, valid_until,
            always,
        )
    )  # fmt: skip


def acknowledge(draft: Draft, i: int, request: Request) -> None:
    """Say something that has no answer and needs none: it takes this opportunity, or the device asks again."""
    planned, policy = draft.planned(i), draft.plan.policy
    connection = draft.state.connection_of[planned.group]
    lost = draft.state.connections[connection] in draft.campaign.lost_connections
    if draft.campaign.status is not Status.RUNNING or lost or draft.campaign.unicast_after[connection] > draft.now:
        return
    _hold_turns(draft, connection, draft.now + policy.ucast_msg_delay_ms)
    f_port = draft.profile(i).packages[request.package].f_port
    until = draft.now + policy.delivery_timeout_s * 1000
    always = requests.listens_always(draft, i)
    draft.ask(
        SendUnicast(
            draft.new_effect_id(), planned.dev_eui, request.package, f_port, request.commands, until, always
        )
    )  # fmt: skip


def reported(draft: Draft, i: int, event: DownlinkQueued | DownlinkSent | DownlinkFailed | DownlinkUnknown) -> None:
    """What the network says of a request under way."""
    device = draft.device(i)
    if device.effect != event.effect_id or device.talk is not Talk.REQUESTED:
        return
    match event:
        case DownlinkQueued():
            return
        case DownlinkSent():
            _sent(draft, i, max(event.sent_at, device.since))
        case DownlinkUnknown():
            _sent(draft, i, draft.now)
        case DownlinkFailed():
            device = draft.edit(i)
            device.effect, device.talk, device.due = 0, Talk.WAITING, 0
            if device.aside is Aside.NONE:
                device.tries -= 1
            else:
                device.aside_tries -= 1
            if device.outcome is Outcome.OPEN:
                device.failure = Failure(Cause.NETWORK_ERROR, event.cause)
            if draft.planned(i).class_c_for_good:
                device.due = max(draft.now + CLASS_C_AGAIN_MS, requests.reachable_from(draft, i))


def timer(draft: Draft, i: int) -> None:
    """Time alone changes something for a device: no report came, or it can be reached at any time and is due."""
    device = draft.device(i)
    if device.talk is Talk.REQUESTED:
        _sent(draft, i, draft.now)
        return
    draft.edit(i).due = 0
    if requests.listens_always(draft, i):
        opportunity(draft, i)
    elif draft.planned(i).class_c_for_good:
        draft.edit(i).due = requests.reachable_from(draft, i)


def answer_wait_ms(draft: Draft, i: int) -> int:
    """How long after a sending an uplink without the answer says that none will come."""
    device = draft.device(i)
    if device.aside is Aside.STATUS:
        spread_s = 1 << (draft.planned_group(draft.planned(i).group).block_ack_delay + 4)
        return RETRY_AFTER_MS + spread_s * 1000
    return RETRY_AFTER_MS


def _sent(draft: Draft, i: int, at: int) -> None:
    device = draft.edit(i)
    device.talk, device.since, device.due, device.effect = Talk.SENT, at, 0, 0
    if device.outcome is Outcome.OPEN:
        device.failure = None
    if draft.planned(i).class_c_for_good:
        connection = draft.state.connection_of[draft.planned(i).group]
        if draft.campaign.unicast_after[connection] < at + CLASS_C_ROOM_MS:
            _hold_turns(draft, connection, at + CLASS_C_ROOM_MS)
        device.due = at + answer_wait_ms(draft, i) + draft.plan.policy.delivery_timeout_s * 1000


def _take_turn(draft: Draft, i: int) -> None:
    connection = draft.state.connection_of[draft.planned(i).group]
    free = draft.campaign.unicast_after[connection] <= draft.now and draft.state.next_turn(connection) is None
    if free:
        say(draft, i)
    else:
        draft.edit(i).talk = Talk.QUEUED


def _hold_turns(draft: Draft, connection: int, until: int) -> None:
    campaign = draft.edit_campaign()
    after = list(campaign.unicast_after)
    after[connection] = until
    campaign.unicast_after = tuple(after)


def _must_clear_first(draft: Draft, i: int) -> bool:
    """A version 1 setup whose answer did not come may have been done: the session is deleted before it is repeated."""
    device = draft.device(i)
    setting_up = device.step is Step.FRAG_SESSION_SETUP and device.aside is Aside.NONE
    return setting_up and requests.version(device, Package.FRAGMENTATION) == 1


def _tries(device: DeviceState) -> int:
    return device.tries if device.aside is Aside.NONE else device.aside_tries


def _stage_allows(draft: Draft, step: Step) -> bool:
    stages = stages_of(draft.plan)
    wanted_stage = STAGE_OF_STEP[step]
    if wanted_stage not in stages:
        return True
    if draft.plan.policy.setup is Setup.PIPELINED and step <= Step.MC_SESSION:
        return True
    return stages.index(wanted_stage) < draft.campaign.stage


def _remember_said(draft: Draft, i: int, device: DeviceState, request: Request) -> None:
    device.done |= request.said
    if any(isinstance(command, SESSION_REQUESTS) for command in request.commands):
        device.session_start_asked = requests.session_of(draft, i)[0]
    if request.name in ("DevRebootTimeReq", "DevRebootCountdownReq"):
        at = requests.reboot_instant(draft, i)
        ahead = draft.now + requests.REBOOT_COUNTDOWN_S * 1000
        device.reboot_asked = at if at > ahead else ahead + requests.reboot_offset_s(draft, i) * 1000
    if request.name == "FragSessionStatusReq":
        device.frames_asked = draft.group(draft.planned(i).group).ledger.on_air
