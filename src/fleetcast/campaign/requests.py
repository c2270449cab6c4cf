"""What is to be said to a device next: its step's request, something aside that goes first, or a clean-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from fleetcast.campaign import phrasing
from fleetcast.campaign.draft import Draft
from fleetcast.campaign.states import Aside, DeviceState, Done, Outcome, Status, Step, Undo
from fleetcast.instants import InstantMs
from fleetcast.planning.facts import FirmwareCommand, Profile, Reboots
from fleetcast.planning.plan import CampaignType, SuccessMeans
from fleetcast.planning.policy import Setup
from fleetcast.planning.session_window import class_c_timeout_exponent
from fleetcast.protocol.packages import Package
from fleetcast.protocol.wire import Command

_SHIFT = {
    Package.CLOCK_SYNC: 0,
    Package.MULTICAST_SETUP: 2,
    Package.FRAGMENTATION: 4,
    Package.FIRMWARE_MANAGEMENT: 6,
}
_ABSENT = 3
TRACKED = tuple(_SHIFT)
"""The packages a campaign speaks."""
JOIN_AHEAD_MS = 30_000
"""How far ahead of now a device that is told too late starts its class C session."""
REBOOT_COUNTDOWN_S = 30
"""An immediate reboot has no answer; a short countdown has one."""


@dataclass(frozen=True, slots=True)
class Request:
    """Commands of one package for one downlink, with the name people read."""

    package: Package
    commands: tuple[Command, ...]
    said: Done = Done.NOTHING
    """What is known to have been said once it was handed over."""

    @property
    def name(self) -> str:
        """The request, by the name of its first command."""
        return self.commands[0].name


def version(device: DeviceState, package: Package) -> int | None:
    """1 or 2; None: absent; 0: not known yet."""
    packed = device.versions >> _SHIFT[package] & 3
    return None if packed == _ABSENT else packed


def learn_version(device: DeviceState, package: Package, learned: int | None) -> None:
    """Keep what a device said of a package (None: it has not got it)."""
    shift = _SHIFT[package]
    packed = _ABSENT if learned is None else min(max(learned, 1), 2)
    device.versions = device.versions & ~(3 << shift) | packed << shift


def spoken(device: DeviceState) -> Mapping[Package, int]:
    """The versions to read this device's uplinks with."""
    return _spoken(device.versions)


@lru_cache
def _spoken(versions: int) -> Mapping[Package, int]:
    packed = {package: versions >> shift & 3 for package, shift in _SHIFT.items()}
    return MappingProxyType({package: 1 if one in (0, _ABSENT) else one for package, one in packed.items()})


def combines(draft: Draft, i: int) -> bool:
    """Whether several commands of one package share a downlink to this device."""
    return draft.plan.policy.setup is Setup.PIPELINED and draft.profile(i).commands_per_downlink > 1


def packages_asked(draft: Draft, i: int) -> tuple[Package, ...]:
    """The packages whose versions this campaign must know, the indispensable ones first."""
    profile = draft.profile(i)
    wanted = [Package.MULTICAST_SETUP]
    if draft.plan.type is not CampaignType.MULTICAST_SETUP:
        wanted.append(Package.FRAGMENTATION)
    wanted.append(Package.CLOCK_SYNC)
    if draft.plan.type is CampaignType.FIRMWARE or draft.plan.reboot_at is not None:
        wanted.append(Package.FIRMWARE_MANAGEMENT)
    return tuple(package for package in wanted if package in profile.packages)


def unknown_package(draft: Draft, i: int) -> Package | None:
    """The next package whose version must be asked."""
    device = draft.device(i)
    return next((package for package in packages_asked(draft, i) if version(device, package) == 0), None)


def indispensable(draft: Draft, i: int, package: Package) -> bool:
    """Whether a campaign can't go on with a device that doesn't answer for this package."""
    if package is Package.FIRMWARE_MANAGEMENT:
        return draft.planned(i).must_know_version
    return package in (Package.MULTICAST_SETUP, Package.FRAGMENTATION)


def knows(draft: Draft, i: int, *commands: FirmwareCommand) -> bool:
    """Whether a device speaks TS006 and knows one of these commands."""
    if version(draft.device(i), Package.FIRMWARE_MANAGEMENT) is None:
        return False
    return any(command in draft.profile(i).firmware_commands for command in commands)


def needs(draft: Draft, i: int, step: Step) -> bool:
    """Whether a device has something to do in a step; what it needn't do is passed at once."""
    device, plan = draft.device(i), draft.plan
    firmware = plan.type is CampaignType.FIRMWARE
    match step:
        case Step.PACKAGE_VERSIONS:
            return unknown_package(draft, i) is not None
        case Step.KNOWN_VERSION:
            return (
                draft.planned(i).ask_version
                and device.firmware_before < 0
                and knows(draft, i, FirmwareCommand.DEV_VERSION)
            )
        case Step.MC_GROUP_SETUP:
            return Done.GROUP_SET not in device.done
        case Step.REBOOT_TIME:
            return (
                plan.reboot_at is not None
                and Done.REBOOT_SET not in device.done
                and knows(draft, i, FirmwareCommand.REBOOT_TIME, FirmwareCommand.REBOOT_COUNTDOWN)
            )
        case Step.FRAG_SESSION_SETUP:
            return plan.type is not CampaignType.MULTICAST_SETUP and Done.FRAG_SET not in device.done
        case Step.MC_SESSION:
            return not is_armed(draft, i)
        case Step.TRANSFER:
            return plan.type is not CampaignType.MULTICAST_SETUP and Done.TRANSFERRED not in device.done
        case Step.IMAGE_CHECK:
            return firmware and Done.VALID not in device.done and knows(draft, i, FirmwareCommand.UPGRADE_IMAGE)
        case Step.REBOOT:
            return (
                firmware
                and Done.REBOOT_SET not in device.done
                and draft.profile(i).reboots is Reboots.COMMAND
                and knows(draft, i, FirmwareCommand.REBOOT_TIME, FirmwareCommand.REBOOT_COUNTDOWN)
            )
        case Step.VERSION_CHECK:
            tells = draft.profile(i).running_uplink is not None or knows(draft, i, FirmwareCommand.DEV_VERSION)
            # What runs is proof of less, too, where nothing else told it.
            proven = {SuccessMeans.TRANSFERRED: Done.TRANSFERRED | Done.VALID, SuccessMeans.VALID: Done.VALID}
            enough = Done.RUNNING | proven.get(plan.success_means, Done.NOTHING)
            return firmware and tells and not device.done & enough
        case Step.SOAK:
            return (
                firmware and plan.policy.soak_s > 0 and Done.RUNNING in device.done and Done.HEALTHY not in device.done
            )
        case Step.DONE:
            return False


def is_armed(draft: Draft, i: int) -> bool:
    """Whether a device confirmed its group's present class session."""
    device = draft.device(i)
    group = draft.group(draft.planned(i).group)
    return Done.SESSION_SET in device.done and device.session == group.session and group.session > 0


def wanted(draft: Draft, i: int) -> Request | None:
    """What is to be said to a device now, if anything; the first thing of several."""
    device = draft.device(i)
    if draft.campaign.status is Status.STOPPING:
        return _undo(draft, i, device)
    if device.outcome is not Outcome.OPEN and device.aside is not Aside.CANCEL_REBOOT:
        return None
    planned, group = draft.planned(i), draft.planned_group(draft.planned(i).group)
    match device.aside:
        case Aside.FRAG_DELETE:
            delete = phrasing.frag_session_delete(group.frag_index)
            if combines(draft, i):
                return Request(Package.FRAGMENTATION, (delete, _frag_setup(draft, i)), Done.FRAG_SAID)
            return Request(Package.FRAGMENTATION, (delete,))
        case Aside.GROUP_DELETE:
            return Request(Package.MULTICAST_SETUP, (phrasing.group_delete(planned.mc_group_id),))
        case Aside.RESYNC:
            return Request(Package.CLOCK_SYNC, (phrasing.resync(version(device, Package.CLOCK_SYNC) or 1),))
        case Aside.CANCEL_REBOOT:
            return Request(Package.FIRMWARE_MANAGEMENT, (phrasing.reboot_cancel(draft.profile(i)),))
        case Aside.STATUS:
            return Request(Package.FRAGMENTATION, (phrasing.frag_status(group.frag_index, everyone=True),))
        case Aside.NONE:
            pass
    match device.step:
        case Step.PACKAGE_VERSIONS:
            package = unknown_package(draft, i)
            return Request(package, (phrasing.package_version(),)) if package is not None else None
        case Step.KNOWN_VERSION | Step.VERSION_CHECK:
            if not knows(draft, i, FirmwareCommand.DEV_VERSION):
                return None
            return Request(Package.FIRMWARE_MANAGEMENT, (phrasing.running_version(),))
        case Step.MC_GROUP_SETUP:
            commands = [phrasing.group_setup(planned, group)]
            if combines(draft, i) and draft.group(planned.group).session_start:
                commands.append(_session(draft, i))
            return Request(Package.MULTICAST_SETUP, tuple(commands), Done.GROUP_SAID)
        case Step.REBOOT_TIME:
            return Request(Package.FIRMWARE_MANAGEMENT, (_planned_reboot(draft, i),), Done.REBOOT_SAID)
        case Step.FRAG_SESSION_SETUP:
            return Request(Package.FRAGMENTATION, (_frag_setup(draft, i),), Done.FRAG_SAID)
        case Step.MC_SESSION:
            if not draft.group(planned.group).session_start:
                return None
            return Request(Package.MULTICAST_SETUP, (_session(draft, i),))
        case Step.IMAGE_CHECK:
            return Request(Package.FIRMWARE_MANAGEMENT, (phrasing.image_check(),))
        case Step.REBOOT:
            return Request(Package.FIRMWARE_MANAGEMENT, (_planned_reboot(draft, i),), Done.REBOOT_SAID)
        case Step.TRANSFER | Step.SOAK | Step.DONE:
            return None


def reboot_instant(draft: Draft, i: int) -> InstantMs:
    """When a device is to reboot: the set time plus its own part of the spread; 0 without a set time."""
    if draft.plan.reboot_at is None:
        return 0
    return draft.plan.reboot_at + reboot_offset_s(draft, i) * 1000


def reboot_offset_s(draft: Draft, i: int) -> int:
    """A device's own part of `reboot_spread`, the same at every asking."""
    spread = draft.plan.policy.reboot_spread_s
    if not spread:
        return 0
    # A multiplicative hash spreads neighbouring numbers; the seed makes campaigns differ.
    return ((i + draft.plan.seed) * 2654435761 % 2**32) * spread >> 32


def session_of(draft: Draft, i: int) -> tuple[InstantMs, int]:
    """Start and time-out exponent of the class session a device is told now.

    Told too late for the common start, it starts a little ahead of now and ends with the others.
    """
    g = draft.planned(i).group
    group = draft.group(g)
    start = group.session_start
    if draft.now + tolerance_ms(draft, i) < start or draft.planned_group(g).session_class == "B":
        return start, group.session_timeout_exp
    start = (draft.now + max(JOIN_AHEAD_MS, 2 * tolerance_ms(draft, i))) // 1000 * 1000
    return start, class_c_timeout_exponent(max(1, (group.session_end - start) // 1000))


def listens_always(draft: Draft, i: int) -> bool:
    """Whether a device can be reached at any time: in class C for good, and not in a multicast session of its own.

    In such a session it listens on the session's channel, and for unicast only in its class A windows.
    """
    return draft.planned(i).class_c_for_good and reachable_from(draft, i) <= draft.now


def reachable_from(draft: Draft, i: int) -> InstantMs:
    """When a device in class C for good can be reached without an uplink: now, or after its multicast session."""
    group = draft.group(draft.planned(i).group)
    in_session = Done.SESSION_SET in draft.device(i).done and group.session_start <= draft.now < group.session_end
    return group.session_end if in_session else draft.now


def tolerance_ms(draft: Draft, i: int) -> int:
    """How far a device's clock may be off."""
    return tolerance_s(draft, draft.profile(i)) * 1000


def tolerance_s(draft: Draft, profile: Profile) -> int:
    """The file's time tolerance, else the profile's."""
    file = draft.plan.file
    if file is not None and file.time_tolerance_s is not None:
        return file.time_tolerance_s
    return profile.time_tolerance_s


def _session(draft: Draft, i: int) -> Command:
    g = draft.planned(i).group
    start, timeout_exp = session_of(draft, i)
    return phrasing.session(draft.planned(i), draft.planned_group(g), draft.group(g), start, timeout_exp)


def _frag_setup(draft: Draft, i: int) -> Command:
    planned, device = draft.planned(i), draft.device(i)
    spoken_version = version(device, Package.FRAGMENTATION) or 1
    return phrasing.frag_session_setup(
        draft.plan, planned, draft.profile(i), device, draft.planned_group(planned.group), spoken_version
    )


def _planned_reboot(draft: Draft, i: int) -> Command:
    at = reboot_instant(draft, i)
    if at > draft.now + REBOOT_COUNTDOWN_S * 1000:
        if FirmwareCommand.REBOOT_TIME in draft.profile(i).firmware_commands:
            return phrasing.reboot_at(at)
        return phrasing.reboot_in((at - draft.now) // 1000, draft.now, draft.profile(i))
    after_s = REBOOT_COUNTDOWN_S + reboot_offset_s(draft, i)
    return phrasing.reboot_in(after_s, draft.now, draft.profile(i))


def _undo(draft: Draft, i: int, device: DeviceState) -> Request | None:
    planned, group = draft.planned(i), draft.planned_group(draft.planned(i).group)
    if Undo.REBOOT in device.undo:
        return Request(Package.FIRMWARE_MANAGEMENT, (phrasing.reboot_cancel(draft.profile(i)),))
    if Undo.IMAGE in device.undo:
        file = draft.plan.file
        target = file.version or 0 if file is not None else 0
        return Request(Package.FIRMWARE_MANAGEMENT, (phrasing.image_delete(target),))
    if Undo.FRAG_SESSION in device.undo:
        return Request(Package.FRAGMENTATION, (phrasing.frag_session_delete(group.frag_index),))
    if Undo.GROUP in device.undo:
        return Request(Package.MULTICAST_SETUP, (phrasing.group_delete(planned.mc_group_id),))
    return None
