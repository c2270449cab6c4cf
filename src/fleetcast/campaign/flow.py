"""How a device moves from step to step: on success, when it gives up, when a late answer comes, when it joined anew."""

from __future__ import annotations

from fleetcast.campaign import exchange, requests
from fleetcast.campaign.causes import Cause
from fleetcast.campaign.draft import Draft, quiet
from fleetcast.campaign.effects import RecordKind
from fleetcast.campaign.states import Aside, DeviceState, Done, Mode, Outcome, Status, Step, Talk
from fleetcast.planning.plan import CampaignType, SuccessMeans
from fleetcast.protocol.packages import Package

_JOIN_LEAST_MS = 60_000
"""A class session with less time left than this is of no use to a device told now."""


def advance(draft: Draft, i: int) -> None:
    """The present step is done: go to the next one that needs something, or to the end."""
    device = draft.edit(i)
    quiet(device)
    device.aside = Aside.NONE
    while device.step < Step.DONE and not requests.needs(draft, i, device.step):
        if device.step is Step.TRANSFER and reached(draft, i, SuccessMeans.SET_UP):
            draft.succeed(i)
            return
        device.step = Step(device.step + 1)
        if device.step is Step.VERSION_CHECK:
            device.not_before = _version_due(draft, device)
        device.aside = _first_of_all(draft, i, device)
        if device.step is Step.SOAK and draft.plan.policy.soak_s:
            device.due = draft.now + draft.plan.policy.soak_s * 1000
    if device.step is Step.DONE:
        _conclude(draft, i)
    elif draft.planned(i).class_c_for_good and device.step is not Step.SOAK:
        device.due = max(device.not_before, draft.now + exchange.RETRY_AFTER_MS, requests.reachable_from(draft, i))


def settle(draft: Draft, i: int) -> None:
    """Pass what a device needn't do, so that what is said next is what it needs."""
    device = draft.device(i)
    at_rest = device.outcome is Outcome.OPEN and device.talk is Talk.WAITING and device.aside is Aside.NONE
    if at_rest and not requests.needs(draft, i, device.step):
        advance(draft, i)


def reached(draft: Draft, i: int, means: SuccessMeans) -> bool:
    """Whether a device did what success means, when it means this."""
    if draft.plan.success_means is not means:
        return False
    done = draft.device(i).done
    # What runs was valid, and what is valid was transferred.
    match means:
        case SuccessMeans.SET_UP:
            return requests.is_armed(draft, i)
        case SuccessMeans.TRANSFERRED:
            return bool(done & (Done.TRANSFERRED | Done.VALID | Done.RUNNING))
        case SuccessMeans.VALID:
            return bool(done & (Done.VALID | Done.RUNNING))
        case SuccessMeans.RUNNING:
            return Done.RUNNING in done


def succeeded(draft: Draft, i: int) -> bool:
    """Whether a device did what this campaign is for."""
    return reached(draft, i, draft.plan.success_means)


def fail(draft: Draft, i: int, cause: Cause, detail: str = "") -> None:
    """A device can't go on; what it reached already may be success enough."""
    if succeeded(draft, i):
        draft.succeed(i)
    else:
        draft.fail(i, cause, detail)


def give_up(draft: Draft, i: int) -> None:
    """Every sending of the present request went without an answer."""
    device = draft.edit(i)
    request = requests.wanted(draft, i)
    name = request.name if request is not None else "request"
    tries = draft.plan.policy.msg_retries + 1
    detail = f"{name}, sent {tries} times"
    device.talk, device.due = Talk.WAITING, 0
    match device.aside:
        case Aside.STATUS:
            device.aside, device.aside_tries = Aside.NONE, 0
            device.silent_polls += 1
            return
        case Aside.CANCEL_REBOOT:
            cancel_over(draft, i)
            return
        case Aside.RESYNC:
            fail(draft, i, Cause.CLOCK_OFF, f"{name}, sent {tries} times, no AppTimeReq came")
            return
        case Aside.FRAG_DELETE | Aside.GROUP_DELETE | Aside.NONE:
            pass
    match device.step:
        case Step.PACKAGE_VERSIONS:
            package = requests.unknown_package(draft, i)
            if package is None or requests.indispensable(draft, i, package):
                label = package.label.replace("_", " ") if package is not None else ""
                draft.leave_behind(i, Cause.NO_ANSWER, f"{detail}, for {label}")
                return
            requests.learn_version(device, package, None)
            device.tries = 0
            if not requests.needs(draft, i, Step.PACKAGE_VERSIONS):
                advance(draft, i)
        case Step.KNOWN_VERSION:
            if draft.planned(i).must_know_version:
                draft.leave_behind(i, Cause.NO_ANSWER, detail)
                return
            device.step = Step.MC_GROUP_SETUP
            advance(draft, i)
        case Step.REBOOT:
            # An order that was carried out at once has no answer; the version check tells.
            device.done |= Done.REBOOT_SET
            advance(draft, i)
        case _ if succeeded(draft, i):
            draft.succeed(i)
        case _:
            draft.leave_behind(i, Cause.NO_ANSWER, detail)


def cancel_over(draft: Draft, i: int) -> None:
    """A reboot was cancelled, or every sending went without an answer: on with what it held up."""
    device = draft.edit(i)
    device.aside, device.resumes = device.resumes, Aside.NONE
    device.aside_tries, device.talk, device.due = 0, Talk.WAITING, 0
    if draft.planned(i).class_c_for_good and device.outcome is Outcome.OPEN:
        device.due = max(draft.now + exchange.RETRY_AFTER_MS, requests.reachable_from(draft, i))


def end_of_grace(draft: Draft, i: int) -> None:
    """A device that is still open used up the grace of its stage."""
    request = requests.wanted(draft, i)
    if request is not None:
        said = f"{request.name}, until the grace was over"
    elif draft.device(i).step is Step.VERSION_CHECK:
        said = "no uplink of the new firmware, until the grace was over"
    else:
        said = "until the grace was over"
    draft.leave_behind(i, Cause.NO_ANSWER, said)


def stay_for_next_round(draft: Draft, i: int) -> bool:
    """Without FEC a device that has no valid image stays for the next round, if its group still has one."""
    group = draft.group(draft.planned(i).group)
    transfer = group.transfer
    if transfer.strategy != "carousel" or group.mode is Mode.OVER or transfer.passes >= transfer.passes_max:
        return False
    device = draft.edit(i)
    quiet(device)
    device.done &= ~Done.TRANSFERRED
    device.missing = device.received = -1
    device.step = Step.TRANSFER
    return True


def soak_over(draft: Draft, i: int) -> None:
    """The time that a device must stay well after its update is over: it speaks at its old period, or it doesn't."""
    device = draft.edit(i)
    device.due = 0
    if draft.now - device.heard_at <= 2000 * device.period_s:
        device.done |= Done.HEALTHY
        advance(draft, i)
    else:
        draft.fail(i, Cause.NOT_HEALTHY, "silent since it reported the new version")


def come_back(draft: Draft, i: int) -> bool:
    """A late answer: the device catches up while that can still work, else it is recorded as late."""
    if draft.device(i).outcome is not Outcome.BEHIND:
        return draft.device(i).outcome is Outcome.OPEN
    under_way = draft.campaign.status in (Status.RUNNING, Status.PAUSED)
    if not under_way or (draft.device(i).step <= Step.TRANSFER and not can_join(draft, i)):
        draft.note(RecordKind.LATE, draft.planned(i).dev_eui, "answered too late to take part")
        return False
    device = draft.edit(i)
    device.outcome, device.failure = Outcome.OPEN, None
    return True


def can_join(draft: Draft, i: int) -> bool:
    """Whether a device that is not armed yet can still take part in its group's transfer."""
    g = draft.planned(i).group
    group, planned = draft.group(g), draft.planned_group(g)
    if group.mode in (Mode.OVER, Mode.REFUSED):
        return False
    if group.mode in (Mode.UNKNOWN, Mode.ENSURING, Mode.READY, Mode.RE_ARMING) or not group.session_start:
        return True
    if draft.now < group.session_start and planned.session_class == "C":
        return True
    late = draft.now + requests.JOIN_AHEAD_MS + _JOIN_LEAST_MS
    if planned.session_class == "B" or late > group.session_end:
        return draft.now < group.session_start
    if draft.plan.type is CampaignType.MULTICAST_SETUP or not group.ledger.on_air:
        return True
    # What it missed so far must still fit into what may be sent.
    heard_share = 1 - draft.planned(i).expected_loss
    numbers_left = planned.coded_max - group.ledger.coded_numbers
    return numbers_left * heard_share > planned.fragments * 1.1


def speaks(draft: Draft, i: int, package: Package) -> bool:
    """Whether a device has a package, as far as is known."""
    return package in draft.profile(i).packages and requests.version(draft.device(i), package) is not None


def ask_for_time(draft: Draft, i: int, why: str) -> None:
    """A device's clock is off: have it ask for the time, then send the request again as one more try."""
    device = draft.edit(i)
    if not speaks(draft, i, Package.CLOCK_SYNC) or device.tries > draft.plan.policy.msg_retries:
        fail(draft, i, Cause.CLOCK_OFF, why)
        return
    device.aside, device.aside_tries = Aside.RESYNC, 0
    device.talk, device.due, device.effect = Talk.WAITING, 0, 0


def _first_of_all(draft: Draft, i: int, device: DeviceState) -> Aside:
    """What a step says before its own request: a slot that is in use is cleared."""
    planned = draft.planned(i)
    if not requests.needs(draft, i, device.step):
        return Aside.NONE
    if device.step is Step.MC_GROUP_SETUP and planned.replaces_group:
        return Aside.GROUP_DELETE
    if device.step is Step.FRAG_SESSION_SETUP and (planned.clear_frag_session or _may_stand(device)):
        return Aside.FRAG_DELETE
    return Aside.NONE


def _may_stand(device: DeviceState) -> bool:
    """Whether a version 1 fragmentation session of this campaign may stand: its setup is repeated after a delete."""
    return Done.SAID_BEFORE in device.done and requests.version(device, Package.FRAGMENTATION) == 1


def _version_due(draft: Draft, device: DeviceState) -> int:
    done_at = device.reboot_asked if Done.REBOOT_SET in device.done else draft.now
    return max(done_at, draft.now) + draft.plan.policy.fuota_process_max_time_s * 1000


def _conclude(draft: Draft, i: int) -> None:
    if succeeded(draft, i):
        draft.succeed(i)
        return
    match draft.plan.success_means:
        case SuccessMeans.VALID:
            draft.fail(i, Cause.NO_VALID_IMAGE, "the device can't say whether its image is valid")
        case SuccessMeans.TRANSFERRED:
            draft.fail(i, Cause.NO_ANSWER, "the device can't say whether its block is complete")
        case _:
            draft.fail(i, Cause.NO_ANSWER, "the device can't say which version it runs")
