"""The plan's devices as the estimate takes them: what each has to go through, and what is known of its links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from fleetcast.identifiers import DevEui
from fleetcast.planning.facts import Device, FirmwareCommand, Profile, Reboots
from fleetcast.planning.plan import CampaignType, Plan, PlannedDevice, SuccessMeans
from fleetcast.planning.policy import Setup
from fleetcast.protocol.packages import Package

SILENT_PERIODS: Final = 3
"""A device not heard for so many of its periods is taken to stay silent."""


class Step(IntEnum):
    """How far a device is; the steps of the campaign, those of the first stage taken together."""

    QUESTIONS = 0
    """Package versions, firmware version, and what must be cleared before."""
    GROUP = 1
    REBOOT_TIME = 2
    FRAG_SESSION = 3
    SESSION = 4
    TRANSFER = 5
    IMAGE = 6
    REBOOT = 7
    VERSION = 8
    SOAK = 9
    DONE = 10


@dataclass(frozen=True, slots=True)
class Expected:
    """One participant, as far as the facts tell."""

    group: int
    """Index into `Plan.groups`."""
    period_s: float
    loss: float | None
    loss_counted_over: int | None
    uplink_loss: float | None
    data_rate: int | None
    gateways: frozenset[str]
    clock_off: bool
    always_open: bool
    """In class C for good: once heard, it can be reached at any time."""
    speaks: bool
    """False for one that has been silent for long."""
    exchanges: tuple[int, ...]
    """What is to be had from it by step, `QUESTIONS` to `SOAK`: answers, or the word of a step without a question."""
    asks_version: bool
    """It can be asked which version it runs."""
    clears_frag_session: bool
    """Version 1: a setup that wasn't answered is repeated after a delete."""
    any_order: bool
    memory: int | None
    """Most lost fragments its decoder repairs; None: unknown."""
    checks_image: bool
    reports_version: bool
    """It tells what runs by itself after a start."""
    reports_again: bool
    """More than once."""
    provable: bool
    """Whether what counts as success can be learned of it."""


def expect(plan: Plan, devices: Mapping[DevEui, Device]) -> list[Expected]:
    """The participants of a plan, in its order, with what the facts say of them."""
    return [_expect(plan, planned, devices[planned.dev_eui]) for planned in plan.devices]


def _expect(plan: Plan, planned: PlannedDevice, device: Device) -> Expected:
    profile = plan.profiles[planned.profile]
    versions = dict(planned.versions)
    last = device.last_uplink
    silent = last is not None and plan.start - last > SILENT_PERIODS * planned.uplink_period_s * 1000
    manages = _manages(profile, versions)
    checks_image = manages and FirmwareCommand.UPGRADE_IMAGE in profile.firmware_commands
    tells_version = manages and FirmwareCommand.DEV_VERSION in profile.firmware_commands
    return Expected(
        group=planned.group,
        period_s=float(planned.uplink_period_s),
        loss=device.expected_loss,
        loss_counted_over=device.loss_counted_over,
        uplink_loss=device.expected_uplink_loss,
        data_rate=planned.data_rate,
        gateways=device.gateways,
        clock_off=device.clock_off,
        always_open=planned.class_c_for_good,
        speaks=not silent,
        exchanges=_exchanges(plan, planned, profile, versions),
        asks_version=tells_version,
        clears_frag_session=versions.get(Package.FRAGMENTATION, 1) == 1,
        any_order=profile.takes_any_order,
        memory=profile.max_lost_fragments,
        checks_image=checks_image,
        reports_version=(manages and profile.reports_version) or profile.running_uplink is not None,
        reports_again=profile.running_uplink is not None,
        provable={
            SuccessMeans.RUNNING: tells_version or profile.running_uplink is not None,
            SuccessMeans.VALID: checks_image or tells_version or profile.running_uplink is not None,
        }.get(plan.success_means, True),
    )


def _manages(profile: Profile, versions: Mapping[Package, int | None]) -> bool:
    known = Package.FIRMWARE_MANAGEMENT in profile.packages
    return known and versions.get(Package.FIRMWARE_MANAGEMENT, 1) is not None


def _exchanges(
    plan: Plan, planned: PlannedDevice, profile: Profile, versions: Mapping[Package, int | None]
) -> tuple[int, ...]:
    """Requests that a device is to answer, by step."""
    transfers, firmware = plan.type is not CampaignType.MULTICAST_SETUP, plan.type is CampaignType.FIRMWARE
    asked = [Package.MULTICAST_SETUP, Package.CLOCK_SYNC]
    if transfers:
        asked.append(Package.FRAGMENTATION)
    if firmware or plan.reboot_at is not None:
        asked.append(Package.FIRMWARE_MANAGEMENT)
    # A package that needs no question has its version in the plan; the clock's isn't kept there.
    open_versions = sum(
        package in profile.packages
        and package not in versions
        and (package is not Package.CLOCK_SYNC or profile.packages[package].version == "ask")
        for package in asked
    )
    manages = _manages(profile, versions)
    commands = profile.firmware_commands if manages else frozenset()
    reboots = bool({FirmwareCommand.REBOOT_TIME, FirmwareCommand.REBOOT_COUNTDOWN} & commands)
    timed = plan.reboot_at is not None and reboots
    together = plan.policy.setup is Setup.PIPELINED and profile.commands_per_downlink > 1 and not planned.group_set_up
    proven_by_less = plan.success_means in (SuccessMeans.TRANSFERRED, SuccessMeans.VALID)
    checks_image = FirmwareCommand.UPGRADE_IMAGE in commands
    tells = FirmwareCommand.DEV_VERSION in commands or profile.running_uplink is not None
    image_proves = proven_by_less and (checks_image or plan.success_means is SuccessMeans.TRANSFERRED)
    return (
        open_versions + planned.ask_version + (planned.replaces_group is not None),
        int(not planned.group_set_up),
        int(timed),
        int(transfers) + int(transfers and planned.clear_frag_session),
        int(not together),
        0,
        int(firmware and checks_image),
        int(firmware and plan.reboot_at is None and profile.reboots is Reboots.COMMAND and reboots),
        int(firmware and not image_proves and tells),
        int(firmware and plan.policy.soak_s > 0),
    )
