"""What one batch of reactions changed and asked for, until it is committed; and what lists show of a campaign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fleetcast.campaign.changes import Changes
from fleetcast.campaign.effects import (
    Effect,
    EnsureGroup,
    SendFragment,
    SendMulticast,
    SendUnicast,
)
from fleetcast.campaign.explanation import explain_campaign
from fleetcast.campaign.progress import current_stage
from fleetcast.campaign.states import CampaignState, DeviceState, GroupState, Outcome
from fleetcast.campaign.table import State
from fleetcast.instants import InstantMs
from fleetcast.store.running_campaigns import Shown


@dataclass(slots=True)
class Turn:
    """Reactions of one campaign that are committed together."""

    devices: dict[int, DeviceState] = field(default_factory=dict)
    groups: dict[int, GroupState] = field(default_factory=dict)
    campaign: CampaignState | None = None
    effects: list[Effect] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    """Numbers of the inbox entries that were thought about."""
    more: bool = False
    """There is more to do at once."""
    withdrawn: int = 0
    """The campaign was stopped in this turn: what it wanted to send up to this effect isn't sent any more."""
    never_sent: list[int] = field(default_factory=list)
    """Effects of this very turn that the stop overtook."""

    def add(self, changes: Changes, effects: Sequence[Effect]) -> None:
        """One more reaction."""
        self.devices.update(changes.devices)
        self.groups.update(changes.groups)
        self.campaign = changes.campaign or self.campaign
        self.effects.extend(effects)

    def stop(self, last_effect: int) -> None:
        """The next reaction stops the campaign: sendings and groups asked for up to `last_effect` are withdrawn."""
        self.withdrawn = last_effect
        kept: list[Effect] = []
        for effect in self.effects:
            if isinstance(effect, SendUnicast | SendFragment | SendMulticast):
                self.never_sent.append(effect.effect_id)
            elif not isinstance(effect, EnsureGroup):
                kept.append(effect)
        self.effects = kept

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.devices or self.groups or self.campaign or self.effects or self.taken)


def as_shown(state: State, now: InstantMs) -> Shown:
    """What lists show of a campaign in this state."""
    view = current_stage(state)
    counts = state.counts
    return Shown(
        stage=0 if view is None else view.number,
        stages=0 if view is None else view.of,
        stage_name="" if view is None else view.label,
        stage_starts_at=None if view is None else view.starts_at,
        stage_done=0 if view is None else view.done,
        stage_total=0 if view is None else view.total,
        succeeded=sum(counts[Outcome.SUCCEEDED]),
        failed=sum(counts[Outcome.FAILED]) + sum(counts[Outcome.BEHIND]),
        explanation=explain_campaign(state, now),
    )
