"""A reaction in the making: reads the table, edits copies, and collects what is asked for.

The table itself is not altered, so a reaction whose commit fails leaves nothing behind.
"""

from __future__ import annotations

from fleetcast.campaign.causes import Cause, Failure
from fleetcast.campaign.changes import Changes
from fleetcast.campaign.effects import Effect, Record, RecordKind
from fleetcast.campaign.states import Aside, CampaignState, DeviceState, GroupState, Outcome, Step, Talk
from fleetcast.campaign.table import Counts, State
from fleetcast.instants import InstantMs
from fleetcast.planning.facts import Profile
from fleetcast.planning.plan import Plan, PlannedDevice, PlannedGroup


class Draft:
    """One reaction to one event at one instant."""

    __slots__ = ("changes", "effects", "now", "plan", "state")

    def __init__(self, state: State, now: InstantMs) -> None:
        self.state = state
        self.plan: Plan = state.plan
        self.now = now
        self.changes = Changes()
        self.effects: list[Effect] = []

    # Reading: the draft's own copy, where there is one.

    @property
    def campaign(self) -> CampaignState:
        """The campaign's part, to be read."""
        return self.changes.campaign or self.state.campaign

    def device(self, i: int) -> DeviceState:
        """A device's part, to be read."""
        return self.changes.devices.get(i) or self.state.devices[i]

    def group(self, g: int) -> GroupState:
        """A group's part, to be read."""
        return self.changes.groups.get(g) or self.state.groups[g]

    def planned(self, i: int) -> PlannedDevice:
        """What the plan says of a device."""
        return self.plan.devices[i]

    def planned_group(self, g: int) -> PlannedGroup:
        """What the plan says of a group."""
        return self.plan.groups[g]

    def profile(self, i: int) -> Profile:
        """A device's profile."""
        return self.plan.profiles[self.plan.devices[i].profile]

    def counts(self) -> Counts:
        """Devices by outcome and step, with the changes of this draft."""
        of = [row.copy() for row in self.state.counts]
        for i, device in self.changes.devices.items():
            old = self.state.devices[i]
            of[old.outcome][old.step] -= 1
            of[device.outcome][device.step] += 1
        return Counts(of)

    def may_move_campaign(self) -> bool:
        """Whether anything that stages and their ends depend on has changed, or the campaign's own instant has come.

        Most events are about one device and leave all that as it was.
        """
        changes, campaign = self.changes, self.state.campaign
        if changes.groups or self.now >= campaign.due:
            return True
        edited = changes.campaign
        if edited is not None and (
            edited.stage != campaign.stage or edited.sweep != campaign.sweep or edited.due != campaign.due
            or edited.grace_until != campaign.grace_until or edited.closing is not campaign.closing
            or edited.status is not campaign.status
        ):  # fmt: skip
            return True  # else a number was given to an effect, or a connection's next turn was put off
        devices = self.state.devices
        return any(
            device.step is not devices[i].step or device.outcome is not devices[i].outcome
            for i, device in changes.devices.items()
        )

    def undoing(self) -> int:
        """Devices with something left to undo, with the changes of this draft."""
        devices = self.state.devices
        return self.state.undoing + sum(
            bool(device.undo) - bool(devices[i].undo) for i, device in self.changes.devices.items()
        )

    def asked_singly(self, g: int) -> int:
        """Devices of a group that are asked for their status by unicast, with the changes of this draft."""
        devices, planned = self.state.devices, self.plan.devices
        return self.state.asked_singly[g] + sum(
            device.asked_singly - devices[i].asked_singly
            for i, device in self.changes.devices.items()
            if planned[i].group == g
        )

    # Editing: copies, once per reaction.

    def edit_campaign(self) -> CampaignState:
        """The campaign's part, to be altered."""
        if self.changes.campaign is None:
            self.changes.campaign = self.state.campaign.edited()
        return self.changes.campaign

    def edit(self, i: int) -> DeviceState:
        """A device's part, to be altered."""
        device = self.changes.devices.get(i)
        if device is None:
            device = self.changes.devices[i] = self.state.devices[i].edited()
        return device

    def edit_group(self, g: int) -> GroupState:
        """A group's part, to be altered."""
        group = self.changes.groups.get(g)
        if group is None:
            group = self.changes.groups[g] = self.state.groups[g].edited()
        return group

    # Asking.

    def ask(self, effect: Effect) -> None:
        """Ask for something; it is done once the changes are saved."""
        self.effects.append(effect)

    def new_effect_id(self) -> int:
        """A number no effect of this campaign had before."""
        campaign = self.edit_campaign()
        campaign.last_effect += 1
        return campaign.last_effect

    def note(self, kind: RecordKind, about: str, text: str) -> None:
        """A line for the journal."""
        self.effects.append(Record(kind, about, text))

    # What happens to devices.

    def fail(self, i: int, cause: Cause, detail: str = "") -> None:
        """A device's failure is final."""
        self._close(i, Outcome.FAILED, Failure(cause, detail))

    def leave_behind(self, i: int, cause: Cause, detail: str = "") -> None:
        """A device failed its stage; a late answer may still bring it back."""
        self._close(i, Outcome.BEHIND, Failure(cause, detail))

    def succeed(self, i: int) -> None:
        """A device did what this campaign is for."""
        device = self.edit(i)
        device.step = Step.DONE
        self._close(i, Outcome.SUCCEEDED, None)

    def _close(self, i: int, outcome: Outcome, failure: Failure | None) -> None:
        device = self.edit(i)
        device.outcome = outcome
        device.failure = failure
        device.aside = Aside.NONE
        quiet(device)
        if outcome is not Outcome.BEHIND:
            self.note(RecordKind.DEVICE, self.planned(i).dev_eui, str(failure) if failure else "succeeded")


def quiet(device: DeviceState) -> None:
    """Nothing is said to this device any more, nor awaited of it."""
    device.talk = Talk.WAITING
    device.effect = 0
    device.due = 0
    device.not_before = 0
    device.tries = 0
    device.aside_tries = 0
    device.resumes = Aside.NONE
