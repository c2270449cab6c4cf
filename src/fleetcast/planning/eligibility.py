"""Which devices can take part, and why the others can't.

What hangs on a device alone is judged here; whether a multicast group serves it is `grouping`'s matter.
"""

from __future__ import annotations

from typing import Literal

from fleetcast.fec import Scheme
from fleetcast.instants import InstantMs
from fleetcast.planning.facts import ASK, Device, FirmwareCommand, PackageVersion, Profile
from fleetcast.planning.plan import CampaignType, LeftOut
from fleetcast.planning.request import CampaignRequest
from fleetcast.protocol.packages import Package, versions

_SCHEME_OF_VERSION: dict[int, Scheme] = {1: "v1", 2: "v2-relative"}


def left_out(device: Device, profile: Profile, request: CampaignRequest, now: InstantMs) -> LeftOut | None:
    """The first reason why this device can't take part, or None."""
    file = request.file
    if device.archived:
        return LeftOut.ARCHIVED
    if device.busy_with is not None:
        return LeftOut.BUSY
    if file is not None and file.profile is not None and device.profile != file.profile:
        return LeftOut.OTHER_PROFILE
    if profile.hw_version is not None and device.hw_version not in (None, profile.hw_version):
        return LeftOut.OTHER_HARDWARE
    if not device.has_key:
        return LeftOut.NO_KEY
    if any(package_version(device, profile, each) is None for each in packages_needed(request.type)):
        return LeftOut.PACKAGE_ABSENT
    if file is not None and profile.max_image_bytes is not None and file.size_bytes > profile.max_image_bytes:
        return LeftOut.BEYOND_LIMITS
    if request.type is CampaignType.FIRMWARE:
        return _by_version(device, profile, request, now)
    return None


def packages_needed(of: CampaignType) -> tuple[Package, ...]:
    """The packages without which a device can't take part; firmware management is optional."""
    if of is CampaignType.MULTICAST_SETUP:
        return (Package.MULTICAST_SETUP,)
    return (Package.MULTICAST_SETUP, Package.FRAGMENTATION)


def package_version(device: Device, profile: Profile, package: Package) -> PackageVersion:
    """The version a device speaks: as its profile states, else as it said once, else to be asked; None: absent.

    A version that nobody here speaks is as good as absent.
    """
    stated = profile.packages[package].version if package in profile.packages else None
    if stated == ASK:
        learned = dict(device.package_versions)
        if package not in learned:
            return ASK
        stated = learned[package]
    return stated if stated in versions(package) else None


def scheme_of(device: Device, profile: Profile) -> tuple[Scheme, bool]:
    """The parity scheme of a device, and whether it is assumed because its package version must be asked first."""
    if profile.scheme is not None:
        return profile.scheme, False
    version = package_version(device, profile, Package.FRAGMENTATION)
    if version is None or version == ASK:
        return "v1", True
    return _SCHEME_OF_VERSION[version], False


def knows(device: Device, profile: Profile, command: FirmwareCommand) -> bool:
    """Whether it has the firmware management package, as far as is known, and this request in it."""
    present = package_version(device, profile, Package.FIRMWARE_MANAGEMENT) is not None
    return present and command in profile.firmware_commands


def can_prove_running(device: Device, profile: Profile) -> bool:
    """Whether it can ever be learned that the new version runs."""
    return knows(device, profile, FirmwareCommand.DEV_VERSION) or profile.running_uplink is not None


def version_question(
    device: Device, profile: Profile, request: CampaignRequest, now: InstantMs
) -> Literal["no", "ask", "must know"]:
    """Whether its firmware version is asked for before the setup, and whether the campaign waits for the answer."""
    if request.type is not CampaignType.FIRMWARE or not knows(device, profile, FirmwareCommand.DEV_VERSION):
        return "no"
    if request.delta:
        return "must know"
    if request.override_already_running or _known_version(device, request, now) is not None:
        return "no"
    return "ask"


def _known_version(device: Device, request: CampaignRequest, now: InstantMs) -> int | None:
    """Its firmware version, unless it was learned too long ago, or nobody knows when."""
    learned = device.firmware_version_learned
    if learned is None or now - learned > request.max_version_age_s * 1000:
        return None
    return device.firmware_version


def _by_version(device: Device, profile: Profile, request: CampaignRequest, now: InstantMs) -> LeftOut | None:
    file = request.file
    known = _known_version(device, request, now)
    if file is None or (known is not None and known == file.version and not request.override_already_running):
        return LeftOut.ALREADY_RUNNING
    if not request.delta:
        return None
    if knows(device, profile, FirmwareCommand.DEV_VERSION):
        # It is asked before anything else, so an old fact decides nothing.
        return LeftOut.OTHER_BASE if known not in (None, file.base_version) else None
    if device.firmware_version is None:
        return LeftOut.BASE_UNKNOWN
    return LeftOut.OTHER_BASE if device.firmware_version != file.base_version else None
