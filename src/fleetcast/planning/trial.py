"""One imagined course of a plan's campaign, device by device: the rules of a campaign, without a byte.

An estimate plays some dozens of these. Each knows what the facts tell and draws what chance decides: when devices
speak, what is lost on the way, which gateway is busy.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from fleetcast.planning import trial_sending, trial_stages, trial_steps, trial_unicast
from fleetcast.planning.expectation import Step
from fleetcast.planning.trial_device import Outcome, Talk
from fleetcast.planning.trial_state import Kind, TrialState


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How a trial went."""

    duration_s: float
    frames: tuple[int, ...]
    """Data fragments on the air, by group."""
    listening_s: tuple[float, ...]
    """From the first session start to the end of the transfer, by group."""
    success_share: float
    reached_end: bool
    """Whether the campaign was not ended by a stage below its threshold."""


def play(trial: TrialState) -> TrialResult:
    """Play it to its end."""
    trial_stages.begin(trial)
    heap = trial.heap
    while trial.ended_at is None and heap:
        at, _, kind, subject, ticket = heapq.heappop(heap)
        trial.now = max(trial.now, at)
        _dispatch(trial, kind, subject, ticket)
        while trial.moved and trial.ended_at is None:
            trial.moved = trial_stages.progress(trial)
    over = trial.end if trial.ended_at is None else trial.ended_at
    succeeded = trial.counts[Outcome.SUCCEEDED]
    if trial.failed:
        over += _clean_up_s(trial, over)
    return TrialResult(
        over,
        tuple(group.stream.on_air(over) for group in trial.groups),
        tuple(max(0.0, (group.over_at or over) - group.began_at) if group.stream.starts else 0.0
              for group in trial.groups),
        sum(succeeded) / len(trial.devices),
        not trial.failed,
    )  # fmt: skip


def _dispatch(trial: TrialState, kind: Kind, subject: int, ticket: int) -> None:
    match kind:
        case Kind.UPLINK:
            device = trial.devices[subject]
            if device.ticket == ticket:
                trial_unicast.uplink(trial, device)
        case Kind.ANSWER:
            device = trial.devices[subject]
            if trial.requests[subject] == ticket and device.talk is Talk.SENT and trial_unicast.is_heard(trial, device):
                trial_unicast.answered(trial, device)
        case Kind.TURN:
            trial_unicast.turn(trial, subject)
        case Kind.TOLD:
            device = trial.devices[subject]
            if trial_unicast.is_heard(trial, device):
                trial_sending.told_all(trial, device, ticket)
        case Kind.REPORTED:
            device = trial.devices[subject]
            if device.outcome is Outcome.OPEN and device.step is Step.VERSION and trial_unicast.is_heard(trial, device):
                trial_steps.runs(trial, device)
                trial_unicast.replan(trial, device)
        case Kind.GROUP:
            group = trial.groups[subject]
            if group.ticket == ticket:
                trial_sending.drive(trial, group)
                trial.moved = True
        case Kind.CAMPAIGN:
            trial.moved = True
        case Kind.JOINS:
            trial_unicast.join(trial, trial.devices[subject])
        case Kind.RESTARTED:
            device = trial.devices[subject]
            trial_stages.restarted(trial, device)
        case Kind.SOAKED:
            device = trial.devices[subject]
            device.left[Step.SOAK] = 0
            trial_steps.advance(trial, device)
        case Kind.CHANCE:
            device = trial.devices[subject]
            if device.ticket == ticket:
                trial_unicast.opportunity(trial, device)
                trial_unicast.replan(trial, device)


def _clean_up_s(trial: TrialState, at: float) -> float:
    """Until every device that was touched has undone it, or was given its time."""
    last = 0.0
    patience = 2 + trial.policy.msg_retries
    for device in trial.devices:
        if not device.heard or (device.outcome is Outcome.SUCCEEDED and trial.firmware):
            continue
        tries = (
            1 + trial.dice.misses(device.up) + 2 * trial.dice.misses(max((1 - device.unicast_loss) * device.up, 0.01))
        )
        wait = (device.phase - at) % device.expected.period_s + (tries - 1) * device.expected.period_s
        last = max(last, min(wait, patience * device.expected.period_s))
    return last
