"""A group's transfer in a trial: class sessions, batches, status rounds, and what the strategy makes of them."""

from __future__ import annotations

from collections import Counter
from typing import Final

from fleetcast.planning import trial_steps, trial_unicast
from fleetcast.planning.expectation import Step
from fleetcast.planning.group_air import CHANNELS
from fleetcast.planning.session_window import (
    first_fragment_delay_s,
    longest_session_s,
    longest_wait_s,
    session_start,
    timeout_exponent,
    timeout_s,
)
from fleetcast.planning.trial_device import Aside, Outcome, Talk, TrialDevice
from fleetcast.planning.trial_group import Mode, TrialGroup
from fleetcast.planning.trial_state import JITTER, MOST_JITTER_S, Kind, Stage, TrialState
from fleetcast.planning.trial_strategy import AskAll, AskEach, Decision, Send, Standing, decide
from fleetcast.radio.answers import answer_survival

LEARNED: Final = 0.8
"""A learned period is the longest of nine gaps in ten: so much of the straying is in it."""
GAPS_NEEDED: Final = 4


def arm(trial: TrialState, group: TrialGroup, latest: float, *, patience: int = 1) -> None:
    """Settle when its next class session starts."""
    planned, plan = group.planned, trial.plan
    periods = [learned_s(trial, one) for one in group.members if one.outcome is Outcome.OPEN]
    start_ms = session_start(
        plan.start + round(trial.now * 1000),
        patience * longest_wait_s(periods, trial.policy),
        trial.tolerance_s,
        trial.policy,
        planned.session_class,
        latest=plan.start + round(latest * 1000),
    )
    if planned.session_start is not None and group.session == 0:
        start_ms = planned.session_start
    start = max((start_ms - plan.start) / 1000, 0.001)
    exponent = planned.session_timeout_exp
    group.session += 1
    if group.session > 1:
        longest = min(max(planned.transfer_s, 1), max(1, trial.end - start))
        exponent = timeout_exponent(min(longest, longest_session_s(planned.session_class)), planned.session_class)
    else:
        group.began_at = start
    group.session_start = start
    group.session_end = start + timeout_s(exponent, planned.session_class)
    group.mode = Mode.ARMED
    trial.wake_group(group, start)


def learned_s(trial: TrialState, device: TrialDevice) -> float:
    """Its period as the campaign has learned it, once it spoke often enough."""
    period = device.expected.period_s
    spoken = trial.now > GAPS_NEEDED * period
    return period + (LEARNED * min(MOST_JITTER_S, JITTER * period) if spoken else 0.0)


def tell_again(trial: TrialState, group: TrialGroup) -> None:
    for one in group.members:
        if one.outcome is Outcome.OPEN and one.step is Step.SESSION and one.talk in (Talk.KEPT, Talk.SENT):
            # An answer to the request for the session before says nothing of this one.
            trial.requests[one.number] += 1
            one.talk, one.tries = Talk.WAITING, 0
            trial_unicast.replan(trial, one)
        if one.outcome is Outcome.OPEN and one.step is Step.TRANSFER and not one.transferred:
            one.left[Step.SESSION] = 1
            one.talk, one.aside, one.tries = Talk.WAITING, Aside.NONE, 0
            trial.move(one, Step.SESSION)
            trial_unicast.replan(trial, one)


def drive(trial: TrialState, group: TrialGroup) -> None:
    """Do what is due for a group now."""
    match group.mode:
        case Mode.ARMED:
            _begin_sending(trial, group)
        case Mode.SENDING:
            offset = trial.dice.between(0, group.rhythm.slot_s) if group.rhythm.slot_s else 0.0
            over = group.put_on_air(trial.now, offset)
            group.mode = Mode.ON_AIR
            trial.wake_group(group, over)
        case Mode.ON_AIR:
            group.receive(trial.dice.generator)
            if group.to_send:
                _next_session(trial, group, asks=False)
            else:
                group.first_pass_over = True
                _decide(trial, group, sending=True)
        case Mode.ASKING:
            _ask(trial, group)
        case Mode.LISTENING | Mode.UNICAST:
            _decide(trial, group, sending=False)
        case Mode.READY | Mode.OVER:
            pass


def _begin_sending(trial: TrialState, group: TrialGroup) -> None:
    if trial.setup_only:
        return
    stage = trial.stages.index(Stage.SENDING) + 1
    if trial.stage < stage and not _may_begin_early(trial, group, stage):
        return
    first = group.session_start + first_fragment_delay_s(trial.policy, trial.tolerance_s)
    if trial.now < first:
        trial.wake_group(group, first)
        return
    if not any(one.armed_for == group.session and one.outcome is Outcome.OPEN for one in group.members):
        _finish(trial, group)
        return
    group.mode = Mode.ASKING if group.asks_next else Mode.SENDING
    group.asks_next = False
    if group.session == 1:
        pass_s = group.to_send * group.rhythm.gap_s
        for one in group.members:
            if one.restarts:
                trial.at(trial.now + trial.dice.between(0, pass_s), Kind.RESTARTED, one.number)
    drive(trial, group)


def _may_begin_early(trial: TrialState, group: TrialGroup, stage: int) -> bool:
    if trial.stage != stage - 1 or trial.now < group.session_start:
        return False
    ready = sum(one.armed_for == group.session and one.outcome is Outcome.OPEN for one in group.members)
    return 100 * ready >= trial.plan.threshold_percent * len(group.members)


def _next_session(trial: TrialState, group: TrialGroup, *, asks: bool) -> None:
    """The class session ends before the transfer does."""
    latest = trial.end - group.stream.airtime_s
    needy = any(
        one.outcome is Outcome.OPEN and one.step is Step.TRANSFER and not one.transferred for one in group.members
    )
    if not needy or trial.now >= latest:
        _finish(trial, group)
        return
    arm(trial, group, latest)
    tell_again(trial, group)
    group.asks_next = asks


def _ask(trial: TrialState, group: TrialGroup) -> None:
    """A status request goes out over multicast."""
    at = group.earliest_request(trial.now)
    if at > group.session_end:
        _next_session(trial, group, asks=True)
        return
    if at > trial.now:
        trial.wake_group(group, at)
        return
    group.mode = Mode.LISTENING
    group.poll_frames = len(group.stream.starts)
    spread = trial.spread_s(group.number)
    group.poll_closes = trial.now + spread + trial.policy.fsession_status_timeout_s
    fragments = group.planned.fragments
    asked, speaking = 0, []
    for one in group.members:
        if one.step < Step.TRANSFER or not one.armed_for or one.outcome is Outcome.FAILED:
            continue
        asked += 1
        answers = group.asks_everyone or not one.complete(fragments)
        if answers and one.expected.speaks and not trial.dice.happens(one.loss):
            speaking.append(one)
    alone = _alone(trial, group, speaking, spread)
    for one in speaking:
        if trial.dice.happens(one.up) and trial.dice.happens(alone[one.expected.data_rate]):
            trial.at(trial.now + trial.dice.between(0, spread), Kind.TOLD, one.number, group.polls)
    group.awaited = asked if group.asks_everyone else asked + 1
    trial.wake_group(group, group.poll_closes)


def _alone(
    trial: TrialState, group: TrialGroup, speaking: list[TrialDevice], spread_s: float
) -> dict[int | None, float]:
    """By data rate: the chance that an answer meets no other one at its gateways."""
    windows = trial.windows[group.number]
    # Devices that hear other gateways are too far away to disturb.
    near = len(trial.plan.devices) / len(trial.devices)
    near *= min(1.0, max((len(one.gateways) for one in speaking), default=1) / trial.gateways)
    return {
        rate: answer_survival(round(near * many), round(windows.uplink_s(rate) * 1e6), spread_s, CHANNELS)
        for rate, many in Counter(one.expected.data_rate for one in speaking).items()
    }


def told_all(trial: TrialState, device: TrialDevice, poll: int) -> None:
    """An answer to a multicast status request."""
    group = trial.groups[device.group]
    if group.mode is not Mode.LISTENING or group.polls != poll:
        return
    group.awaited -= 1
    trial_steps.told(trial, device, group.poll_frames)
    if group.awaited <= 0:
        trial.wake_group(group, trial.now)
    trial_unicast.opportunity(trial, device)
    trial_unicast.replan(trial, device)


def _decide(trial: TrialState, group: TrialGroup, *, sending: bool) -> None:
    open_ = [
        one
        for one in group.members
        if one.outcome is Outcome.OPEN and one.step is Step.TRANSFER and not one.transferred
    ]
    complete = sum(one.transferred for one in group.members)
    if not sending and group.polls == 1 and complete + len(open_):
        answered = complete + sum(one.missing >= 0 for one in open_)
        group.answer_share = min(0.98, max(0.3, answered / (complete + len(open_))))
    spread_s = trial.spread_s(group.number) + trial.policy.fsession_status_timeout_s
    frames_left = int(max(0.0, trial.end - trial.now - spread_s) / group.rhythm.gap_s)
    at = Standing(
        sending, len(group.stream.starts), group.polls, complete, len(group.members), frames_left,
        group.coded_sent, group.passes, group.asked_at, group.answer_share,
    )  # fmt: skip
    wanted = -(-trial.plan.threshold_percent * len(group.members) // 100)
    decision = decide(group.planned, trial.policy, wanted, open_, at)
    group.first_status_over |= group.polls > 0 and not isinstance(decision, AskEach)
    _carry_out(trial, group, decision)


def _carry_out(trial: TrialState, group: TrialGroup, decision: Decision) -> None:
    match decision:
        case Send(count):
            group.to_send = count
            if group.planned.strategy == "carousel":
                group.passes += 1
            else:
                group.coded_sent += count
            group.mode = Mode.SENDING
            drive(trial, group)
        case AskAll(everyone):
            group.asks_everyone = everyone
            group.polls += 1
            if not everyone:
                group.asked_at.append(len(group.stream.starts))
            group.mode = Mode.ASKING
            drive(trial, group)
        case AskEach(devices):
            group.polls += 1
            group.mode = Mode.UNICAST
            group.asked_singly = len(devices)
            for one in devices:
                one.aside, one.aside_tries, one.talk = Aside.STATUS, 0, Talk.WAITING
                trial_unicast.replan(trial, one)
        case _:
            _finish(trial, group)


def _finish(trial: TrialState, group: TrialGroup) -> None:
    group.mode = Mode.OVER
    group.over_at = trial.now
    group.first_pass_over = group.first_status_over = True
    for one in group.members:
        if one.outcome is not Outcome.OPEN or one.step > Step.TRANSFER:
            continue
        asks_image = one.received_told > 0 and one.silent > 0 and one.expected.checks_image and trial.firmware
        if one.step is Step.TRANSFER and asks_image:
            # Its image tells whether the block is complete.
            trial.move(one, Step.IMAGE)
            one.transferred = one.complete(group.planned.fragments)
            if one.transferred:
                trial_unicast.replan(trial, one)
                continue
        trial_steps.settle(trial, one, Outcome.BEHIND)
