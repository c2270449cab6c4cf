"""Where a trial stands: what all its parts look at and change, and what is due when.

Nothing is decided here. Instants are seconds since the campaign's start.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from fleetcast.planning.expectation import Step
from fleetcast.planning.plan import CampaignType, Plan
from fleetcast.planning.policy import BelowThreshold, Setup
from fleetcast.planning.status_answers import spread_of
from fleetcast.planning.trial_air import Windows
from fleetcast.planning.trial_device import Outcome, TrialDevice
from fleetcast.planning.trial_dice import Dice
from fleetcast.planning.trial_group import TrialGroup

JOIN_AHEAD_S: Final = 30.0
JOIN_LEAST_S: Final = 60.0
JITTER: Final = 0.1
MOST_JITTER_S: Final = 30.0
"""How far devices stray from their rhythm, as a share of their period and at most: they don't meet for ever."""


class Kind(IntEnum):
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
    JOINS = 9
    """A device tries to join anew."""
    RESTARTED = 10
    """A device restarts in the middle of its class session."""


class Stage(IntEnum):
    GROUP = 0
    REBOOT_TIME = 1
    FRAG_SESSION = 2
    SESSION = 3
    SENDING = 4
    STATUS = 5
    ROUNDS = 6


LAST: Final = {
    Stage.GROUP: Step.GROUP,
    Stage.REBOOT_TIME: Step.REBOOT_TIME,
    Stage.FRAG_SESSION: Step.FRAG_SESSION,
    Stage.SESSION: Step.SESSION,
}
STAGE_OF: Final = (
    Stage.GROUP, Stage.GROUP, Stage.REBOOT_TIME, Stage.FRAG_SESSION, Stage.SESSION, Stage.SENDING,
    Stage.ROUNDS, Stage.ROUNDS, Stage.ROUNDS, Stage.ROUNDS, Stage.ROUNDS,
)  # fmt: skip


class TrialState:
    """One imagined campaign on its way."""

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
        self.plan, self.policy = plan, plan.policy
        self.devices, self.groups, self.windows = devices, groups, windows
        self.needed = needed
        self.gateways = max(1, len({id(gateway) for device in devices for gateway in device.gateways}))
        """That hear one of the devices or more."""
        self.dice = dice
        self.gap_s = ucast_gap_s
        self.setup_only = plan.type is CampaignType.MULTICAST_SETUP
        self.firmware = plan.type is CampaignType.FIRMWARE
        self.stages = _stages_of(plan)
        self.ends = [(end - plan.start) / 1000 for end in plan.stage_latest_ends]
        self.end = float(plan.max_duration_s)
        self.fails = self.policy.below_threshold is BelowThreshold.FAIL
        self.pipelined = self.policy.setup is Setup.PIPELINED
        self.reboot_s = None if plan.reboot_at is None else (plan.reboot_at - plan.start) / 1000
        tolerances = [profile.time_tolerance_s for profile in plan.profiles]
        if plan.file is not None and plan.file.time_tolerance_s is not None:
            tolerances = [plan.file.time_tolerance_s]
        self.tolerance_s = max(tolerances)
        self.now = 0.0
        self.heap: list[tuple[float, int, Kind, int, int]] = []
        self.sequence = 0
        self.stage = 0
        self.counts = [[0] * len(Step) for _ in Outcome]
        self.counts[Outcome.OPEN][Step.QUESTIONS] = len(devices)
        connections = sorted({group.planned.connection for group in groups})
        self.connection = [connections.index(group.planned.connection) for group in groups]
        self.free = [0.0] * len(connections)
        self.turns: list[list[tuple[float, int]]] = [[] for _ in connections]
        self.turn_due = [False] * len(connections)
        self.grace_until: float | None = None
        self.ended_at: float | None = None
        self.failed = False
        self.joining = 0
        """Devices that are off or try to join."""
        self.moved = False
        """Something happened that may end a stage."""
        self.requests = [0] * len(devices)
        self.told_next = [0] * len(devices)

    def at(self, at: float, kind: Kind, subject: int, ticket: int = 0) -> None:
        self.sequence += 1
        heapq.heappush(self.heap, (at, self.sequence, kind, subject, ticket))

    def passed(self, last: Step) -> int:
        return sum(self.counts[Outcome.OPEN][last + 1 :]) + sum(self.counts[Outcome.SUCCEEDED])

    def wake(self, at: float) -> None:
        if at < self.end:
            self.at(at, Kind.CAMPAIGN, 0)

    def wake_group(self, group: TrialGroup, at: float) -> None:
        group.ticket += 1
        self.at(max(at, self.now), Kind.GROUP, group.number, group.ticket)

    def move(self, device: TrialDevice, step: Step) -> None:
        self.counts[device.outcome][device.step] -= 1
        device.step = step
        self.counts[device.outcome][step] += 1
        self.moved = True

    def spread_s(self, g: int) -> float:
        return float(spread_of(self.groups[g].planned.block_ack_delay))


def _stages_of(plan: Plan) -> tuple[Stage, ...]:
    if plan.type is CampaignType.MULTICAST_SETUP:
        return (Stage.GROUP, Stage.SESSION)
    return tuple(stage for stage in Stage if stage is not Stage.REBOOT_TIME or plan.reboot_at is not None)
