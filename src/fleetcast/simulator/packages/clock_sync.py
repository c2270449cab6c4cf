"""The device side of clock synchronisation (TS003-1.0.0 and 2.0.0): when to ask for the time, what to do with answers.

The clock itself is in `device_clock`.
"""

from __future__ import annotations

from fleetcast.instants import InstantMs
from fleetcast.protocol.packages import Package
from fleetcast.protocol.ts003_clock_sync import v1, v2
from fleetcast.protocol.wire import Command
from fleetcast.simulator.device_answers import NEVER, Answer
from fleetcast.simulator.device_body import Arrival, Body
from fleetcast.simulator.quirks import Quirk

_TOKENS = 16
_PERIOD_UNIT_S = 128
_PERIOD_JITTER_S = 30.0
_SATURATED = (0x7FFFFFFF, -0x80000000)
_UNKNOWN_TIME_RETRY_S = (60.0, 300.0)
"""How long a device without the time waits before it asks again; a choice of ours."""
_SHORTEST_SPACING_S = 5.0
"""Two requests are at least one receive window apart, even back to back."""


class ClockSync:
    """When this device asks for the time."""

    __slots__ = ("asked", "due", "forced_left", "period_s", "token")

    def __init__(self, period_s: float | None) -> None:
        self.token = 0
        self.asked = False
        """Whether it ever asked: a device that did not ignores answers."""
        self.forced_left = 0
        self.period_s = period_s
        self.due: InstantMs = NEVER

    def start(self, body: Body, now: InstantMs, *, booted: bool) -> None:
        """Plan the first request: soon after a start, else somewhere in the period."""
        habits = body.spec.model.traits.clock_request
        if not body.clock.known or (booted and habits.on_start):
            self.due = now + body.chance.between_ms(1, 5)
        elif self.period_s is not None:
            self.due = now + body.chance.between_ms(0, self.period_s)

    def restart(self, period_s: float | None) -> None:
        """Forget everything, as a reboot does."""
        self.token = self.forced_left = 0
        self.asked = False
        self.period_s = period_s
        self.due = NEVER

    def request(self, body: Body, now: InstantMs) -> bytes:
        """The AppTimeReq that is due now; plans the next."""
        traits = body.spec.model.traits
        request = v1.AppTimeReq(
            device_time=body.clock.shows_s(now),
            ans_required=traits.clock_request.ans_required or not body.clock.known,
            token_req=self.token,
        )
        self.asked = True
        if self.forced_left > 0:
            self.forced_left -= 1
        if self.forced_left > 0:
            spacing_s = max(traits.clock_request.force_resync_spacing_s, _SHORTEST_SPACING_S)
            self.due = now + round(1000 * spacing_s)
        elif not body.clock.known:
            self.due = now + body.chance.between_ms(*_UNKNOWN_TIME_RETRY_S)
        else:
            self._plan_period(body, now, traits.clock_request.jitter_s)
        return request.encode()

    def execute(self, body: Body, command: Command, arrival: Arrival) -> Answer | None:
        """Do what a command says."""
        match command:
            case v1.AppTimeAns():
                self._correct(body, command, arrival.now)
            case v1.DeviceAppTimePeriodicityReq():
                return self._periodicity(body, command, arrival)
            case v1.ForceDeviceResyncReq() | v2.ForceDeviceResyncCmd():
                if command.nb_transmissions > 0:
                    extra = Quirk.RESYNC_N_PLUS_1 in body.spec.model.traits.quirks
                    self.forced_left = command.nb_transmissions + extra
                    self.due = arrival.now
        return None

    def _correct(self, body: Body, answer: v1.AppTimeAns, now: InstantMs) -> None:
        if not self.asked or answer.token_ans != self.token or body.spec.defects.clock_never_set:
            return
        body.clock.correct(now, answer.time_correction)
        self.token = (self.token + 1) % _TOKENS
        self.forced_left = 0
        if body.spec.model.traits.version(Package.CLOCK_SYNC) >= 2 and answer.time_correction in _SATURATED:
            self.due = now
        else:
            self._plan_period(body, now, body.spec.model.traits.clock_request.jitter_s)

    def _periodicity(self, body: Body, request: v1.DeviceAppTimePeriodicityReq, arrival: Arrival) -> Answer:
        traits = body.spec.model.traits
        supported = traits.clock_request.periodicity_supported
        if supported:
            exponent = request.period
            if Quirk.CLOCK_PERIODICITY_OFFSET in traits.quirks:
                exponent = arrival.behind[0] & 0x0F if arrival.behind else 0
            self.period_s = float(_PERIOD_UNIT_S << exponent)
            self._plan_period(body, arrival.now, _PERIOD_JITTER_S)
        clock = body.clock

        def written(now: InstantMs, _room: int) -> bytes:
            answer = v1.DeviceAppTimePeriodicityAns(not_supported=not supported, time=clock.shows_s(now))
            return answer.encode()

        return Answer(written)

    def _plan_period(self, body: Body, now: InstantMs, jitter_s: float) -> None:
        if self.period_s is None:
            self.due = NEVER
        else:
            self.due = now + body.chance.between_ms(self.period_s - jitter_s, self.period_s + jitter_s)
