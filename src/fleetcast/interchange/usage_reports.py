"""Usage reports as CSV without a header row: one about all campaigns, one about updates of delta-capable devices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fleetcast.interchange.table import write_row


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignUsage:
    """What one subscriber used in the reported time."""

    subscriber_id: str
    devices: int
    campaigns_run: int
    multicast_setup_devices: int
    """Devices that succeeded in a campaign that configures multicast groups."""
    binary_devices: int
    """The same for uploads of binary files."""
    firmware_devices: int
    """The same for firmware updates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaUsage:
    """Updates of the delta-capable devices of one device profile."""

    subscriber_id: str
    device_profile: str
    devices_updated: int
    full_image_campaigns: int
    delta_campaigns: int


def write_campaign_usage(rows: Iterable[CampaignUsage]) -> Iterator[str]:
    """Subscriber id, devices, campaigns run, devices that succeeded in multicast setup, binary, firmware campaigns."""
    for row in rows:
        numbers = (
            row.devices,
            row.campaigns_run,
            row.multicast_setup_devices,
            row.binary_devices,
            row.firmware_devices,
        )
        yield write_row((row.subscriber_id, *map(str, numbers)))


def write_delta_usage(rows: Iterable[DeltaUsage]) -> Iterator[str]:
    """Subscriber id, device profile, devices updated, full-image campaigns, delta campaigns."""
    for row in rows:
        numbers = (row.devices_updated, row.full_image_campaigns, row.delta_campaigns)
        yield write_row((row.subscriber_id, row.device_profile, *map(str, numbers)))
