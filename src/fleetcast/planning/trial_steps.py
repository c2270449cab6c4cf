"""How a device of a trial goes from step to step, and what became of it."""

from __future__ import annotations

import math
from typing import Final

from fleetcast.planning.expectation import Step
from fleetcast.planning.group_air import CHANNELS
from fleetcast.planning.plan import SuccessMeans
from fleetcast.planning.trial_device import Aside, Outcome, Talk, TrialDevice
from fleetcast.planning.trial_group import Mode
from fleetcast.planning.trial_state import Kind, TrialState
from fleetcast.radio.answers import answer_survival

COUNTDOWN_S: Final = 30.0
"""Of an immediate reboot."""
BACK_S: Final = 23.0
"""From a reboot until the device begins to join: flashing and starting."""
FIRST_UPLINK_S: Final = (5.0, 30.0)
REPORT_AFTER_S: Final = (16.0, 128.0)
"""When after a start a device that tells its version by itself does so."""
REPORTS: Final = 3


def exchange_done(trial: TrialState, device: TrialDevice) -> None:
    step = device.step
    if device.left[step]:
        return
    match step:
        case Step.SESSION:
            _armed(trial, device)
        case Step.GROUP if not device.expected.exchanges[Step.SESSION]:
            _armed(trial, device)
        case Step.IMAGE:
            device.valid = True
        case Step.VERSION:
            runs(trial, device)
            return
        case _:
            pass
    advance(trial, device)


def _armed(trial: TrialState, device: TrialDevice) -> None:
    group = trial.groups[device.group]
    on_air = group.stream.on_air(trial.now)
    if group.session == 1 or not device.armed_for:
        device.listening_from = on_air
    device.armed_for = device.told_session


def advance(trial: TrialState, device: TrialDevice) -> None:
    """On to the next step that has something to do."""
    device.talk, device.aside, device.tries, device.aside_tries = Talk.WAITING, Aside.NONE, 0, 0
    step = device.step
    while step < Step.DONE and not needs(trial, device, step):
        if step is Step.TRANSFER and trial.setup_only:
            settle(trial, device, Outcome.SUCCEEDED)
            return
        step = Step(step + 1)
        if step is Step.VERSION and needs(trial, device, step):
            _reboots(trial, device)
    if step is Step.SESSION:
        # One that was told together with its group's key is told of a later start by a request of its own.
        device.left[step] = max(device.left[step], 1)
    trial.move(device, step)
    if step is Step.DONE:
        settle(trial, device, Outcome.SUCCEEDED if device.expected.provable else Outcome.FAILED)
    elif step is Step.SOAK:
        trial.at(trial.now + trial.policy.soak_s, Kind.SOAKED, device.number)


def needs(trial: TrialState, device: TrialDevice, step: Step) -> bool:
    match step:
        case Step.SESSION:
            return device.armed_for != trial.groups[device.group].session or not device.armed_for
        case Step.TRANSFER:
            return not trial.setup_only and not device.transferred
        case Step.DONE:
            return False
        case _:
            return device.left[step] > 0


def _reboots(trial: TrialState, device: TrialDevice) -> None:
    """When it restarts, and what it says then; one that fails at this step says that the old version runs."""
    spread_s = trial.policy.reboot_spread_s * trial.dice.below_one()
    if trial.reboot_s is not None and device.expected.exchanges[Step.REBOOT_TIME]:
        reboot = max(trial.reboot_s + spread_s, trial.now)
    elif device.expected.exchanges[Step.REBOOT]:
        reboot = trial.now + COUNTDOWN_S + spread_s
    else:
        reboot = trial.now
    device.not_before = reboot + trial.policy.fuota_process_max_time_s
    back = reboot + BACK_S
    off_air(trial, device, back)


def off_air(trial: TrialState, device: TrialDevice, back: float) -> None:
    """A device is off until it begins to join; nothing is heard of it before it has joined."""
    device.phase = back + device.expected.period_s
    device.next_heard = -1.0
    device.unheard_until = math.inf
    trial.joining += 1
    trial.at(back, Kind.JOINS, device.number)


def joined(trial: TrialState, device: TrialDevice) -> None:
    """A device speaks again: soon by itself, and of its version if it does so."""
    trial.joining -= 1
    device.phase = trial.now + trial.dice.between(*FIRST_UPLINK_S)
    device.next_heard = -1.0
    device.unheard_until = device.phase + trial.dice.misses(device.up) * device.expected.period_s
    if device.step is not Step.VERSION or device.fails_at == Step.VERSION or not device.expected.reports_version:
        return
    at = trial.now + trial.dice.between(*REPORT_AFTER_S)
    alone = 1.0
    if trial.reboot_s is not None and device.expected.exchanges[Step.REBOOT_TIME]:
        alone = _reports_alone(trial, device)
    for _ in range(REPORTS if device.expected.reports_again else 1):
        if trial.dice.happens(device.up * alone):
            trial.at(at, Kind.REPORTED, device.number)
            break
        at += device.expected.period_s * trial.dice.between(0.5, 1.5)


def _reports_alone(trial: TrialState, device: TrialDevice) -> float:
    """The chance that a report meets no other one, and no joining device, where all reboot at one instant."""
    group, windows = trial.groups[device.group], trial.windows[device.group]
    # Each joins, and then reports, within the same minutes.
    uplinks = round(2 * len(group.members) * len(trial.plan.devices) / len(trial.devices) / trial.gateways)
    airtime_us = round(windows.uplink_s(device.expected.data_rate) * 1e6)
    return answer_survival(uplinks, airtime_us, REPORT_AFTER_S[1] - REPORT_AFTER_S[0], CHANNELS)


def runs(trial: TrialState, device: TrialDevice) -> None:
    """The new version is known to run."""
    device.left[Step.VERSION] = 0
    advance(trial, device)


def has_succeeded(trial: TrialState, device: TrialDevice) -> bool:
    means = trial.plan.success_means
    return (means is SuccessMeans.TRANSFERRED and device.transferred) or (means is SuccessMeans.VALID and device.valid)


def settle(trial: TrialState, device: TrialDevice, outcome: Outcome) -> None:
    if device.aside is Aside.STATUS:
        device.aside = Aside.NONE
        one_less_asked(trial, device)
    trial.counts[device.outcome][device.step] -= 1
    device.outcome = outcome
    trial.counts[outcome][device.step] += 1
    device.ticket += 1
    trial.moved = True


def told(trial: TrialState, device: TrialDevice, on_air: int) -> None:
    if device.outcome is not Outcome.OPEN or device.transferred or device.step is not Step.TRANSFER:
        return
    fragments = trial.groups[device.group].planned.fragments
    device.missing = device.misses(fragments)
    device.received_told = device.uncoded_heard + device.coded_heard
    device.told_at, device.silent = on_air, 0
    if not device.missing:
        device.transferred = True
        advance(trial, device)


def one_less_asked(trial: TrialState, device: TrialDevice) -> None:
    group = trial.groups[device.group]
    group.asked_singly -= 1
    if group.mode is Mode.UNICAST and group.asked_singly <= 0:
        trial.wake_group(group, trial.now)
