"""A campaign whole, and the index of what follows from it: counts, deadlines, who waits for a turn.

The parts are saved; the index never is: it is built anew after a restart and kept up to date by `apply`.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from enum import IntEnum

from fleetcast.campaign.changes import Changes
from fleetcast.campaign.states import CampaignState, DeviceState, GroupState, Outcome, Step, Talk
from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs
from fleetcast.planning.plan import Plan


class Owner(IntEnum):
    """Whose deadline or effect it is."""

    CAMPAIGN = 0
    GROUP = 1
    DEVICE = 2
    CONNECTION = 3


class State:
    """A campaign whole: its plan, its parts, and their index. Only `apply` alters it."""

    __slots__ = (
        "asked_singly",
        "campaign", "connection_of", "connections", "counts", "deadlines", "device_of", "devices", "effects",
        "group_of", "groups", "members", "plan", "turns", "undoing",
    )  # fmt: skip

    def __init__(
        self, plan: Plan, campaign: CampaignState, devices: list[DeviceState], groups: list[GroupState]
    ) -> None:
        self.plan = plan
        self.campaign = campaign
        self.devices = devices
        self.groups = groups
        self.device_of: dict[DevEui, int] = {}
        self.group_of: dict[DevEui, int] = {g.dev_eui: i for i, g in enumerate(plan.groups)}
        self.connections: tuple[str, ...] = tuple(sorted({g.connection for g in plan.groups}))
        self.connection_of: tuple[int, ...] = tuple(self.connections.index(g.connection) for g in plan.groups)
        self.members: tuple[list[int], ...] = tuple([] for _ in plan.groups)
        for i, planned in enumerate(plan.devices):
            # One number in both: it is an object of its own, and there may be a million of them.
            self.device_of[planned.dev_eui] = i
            self.members[planned.group].append(i)
        self.counts: list[list[int]] = [[0] * len(Step) for _ in Outcome]
        self.effects: dict[int, tuple[Owner, int]] = {}
        self.deadlines: list[tuple[InstantMs, Owner, int]] = []
        self.turns: tuple[list[tuple[int, int]], ...] = tuple([] for _ in self.connections)
        self.undoing = sum(bool(device.undo) for device in devices)
        """Devices with something left to undo."""
        self.asked_singly = [0] * len(groups)
        """By group: devices that are asked for their status by unicast, and did not answer or give up yet."""
        for planned, device in zip(plan.devices, devices, strict=True):
            self.asked_singly[planned.group] += device.asked_singly
        for i, device in enumerate(devices):
            self.counts[device.outcome][device.step] += 1
            self._index_device(i, device)
        for g, group in enumerate(groups):
            self._index_group(g, group)
        self._index_campaign(campaign)

    def apply(self, changes: Changes) -> None:
        """Exchange the parts that a reaction altered, in place, at the cost of what changed."""
        for i, device in changes.devices.items():
            old = self.devices[i]
            self.counts[old.outcome][old.step] -= 1
            self.counts[device.outcome][device.step] += 1
            self.undoing += bool(device.undo) - bool(old.undo)
            if device.aside is not old.aside or device.resumes is not old.resumes:
                self.asked_singly[self.plan.devices[i].group] += device.asked_singly - old.asked_singly
            if old.effect and old.effect != device.effect:
                self.effects.pop(old.effect, None)
            self.devices[i] = device
            self._index_device(i, device, old)
        for g, group in changes.groups.items():
            before = self.groups[g]
            for frame in before.under_way:
                self.effects.pop(frame.effect, None)
            if before.effect != group.effect:
                self.effects.pop(before.effect, None)
            self.groups[g] = group
            self._index_group(g, group, before)
        if changes.campaign is not None:
            earlier, self.campaign = self.campaign, changes.campaign
            self._index_campaign(changes.campaign, earlier)

    def all_due(self, now: InstantMs, most: int) -> list[tuple[Owner, int]]:
        """Whose deadlines have come, earliest first, each once, at most so many; they stay until they move."""
        found: dict[tuple[Owner, int], InstantMs] = {}
        kept: list[tuple[InstantMs, Owner, int]] = []
        while len(found) < most:
            at = self._next_deadline()
            if at is None or at > now:
                break
            entry = heapq.heappop(self.deadlines)
            if entry[1:] not in found:
                found[entry[1:]] = at
                kept.append(entry)
        for entry in kept:
            heapq.heappush(self.deadlines, entry)
        return list(found)

    def next_deadline(self) -> InstantMs | None:
        """When time alone changes something."""
        return self._next_deadline()

    def next_turn(self, connection: int) -> int | None:
        """Which device is served next on a connection: whoever would have to wait longest for another chance."""
        turns = self.turns[connection]
        while turns:
            i = turns[0][1]
            if self.devices[i].talk is Talk.QUEUED:
                return i
            heapq.heappop(turns)
        return None

    # What has not changed stands in the index already: entered anew with every change, it would grow for ever.

    def _index_device(self, i: int, device: DeviceState, old: DeviceState | None = None) -> None:
        if device.effect and (old is None or device.effect != old.effect):
            self.effects[device.effect] = (Owner.DEVICE, i)
        if device.due and (old is None or device.due != old.due):
            heapq.heappush(self.deadlines, (device.due, Owner.DEVICE, i))
        if device.talk is Talk.QUEUED and (
            old is None or old.talk is not Talk.QUEUED or device.period_s != old.period_s
        ):
            connection = self.connection_of[self.plan.devices[i].group]
            heapq.heappush(self.turns[connection], (-device.period_s, i))
            heapq.heappush(self.deadlines, (self.campaign.unicast_after[connection], Owner.CONNECTION, connection))

    def _index_group(self, g: int, group: GroupState, old: GroupState | None = None) -> None:
        for frame in group.under_way:
            self.effects[frame.effect] = (Owner.GROUP, g)
        if group.effect:
            self.effects[group.effect] = (Owner.GROUP, g)
        if group.due and (old is None or group.due != old.due):
            heapq.heappush(self.deadlines, (group.due, Owner.GROUP, g))

    def _index_campaign(self, campaign: CampaignState, old: CampaignState | None = None) -> None:
        if campaign.due and (old is None or campaign.due != old.due):
            heapq.heappush(self.deadlines, (campaign.due, Owner.CAMPAIGN, 0))
        for connection, after in enumerate(campaign.unicast_after):
            if self.turns[connection] and (old is None or after != old.unicast_after[connection]):
                heapq.heappush(self.deadlines, (after, Owner.CONNECTION, connection))

    def _next_deadline(self) -> InstantMs | None:
        deadlines = self.deadlines
        while deadlines:
            due, owner, i = deadlines[0]
            if due == self._due_of(owner, i):
                return due
            heapq.heappop(deadlines)
        return None

    def _due_of(self, owner: Owner, i: int) -> InstantMs:
        match owner:
            case Owner.DEVICE:
                return self.devices[i].due
            case Owner.GROUP:
                return self.groups[i].due
            case Owner.CAMPAIGN:
                return self.campaign.due
            case Owner.CONNECTION:
                return self.campaign.unicast_after[i] if self.next_turn(i) is not None else 0


@dataclass(frozen=True, slots=True)
class Counts:
    """How many devices have which outcome at which step, a draft's own changes included."""

    of: list[list[int]]

    def at(self, outcome: Outcome, first: Step = Step.PACKAGE_VERSIONS, last: Step = Step.DONE) -> int:
        """Devices with an outcome whose step lies in a range, both ends included."""
        return sum(self.of[outcome][first : last + 1])

    def passed(self, step: Step) -> int:
        """Devices that are past a step and haven't failed."""
        return sum(self.of[Outcome.OPEN][step + 1 :]) + sum(self.of[Outcome.SUCCEEDED])
