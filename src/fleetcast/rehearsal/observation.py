"""What a rehearsal writes down while it runs: when devices passed their stages, what was asked and answered.

It looks at every commit and changes nothing. Times are kept in compact arrays, one number per device and stage.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass

from fleetcast.campaign.changes import Changes
from fleetcast.campaign.effects import Effect, Record, RecordKind, SendFragment, SendMulticast, SendUnicast
from fleetcast.campaign.states import GroupState, Mode, Outcome, Stage, Step
from fleetcast.campaign.table import State
from fleetcast.instants import InstantMs
from fleetcast.planning.plan import Plan
from fleetcast.protocol.ts004_fragmentation.v1 import FragSessionStatusAns, FragSessionStatusReq

_PASSED_WITH: dict[Stage, Step] = {
    Stage.MC_GROUP_SETUP: Step.MC_GROUP_SETUP,
    Stage.REBOOT_TIME_SETUP: Step.REBOOT_TIME,
    Stage.FRAG_SESSION_SETUP: Step.FRAG_SESSION_SETUP,
    Stage.MC_SESSION_SETUP: Step.MC_SESSION,
    Stage.DL_FRAGMENT: Step.TRANSFER,
}


@dataclass(slots=True)
class SessionSetup:
    """A further class session being set up: its devices are told, until it starts."""

    group: int
    """Its place in the plan."""
    number: int
    """Among the group's class sessions, from 1."""
    began: InstantMs
    ended: InstantMs | None = None


_KEPT = frozenset({RecordKind.STATUS, RecordKind.STAGE, RecordKind.GROUP})
_STATUS_CID = bytes([FragSessionStatusAns.cid])
_MOST_LINES = 2000


class Observation:
    """The course of one campaign."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._farthest = bytearray(len(plan.devices))
        self.passed: dict[Stage, array[int]] = {stage: array("q") for stage in _PASSED_WITH}
        """When a device passed a stage for the first time, in the order of time."""
        self.succeeded = array("q")
        self.failed = array("q")
        self.step_began: dict[Step, InstantMs] = {}
        """When the first device came to a step that it had something to do in."""
        self.step_ended: dict[Step, InstantMs] = {}
        """When the last one left it."""
        self.fragments: dict[str, array[int]] = {group.dev_eui: array("q") for group in plan.groups}
        """By group: when its data fragments were handed to the network."""
        self.polls = 0
        """Status requests over multicast."""
        self.polls_unicast = 0
        self.answers = 0
        """Uplinks that began with FragSessionStatusAns."""
        self.sent: Counter[str] = Counter()
        """Unicast requests handed to the network, by name."""
        self.session_setups: list[SessionSetup] = []
        """Every class session after a group's first, in the order of time."""
        self._setting_up: dict[int, SessionSetup] = {}
        self.journal: list[tuple[InstantMs, str, str]] = []
        self.ignored: Counter[str] = Counter()
        self.commits = 0

    def before_apply(self, state: State, changes: Changes, now: InstantMs) -> None:
        """Look at changes that are about to be applied."""
        self.commits += 1
        for i, device in changes.devices.items():
            old = state.devices[i]
            if device.step is not old.step:
                self._moved(i, old.step, device.step, now)
            if device.outcome is not old.outcome:
                if device.outcome is Outcome.SUCCEEDED:
                    self.succeeded.append(now)
                elif device.outcome is Outcome.FAILED:
                    self.failed.append(now)

        for g, group in changes.groups.items():
            self._session(g, group, now)

    def asked(self, effect: Effect, now: InstantMs) -> None:
        """Look at an effect that is about to be performed."""
        match effect:
            case SendFragment():
                self.fragments[effect.group].append(now)
            case SendMulticast():
                self.polls += any(isinstance(command, FragSessionStatusReq) for command in effect.commands)
            case SendUnicast():
                self.sent.update(command.name for command in effect.commands)
                self.polls_unicast += any(isinstance(command, FragSessionStatusReq) for command in effect.commands)
            case Record(kind, _, text):
                if kind in _KEPT and len(self.journal) < _MOST_LINES:
                    self.journal.append((now, kind.value, text))
                elif kind is RecordKind.IGNORED:
                    self.ignored[text] += 1

    def heard_on_fragmentation(self, payload: bytes) -> None:
        """An uplink came on the FPort of fragmentation; a status answer stands first in its payload."""
        self.answers += payload[:1] == _STATUS_CID

    def _session(self, g: int, group: GroupState, now: InstantMs) -> None:
        """A group's further class session is settled, or has begun, or was settled anew before it did."""
        open_ = self._setting_up.get(g)
        sets_up = group.mode is Mode.ARMED and group.session > 1
        if open_ is not None and (not sets_up or open_.number != group.session):
            open_.ended = now
            del self._setting_up[g]
        if sets_up and g not in self._setting_up:
            self._setting_up[g] = SessionSetup(g, group.session, now)
            self.session_setups.append(self._setting_up[g])

    def _moved(self, i: int, old: Step, new: Step, now: InstantMs) -> None:
        self.step_ended[old] = now
        self.step_began.setdefault(new, now)
        farthest = self._farthest[i]
        if new > farthest:
            self._farthest[i] = new
            for stage, step in _PASSED_WITH.items():
                if farthest <= step < new:
                    self.passed[stage].append(now)
