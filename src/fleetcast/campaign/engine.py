"""`react(state, event, now) -> (changes, effects)`: the whole face of the engine, with `begin` and `next_deadline`.

Pure: no I/O, no clock, no chance. `react` alters nothing; the owner commits changes and effects, then applies the
changes (`State.apply`) and lets the effects out. The same state, event and instant give the same answer, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable

from fleetcast.campaign import (
    answers,
    cleanup,
    exchange,
    flow,
    frames,
    group_sessions,
    hearing,
    late_starts,
    progression,
    requests,
    restarts,
    status_rounds,
    transmission,
)
from fleetcast.campaign.changes import Changes
from fleetcast.campaign.draft import Draft
from fleetcast.campaign.effects import Effect, RecordKind
from fleetcast.campaign.events import (
    ConnectionBack,
    ConnectionLost,
    DeviceRejoined,
    DownlinkFailed,
    DownlinkQueued,
    DownlinkSent,
    DownlinkUnknown,
    Event,
    GroupReady,
    GroupRefused,
    Paused,
    Resumed,
    ShareChanged,
    Started,
    Stopped,
    TimePassed,
    UplinkHeard,
)
from fleetcast.campaign.interpretation import interpret
from fleetcast.campaign.meanings import BlockReceived, Meaning, TimeAsked
from fleetcast.campaign.states import (
    LAST_STEP,
    Aside,
    CampaignState,
    DeviceState,
    Done,
    GroupState,
    Mode,
    Outcome,
    Status,
    Step,
    Talk,
    stages_of,
)
from fleetcast.campaign.table import Owner, State
from fleetcast.campaign.transfer import course
from fleetcast.campaign.transfer.ledger import Ledger
from fleetcast.campaign.transfer.pace import Pace
from fleetcast.instants import InstantMs
from fleetcast.planning.facts import ASK
from fleetcast.planning.plan import Plan, PlannedDevice

_TIMERS_AT_ONCE = 200
"""Deadlines worked off in one reaction; the rest follows in the next."""


def begin(plan: Plan) -> State:
    """The first state of a campaign, made from its plan; nothing happens before `Started`."""
    connections = len({group.connection for group in plan.groups})
    campaign = CampaignState(unicast_after=(plan.start,) * connections)
    devices = [_first_device(plan, planned) for planned in plan.devices]
    groups = [
        GroupState(
            transfer=course.begin(group, plan.policy),
            ledger=Ledger(fragments=group.fragments),
            pace=Pace(),
            next_f_cnt=group.first_f_cnt,
            frequency_hz=group.frequency_hz,
            data_rate=group.data_rate,
        )
        for group in plan.groups
    ]
    state = State(plan, campaign, devices, groups)
    # Whoever is set up already needs no request for it, and so no first contact either.
    draft = Draft(state, plan.start)
    for i, planned in enumerate(plan.devices):
        if planned.group_set_up:
            flow.settle(draft, i)
    state.apply(draft.changes)
    return state


def next_deadline(state: State) -> InstantMs | None:
    """When time alone changes something; None once the campaign's status is final, or before its start."""
    if state.campaign.status.final or state.campaign.status is Status.CONFIGURED:
        return None
    return state.next_deadline()


def react(state: State, event: Event, now: InstantMs) -> tuple[Changes, list[Effect]]:
    """What an event changes and what is to be done about it."""
    draft = Draft(state, now)
    _dispatch(draft, event)
    return draft.changes, draft.effects


def _dispatch(draft: Draft, event: Event) -> None:
    status = draft.campaign.status
    match event:
        case Started():
            if status is Status.CONFIGURED:
                progression.begin(draft)
        case UplinkHeard():
            i = draft.state.device_of.get(event.dev_eui)
            if i is None or status is Status.CONFIGURED:
                return
            _heard(draft, i, event)
        case _ if status.final or status is Status.CONFIGURED:
            return
        case Paused():
            if status is Status.RUNNING:
                draft.edit_campaign().status = Status.PAUSED
                draft.note(RecordKind.STATUS, "", _ordered("paused", event.who, event.why))
        case Resumed():
            if status is Status.PAUSED:
                draft.edit_campaign().status = Status.RUNNING
                draft.note(RecordKind.STATUS, "", _ordered("resumed", event.who, event.why))
                late_starts.resumed(draft)
                _go_on(draft, range(len(draft.plan.groups)))
        case Stopped():
            if status in (Status.RUNNING, Status.PAUSED):
                cleanup.begin(draft, Status.STOPPED, _ordered("stopped", event.who, event.why))
        case DownlinkQueued() | DownlinkSent() | DownlinkFailed() | DownlinkUnknown():
            _reported(draft, event)
        case DeviceRejoined():
            i = draft.state.device_of.get(event.dev_eui)
            if i is not None:
                hearing.forget_counter(draft.edit(i))
                restarts.lost_everything(draft, i, why="the device joined anew")
                transmission.unanswered(draft, i)
        case ConnectionLost():
            draft.edit_campaign().lost_connections |= {event.connection}
        case ConnectionBack():
            draft.edit_campaign().lost_connections -= {event.connection}
            _go_on(draft, (g for g, planned in enumerate(draft.plan.groups) if planned.connection == event.connection))
        case GroupReady():
            g = draft.state.group_of.get(event.group)
            if g is not None:
                group_sessions.group_ready(
                    draft, g, event.next_f_cnt, event.frequency_hz, event.data_rate, created=event.created_by_us
                )
                _go_on(draft, (g,))
        case GroupRefused():
            g = draft.state.group_of.get(event.group)
            if g is not None and event.final:
                group_sessions.refuse_group(draft, g, event.why)
            elif g is not None:
                draft.edit_group(g).held = event.why
        case ShareChanged():
            for g, planned in enumerate(draft.plan.groups):
                if (planned.connection, planned.sub_band) == (event.connection, event.sub_band):
                    draft.edit_group(g).share = min(max(event.share, 0.0), 1.0)
                    transmission.drive(draft, g)
        case TimePassed():
            _time_passed(draft)
    progression.progress(draft)


def _ordered(what: str, who: str, why: str) -> str:
    return f"{what} by {who}: {why}" if why else f"{what} by {who}"


def _heard(draft: Draft, i: int, event: UplinkHeard) -> None:
    """An uplink: what it says, and the chance to say something."""
    device = draft.device(i)
    if not hearing.is_new(device, event.f_cnt):
        return
    device = draft.edit(i)
    hearing.take(device, event.f_cnt, min(event.received_at, draft.now), since=draft.campaign.started)
    heard = interpret(event.f_port, event.payload, draft.profile(i), requests.spoken(device))
    if heard.ignored:
        _ignore(draft, i, heard.ignored)
    final = draft.campaign.status.final
    step, outcome = device.step, device.outcome
    for meaning in heard.meanings:
        _take(draft, i, meaning, event)
    if final or (not heard.meanings and _is_done_with(device)):
        return
    flow.settle(draft, i)
    moved = (draft.device(i).step, draft.device(i).outcome) != (step, outcome)
    # The answer to a time request or a block received goes first, and a class A device has room for one downlink.
    window_taken = any(isinstance(meaning, TimeAsked | BlockReceived) for meaning in heard.meanings)
    late = draft.now - event.received_at > exchange.RETRY_AFTER_MS and draft.device(i).talk is not Talk.WAITING
    if not late and (not window_taken or requests.listens_always(draft, i)):
        _opportunity(draft, i, answered=bool(heard.meanings), moved=moved)
    group = draft.planned(i).group
    if heard.meanings and draft.group(group).mode in (Mode.LISTENING, Mode.UNICAST, Mode.SAMPLING):
        transmission.drive(draft, group)
    if draft.campaign.status is not Status.RUNNING or moved or draft.device(i).outcome is not outcome:
        progression.progress(draft)


def _is_done_with(device: DeviceState) -> bool:
    """Whether nothing can be left to say to a device: its outcome is final, with nothing to undo or to cancel."""
    if device.outcome not in (Outcome.SUCCEEDED, Outcome.FAILED) or device.undo or device.aside is not Aside.NONE:
        return False
    return Done.REBOOT_SET not in device.done or Done.VALID in device.done


def _take(draft: Draft, i: int, meaning: Meaning, event: UplinkHeard) -> None:
    """One command of an uplink; one that changes nothing was not expected."""
    before, asked = draft.device(i).edited(), len(draft.effects)
    answers.take(draft, i, meaning, event.received_at)
    if draft.device(i) == before and len(draft.effects) == asked and not isinstance(meaning, TimeAsked):
        _ignore(draft, i, f"FPort {event.f_port}: {type(meaning).__name__} not expected")


def _ignore(draft: Draft, i: int, what: str) -> None:
    """Counted, and told once per device."""
    device = draft.edit(i)
    device.ignored += 1
    if device.ignored == 1:
        draft.note(RecordKind.IGNORED, draft.planned(i).dev_eui, what)


def _opportunity(draft: Draft, i: int, *, answered: bool, moved: bool) -> None:
    _cancel_reboot_in_time(draft, i)
    status_rounds.take_into_sample(draft, i)
    exchange.opportunity(draft, i)
    if exchange.gave_up(draft, i):
        _give_up(draft, i)
        if draft.device(i).outcome is Outcome.OPEN or draft.device(i).undo:
            exchange.opportunity(draft, i)
    campaign = draft.campaign
    if campaign.grace_since and not answered and not moved and campaign.status is Status.RUNNING:
        _use_grace(draft, i)


def _give_up(draft: Draft, i: int) -> None:
    if draft.campaign.status is Status.STOPPING:
        cleanup.gave_up(draft, i)
        return
    asked_status = draft.device(i).aside is Aside.STATUS
    flow.give_up(draft, i)
    if asked_status:
        transmission.unanswered(draft, i)


def _use_grace(draft: Draft, i: int) -> None:
    """A device that is still open had one of the opportunities that the stage's grace gives it."""
    device = draft.device(i)
    stage = draft.campaign.stage
    last = LAST_STEP.get(stages_of(draft.plan)[stage - 1], Step.DONE)
    if device.outcome is not Outcome.OPEN or device.step > last or draft.now < device.not_before:
        return
    device = draft.edit(i)
    if device.grace_stage != stage:
        device.grace_stage, device.grace_used = stage, 0
    device.grace_used += 1
    if device.grace_used > draft.plan.policy.stage_complete_delay and device.talk is Talk.WAITING:
        flow.end_of_grace(draft, i)
        transmission.unanswered(draft, i)


def _cancel_reboot_in_time(draft: Draft, i: int) -> None:
    """A device without a valid image must not reboot: cancel at what may be its last opportunity before."""
    device = draft.device(i)
    if (
        Done.REBOOT_SET not in device.done
        or Done.VALID in device.done
        or device.step >= Step.REBOOT
        or device.aside is Aside.CANCEL_REBOOT
        or draft.campaign.status is not Status.RUNNING
        or device.talk in (Talk.REQUESTED, Talk.QUEUED)
    ):
        return
    at = requests.reboot_instant(draft, i)
    if at and at - 1500 * device.period_s <= draft.now < at:
        device = draft.edit(i)
        device.resumes = device.aside
        device.aside, device.aside_tries, device.talk, device.due = Aside.CANCEL_REBOOT, 0, Talk.WAITING, 0


def _reported(draft: Draft, event: DownlinkQueued | DownlinkSent | DownlinkFailed | DownlinkUnknown) -> None:
    owner = draft.state.effects.get(event.effect_id)
    if owner is None:
        return
    match owner:
        case (Owner.DEVICE, i):
            exchange.reported(draft, i, event)
        case (Owner.GROUP, g):
            frames.reported(draft, g, event)
            transmission.drive(draft, g)
        case _:
            return


def _go_on(draft: Draft, groups: Iterable[int]) -> None:
    """Something that held these groups holds them no more: their streams, and devices that need no uplink first."""
    for g in groups:
        transmission.drive(draft, g)
        for i in draft.state.members[g]:
            device = draft.device(i)
            if device.talk is Talk.WAITING and device.outcome is Outcome.OPEN and requests.listens_always(draft, i):
                flow.settle(draft, i)
                exchange.opportunity(draft, i)


def _time_passed(draft: Draft) -> None:
    """Work off the deadlines that have come, a bounded number at once."""
    for owner, i in draft.state.all_due(draft.now, _TIMERS_AT_ONCE):
        match owner:
            case Owner.DEVICE:
                _device_timer(draft, i)
            case Owner.GROUP:
                frames.timer(draft, i)
                transmission.drive(draft, i)
            case Owner.CONNECTION:
                exchange.serve_connection(draft, i)
            case Owner.CAMPAIGN:
                draft.edit_campaign().due = 0


def _device_timer(draft: Draft, i: int) -> None:
    device = draft.device(i)
    if device.step is Step.SOAK and device.outcome is Outcome.OPEN:
        flow.soak_over(draft, i)
        return
    exchange.timer(draft, i)
    if exchange.gave_up(draft, i):
        _give_up(draft, i)
        device = draft.device(i)
        if (device.outcome is Outcome.OPEN or device.undo) and requests.listens_always(draft, i):
            exchange.opportunity(draft, i)


def _first_device(plan: Plan, planned: PlannedDevice) -> DeviceState:
    profile = plan.profiles[planned.profile]
    known = dict(planned.versions)
    device = DeviceState(period_s=planned.uplink_period_s, session_cnt=planned.session_cnt)
    for package, ability in profile.packages.items():
        if package not in requests.TRACKED:
            continue
        version = known.get(package, ability.version)
        if version != ASK:
            requests.learn_version(device, package, version)
    for package in requests.TRACKED:
        if package not in profile.packages:
            requests.learn_version(device, package, None)
    if planned.group_set_up:
        device.done |= Done.GROUP_SET
    return device
