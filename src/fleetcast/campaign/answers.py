"""What a device said, and what that changes. Late, repeated and unexpected answers are ordinary here.

An answer counts only where it was asked for and where this campaign owns the slot it names; anything else is noted once
and changes nothing.
"""

from __future__ import annotations

from fleetcast.campaign import cleanup, exchange, flow, phrasing, requests, restarts, status_rounds
from fleetcast.campaign.causes import Cause
from fleetcast.campaign.draft import Draft
from fleetcast.campaign.effects import RecordKind
from fleetcast.campaign.meanings import (
    BlockReceived,
    FragSessionAnswered,
    FragSessionDeleted,
    GroupAnswered,
    GroupDeleted,
    ImageDeleted,
    ImageTold,
    Meaning,
    NewFirmwareSeen,
    RebootAnswered,
    RunningTold,
    SessionAnswered,
    StatusTold,
    TimeAsked,
    VersionTold,
)
from fleetcast.campaign.states import Aside, Done, Outcome, Status, Step, Talk, Undo
from fleetcast.instants import InstantMs
from fleetcast.planning.plan import CampaignType
from fleetcast.protocol.packages import Package
from fleetcast.protocol.ts006_firmware.v1 import IMAGE_VALID

CLOCK_UNKNOWN_S = 0xFFFFFF
"""TimeToStart of a device that does not know the time (TS005-2.0.0, 0x04 up)."""
_WRONG_HARDWARE_STATUS = 2


def take(draft: Draft, i: int, meaning: Meaning, received_at: InstantMs) -> None:
    """What one command of an uplink changes."""
    match meaning:
        case VersionTold():
            _version_told(draft, i, meaning)
        case GroupAnswered():
            _group_answered(draft, i, meaning)
        case FragSessionAnswered():
            _frag_session_answered(draft, i, meaning)
        case SessionAnswered():
            _session_answered(draft, i, meaning, received_at)
        case StatusTold():
            status_rounds.status_told(draft, i, meaning)
        case BlockReceived():
            told = StatusTold(
                meaning.frag_index, received=1, missing=0, memory_error=False, mic_error=meaning.mic_error,
                no_session=False,
            )  # fmt: skip
            status_rounds.status_told(draft, i, told, says_complete=True)
            _acknowledge(draft, i, meaning)
        case RebootAnswered():
            _reboot_answered(draft, i, meaning, received_at)
        case ImageTold():
            _image_told(draft, i, meaning)
        case ImageDeleted():
            cleanup.confirmed(draft, i, Undo.IMAGE, meaning.refused)
        case RunningTold():
            _running_told(draft, i, meaning)
        case NewFirmwareSeen():
            _new_firmware(draft, i)
        case FragSessionDeleted():
            if meaning.frag_index == draft.planned_group(draft.planned(i).group).frag_index:
                _frag_session_deleted(draft, i)
        case GroupDeleted():
            if meaning.mc_group_id == draft.planned(i).mc_group_id:
                _group_deleted(draft, i)
        case TimeAsked():
            _aside_done(draft, i, Aside.RESYNC)


def _version_told(draft: Draft, i: int, told: VersionTold) -> None:
    device = draft.device(i)
    if told.package not in requests.TRACKED:
        return
    if requests.version(device, told.package) != 0 and device.step is not Step.PACKAGE_VERSIONS:
        return
    device = draft.edit(i)
    requests.learn_version(device, told.package, told.version)
    if device.step is not Step.PACKAGE_VERSIONS or not flow.come_back(draft, i):
        return
    if told.package is Package.FRAGMENTATION and not _scheme_fits(draft, i, told.version):
        scheme = draft.planned_group(draft.planned(i).group).scheme
        draft.fail(
            i, Cause.REFUSED, f"speaks fragmentation version {told.version}, its group's coded fragments are {scheme}"
        )
        return
    device.tries, device.talk, device.due = 0, Talk.WAITING, 0
    if not requests.needs(draft, i, Step.PACKAGE_VERSIONS):
        flow.advance(draft, i)


def _scheme_fits(draft: Draft, i: int, version: int) -> bool:
    group, profile = draft.planned_group(draft.planned(i).group), draft.profile(i)
    own = profile.scheme or ("v1" if version == 1 else "v2-relative")
    return own == group.scheme or group.strategy == "carousel"


def _group_answered(draft: Draft, i: int, answer: GroupAnswered) -> None:
    device = draft.device(i)
    asked = Done.GROUP_SAID in device.done and Done.GROUP_SET not in device.done
    if not asked or answer.mc_group_id != draft.planned(i).mc_group_id or device.step > Step.MC_GROUP_SETUP:
        return
    if not flow.come_back(draft, i):
        return
    if answer.refused:
        draft.fail(i, Cause.REFUSED, f"McGroupSetupReq: {answer.refused}")
        return
    draft.edit(i).done |= Done.GROUP_SET
    flow.advance(draft, i)


def _frag_session_answered(draft: Draft, i: int, answer: FragSessionAnswered) -> None:
    device, group = draft.device(i), draft.planned_group(draft.planned(i).group)
    no_index = "SETUP_ANS_NO_INDEX" in draft.profile(i).quirks
    if answer.frag_index != group.frag_index and not no_index:
        return
    if Done.FRAG_SAID not in device.done or Done.FRAG_SET in device.done or device.step > Step.FRAG_SESSION_SETUP:
        return
    # Once a delete was said, an answer to the setup before it is no longer true.
    if device.aside is Aside.FRAG_DELETE and device.aside_tries and not requests.combines(draft, i):
        return
    if not flow.come_back(draft, i):
        return
    if answer.replay and device.tries <= draft.plan.policy.msg_retries:
        device = draft.edit(i)
        device.session_cnt += 1
        device.talk, device.due = Talk.WAITING, 0
        return
    if answer.refused:
        draft.fail(i, Cause.REFUSED, f"FragSessionSetupReq: {answer.refused}")
        return
    draft.edit(i).done |= Done.FRAG_SET
    flow.advance(draft, i)


def _frag_session_deleted(draft: Draft, i: int) -> None:
    if not _aside_done(draft, i, Aside.FRAG_DELETE):
        cleanup.confirmed(draft, i, Undo.FRAG_SESSION, "")


def _group_deleted(draft: Draft, i: int) -> None:
    if not _aside_done(draft, i, Aside.GROUP_DELETE):
        cleanup.confirmed(draft, i, Undo.GROUP, "")


def _aside_done(draft: Draft, i: int, aside: Aside) -> bool:
    """Whether this was awaited before the step's own request, which is next now."""
    device = draft.device(i)
    if device.aside is not aside or not device.aside_tries:
        return False
    device = draft.edit(i)
    device.aside, device.aside_tries = Aside.NONE, 0
    device.talk, device.due = Talk.WAITING, 0
    return True


def _session_answered(draft: Draft, i: int, answer: SessionAnswered, received_at: InstantMs) -> None:
    device = draft.device(i)
    if (
        answer.mc_group_id != draft.planned(i).mc_group_id
        or not device.session_start_asked
        or device.step > Step.MC_SESSION
        or requests.is_armed(draft, i)
        or device.aside is not Aside.NONE
    ):
        return
    if not flow.come_back(draft, i):
        return
    device = draft.edit(i)
    may_retry = device.tries <= draft.plan.policy.msg_retries
    if answer.refused:
        missed = answer.start_missed or (answer.group_undefined and draft.now >= device.session_start_asked)
        if missed and received_at + requests.tolerance_ms(draft, i) < device.session_start_asked:
            flow.ask_for_time(draft, i, "the device says that a start ahead of now was missed")
            return
        if missed and may_retry and flow.can_join(draft, i):
            device.talk, device.due, device.session_start_asked = Talk.WAITING, 0, 0
        else:
            # Told in time and missed all the same, it is the device's clock; told late, it is what the bits say.
            cause = Cause.CLOCK_OFF if missed and draft.now < device.session_start_asked else Cause.REFUSED
            draft.fail(i, cause, f"McClass{_class(draft, i)}SessionReq: {answer.refused}")
        return
    off_s = _clock_off_s(draft, i, answer.time_to_start_s, device.session_start_asked, received_at)
    if off_s is not None:
        flow.ask_for_time(draft, i, off_s)
        return
    group = draft.group(draft.planned(i).group)
    if group.session == 1 or device.session == 0:
        device.listening_from = group.ledger.on_air
    device.done |= Done.SESSION_SET | Done.CLOCK_CHECKED
    device.session = group.session
    device.session_start_asked = 0
    if device.step is Step.MC_SESSION:
        flow.advance(draft, i)


def _acknowledge(draft: Draft, i: int, told: BlockReceived) -> None:
    """A device repeats FragDataBlockReceivedReq until it is answered (TS004-2.0.0, 0x04)."""
    if (
        told.frag_index == draft.planned_group(draft.planned(i).group).frag_index
        and Done.FRAG_SET in draft.device(i).done
    ):
        answer = phrasing.block_received(told.frag_index)
        exchange.acknowledge(draft, i, requests.Request(Package.FRAGMENTATION, (answer,)))


def _class(draft: Draft, i: int) -> str:
    return draft.planned_group(draft.planned(i).group).session_class


def _clock_off_s(
    draft: Draft, i: int, seconds_left: int | None, instant: InstantMs, received_at: InstantMs
) -> str | None:
    """How far a device's clock is off, in words; None: within its tolerance, or it did not say."""
    if seconds_left is None:
        return None
    if seconds_left == CLOCK_UNKNOWN_S:
        return "the device does not know the time"
    off_ms = received_at + seconds_left * 1000 - instant
    # Seconds are whole on both sides, so one more than the tolerance is no error.
    if abs(off_ms) <= requests.tolerance_ms(draft, i) + 1000:
        return None
    return f"off by {off_ms / 1000:+.0f} s"


def _reboot_answered(draft: Draft, i: int, answer: RebootAnswered, received_at: InstantMs) -> None:
    device = draft.device(i)
    if draft.campaign.status is Status.STOPPING:
        if answer.seconds_left == -1:  # another number is a late answer to the order itself
            cleanup.confirmed(draft, i, Undo.REBOOT, "")
        return
    if device.aside is Aside.CANCEL_REBOOT:
        if answer.seconds_left == -1:
            draft.edit(i).done &= ~(Done.REBOOT_SET | Done.REBOOT_SAID)
            flow.cancel_over(draft, i)
        return
    if Done.REBOOT_SAID not in device.done or Done.REBOOT_SET in device.done or answer.seconds_left == -1:
        return
    if device.step not in (Step.REBOOT_TIME, Step.REBOOT) or not flow.come_back(draft, i):
        return
    if answer.seconds_left is None:
        flow.ask_for_time(draft, i, "DevRebootTimeReq refused: clock unknown, or the time had passed")
        return
    off_s = _clock_off_s(draft, i, answer.seconds_left, device.reboot_asked, received_at)
    if off_s is not None and not answer.by_countdown:
        flow.ask_for_time(draft, i, off_s)
        return
    device = draft.edit(i)
    device.done |= Done.REBOOT_SET
    if answer.by_countdown:
        device.reboot_asked = received_at + answer.seconds_left * 1000
    flow.advance(draft, i)


def _image_told(draft: Draft, i: int, told: ImageTold) -> None:
    device = draft.device(i)
    unasked = device.outcome is Outcome.OPEN and device.talk is Talk.WAITING
    if device.step is not Step.IMAGE_CHECK or unasked or not flow.come_back(draft, i):
        return
    target = draft.plan.file.version if draft.plan.file is not None else None
    if told.status == IMAGE_VALID:
        # Some stacks leave the version at 0 always; only another version is a contradiction.
        if told.version in (None, 0, target):
            draft.edit(i).done |= Done.VALID
            flow.advance(draft, i)
        else:
            flow.fail(draft, i, Cause.WRONG_IMAGE_VERSION, f"the image is 0x{told.version:08X}")
    elif told.status == _WRONG_HARDWARE_STATUS:
        flow.fail(draft, i, Cause.WRONG_HARDWARE, "the device says so of the image")
    elif not flow.stay_for_next_round(draft, i):
        flow.fail(draft, i, Cause.NO_VALID_IMAGE, "corrupt or unsigned" if told.status else "none stored")


def _running_told(draft: Draft, i: int, told: RunningTold) -> None:
    device, plan, profile = draft.device(i), draft.plan, draft.profile(i)
    target = plan.file.version if plan.file is not None else None
    if "DEVVERSION_UNASKED" in profile.quirks:
        told = _in_right_order(told, {target, _version_before(draft, i)})
    hardware_differs = profile.hw_version is not None and told.hardware not in (profile.hw_version, 0)
    if device.step <= Step.KNOWN_VERSION:
        draft.edit(i).firmware_before = told.firmware
        if not flow.come_back(draft, i):
            return
        if hardware_differs:
            draft.fail(i, Cause.WRONG_HARDWARE, f"0x{told.hardware:08X}")
        elif plan.type is CampaignType.FIRMWARE and told.firmware == target:
            draft.edit(i).firmware_after = target
            draft.edit(i).done |= Done.RUNNING
            draft.succeed(i)
        elif draft.planned(i).must_know_version and plan.file is not None and told.firmware != plan.file.base_version:
            draft.fail(i, Cause.WRONG_BASE_VERSION, f"runs 0x{told.firmware:08X}")
        elif device.step is Step.KNOWN_VERSION:
            flow.advance(draft, i)
        return
    if plan.type is not CampaignType.FIRMWARE:
        return
    if told.firmware == target:
        draft.edit(i).firmware_after = target
        _new_firmware(draft, i)
        return
    asked = device.step is Step.VERSION_CHECK and device.talk in (Talk.SENT, Talk.REQUESTED)
    if device.outcome is not Outcome.OPEN or device.step is not Step.VERSION_CHECK:
        return
    device = draft.edit(i)
    device.firmware_after = told.firmware
    before = _version_before(draft, i)
    if not asked:
        # Some stacks put other bytes there, and it may not have rebooted yet: it is asked when that is due.
        return
    if hardware_differs:
        flow.fail(draft, i, Cause.WRONG_HARDWARE, f"0x{told.hardware:08X}")
    elif before in (None, told.firmware):
        restarts.runs_the_old_version(draft, i, f"still runs 0x{told.firmware:08X}")
    else:
        flow.fail(draft, i, Cause.WRONG_VERSION_RUNNING, f"0x{told.firmware:08X}")


def _version_before(draft: Draft, i: int) -> int | None:
    device = draft.device(i)
    return device.firmware_before if device.firmware_before >= 0 else draft.planned(i).known_version


def _in_right_order(told: RunningTold, expected: set[int | None]) -> RunningTold:
    """Some stacks write the bytes of an unasked DevVersionAns the other way round."""
    turned = int.from_bytes(told.firmware.to_bytes(4, "little"), "big")
    if told.firmware in expected or turned not in expected:
        return told
    return RunningTold(turned, int.from_bytes(told.hardware.to_bytes(4, "little"), "big"))


def _new_firmware(draft: Draft, i: int) -> None:
    device = draft.device(i)
    if Done.RUNNING in device.done:
        return
    in_time = draft.campaign.status in (Status.RUNNING, Status.PAUSED)
    if device.outcome is Outcome.OPEN or (device.outcome is Outcome.BEHIND and in_time):
        device = draft.edit(i)
        device.outcome, device.failure = Outcome.OPEN, None
        device.done |= Done.RUNNING | Done.TRANSFERRED
        if device.step < Step.VERSION_CHECK:
            device.step = Step.VERSION_CHECK
        flow.advance(draft, i)
    elif device.outcome in (Outcome.FAILED, Outcome.BEHIND):
        draft.edit(i).done |= Done.RUNNING | Done.LATE_SUCCESS
        draft.note(RecordKind.LATE, draft.planned(i).dev_eui, "reported the new version late")
