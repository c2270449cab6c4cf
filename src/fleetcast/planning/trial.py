"""One imagined course of a plan's campaign, device by device: the rules of a campaign, without a byte.

An estimate plays some dozens of these. Each knows what the facts tell and draws what chance decides: when devices
speak, what is lost on the way, which gateway is busy. Instants are seconds since the campaign's start.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from fleetcast.planning.expectation import Step
from fleetcast.planning.plan import CampaignType, Plan, SuccessMeans
from fleetcast.planning.policy import BelowThreshold, LateStart, Setup, TransferUntil
from fleetcast.planning.session_window import (
    first_fragment_delay_s,
    longest_session_s,
    longest_wait_s,
    session_start,
    timeout_exponent,
    timeout_s,
)
from fleetcast.planning.status_answers import spread_of
from fleetcast.planning.trial_air import LATEST_FOR_RX1_S, RX1_S, RX2_S, WINDOW_S, Windows
from fleetcast.planning.trial_device import Aside, Outcome, Talk, TrialDevice
from fleetcast.planning.trial_dice import Dice
from fleetcast.planning.trial_group import Mode, TrialGroup
from fleetcast.planning.trial_strategy import AskAll, AskEach, Decision, Send, Standing, decide

RETRY_AFTER_S: Final = 10.0
ROOM_S: Final = 5.0
"""Nothing else is said for so long after a request to a device in class C for good."""
JOIN_AHEAD_S: Final = 30.0
JOIN_LEAST_S: Final = 60.0
COUNTDOWN_S: Final = 30.0
"""Of an immediate reboot."""
ANSWER_S: Final = 0.1
"""A device's work between request and answer."""
BACK_S: Final = 35.0
"""From a reboot until the device is back: flashing, starting, joining."""
FIRST_UPLINK_S: Final = (5.0, 30.0)
REPORT_AFTER_S: Final = (16.0, 128.0)
"""When after a start a device that tells its version by itself does so."""
REPORTS: Final = 3
TIME_REQUESTS: Final = 3
"""How often a device that is made to ask for the time does so."""
JITTER: Final = 0.05
MOST_JITTER_S: Final = 20.0
"""How far devices stray from their rhythm, as a share of their period and at most: they don't meet for ever."""
TOLD_AT_ONCE: Final = 0.9
"""Share of the answers to a multicast request that meet no other one: the spread is made for it."""


class _Kind(IntEnum):
    UPLINK = 0
    ANSWER = 1
    TURN = 2
    TOLD = 3
    """An answer to a multicast status request."""
    REPORTED = 4
    """A device told its new version by itself."""
    GROUP = 5
    CAMPAIGN = 6
    CHANCE = 7
    """A device in class C for good can be reached, or be tried again."""
    SOAKED = 8


class _Stage(IntEnum):
    GROUP = 0
    REBOOT_TIME = 1
    FRAG_SESSION = 2
    SESSION = 3
    SENDING = 4
    STATUS = 5
    ROUNDS = 6


_LAST: Final = {
    _Stage.GROUP: Step.GROUP,
    _Stage.REBOOT_TIME: Step.REBOOT_TIME,
    _Stage.FRAG_SESSION: Step.FRAG_SESSION,
    _Stage.SESSION: Step.SESSION,
}
_STAGE_OF: Final = (
    _Stage.GROUP, _Stage.GROUP, _Stage.REBOOT_TIME, _Stage.FRAG_SESSION, _Stage.SESSION, _Stage.SENDING,
    _Stage.ROUNDS, _Stage.ROUNDS, _Stage.ROUNDS, _Stage.ROUNDS, _Stage.ROUNDS,
)  # fmt: skip


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


class Trial:
    """One imagined campaign."""

    def __init__(
        self,
        plan: Plan,
        devices: Sequence[TrialDevice],
        groups: Sequence[TrialGroup],
        windows: Sequence[Windows],
        needed: int,
        dice: Dice,
        ucast_gap_s: float,
    ) -> None:
        """`windows` by group; `needed` devices must succeed; `ucast_gap_s` is the least time between two requests."""
        self._plan, self._policy = plan, plan.policy
        self._devices, self._groups, self._windows = devices, groups, windows
        self._needed = needed
        self._dice = dice
        self._gap_s = ucast_gap_s
        self._setup_only = plan.type is CampaignType.MULTICAST_SETUP
        self._firmware = plan.type is CampaignType.FIRMWARE
        self._stages = self._stages_of()
        self._ends = [(end - plan.start) / 1000 for end in plan.stage_latest_ends]
        self._end = float(plan.max_duration_s)
        self._fails = self._policy.below_threshold is BelowThreshold.FAIL
        self._pipelined = self._policy.setup is Setup.PIPELINED
        self._reboot_s = None if plan.reboot_at is None else (plan.reboot_at - plan.start) / 1000
        tolerances = [profile.time_tolerance_s for profile in plan.profiles]
        if plan.file is not None and plan.file.time_tolerance_s is not None:
            tolerances = [plan.file.time_tolerance_s]
        self._tolerance_s = max(tolerances)
        self._now = 0.0
        self._heap: list[tuple[float, int, _Kind, int, int]] = []
        self._sequence = 0
        self._stage = 0
        self._counts = [[0] * len(Step) for _ in Outcome]
        self._counts[Outcome.OPEN][Step.QUESTIONS] = len(devices)
        connections = sorted({group.planned.connection for group in groups})
        self._connection = [connections.index(group.planned.connection) for group in groups]
        self._free = [0.0] * len(connections)
        self._turns: list[list[tuple[float, int]]] = [[] for _ in connections]
        self._turn_due = [False] * len(connections)
        self._grace_until: float | None = None
        self._ended_at: float | None = None
        self._failed = False
        self._moved = False
        """Something happened that may end a stage."""
        self._requests = [0] * len(devices)
        self._told_next = [0] * len(devices)

    def run(self) -> TrialResult:
        """Play it to its end."""
        self._begin()
        heap = self._heap
        while self._ended_at is None and heap:
            at, _, kind, subject, ticket = heapq.heappop(heap)
            self._now = max(self._now, at)
            self._dispatch(kind, subject, ticket)
            while self._moved and self._ended_at is None:
                self._moved = self._progress()
        over = self._end if self._ended_at is None else self._ended_at
        succeeded = self._counts[Outcome.SUCCEEDED]
        if self._failed:
            over += self._clean_up_s(over)
        return TrialResult(
            over,
            tuple(group.stream.on_air(over) for group in self._groups),
            tuple(max(0.0, (group.over_at or over) - group.began_at) if group.stream.starts else 0.0
                  for group in self._groups),
            sum(succeeded) / len(self._devices),
            not self._failed,
        )  # fmt: skip

    # Events

    def _at(self, at: float, kind: _Kind, subject: int, ticket: int = 0) -> None:
        self._sequence += 1
        heapq.heappush(self._heap, (at, self._sequence, kind, subject, ticket))

    def _dispatch(self, kind: _Kind, subject: int, ticket: int) -> None:
        match kind:
            case _Kind.UPLINK:
                device = self._devices[subject]
                if device.ticket == ticket:
                    self._uplink(device)
            case _Kind.ANSWER:
                device = self._devices[subject]
                if self._requests[subject] == ticket and device.talk is Talk.SENT and self._is_heard(device):
                    self._answered(device)
            case _Kind.TURN:
                self._turn(subject)
            case _Kind.TOLD:
                device = self._devices[subject]
                if self._is_heard(device):
                    self._told_all(device, ticket)
            case _Kind.REPORTED:
                device = self._devices[subject]
                if device.outcome is Outcome.OPEN and device.step is Step.VERSION and self._is_heard(device):
                    self._runs(device)
            case _Kind.GROUP:
                group = self._groups[subject]
                if group.ticket == ticket:
                    self._drive(group)
                    self._moved = True
            case _Kind.CAMPAIGN:
                self._moved = True
            case _Kind.SOAKED:
                device = self._devices[subject]
                device.left[Step.SOAK] = 0
                self._advance(device)
            case _Kind.CHANCE:
                device = self._devices[subject]
                if device.ticket == ticket:
                    self._opportunity(device)
                    self._replan(device)

    # Devices: opportunities and exchanges

    def _is_heard(self, device: TrialDevice) -> bool:
        """Whether a gateway of this device was listening while it spoke; the path itself was drawn before."""
        begin = self._now - self._windows[device.group].uplink_s(device.expected.data_rate)
        if any(not gateway.is_sending(begin, self._now) for gateway in device.gateways):
            device.heard, device.heard_at = True, self._now
            return True
        return False

    def _uplink(self, device: TrialDevice) -> None:
        if not self._is_heard(device):
            self._replan(device)
            return
        if device.talk is Talk.KEPT:
            too_late = device.step is Step.SESSION and device.aside is Aside.NONE and device.kept_start <= self._now
            if too_late:
                device.talk, device.tries = Talk.WAITING, device.tries - 1
            else:
                self._transmit(device)
        if device.talk is not Talk.KEPT:
            self._opportunity(device)
        self._use_grace(device)
        self._replan(device)

    def _opportunity(self, device: TrialDevice) -> None:
        """It can be reached now: say what is wanted, or say it again when the answer did not come."""
        if device.outcome is not Outcome.OPEN:
            return
        if device.talk is Talk.SENT:
            if self._now - device.since < self._answer_wait_s(device):
                return
            device.talk = Talk.WAITING
            if device.asked_out > self._policy.msg_retries:
                self._give_up(device)
                self._opportunity(device)
                return
            setting_up = device.step is Step.FRAG_SESSION and device.aside is Aside.NONE
            if setting_up and device.expected.clears_frag_session:
                device.aside, device.aside_tries = Aside.FRAG_DELETE, 0
        if device.talk is Talk.WAITING and self._wants(device) and self._now >= device.not_before:
            connection = self._connection[device.group]
            if self._free[connection] <= self._now and not self._turns[connection]:
                self._say(device)
            else:
                device.talk = Talk.QUEUED
                heapq.heappush(self._turns[connection], (-device.expected.period_s, device.number))
                self._call_turn(connection)

    def _wants(self, device: TrialDevice) -> bool:
        if device.aside is not Aside.NONE:
            return device.heard
        step = device.step
        if step in (Step.TRANSFER, Step.SOAK, Step.DONE) or not device.left[step]:
            return False
        if not device.heard and not (device.always_open and self._policy.class_c_at_once):
            return False
        if step is Step.VERSION and not device.expected.asks_version:
            return False
        group = self._groups[device.group]
        if step is Step.SESSION and not group.session_start:
            return False
        if self._pipelined and step <= Step.SESSION:
            return True
        return self._stage > 0 and _STAGE_OF[step] <= self._stages[self._stage - 1]

    def _call_turn(self, connection: int) -> None:
        if not self._turn_due[connection]:
            self._turn_due[connection] = True
            self._at(max(self._now, self._free[connection]), _Kind.TURN, connection)

    def _turn(self, connection: int) -> None:
        self._turn_due[connection] = False
        turns = self._turns[connection]
        while turns and self._free[connection] <= self._now:
            device = self._devices[heapq.heappop(turns)[1]]
            if device.talk is not Talk.QUEUED:
                continue
            device.talk = Talk.WAITING
            if device.outcome is Outcome.OPEN and self._wants(device):
                self._say(device)
            self._replan(device)
        if turns:
            self._call_turn(connection)

    def _say(self, device: TrialDevice) -> None:
        """Hand its present request to the network."""
        always = self._listens_always(device)
        connection = self._connection[device.group]
        self._free[connection] = self._now + max(self._gap_s, ROOM_S if always else 0.0)
        if device.aside is Aside.NONE:
            device.tries += 1
        else:
            device.aside_tries += 1
        group = self._groups[device.group]
        if device.step is Step.SESSION and device.aside is Aside.NONE:
            in_time = self._now + self._tolerance_s < group.session_start or group.planned.session_class == "B"
            device.kept_start = group.session_start if in_time else self._now + JOIN_AHEAD_S
        if device.aside is Aside.STATUS:
            self._told_next[device.number] = group.stream.on_air(self._now)
        if always or self._now - device.heard_at <= WINDOW_S:
            self._transmit(device)
        else:
            device.talk = Talk.KEPT

    def _transmit(self, device: TrialDevice) -> None:
        """A request goes out in a receive window, or does not."""
        windows = self._windows[device.group]
        dr = device.expected.data_rate
        begin = end = -1.0
        if self._listens_always(device):
            begin, end = self._now + 0.1, self._now + 0.1 + windows.rx2_s
            for gateway in device.gateways:
                if gateway.send_rx2(begin, windows.rx2_s, windows.rx2_budget_s):
                    break
            else:
                begin = -1.0
        else:
            pool = int(2 * self._dice.below_one())
            if self._now - device.heard_at <= LATEST_FOR_RX1_S:
                at, airtime_s = device.heard_at + RX1_S, windows.rx1_s(dr)
                for gateway in device.gateways:
                    if gateway.send_rx1(at, airtime_s, pool, windows.rx1_budget_s):
                        begin, end = at, at + airtime_s
                        break
            if begin < 0:
                at = device.heard_at + RX2_S
                for gateway in device.gateways:
                    if gateway.send_rx2(at, windows.rx2_s, windows.rx2_budget_s):
                        begin, end = at, at + windows.rx2_s
                        break
        if begin < 0:
            device.talk = Talk.WAITING
            if device.aside is Aside.NONE:
                device.tries -= 1
            else:
                device.aside_tries -= 1
            return
        device.talk, device.since = Talk.SENT, begin
        self._requests[device.number] += 1
        asks_time = device.aside is Aside.RESYNC
        up = 1 - (1 - device.up) ** TIME_REQUESTS if asks_time else device.up
        if self._dice.happens(device.loss) or not self._dice.happens(up):
            return
        answer = end + ANSWER_S + windows.uplink_s(dr)
        if device.aside is Aside.STATUS:
            answer += self._dice.between(0, self._spread_s(device.group))
        self._at(answer, _Kind.ANSWER, device.number, self._requests[device.number])

    def _answered(self, device: TrialDevice) -> None:
        """The present request was answered; that is an opportunity, too."""
        self._requests[device.number] += 1
        device.talk = Talk.WAITING
        match device.aside:
            case Aside.STATUS:
                self._answered_singly(device)
            case Aside.FRAG_DELETE:
                device.aside = Aside.NONE
            case Aside.NONE:
                if device.step is Step.SESSION and device.clock_off:
                    if device.tries > self._policy.msg_retries:
                        self._settle(device, Outcome.FAILED)
                    device.aside, device.aside_tries = Aside.RESYNC, 0
                else:
                    device.left[device.step] -= 1
                    device.tries = 0
                    self._exchange_done(device)
            case Aside.RESYNC:
                # Its time request; the answer to it takes the window.
                device.aside = Aside.NONE
                unanswered = 1 - device.up * (1 - device.loss)
                device.clock_off = self._dice.happens(device.loss * unanswered ** (TIME_REQUESTS - 1))
                self._replan(device)
                return
        self._opportunity(device)
        self._replan(device)

    def _exchange_done(self, device: TrialDevice) -> None:
        step = device.step
        if device.left[step]:
            return
        match step:
            case Step.SESSION:
                self._armed(device)
            case Step.GROUP if not device.expected.exchanges[Step.SESSION]:
                self._armed(device)
            case Step.IMAGE:
                device.valid = True
            case Step.VERSION:
                self._runs(device)
                return
            case _:
                pass
        self._advance(device)

    def _armed(self, device: TrialDevice) -> None:
        group = self._groups[device.group]
        if group.session == 1 or not device.armed_for:
            device.listening_from = group.stream.on_air(self._now)
        device.armed_for = group.session

    def _advance(self, device: TrialDevice) -> None:
        """On to the next step that has something to do."""
        device.talk, device.aside, device.tries, device.aside_tries = Talk.WAITING, Aside.NONE, 0, 0
        step = device.step
        while step < Step.DONE and not self._needs(device, step):
            if step is Step.TRANSFER and self._setup_only:
                self._settle(device, Outcome.SUCCEEDED)
                return
            step = Step(step + 1)
            if step is Step.VERSION and self._needs(device, step):
                self._reboots(device)
        self._move(device, step)
        if step is Step.DONE:
            self._settle(device, Outcome.SUCCEEDED if device.expected.provable else Outcome.FAILED)
        elif step is Step.SOAK:
            self._at(self._now + self._policy.soak_s, _Kind.SOAKED, device.number)

    def _needs(self, device: TrialDevice, step: Step) -> bool:
        match step:
            case Step.SESSION:
                return device.armed_for != self._groups[device.group].session or not device.armed_for
            case Step.TRANSFER:
                return not self._setup_only and not device.transferred
            case Step.DONE:
                return False
            case _:
                return device.left[step] > 0

    def _reboots(self, device: TrialDevice) -> None:
        """When it restarts, and what it says then."""
        spread_s = self._policy.reboot_spread_s * self._dice.below_one()
        if self._reboot_s is not None and device.expected.exchanges[Step.REBOOT_TIME]:
            reboot = max(self._reboot_s + spread_s, self._now)
        elif device.expected.exchanges[Step.REBOOT]:
            reboot = self._now + COUNTDOWN_S + spread_s
        else:
            reboot = self._now
        device.not_before = reboot + self._policy.fuota_process_max_time_s
        back = reboot + BACK_S
        device.phase = back + self._dice.between(*FIRST_UPLINK_S)
        device.next_heard = -1.0
        if device.expected.reports_version:
            at = back + self._dice.between(*REPORT_AFTER_S)
            for _ in range(REPORTS if device.expected.reports_again else 1):
                if self._dice.happens(device.up):
                    self._at(at, _Kind.REPORTED, device.number)
                    break
                at += device.expected.period_s * self._dice.between(0.5, 1.5)

    def _runs(self, device: TrialDevice) -> None:
        """The new version is known to run."""
        device.left[Step.VERSION] = 0
        self._advance(device)
        self._replan(device)

    def _give_up(self, device: TrialDevice) -> None:
        """Every sending of the present request went without an answer."""
        if device.aside is Aside.STATUS:
            device.aside, device.aside_tries = Aside.NONE, 0
            device.silent += 1
            self._one_less_asked(device)
        elif device.aside is Aside.RESYNC:
            self._settle(device, Outcome.FAILED)
        elif device.step is Step.REBOOT:
            device.left[Step.REBOOT] = 0
            self._advance(device)
        elif self._has_succeeded(device):
            self._settle(device, Outcome.SUCCEEDED)
        else:
            self._settle(device, Outcome.BEHIND)

    def _has_succeeded(self, device: TrialDevice) -> bool:
        means = self._plan.success_means
        return (means is SuccessMeans.TRANSFERRED and device.transferred) or (
            means is SuccessMeans.VALID and device.valid
        )

    def _settle(self, device: TrialDevice, outcome: Outcome) -> None:
        if device.aside is Aside.STATUS:
            device.aside = Aside.NONE
            self._one_less_asked(device)
        self._counts[device.outcome][device.step] -= 1
        device.outcome = outcome
        self._counts[outcome][device.step] += 1
        device.ticket += 1
        self._moved = True

    def _move(self, device: TrialDevice, step: Step) -> None:
        self._counts[device.outcome][device.step] -= 1
        device.step = step
        self._counts[device.outcome][step] += 1
        self._moved = True

    def _replan(self, device: TrialDevice) -> None:
        """When it can be reached next, if anything is to be said to it."""
        device.ticket += 1
        if device.outcome is not Outcome.OPEN or not device.expected.speaks or device.talk is Talk.QUEUED:
            return
        after = self._now
        if device.talk is Talk.SENT:
            after = max(after, device.since + self._answer_wait_s(device))
        elif device.talk is Talk.WAITING and device.heard:
            silent_version = device.step is Step.VERSION and device.aside is Aside.NONE
            if not silent_version and not self._wants(device):
                return
            after = max(after, device.not_before if device.aside is Aside.NONE else 0.0)
        if device.talk is not Talk.KEPT and device.always_open and (device.heard or self._policy.class_c_at_once):
            reachable = self._reachable_from(device)
            if reachable <= after:
                again = self._policy.delivery_timeout_s if device.talk is Talk.SENT else RETRY_AFTER_S
                self._at(after + again, _Kind.CHANCE, device.number, device.ticket)
                return
        jitter_s = min(MOST_JITTER_S, JITTER * device.expected.period_s)
        at = device.next_own_uplink(after, self._dice.misses(device.up), self._dice.between(-jitter_s, jitter_s))
        self._at(at, _Kind.UPLINK, device.number, device.ticket)

    def _reachable_from(self, device: TrialDevice) -> float:
        group = self._groups[device.group]
        in_session = device.armed_for and group.session_start <= self._now < group.session_end
        return group.session_end if in_session else self._now

    def _listens_always(self, device: TrialDevice) -> bool:
        return device.always_open and self._reachable_from(device) <= self._now

    def _answer_wait_s(self, device: TrialDevice) -> float:
        return RETRY_AFTER_S + (self._spread_s(device.group) if device.aside is Aside.STATUS else 0.0)

    def _spread_s(self, g: int) -> float:
        return float(spread_of(self._groups[g].planned.block_ack_delay))

    def _use_grace(self, device: TrialDevice) -> None:
        """One of the opportunities that a stage's grace gives a device that is still open."""
        if self._grace_until is None or device.outcome is not Outcome.OPEN or self._now < device.not_before:
            return
        if device.step > _LAST.get(self._stages[self._stage - 1], Step.DONE):
            return
        if device.grace_stage != self._stage:
            device.grace_stage, device.grace_used = self._stage, 0
        device.grace_used += 1
        if device.grace_used > self._policy.stage_complete_delay and device.talk is Talk.WAITING:
            self._settle(device, Outcome.BEHIND)

    # Stages

    def _stages_of(self) -> tuple[_Stage, ...]:
        if self._setup_only:
            return (_Stage.GROUP, _Stage.SESSION)
        return tuple(stage for stage in _Stage if stage is not _Stage.REBOOT_TIME or self._plan.reboot_at is not None)

    def _begin(self) -> None:
        if self._pipelined:
            for group in self._groups:
                self._arm(group, self._latest_start())
        self._at(self._end, _Kind.CAMPAIGN, 0)
        self._begin_stage(1)
        for device in self._devices:
            if not self._needs(device, device.step):
                self._advance(device)
            self._replan(device)

    def _begin_stage(self, number: int) -> None:
        self._stage = number
        self._grace_until = None
        stage = self._stages[number - 1]
        if stage is _Stage.SESSION and not self._pipelined:
            for group in self._groups:
                self._arm(group, self._latest_start())
        if number > 1 and (not self._pipelined or stage is _Stage.ROUNDS):
            for device in self._devices:
                if device.outcome is Outcome.OPEN and device.talk is Talk.WAITING and device.aside is Aside.NONE:
                    if not self._needs(device, device.step):
                        self._advance(device)
                    self._replan(device)
        if stage is _Stage.SENDING:
            for group in self._groups:
                self._drive(group)

    def _latest_start(self) -> float:
        return min(self._ends[self._stages.index(_Stage.SESSION)], self._end) if self._ends else self._end

    def _latest_end(self) -> float:
        stage = self._stages[self._stage - 1]
        if (stage is _Stage.SESSION or (self._pipelined and stage in _LAST)) and not self._setup_only:
            starts = [group.session_start for group in self._groups if group.mode is not Mode.OVER]
            if any(starts):
                return min(max(starts), self._end)
        planned = self._ends[self._stage - 1] if self._ends else self._end
        return min(planned, self._end)

    def _passed(self, last: Step) -> int:
        return sum(self._counts[Outcome.OPEN][last + 1 :]) + sum(self._counts[Outcome.SUCCEEDED])

    def _progress(self) -> bool:
        """Go as far as the campaign can go now; whether it moved."""
        stage = self._stages[self._stage - 1]
        if stage in _LAST:
            return self._unicast_stage(_LAST[stage])
        if stage is _Stage.ROUNDS:
            return self._last_stage()
        over = all(
            group.first_pass_over if stage is _Stage.SENDING else group.first_status_over for group in self._groups
        )
        if not over and self._now < self._end:
            return False
        passed = self._passed(Step.SESSION if stage is _Stage.SENDING else Step.TRANSFER)
        fixed = all(group.planned.strategy == "fixed" for group in self._groups)
        return self._end_stage(passed, judge=stage is _Stage.STATUS and fixed)

    def _unicast_stage(self, last: Step) -> bool:
        passed = self._passed(last)
        still_open = sum(self._counts[Outcome.OPEN][: last + 1])
        latest = self._latest_end()
        lost = self._fails and passed + still_open < self._needed
        over = still_open == 0 or lost or self._now >= latest
        if not over and passed >= self._needed:
            over = self._grace_over(last)
        elif self._grace_until is not None:
            self._grace_until = None
        if not over:
            self._wake(min(latest, self._grace_until or latest))
            return False
        if not lost and still_open and self._came_too_early():
            given = self._plan.groups[0].session_start is not None and self._groups[0].session == 1
            if self._policy.late_start is LateStart.FAIL and given:
                self._fail()
                return True
            if self._move_starts():
                return True
        if still_open:
            self._leave_behind(last, late=self._now >= min(latest, self._end))
        return self._end_stage(self._passed(last))

    def _came_too_early(self) -> bool:
        if self._setup_only or self._passed(Step.SESSION) >= self._needed:
            return False
        return any(group.mode is Mode.ARMED and group.session_start <= self._now for group in self._groups)

    def _move_starts(self) -> bool:
        latest = self._end
        if self._ends:
            transfer_s = max(group.planned.transfer_s for group in self._groups)
            latest = min(latest, max(self._latest_start(), self._ends[-1] - transfer_s))
        late = [group for group in self._groups if group.mode is Mode.ARMED and group.session_start <= self._now]
        if self._now >= latest:
            return False
        for group in late:
            self._arm(group, latest)
            self._tell_again(group)
        return bool(late)

    def _last_stage(self) -> bool:
        succeeded = sum(self._counts[Outcome.SUCCEEDED])
        still_open = sum(self._counts[Outcome.OPEN])
        reachable = succeeded + still_open + sum(self._counts[Outcome.BEHIND])
        lost = self._fails and reachable < self._needed
        over = still_open == 0 or lost or self._now >= self._end
        if not over and succeeded >= self._needed:
            transfers_over = all(group.mode is Mode.OVER for group in self._groups)
            enough = self._policy.transfer_until is TransferUntil.THRESHOLD or transfers_over
            over = enough and self._grace_over(Step.DONE)
        if not over:
            self._wake(min(self._end, self._grace_until or self._end))
            return False
        succeeded = sum(self._counts[Outcome.SUCCEEDED])
        self._ended_at = min(self._now + self._policy.complete_delay_s, max(self._end, self._now))
        self._failed = succeeded < self._needed or not succeeded
        return False

    def _grace_over(self, last: Step) -> bool:
        if self._grace_until is None:
            more = self._policy.stage_complete_delay + 1
            self._grace_until = max(
                (
                    max(self._now, device.not_before) + more * device.expected.period_s
                    for device in self._devices
                    if device.outcome is Outcome.OPEN and device.step <= last
                ),
                default=self._now,
            )
        return self._now >= self._grace_until

    def _leave_behind(self, last: Step, *, late: bool) -> None:
        for device in self._devices:
            if device.outcome is Outcome.OPEN and device.step <= last and not (late and self._may_join(device)):
                self._settle(device, Outcome.BEHIND)

    def _may_join(self, device: TrialDevice) -> bool:
        """Whether a device that is told too late can join the class session that is about to begin, or under way."""
        group = self._groups[device.group]
        if self._setup_only or not group.session_start or self._now < group.session_start or group.mode is Mode.OVER:
            return False
        planned = group.planned
        if planned.session_class == "B" or self._now + JOIN_AHEAD_S + JOIN_LEAST_S > group.session_end:
            return False
        if not group.stream.on_air(self._now):
            return True
        left = planned.coded_max - max(0, group.stream.on_air(self._now) - planned.fragments)
        return left * (1 - device.expected_loss) > planned.fragments * 1.1

    def _end_stage(self, succeeded: int, *, judge: bool = True) -> bool:
        number = self._stage
        if judge and number < len(self._stages) and ((self._fails and succeeded < self._needed) or not succeeded):
            self._fail()
            return False
        if number == len(self._stages):
            succeeded = sum(self._counts[Outcome.SUCCEEDED])
            self._ended_at = self._now + self._policy.complete_delay_s
            self._failed = succeeded < self._needed or not succeeded
            return False
        self._begin_stage(number + 1)
        return True

    def _fail(self) -> None:
        self._ended_at = self._now
        self._failed = True

    def _clean_up_s(self, at: float) -> float:
        """Until every device that was touched has undone it, or was given its time."""
        last = 0.0
        patience = 2 + self._policy.msg_retries
        for device in self._devices:
            if not device.heard or (device.outcome is Outcome.SUCCEEDED and self._firmware):
                continue
            tries = 1 + self._dice.misses(device.up) + 2 * self._dice.misses(max((1 - device.loss) * device.up, 0.01))
            wait = (device.phase - at) % device.expected.period_s + (tries - 1) * device.expected.period_s
            last = max(last, min(wait, patience * device.expected.period_s))
        return last

    def _wake(self, at: float) -> None:
        if at < self._end:
            self._at(at, _Kind.CAMPAIGN, 0)

    # Groups

    def _arm(self, group: TrialGroup, latest: float) -> None:
        """Settle when its next class session starts."""
        planned, plan = group.planned, self._plan
        periods = [one.expected.period_s for one in group.members if one.outcome is Outcome.OPEN]
        start_ms = session_start(
            plan.start + round(self._now * 1000),
            longest_wait_s(periods, self._policy),
            self._tolerance_s,
            self._policy,
            planned.session_class,
            latest=plan.start + round(latest * 1000),
        )
        if planned.session_start is not None and group.session == 0:
            start_ms = planned.session_start
        start = max((start_ms - plan.start) / 1000, 0.001)
        exponent = planned.session_timeout_exp
        group.session += 1
        if group.session > 1:
            longest = min(max(planned.transfer_s, 1), max(1, self._end - start))
            exponent = timeout_exponent(min(longest, longest_session_s(planned.session_class)), planned.session_class)
        else:
            group.began_at = start
        group.session_start = start
        group.session_end = start + timeout_s(exponent, planned.session_class)
        group.mode = Mode.ARMED
        self._wake_group(group, start)

    def _tell_again(self, group: TrialGroup) -> None:
        for one in group.members:
            if one.outcome is Outcome.OPEN and one.step is Step.TRANSFER and not one.transferred:
                one.left[Step.SESSION] = 1
                one.talk, one.aside, one.tries = Talk.WAITING, Aside.NONE, 0
                self._move(one, Step.SESSION)
                self._replan(one)

    def _wake_group(self, group: TrialGroup, at: float) -> None:
        group.ticket += 1
        self._at(max(at, self._now), _Kind.GROUP, group.number, group.ticket)

    def _drive(self, group: TrialGroup) -> None:
        """Do what is due for a group now."""
        match group.mode:
            case Mode.ARMED:
                self._begin_sending(group)
            case Mode.SENDING:
                offset = self._dice.between(0, group.rhythm.slot_s) if group.rhythm.slot_s else 0.0
                over = group.put_on_air(self._now, offset)
                group.mode = Mode.ON_AIR
                self._wake_group(group, over)
            case Mode.ON_AIR:
                group.receive(self._dice.generator)
                if group.to_send:
                    self._next_session(group, asks=False)
                else:
                    group.first_pass_over = True
                    self._decide(group, sending=True)
            case Mode.ASKING:
                self._ask(group)
            case Mode.LISTENING | Mode.UNICAST:
                self._decide(group, sending=False)
            case Mode.READY | Mode.OVER:
                pass

    def _begin_sending(self, group: TrialGroup) -> None:
        if self._setup_only:
            return
        stage = self._stages.index(_Stage.SENDING) + 1
        if self._stage < stage and not self._may_begin_early(group, stage):
            return
        first = group.session_start + first_fragment_delay_s(self._policy, self._tolerance_s)
        if self._now < first:
            self._wake_group(group, first)
            return
        if not any(one.armed_for == group.session and one.outcome is Outcome.OPEN for one in group.members):
            self._finish(group)
            return
        group.mode = Mode.ASKING if group.asks_next else Mode.SENDING
        group.asks_next = False
        self._drive(group)

    def _may_begin_early(self, group: TrialGroup, stage: int) -> bool:
        if self._stage != stage - 1 or self._now < group.session_start:
            return False
        ready = sum(one.armed_for == group.session and one.outcome is Outcome.OPEN for one in group.members)
        return 100 * ready >= self._plan.threshold_percent * len(group.members)

    def _next_session(self, group: TrialGroup, *, asks: bool) -> None:
        """The class session ends before the transfer does."""
        latest = self._end - group.stream.airtime_s
        needy = any(
            one.outcome is Outcome.OPEN and one.step is Step.TRANSFER and not one.transferred for one in group.members
        )
        if not needy or self._now >= latest:
            self._finish(group)
            return
        self._arm(group, latest)
        self._tell_again(group)
        group.asks_next = asks

    def _ask(self, group: TrialGroup) -> None:
        """A status request goes out over multicast."""
        at = group.earliest_request(self._now)
        if at > group.session_end:
            self._next_session(group, asks=True)
            return
        if at > self._now:
            self._wake_group(group, at)
            return
        group.mode = Mode.LISTENING
        group.poll_frames = len(group.stream.starts)
        spread = self._spread_s(group.number)
        group.poll_closes = self._now + spread + self._policy.fsession_status_timeout_s
        fragments = group.planned.fragments
        asked = 0
        for one in group.members:
            if one.step < Step.TRANSFER or not one.armed_for or one.outcome is Outcome.FAILED:
                continue
            asked += 1
            answers = group.asks_everyone or not one.complete(fragments)
            heard = one.expected.speaks and not self._dice.happens(one.loss)
            if answers and heard and self._dice.happens(one.up) and self._dice.happens(TOLD_AT_ONCE):
                self._at(self._now + self._dice.between(0, spread), _Kind.TOLD, one.number, group.polls)
        group.awaited = asked if group.asks_everyone else asked + 1
        self._wake_group(group, group.poll_closes)

    def _told_all(self, device: TrialDevice, poll: int) -> None:
        """An answer to a multicast status request."""
        group = self._groups[device.group]
        if group.mode is not Mode.LISTENING or group.polls != poll:
            return
        group.awaited -= 1
        self._told(device, group.poll_frames)
        if group.awaited <= 0:
            self._wake_group(group, self._now)
        self._opportunity(device)
        self._replan(device)

    def _answered_singly(self, device: TrialDevice) -> None:
        device.aside, device.aside_tries = Aside.NONE, 0
        self._told(device, self._told_next[device.number])
        self._one_less_asked(device)

    def _told(self, device: TrialDevice, on_air: int) -> None:
        if device.outcome is not Outcome.OPEN or device.transferred or device.step is not Step.TRANSFER:
            return
        fragments = self._groups[device.group].planned.fragments
        device.missing = device.misses(fragments)
        device.received_told = device.uncoded_heard + device.coded_heard
        device.told_at, device.silent = on_air, 0
        if not device.missing:
            device.transferred = True
            self._advance(device)

    def _one_less_asked(self, device: TrialDevice) -> None:
        group = self._groups[device.group]
        group.asked_singly -= 1
        if group.mode is Mode.UNICAST and group.asked_singly <= 0:
            self._wake_group(group, self._now)

    def _decide(self, group: TrialGroup, *, sending: bool) -> None:
        open_ = [
            one
            for one in group.members
            if one.outcome is Outcome.OPEN and one.step is Step.TRANSFER and not one.transferred
        ]
        complete = sum(one.transferred for one in group.members)
        if not sending and group.polls == 1 and complete + len(open_):
            answered = complete + sum(one.missing >= 0 for one in open_)
            group.answer_share = min(0.98, max(0.3, answered / (complete + len(open_))))
        spread_s = self._spread_s(group.number) + self._policy.fsession_status_timeout_s
        frames_left = int(max(0.0, self._end - self._now - spread_s) / group.rhythm.gap_s)
        at = Standing(
            sending, len(group.stream.starts), group.polls, complete, len(group.members), frames_left,
            group.coded_sent, group.passes, group.asked_at, group.answer_share,
        )  # fmt: skip
        wanted = -(-self._plan.threshold_percent * len(group.members) // 100)
        decision = decide(group.planned, self._policy, wanted, open_, at)
        group.first_status_over |= group.polls > 0 and not isinstance(decision, AskEach)
        self._carry_out(group, decision)

    def _carry_out(self, group: TrialGroup, decision: Decision) -> None:
        match decision:
            case Send(count):
                group.to_send = count
                if group.planned.strategy == "carousel":
                    group.passes += 1
                else:
                    group.coded_sent += count
                group.mode = Mode.SENDING
                self._drive(group)
            case AskAll(everyone):
                group.asks_everyone = everyone
                group.polls += 1
                if not everyone:
                    group.asked_at.append(len(group.stream.starts))
                group.mode = Mode.ASKING
                self._drive(group)
            case AskEach(devices):
                group.polls += 1
                group.mode = Mode.UNICAST
                group.asked_singly = len(devices)
                for one in devices:
                    one.aside, one.aside_tries, one.talk = Aside.STATUS, 0, Talk.WAITING
                    self._replan(one)
            case _:
                self._finish(group)

    def _finish(self, group: TrialGroup) -> None:
        group.mode = Mode.OVER
        group.over_at = self._now
        group.first_pass_over = group.first_status_over = True
        for one in group.members:
            if one.outcome is not Outcome.OPEN or one.step > Step.TRANSFER:
                continue
            asks_image = one.received_told > 0 and one.silent > 0 and one.expected.checks_image and self._firmware
            if one.step is Step.TRANSFER and asks_image:
                # Its image tells whether the block is complete.
                self._move(one, Step.IMAGE)
                one.transferred = one.complete(group.planned.fragments)
                if one.transferred:
                    self._replan(one)
                    continue
            self._settle(one, Outcome.BEHIND)
