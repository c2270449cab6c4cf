"""What one reaction altered, part by part: exactly what must be saved."""

from __future__ import annotations

from dataclasses import dataclass, field

from fleetcast.campaign.states import CampaignState, DeviceState, GroupState


@dataclass(slots=True)
class Changes:
    """The new values of the parts that changed; devices and groups by their index in the plan."""

    devices: dict[int, DeviceState] = field(default_factory=dict)
    groups: dict[int, GroupState] = field(default_factory=dict)
    campaign: CampaignState | None = None

    def __bool__(self) -> bool:
        return bool(self.devices or self.groups or self.campaign)
