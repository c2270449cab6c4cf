"""The plan's devices as columns, for the estimate: what each needs, and what is known of its links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fleetcast.identifiers import DevEui
from fleetcast.planning.facts import Device, FirmwareCommand, Reboots
from fleetcast.planning.plan import CampaignType, Plan, PlannedDevice, SuccessMeans
from fleetcast.planning.redundancy import DEFAULT_LOSS
from fleetcast.protocol.packages import Package

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Numbers: TypeAlias = NDArray[np.int64]

SILENT_PERIODS: Final = 3
"""A device not heard for so many of its periods is taken to stay silent."""

_MOST_LOSS: Final = 0.95


@dataclass(frozen=True, slots=True)
class FleetSample:
    """One row a device; all columns are equally long."""

    group: Numbers
    period_s: Floats
    transfer_loss: Floats
    answered: Floats
    """Chance that a request at an opportunity is answered: neither request nor answer is lost."""
    heard: Floats
    """Chance that an uplink is heard."""
    always_open: Flags
    """In class C for good: once heard, it can be reached at any time."""
    speaks: Flags
    """False for those that have been silent for long."""
    questions: Numbers
    """Exchanges of the first stage: package versions, firmware version, McGroupSetup where it isn't set up."""
    any_order: Flags
    memory: Floats
    """Most lost fragments its decoder repairs; endless where unknown."""
    closing_exchanges: Numbers
    """Image check, and the order to reboot at once."""
    provable: Flags
    """Whether what counts as success can be learned of it."""

    def __len__(self) -> int:
        return len(self.group)

    def subset(self, rows: Numbers) -> FleetSample:
        """Only these rows."""
        return replace(self, **{each.name: getattr(self, each.name)[rows] for each in fields(self)})


def sample_fleet(plan: Plan, devices: Mapping[DevEui, Device]) -> FleetSample:
    """The participants of a plan, in its order, with what the facts say of them."""
    rows = [_row(plan, planned, devices[planned.dev_eui]) for planned in plan.devices]
    columns = list(zip(*rows, strict=True))
    uplink_loss = np.clip(np.array(columns[3], float), 0.0, _MOST_LOSS)
    loss = np.clip(np.array(columns[2], float), 0.0, _MOST_LOSS)
    return FleetSample(
        group=np.array(columns[0], np.int64),
        period_s=np.array(columns[1], float),
        transfer_loss=loss,
        answered=(1 - loss) * (1 - uplink_loss),
        heard=1 - uplink_loss,
        always_open=np.array([planned.class_c_for_good for planned in plan.devices], bool),
        speaks=np.array(columns[4], bool),
        questions=np.array(columns[5], np.int64),
        any_order=np.array(columns[6], bool),
        memory=np.array(columns[7], float),
        closing_exchanges=np.array(columns[8], np.int64),
        provable=np.array(columns[9], bool),
    )


def _row(
    plan: Plan, planned: PlannedDevice, device: Device
) -> tuple[int, float, float, float, bool, int, bool, float, int, bool]:
    profile = plan.profiles[planned.profile]
    versions = dict(planned.versions)
    needed = [Package.MULTICAST_SETUP]
    if plan.type is not CampaignType.MULTICAST_SETUP:
        needed.append(Package.FRAGMENTATION)
    if plan.type is CampaignType.FIRMWARE or plan.reboot_at is not None:
        needed.append(Package.FIRMWARE_MANAGEMENT)
    questions = sum(package not in versions for package in needed)
    questions += planned.ask_version + (not planned.group_set_up)
    manages = versions.get(Package.FIRMWARE_MANAGEMENT, 1) is not None
    checks_image = manages and FirmwareCommand.UPGRADE_IMAGE in profile.firmware_commands
    orders = manages and plan.reboot_at is None and profile.reboots is Reboots.COMMAND
    tells_version = manages and FirmwareCommand.DEV_VERSION in profile.firmware_commands
    closing = 0
    if plan.type is CampaignType.FIRMWARE and plan.success_means is not SuccessMeans.TRANSFERRED:
        closing = checks_image + (orders and plan.success_means is SuccessMeans.RUNNING)
    provable = {
        SuccessMeans.RUNNING: tells_version or profile.running_uplink is not None,
        SuccessMeans.VALID: checks_image,
    }.get(plan.success_means, True)
    last = device.last_uplink
    silent = last is not None and plan.start - last > SILENT_PERIODS * planned.uplink_period_s * 1000
    uplink_loss = DEFAULT_LOSS if device.expected_uplink_loss is None else device.expected_uplink_loss
    return (
        planned.group,
        planned.uplink_period_s,
        planned.expected_loss,
        uplink_loss,
        not silent,
        questions,
        profile.takes_any_order,
        np.inf if profile.max_lost_fragments is None else profile.max_lost_fragments,
        closing,
        provable,
    )
