"""What stopping and failing leave to undo, per device: reboot, image, fragmentation session, group, in this order."""

from __future__ import annotations

from fleetcast.campaign import exchange, flow
from fleetcast.campaign.draft import Draft
from fleetcast.campaign.effects import CampaignEnded, FlushQueue, Record, RecordKind, ReleaseGroup
from fleetcast.campaign.states import Aside, CampaignState, Done, Mode, Outcome, Status, Talk, Undo
from fleetcast.planning.facts import FirmwareCommand
from fleetcast.planning.plan import CampaignType
from fleetcast.protocol.packages import Package

_NAMES = {
    Undo.REBOOT: "the reboot time", Undo.IMAGE: "the image", Undo.FRAG_SESSION: "the fragmentation session",
    Undo.GROUP: "the multicast group",
}  # fmt: skip
_LONGEST_MS = 7 * 24 * 3_600_000


def begin(draft: Draft, end_status: Status, why: str) -> None:
    """Stop sending, empty the queues, and have every touched device undo what this campaign did to it."""
    campaign = draft.edit_campaign()
    campaign.status, campaign.end_status, campaign.why = Status.STOPPING, end_status, why
    campaign.sweep = 0
    campaign.grace_since = campaign.grace_until = 0
    campaign.closing = False
    draft.note(RecordKind.STATUS, "", f"stopping: {why}")
    for g, planned in enumerate(draft.plan.groups):
        group = draft.edit_group(g)
        group.due = 0
        if group.under_way:
            draft.ask(FlushQueue(draft.new_effect_id(), planned.dev_eui))


def undo_of(draft: Draft, i: int) -> Undo:
    """What is to be undone at a device; nothing at one that was never touched, or runs the new version."""
    device, profile = draft.device(i), draft.profile(i)
    if Done.RUNNING in device.done:
        return Undo.NOTHING
    undo = Undo.NOTHING
    before = Done.SAID_BEFORE in device.done
    managed = flow.speaks(draft, i, Package.FIRMWARE_MANAGEMENT)
    if managed and Done.REBOOT_SAID in device.done:
        undo |= Undo.REBOOT
    firmware = draft.plan.type is CampaignType.FIRMWARE
    if firmware and managed and (Done.FRAG_SAID in device.done or before):
        group = draft.group(draft.planned(i).group)
        knows = FirmwareCommand.DELETE_IMAGE in profile.firmware_commands
        if knows and group.ledger.handed_over:
            undo |= Undo.IMAGE
    if Done.FRAG_SAID in device.done or before:
        undo |= Undo.FRAG_SESSION
    if Done.GROUP_SAID in device.done or (before and not draft.planned(i).group_set_up):
        undo |= Undo.GROUP
    return undo


def sweep(draft: Draft, first: int, end: int) -> None:
    """Put devices `first` to `end` - 1 into clean-up."""
    for i in range(first, end):
        undo = undo_of(draft, i)
        device = draft.device(i)
        if not undo and device.talk is Talk.WAITING and device.outcome is not Outcome.OPEN:
            continue
        device = draft.edit(i)
        if device.talk in (Talk.REQUESTED, Talk.QUEUED) and device.effect:
            draft.ask(FlushQueue(draft.new_effect_id(), draft.planned(i).dev_eui))
        device.undo = undo
        device.talk, device.effect, device.due, device.not_before = Talk.WAITING, 0, 0, 0
        device.tries = device.aside_tries = 0
        device.aside = device.resumes = Aside.NONE
        if undo:
            campaign = draft.edit_campaign()
            patience_ms = (2 + draft.plan.policy.msg_retries) * device.period_s * 1000
            campaign.cleanup_until = max(campaign.cleanup_until, draft.now + min(patience_ms, _LONGEST_MS))
            if draft.planned(i).class_c_for_good:
                device.due = draft.now


def confirmed(draft: Draft, i: int, undone: Undo, refused: str) -> None:
    """A device said that something is undone, or why it isn't."""
    device = draft.device(i)
    if draft.campaign.status is not Status.STOPPING or undone not in device.undo:
        return
    device = draft.edit(i)
    device.undo &= ~undone
    if refused and undone is not Undo.IMAGE:
        device.undo_refused |= undone
    else:
        device.undone |= undone
    device.tries, device.talk, device.due = 0, Talk.WAITING, 0
    if draft.planned(i).class_c_for_good and device.undo:
        device.due = draft.now + exchange.RETRY_AFTER_MS
    _tell(draft, i)


def gave_up(draft: Draft, i: int) -> None:
    """A device left every sending of an undo without an answer: on to the next."""
    device = draft.edit(i)
    lowest = device.undo & -device.undo
    device.undo_refused |= Undo(lowest)
    device.undo &= ~Undo(lowest)
    device.tries, device.talk, device.due = 0, Talk.WAITING, 0
    _tell(draft, i)


def _tell(draft: Draft, i: int) -> None:
    device = draft.device(i)
    if not device.undo:
        left = ", ".join(_NAMES[one] for one in device.undo_refused)
        text = f"clean-up not confirmed: {left} may still be there" if left else "clean-up confirmed"
        draft.note(RecordKind.DEVICE, draft.planned(i).dev_eui, text)


def may_end(draft: Draft) -> bool:
    """Whether nobody is left to be cleaned up, or their time is over."""
    campaign = draft.campaign
    if campaign.sweep >= 0:
        return False
    return draft.now >= campaign.cleanup_until or not draft.undoing()


def end(draft: Draft) -> None:
    """The clean-up is over: the campaign's status is final."""
    campaign = draft.edit_campaign()
    confirmed_count = refused_count = 0
    for i in range(len(draft.plan.devices)):
        device = draft.device(i)
        confirmed_count += bool(device.undone) and not device.undo_refused and not device.undo
        refused_count += bool(device.undo_refused or device.undo)
    draft.note(RecordKind.STATUS, "", f"clean-up: {confirmed_count} devices confirmed, {refused_count} did not")
    release_groups(draft)
    close(draft, campaign, campaign.end_status)


def release_groups(draft: Draft) -> None:
    """Take away the groups that this campaign created at their network server."""
    for g, planned in enumerate(draft.plan.groups):
        if draft.group(g).created_here:
            draft.ask(ReleaseGroup(draft.new_effect_id(), planned.dev_eui))
            draft.edit_group(g).created_here = False


def close(draft: Draft, campaign: CampaignState, status: Status) -> None:
    """The final status; nothing happens any more."""
    campaign.status, campaign.ended, campaign.due = status, draft.now, 0
    for g in range(len(draft.plan.groups)):
        group = draft.edit_group(g)
        group.due = 0
        if group.mode is not Mode.REFUSED:
            group.mode = Mode.OVER
    draft.ask(Record(RecordKind.STATUS, "", status.value))
    draft.ask(CampaignEnded(status.value))
