"""Status rounds: who was asked, what the answers say, and who is complete."""

from __future__ import annotations

from fleetcast.campaign import exchange, flow, requests, restarts
from fleetcast.campaign.causes import Cause
from fleetcast.campaign.draft import Draft
from fleetcast.campaign.meanings import StatusTold
from fleetcast.campaign.states import Aside, DeviceState, Done, GroupState, Mode, Outcome, Step, Talk
from fleetcast.campaign.transfer.forecast import SATURATED
from fleetcast.campaign.transfer.strategy import Receiver
from fleetcast.instants import InstantMs
from fleetcast.planning.plan import CampaignType
from fleetcast.planning.status_answers import spread_of
from fleetcast.planning.transfer_rules import SILENT_ROUNDS
from fleetcast.protocol.packages import Package

_FRAMES_THAT_MUST_REACH = 40
"""A device that got none of so many fragments can't decipher them: at half of them lost, once in 10^12."""

_SURELY_INDEPENDENT = 10
"""Fragments heard beyond M that leave a random code short once in a thousand times."""
_NONE_HEARD = 1e-4
"""Chance below which a device can't have lost all that was sent."""
_LEAST_LOSS = 0.05


def status_told(draft: Draft, i: int, told: StatusTold, *, says_complete: bool = False) -> None:
    """A device said how many fragments it has and misses; with `says_complete`, in so many words that it has all."""
    device = draft.device(i)
    g = draft.planned(i).group
    group, planned = draft.group(g), draft.planned_group(g)
    if Done.FRAG_SET not in device.done or told.frag_index not in (None, planned.frag_index):
        return
    if device.outcome not in (Outcome.OPEN, Outcome.BEHIND) or Done.TRANSFERRED in device.done:
        _answered(draft, i, group)
        return
    # Some stacks say of a session they have forgotten that they received nothing.
    forgot = told.received == 0 and (device.received > 0 or restarts.may_have_installed(draft, i))
    if told.no_session or forgot:
        if device.received < 0 and not told.no_session:
            draft.edit(i).received = 0
        _answered(draft, i, group)
        restarts.lost_everything(draft, i, why="the device has no fragmentation session any more")
        return
    if device.step is not Step.TRANSFER:
        return
    device = draft.edit(i)
    earlier_missing, earlier_received = device.missing, device.received
    asked_at = device.frames_asked if device.aside is Aside.STATUS and device.aside_tries else group.poll_frames
    # Nothing missing and nothing received: some stacks say so before their first fragment.
    missing = told.missing if told.received else min(planned.fragments, SATURATED)
    device.received, device.missing, device.silent_polls = told.received, missing, 0
    _answered(draft, i, group)
    device = draft.edit(i)
    device.frames_asked = asked_at
    quirks = draft.profile(i).quirks
    counts_receptions = "MISSING_COUNTS_REPEATS" in quirks
    if missing != earlier_missing or (counts_receptions and told.received != earlier_received):
        device.frames_at_change = asked_at
    if told.received == 0 and asked_at - device.listening_from >= _FRAMES_THAT_MUST_REACH:
        draft.leave_behind(
            i,
            Cause.WRONG_ROOT_KEY,
            f"suspected: set up, and none of {asked_at - device.listening_from} fragments received",
        )
        return
    if told.memory_error:
        device.done |= Done.MEMORY_EXHAUSTED
        return
    complete = missing == 0
    if complete and counts_receptions and not says_complete:
        complete = _enough_receptions(draft, i, asked_at)
    if not complete and "LOSSLESS_MISSING_1" in quirks and told.missing == 1:
        # Such a stack goes on saying (M, 1) after a block without losses; one that misses a fragment moves on.
        whole = told.received == planned.fragments
        complete = whole and (
            asked_at <= planned.fragments or (earlier_missing, earlier_received) == (1, told.received)
        )
    if complete:
        _complete(draft, i, mic_error=told.mic_error and "MIC_UNRELIABLE" not in quirks)


def _enough_receptions(draft: Draft, i: int, asked_at: int) -> bool:
    """Whether a device whose MissingFrag is M minus all it heard, useful or not, can be taken to have the block.

    It can if nothing coded was on the air yet; if it heard so many more than M that the coded ones among them hardly
    can have been useless; or if it counts no further although more was sent, as decoders do that are done.
    """
    device, planned = draft.device(i), draft.planned_group(draft.planned(i).group)
    listened = asked_at - device.listening_from
    if asked_at <= planned.fragments or device.received - planned.fragments >= _SURELY_INDEPENDENT:
        return True
    loss = max(draft.planned(i).expected_loss, 1 - device.received / max(listened, 1), _LEAST_LOSS)
    return loss ** (asked_at - device.frames_at_change) <= _NONE_HEARD


def ask_by_unicast(draft: Draft, i: int) -> None:
    """Have a device asked for its status at its next opportunity; what must be cancelled there goes first."""
    device = draft.edit(i)
    if device.aside is Aside.CANCEL_REBOOT:
        device.resumes = Aside.STATUS
        return
    device.aside, device.aside_tries, device.talk, device.due = Aside.STATUS, 0, Talk.WAITING, 0
    if draft.planned(i).class_c_for_good:
        device.due = draft.now + exchange.RETRY_AFTER_MS


def begin_sample(draft: Draft, g: int, devices: int, *, enough: int, least: int) -> bool:
    """Ask the devices that speak next, so many; False where too few of them speak in the time of two status rounds."""
    round_s = _round_s(draft, g)
    listening = [i for i in draft.state.members[g] if _listens(draft, i) and receives(draft.device(i))]
    uplinks_per_s = sum(1 / max(draft.device(i).period_s, 1) for i in listening)
    devices = min(devices, int(2 * round_s * uplinks_per_s))
    if devices < least:
        return False
    group = draft.edit_group(g)
    group.mode, group.sample_left, group.poll_awaited = Mode.SAMPLING, devices, min(enough, devices)
    group.poll_frames = group.ledger.on_air
    group.poll_closes = group.due = draft.now + int(1.5 * devices / uplinks_per_s + round_s) * 1000
    return True


def take_into_sample(draft: Draft, i: int) -> None:
    """A device spoke: ask it, if its group takes a sample and it was not asked yet."""
    g = draft.planned(i).group
    group, device = draft.group(g), draft.device(i)
    free = device.talk is Talk.WAITING and device.aside is Aside.NONE and device.missing < 0
    if group.mode is Mode.SAMPLING and group.sample_left and free and receives(device) and _listens(draft, i):
        draft.edit_group(g).sample_left -= 1
        ask_by_unicast(draft, i)


def end_sample(draft: Draft, g: int) -> None:
    """Nobody is asked again for the sample: everyone is asked soon."""
    for i in draft.state.members[g]:
        if draft.device(i).asked_singly:
            _asks_no_more(draft, i)


def asked(draft: Draft, g: int, at: InstantMs) -> None:
    """A multicast status request went out: a round of answers is open."""
    group = draft.edit_group(g)
    group.mode = Mode.LISTENING
    group.poll += 1
    group.poll_frames = group.ledger.on_air
    group.poll_closes = at + _round_s(draft, g) * 1000
    asked = [i for i in draft.state.members[g] if _listens(draft, i)]
    # With Participants 0 silence may mean complete, lost or gone: only time closes such a round.
    group.poll_awaited = len(asked) if group.poll_everyone else len(asked) + 1
    group.due = group.poll_closes


def _answered(draft: Draft, i: int, group: GroupState) -> None:
    device = draft.device(i)
    if device.asked_singly:
        _asks_no_more(draft, i)
        if group.mode is Mode.SAMPLING:
            draft.edit_group(draft.planned(i).group).poll_awaited -= 1
    if group.mode is Mode.LISTENING and device.poll_answered != group.poll:
        draft.edit(i).poll_answered = group.poll
        draft.edit_group(draft.planned(i).group).poll_awaited -= 1


def _asks_no_more(draft: Draft, i: int) -> None:
    device = draft.edit(i)
    device.resumes = Aside.NONE
    if device.aside is not Aside.STATUS:
        return
    device.aside, device.aside_tries, device.talk, device.due = Aside.NONE, 0, Talk.WAITING, 0


def _round_s(draft: Draft, g: int) -> int:
    """From a status request over multicast until no more answers are awaited."""
    return spread_of(draft.planned_group(g).block_ack_delay) + draft.plan.policy.fsession_status_timeout_s


def receiver(draft: Draft, i: int) -> Receiver:
    """A device as the strategy sees it."""
    device, profile = draft.device(i), draft.profile(i)
    heard = device.missing >= 0
    trusted = not {"BIG_ENDIAN_STATUS", "LAST_NUMBER_AS_RECEIVED"} & profile.quirks
    return Receiver(
        index=i,
        expected_loss=draft.planned(i).expected_loss,
        missing=device.missing if heard else None,
        received=device.received if heard and trusted else None,
        frames_at_answer=device.frames_asked,
        silent=device.silent_polls >= SILENT_ROUNDS,
        listening_from=device.listening_from,
        stuck_frames=max(0, device.frames_asked - device.frames_at_change) if heard else 0,
        memory_exhausted=Done.MEMORY_EXHAUSTED in device.done,
        memory_limit=profile.max_lost_fragments,
        missing_falls="MISSING_NEVER_FALLS" not in profile.quirks,
        takes_any_order=profile.takes_any_order,
    )


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


def receives(device: DeviceState) -> bool:
    """Whether a device takes part in the transfer and isn't known to be complete."""
    return device.outcome is Outcome.OPEN and device.step is Step.TRANSFER and Done.TRANSFERRED not in device.done


def _listens(draft: Draft, i: int) -> bool:
    device = draft.device(i)
    return device.step >= Step.TRANSFER and Done.SESSION_SET in device.done and device.outcome is not Outcome.FAILED
