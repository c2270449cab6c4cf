"""One device in a trial: how far it is, what it was asked, and what it received."""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Final

from fleetcast.planning.expectation import Expected, Step
from fleetcast.planning.trial_air import Gateway
from fleetcast.planning.trial_dice import Dice

_FARTHER: Final = 0.45
"""How much a farther gateway adds to reception, beside the nearest: a loss counted over a group's frames is all of
theirs together, while a request comes from one."""


class Talk(IntEnum):
    """The one exchange a device may have under way."""

    WAITING = 0
    QUEUED = 1
    """For its turn on the connection."""
    KEPT = 2
    """The network keeps the request for the device's next uplink."""
    SENT = 3


class Outcome(IntEnum):
    """What became of a device."""

    OPEN = 0
    SUCCEEDED = 1
    BEHIND = 2
    """It failed a stage."""
    FAILED = 3


class Aside(IntEnum):
    """Something said before the step's own request."""

    NONE = 0
    FRAG_DELETE = 1
    STATUS = 2
    RESYNC = 3
    """Its clock is off: it is made to ask for the time."""


class TrialDevice:
    """The state of one participant."""

    __slots__ = (
        "always_open", "armed_for", "aside", "aside_tries", "clock_off", "coded_heard", "counted", "expected",
        "expected_loss", "extra", "fails_at", "gateways", "grace_stage", "grace_used", "group", "heard", "heard_at",
        "kept_start", "kept_until", "left", "listening_from", "loss", "missing", "next_heard", "not_before",
        "number", "outcome", "phase", "received_told", "refused_until", "restarts", "silent", "since", "step",
        "talk", "ticket", "told_at", "told_session", "transferred", "tries", "tuned_to", "uncoded_heard",
        "unheard_until", "unicast_loss", "up", "valid",
    )  # fmt: skip

    def __init__(
        self, number: int, expected: Expected, loss: float, uplink_loss: float, gateways: list[Gateway], dice: Dice
    ) -> None:
        self.number: Final = number
        self.expected: Final = expected
        self.group = expected.group
        self.expected_loss = 0.0
        """As the plan has it."""
        self.loss = loss
        self.unicast_loss = loss ** (1 / (1 + _FARTHER * max(0, len(gateways) - 1)))
        """Of what one gateway sends to it alone."""
        self.fails_at = -1
        """Step at which it fails for a reason that no fact tells; below 0: none."""
        self.up = 1 - uplink_loss
        """Chance that an uplink is heard, as far as the path decides."""
        self.gateways = gateways
        self.always_open = expected.always_open
        self.phase = dice.between(0, expected.period_s)
        """When it speaks next by itself, or spoke first."""
        self.next_heard = -1.0
        """The uplink by itself that was drawn last as one that is heard."""
        self.step = Step.QUESTIONS
        self.left = [*expected.exchanges]
        """Exchanges still to be had, by step."""
        self.outcome = Outcome.OPEN
        self.talk = Talk.WAITING
        self.aside = Aside.NONE
        self.tries = 0
        self.aside_tries = 0
        self.since = 0.0
        self.not_before = 0.0
        self.unheard_until = 0.0
        """When it is heard for the first time since it joined anew."""
        self.refused_until = 0.0
        """Nothing is said without an uplink before: the network could not send."""
        self.restarts = False
        """It will restart in the middle of its first class session, and lose all it was told."""
        self.heard = False
        self.heard_at = -1e9
        self.ticket = 0
        """Goes up with everything that was planned for it: older plans mean nothing."""
        self.grace_used = 0
        self.grace_stage = -1
        self.armed_for = 0
        """Number of the class session it is armed for, as far as the campaign knows."""
        self.tuned_to = 0
        """Number of the class session it listens in: it does even where its answer was lost."""
        self.told_session = 0
        """Number of the class session in the request under way."""
        self.kept_start = 0.0
        """Session start in the request under way."""
        self.kept_until = 0.0
        """Until when the network keeps the request for its next uplink."""
        # Reception
        self.listening_from = 0
        self.counted = 0
        """Frames of its group up to which its reception was drawn."""
        self.uncoded_heard = 0
        self.coded_heard = 0
        self.extra = 0
        """Coded fragments it must hear beyond those it lost."""
        self.missing = -1
        """As last told; -1: not yet."""
        self.received_told = 0
        self.told_at = 0
        """Frames on the air when it was asked for what it told."""
        self.silent = 0
        self.transferred = False
        self.valid = False
        self.clock_off = expected.clock_off

    def next_own_uplink(self, after: float, misses: int, jitter_s: float) -> float:
        """The next uplink by itself after an instant that is heard, so many being lost before it.

        `jitter_s`: how much earlier or later than the rhythm says; the rhythm goes on from there.
        """
        if self.next_heard > after:
            return self.next_heard
        period = self.expected.period_s
        passed = math.floor((after - self.phase) / period) + 1 if after >= self.phase else 0
        at = self.phase + (passed + misses) * period + jitter_s
        if at <= after:
            at += period
        self.phase = self.next_heard = at
        return at

    @property
    def asked_out(self) -> int:
        """Sendings of the present request."""
        return self.tries if self.aside is Aside.NONE else self.aside_tries

    def lost(self, fragments: int) -> int:
        """Uncoded fragments it has not got."""
        return fragments - self.uncoded_heard

    def complete(self, fragments: int) -> bool:
        """Whether its decoder is done."""
        lost = fragments - self.uncoded_heard
        if lost <= 0:
            return True
        memory = self.expected.memory
        return self.coded_heard >= lost + self.extra and (memory is None or lost <= memory)

    def misses(self, fragments: int) -> int:
        """What it would tell: 0 when complete."""
        if self.complete(fragments):
            return 0
        return max(1, fragments - self.uncoded_heard - self.coded_heard)

    def exhausted(self, fragments: int) -> bool:
        """Whether its decoder has more to repair than it can."""
        memory = self.expected.memory
        return memory is not None and self.coded_heard > 0 and self.lost(fragments) > memory
