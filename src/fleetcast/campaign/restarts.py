"""A device joined anew, was reset, or has forgotten its session: what it lost, and whether it installed the file.

Devices that install by themselves restart when their block is complete, often before they can say that it is. What they
run then tells it; a restart alone is no proof.
"""

from __future__ import annotations

from fleetcast.campaign import exchange, flow, requests
from fleetcast.campaign.causes import Cause
from fleetcast.campaign.draft import Draft, quiet
from fleetcast.campaign.states import Aside, Done, Outcome, Status, Step
from fleetcast.planning.facts import Reboots
from fleetcast.planning.plan import CampaignType


def lost_everything(draft: Draft, i: int, *, why: str) -> None:
    """A device joined anew or was reset: before its transfer is done, nothing it had set up is known any more.

    After that only a reboot that was not due yet is ordered anew; once it was due, this is what is expected.
    """
    device = draft.device(i)
    if device.outcome not in (Outcome.OPEN, Outcome.BEHIND):
        return
    if device.step > Step.TRANSFER:
        _order_reboot_anew(draft, i)
        return
    if may_have_installed(draft, i):
        look_what_runs(draft, i)
        return
    if not device.done & (Done.GROUP_SAID | Done.FRAG_SAID) and not draft.planned(i).group_set_up:
        return
    if device.outcome is Outcome.BEHIND or (device.step >= Step.MC_SESSION and not flow.can_join(draft, i)):
        flow.fail(draft, i, Cause.REJOINED, why)
        return
    _begin_anew(draft, i)


def may_have_installed(draft: Draft, i: int) -> bool:
    """Whether a device that restarted may have done so because its block was complete."""
    device, g = draft.device(i), draft.planned(i).group
    under_way = draft.campaign.status in (Status.RUNNING, Status.PAUSED)
    return (
        draft.plan.type is CampaignType.FIRMWARE
        and draft.profile(i).reboots is Reboots.ITSELF
        and device.step in (Step.MC_SESSION, Step.TRANSFER)
        and Done.FRAG_SET in device.done
        and under_way
        and draft.group(g).ledger.on_air - device.listening_from >= draft.planned_group(g).fragments
    )


def look_what_runs(draft: Draft, i: int) -> None:
    """No more fragments for this device: what it runs tells whether it has installed the file."""
    device = draft.edit(i)
    quiet(device)
    device.aside = Aside.NONE
    device.outcome, device.failure = Outcome.OPEN, None
    device.step = Step.VERSION_CHECK
    if not requests.needs(draft, i, Step.VERSION_CHECK):
        draft.leave_behind(i, Cause.NO_ANSWER, "it restarted by itself, and can't say which version it runs")
    elif draft.planned(i).class_c_for_good:
        device.due = max(draft.now + exchange.RETRY_AFTER_MS, requests.reachable_from(draft, i))


def runs_the_old_version(draft: Draft, i: int, detail: str) -> None:
    """A device that should have been updated was not: it begins once more where it was the transfer that failed."""
    device = draft.device(i)
    if Done.TRANSFERRED in device.done or draft.profile(i).reboots is not Reboots.ITSELF:
        flow.fail(draft, i, Cause.DID_NOT_REBOOT, detail)
    elif device.received == 0:
        flow.fail(draft, i, Cause.WRONG_ROOT_KEY, "suspected: set up, and not one fragment received")
    elif Done.SAID_BEFORE in device.done or not flow.can_join(draft, i):
        flow.fail(draft, i, Cause.TOO_MANY_LOST, f"{detail}, and its status can't tell what it misses")
    else:
        _begin_anew(draft, i)


def _begin_anew(draft: Draft, i: int) -> None:
    device = draft.edit(i)
    lost = Done.GROUP_SET | Done.REBOOT_SET | Done.REBOOT_SAID | Done.FRAG_SET | Done.FRAG_SAID | Done.SESSION_SET
    if Done.FRAG_SAID in device.done:
        device.session_cnt += 1
    if device.done & (Done.GROUP_SAID | Done.FRAG_SAID):
        device.done |= Done.SAID_BEFORE
    device.done &= ~lost
    device.missing = device.received = -1
    device.session = device.session_start_asked = 0
    device.step, device.aside = Step.MC_GROUP_SETUP, Aside.NONE
    quiet(device)


def _order_reboot_anew(draft: Draft, i: int) -> None:
    device = draft.device(i)
    if Done.REBOOT_SET not in device.done or draft.now + requests.tolerance_ms(draft, i) >= device.reboot_asked:
        return
    device = draft.edit(i)
    device.done &= ~(Done.REBOOT_SET | Done.REBOOT_SAID)
    device.step = Step.IMAGE_CHECK
    flow.advance(draft, i)
