"""Exchanges of a trial: an opportunity comes, a request is said, answered, repeated or given up."""

from __future__ import annotations

import heapq
from typing import Final

from fleetcast.planning import trial_steps
from fleetcast.planning.expectation import Step
from fleetcast.planning.group_air import CHANNELS
from fleetcast.planning.trial_air import JOIN_ACCEPT_BYTES, LATEST_FOR_RX1_S, RX1_S, RX2_S, WINDOW_S, Windows
from fleetcast.planning.trial_device import Aside, Outcome, Talk, TrialDevice
from fleetcast.planning.trial_state import JITTER, JOIN_AHEAD_S, LAST, MOST_JITTER_S, STAGE_OF, Kind, TrialState
from fleetcast.radio.airtime import PHY_OVERHEAD_BYTES
from fleetcast.radio.answers import answer_survival

JOIN_RETRY_S: Final = (10.0, 30.0)
"""From one attempt to join to the next."""
RETRY_AFTER_S: Final = 10.0
REFUSED_AGAIN_S: Final = 60.0
"""What the network could not send to a device in class C for good is tried again so much later."""
ROOM_S: Final = 5.0
"""Nothing else is said for so long after a request to a device in class C for good."""
ANSWER_S: Final = 0.1
"""A device's work between request and answer."""
HAND_OVER_S: Final = 0.1
"""From a request to the gateway that sends it at once."""
KEPT_PERIODS: Final = 2
"""A request that waits for its device's next uplink is let go after so many periods."""
REQUEST_BYTES: Final = (1, 30, 6, 11, 11, 2, 1, 4, 1, 0, 0)
"""Longest request of each step (TS004, TS005, TS006), the command identifier included."""
_ASIDE_BYTES: Final = 2
TIME_REQUESTS: Final = 3
"""How often a device that is made to ask for the time does so."""


def is_heard(trial: TrialState, device: TrialDevice) -> bool:
    """Whether a gateway of this device was listening while it spoke; the path itself was drawn before."""
    begin = trial.now - trial.windows[device.group].uplink_s(device.expected.data_rate)
    if any(not gateway.is_sending(begin, trial.now) for gateway in device.gateways):
        device.heard, device.heard_at, device.unheard_until = True, trial.now, 0.0
        return True
    return False


def uplink(trial: TrialState, device: TrialDevice) -> None:
    if not is_heard(trial, device):
        replan(trial, device)
        return
    if device.talk is Talk.KEPT:
        if device.kept_until <= trial.now:
            # The network has let it go: it has to be said anew.
            device.talk, device.tries = Talk.WAITING, device.tries - 1
        else:
            _transmit(trial, device, in_window=True)
    if device.talk is not Talk.KEPT:
        opportunity(trial, device)
    _use_grace(trial, device)
    replan(trial, device)


def join(trial: TrialState, device: TrialDevice) -> None:
    """A device asks to join, and tries again soon if it isn't heard or hears no answer."""
    windows = trial.windows[device.group]
    near = trial.joining * len(trial.plan.devices) / len(trial.devices) / trial.gateways
    airtime_us = round(windows.uplink_s(device.expected.data_rate) * 1e6)
    alone = answer_survival(round(near), airtime_us, JOIN_RETRY_S[1] - JOIN_RETRY_S[0], CHANNELS)
    if trial.dice.happens(device.up * alone) and not trial.dice.happens(device.unicast_loss):
        begin = trial.now - airtime_us / 1e6
        if any(not gateway.is_sending(begin, trial.now) for gateway in device.gateways):
            device.heard_at = trial.now
            sent, _ = send(trial, device, windows, JOIN_ACCEPT_BYTES - PHY_OVERHEAD_BYTES, in_window=True)
            if sent >= 0:
                trial_steps.joined(trial, device)
                replan(trial, device)
                return
    trial.at(trial.now + trial.dice.between(*JOIN_RETRY_S), Kind.JOINS, device.number)


def opportunity(trial: TrialState, device: TrialDevice) -> None:
    """It can be reached now: say what is wanted, or say it again when the answer did not come."""
    if device.outcome is not Outcome.OPEN:
        return
    if device.talk is Talk.SENT:
        if trial.now - device.since < _answer_wait_s(trial, device):
            return
        device.talk = Talk.WAITING
        if device.asked_out > trial.policy.msg_retries:
            _give_up(trial, device)
            opportunity(trial, device)
            return
        setting_up = device.step is Step.FRAG_SESSION and device.aside is Aside.NONE
        if setting_up and device.expected.clears_frag_session:
            device.aside, device.aside_tries = Aside.FRAG_DELETE, 0
    if device.talk is Talk.WAITING and _wants(trial, device) and trial.now >= device.not_before:
        connection = trial.connection[device.group]
        if trial.free[connection] <= trial.now and not trial.turns[connection]:
            _say(trial, device)
        else:
            device.talk = Talk.QUEUED
            heapq.heappush(trial.turns[connection], (-device.expected.period_s, device.number))
            _call_turn(trial, connection)


def _wants(trial: TrialState, device: TrialDevice) -> bool:
    if device.aside is not Aside.NONE:
        return device.heard
    step = device.step
    if step in (Step.TRANSFER, Step.SOAK, Step.DONE) or not device.left[step]:
        return False
    if not device.heard and not (device.always_open and trial.policy.class_c_at_once):
        return False
    if step is Step.VERSION and not device.expected.asks_version:
        return False
    group = trial.groups[device.group]
    if step is Step.SESSION and not group.session_start:
        return False
    if trial.pipelined and step <= Step.SESSION:
        return True
    return trial.stage > 0 and STAGE_OF[step] <= trial.stages[trial.stage - 1]


def _call_turn(trial: TrialState, connection: int) -> None:
    if not trial.turn_due[connection]:
        trial.turn_due[connection] = True
        trial.at(max(trial.now, trial.free[connection]), Kind.TURN, connection)


def turn(trial: TrialState, connection: int) -> None:
    trial.turn_due[connection] = False
    turns = trial.turns[connection]
    while turns and trial.free[connection] <= trial.now:
        device = trial.devices[heapq.heappop(turns)[1]]
        if device.talk is not Talk.QUEUED:
            continue
        device.talk = Talk.WAITING
        if device.outcome is Outcome.OPEN and _wants(trial, device):
            _say(trial, device)
        replan(trial, device)
    if turns:
        _call_turn(trial, connection)


def _say(trial: TrialState, device: TrialDevice) -> None:
    """Hand its present request to the network."""
    always = _listens_always(trial, device)
    connection = trial.connection[device.group]
    trial.free[connection] = trial.now + max(trial.gap_s, ROOM_S if always else 0.0)
    if device.aside is Aside.NONE:
        device.tries += 1
    else:
        device.aside_tries += 1
    group = trial.groups[device.group]
    if device.aside is Aside.NONE:
        device.told_session = group.session
    if _holds_start(device):
        in_time = trial.now + trial.tolerance_s < group.session_start or group.planned.session_class == "B"
        device.kept_start = group.session_start if in_time else trial.now + JOIN_AHEAD_S
    if device.aside is Aside.STATUS:
        trial.told_next[device.number] = group.stream.on_air(trial.now)
    if always or trial.now - device.heard_at <= WINDOW_S:
        _transmit(trial, device, in_window=not always)
    else:
        device.talk = Talk.KEPT
        device.kept_until = trial.now + max(trial.policy.delivery_timeout_s, KEPT_PERIODS * device.expected.period_s)
        if _holds_start(device):
            device.kept_until = min(device.kept_until, device.kept_start)


def _transmit(trial: TrialState, device: TrialDevice, *, in_window: bool) -> None:
    """A request goes out in a receive window or at once, or does not."""
    windows = trial.windows[device.group]
    dr = device.expected.data_rate
    payload = REQUEST_BYTES[device.step] if device.aside is Aside.NONE else _ASIDE_BYTES
    begin, end = send(trial, device, windows, payload, in_window=in_window)
    if begin < 0:
        device.talk = Talk.WAITING
        device.refused_until = trial.now + REFUSED_AGAIN_S
        if device.aside is Aside.NONE:
            device.tries -= 1
        else:
            device.aside_tries -= 1
        return
    device.talk, device.since = Talk.SENT, begin
    if device.always_open:
        connection = trial.connection[device.group]
        trial.free[connection] = max(trial.free[connection], begin + ROOM_S)
    trial.requests[device.number] += 1
    asks_time = device.aside is Aside.RESYNC
    up = 1 - (1 - device.up) ** TIME_REQUESTS if asks_time else device.up
    if trial.dice.happens(device.unicast_loss):
        return
    if _holds_start(device) and not device.clock_off and device.fails_at != device.step:
        _tune_in(trial, device)
    if not trial.dice.happens(up):
        return
    answer = end + ANSWER_S + windows.uplink_s(dr)
    if device.aside is Aside.STATUS:
        answer += trial.dice.between(0, trial.spread_s(device.group))
    trial.at(answer, Kind.ANSWER, device.number, trial.requests[device.number])


def _holds_start(device: TrialDevice) -> bool:
    """Whether the present request tells of a session start."""
    together = device.step is Step.GROUP and not device.expected.exchanges[Step.SESSION]
    return device.aside is Aside.NONE and (device.step is Step.SESSION or together)


def _tune_in(trial: TrialState, device: TrialDevice) -> None:
    """The device listens from the start it was told, whether its answer is heard or not."""
    stream = trial.groups[device.group].stream
    if device.tuned_to != device.told_session:
        device.tuned_to = device.told_session
        device.counted = max(device.counted, stream.on_air(max(trial.now, device.kept_start)))


def send(
    trial: TrialState, device: TrialDevice, windows: Windows, payload_bytes: int, *, in_window: bool
) -> tuple[float, float]:
    """When a downlink to a device begins and ends; below 0: no gateway can send it.

    `in_window`: after the uplink that was just heard; else at once, to a device in class C for good.
    """
    airtime_s = windows.rx2_s(payload_bytes)
    if not in_window:
        if trial.now < device.unheard_until:
            # No gateway is known that it hears.
            return -1.0, -1.0
        # The network waits for a gateway that is busy.
        at = min(gateway.free_from(trial.now + HAND_OVER_S, airtime_s) for gateway in device.gateways)
    else:
        if trial.now - device.heard_at <= LATEST_FOR_RX1_S:
            at = device.heard_at + RX1_S
            rx1_s = windows.rx1_s(device.expected.data_rate, payload_bytes)
            pool = int(not trial.dice.happens(windows.default_share))
            for gateway in device.gateways:
                if gateway.send_rx1(at, rx1_s, pool, windows.rx1_budget_s):
                    return at, at + rx1_s
        at = device.heard_at + RX2_S
    for gateway in device.gateways:
        if gateway.send_rx2(at, airtime_s, windows.rx2_budget_s):
            return at, at + airtime_s
    return -1.0, -1.0


def answered(trial: TrialState, device: TrialDevice) -> None:
    """The present request was answered; that is an opportunity, too."""
    trial.requests[device.number] += 1
    device.talk = Talk.WAITING
    match device.aside:
        case Aside.STATUS:
            _answered_singly(trial, device)
        case Aside.FRAG_DELETE:
            device.aside = Aside.NONE
        case Aside.NONE:
            if device.step is Step.SESSION and device.clock_off:
                if device.tries > trial.policy.msg_retries:
                    trial_steps.settle(trial, device, Outcome.FAILED)
                device.aside, device.aside_tries = Aside.RESYNC, 0
            elif device.fails_at == device.step:
                trial_steps.settle(trial, device, Outcome.FAILED)
            else:
                device.left[device.step] -= 1
                device.tries = 0
                trial_steps.exchange_done(trial, device)
        case Aside.RESYNC:
            # Its time request; the answer to it takes the window.
            device.aside = Aside.NONE
            unanswered = 1 - device.up * (1 - device.unicast_loss)
            device.clock_off = trial.dice.happens(device.unicast_loss * unanswered ** (TIME_REQUESTS - 1))
            replan(trial, device)
            return
    opportunity(trial, device)
    replan(trial, device)


def _answered_singly(trial: TrialState, device: TrialDevice) -> None:
    device.aside, device.aside_tries = Aside.NONE, 0
    trial_steps.told(trial, device, trial.told_next[device.number])
    trial_steps.one_less_asked(trial, device)


def _give_up(trial: TrialState, device: TrialDevice) -> None:
    """Every sending of the present request went without an answer."""
    if device.aside is Aside.STATUS:
        device.aside, device.aside_tries = Aside.NONE, 0
        device.silent += 1
        trial_steps.one_less_asked(trial, device)
    elif device.aside is Aside.RESYNC:
        trial_steps.settle(trial, device, Outcome.FAILED)
    elif device.step is Step.REBOOT:
        device.left[Step.REBOOT] = 0
        trial_steps.advance(trial, device)
    elif trial_steps.has_succeeded(trial, device):
        trial_steps.settle(trial, device, Outcome.SUCCEEDED)
    else:
        trial_steps.settle(trial, device, Outcome.BEHIND)


def replan(trial: TrialState, device: TrialDevice) -> None:
    """When it can be reached next, if anything is to be said to it."""
    device.ticket += 1
    if device.outcome is not Outcome.OPEN or not device.expected.speaks or device.talk is Talk.QUEUED:
        return
    after = trial.now
    if device.talk is Talk.SENT:
        after = max(after, device.since + _answer_wait_s(trial, device))
    elif device.talk is Talk.WAITING and device.heard:
        silent_version = device.step is Step.VERSION and device.aside is Aside.NONE
        if not silent_version and not _wants(trial, device):
            return
        after = max(after, device.not_before if device.aside is Aside.NONE else 0.0)
    jitter_s = min(MOST_JITTER_S, JITTER * device.expected.period_s)
    at = device.next_own_uplink(after, trial.dice.misses(device.up), trial.dice.between(-jitter_s, jitter_s))
    kind = Kind.UPLINK
    if device.talk is not Talk.KEPT and device.always_open and (device.heard or trial.policy.class_c_at_once):
        again = trial.policy.delivery_timeout_s if device.talk is Talk.SENT else RETRY_AFTER_S
        reached = max(after + again, device.refused_until, _reachable_from(trial, device))
        if reached < at:
            at, kind = reached, Kind.CHANCE
    trial.at(at, kind, device.number, device.ticket)


def _reachable_from(trial: TrialState, device: TrialDevice) -> float:
    group = trial.groups[device.group]
    in_session = device.armed_for and group.session_start <= trial.now < group.session_end
    return group.session_end if in_session else trial.now


def _listens_always(trial: TrialState, device: TrialDevice) -> bool:
    return device.always_open and _reachable_from(trial, device) <= trial.now


def _answer_wait_s(trial: TrialState, device: TrialDevice) -> float:
    return RETRY_AFTER_S + (trial.spread_s(device.group) if device.aside is Aside.STATUS else 0.0)


def _use_grace(trial: TrialState, device: TrialDevice) -> None:
    """One of the opportunities that a stage's grace gives a device that is still open."""
    if trial.grace_until is None or device.outcome is not Outcome.OPEN or trial.now < device.not_before:
        return
    if device.step > LAST.get(trial.stages[trial.stage - 1], Step.DONE):
        return
    if device.grace_stage != trial.stage:
        device.grace_stage, device.grace_used = trial.stage, 0
    device.grace_used += 1
    if device.grace_used > trial.policy.stage_complete_delay and device.talk is Talk.WAITING:
        trial_steps.settle(trial, device, Outcome.BEHIND)
