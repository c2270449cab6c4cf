"""Requests to be planned, built from a few words: an ordinary fleet, group and file, with what a test changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.planning.facts import Device, File, FileKind, Group, PackageAbility, Profile
from fleetcast.planning.plan import CampaignType
from fleetcast.planning.request import CampaignRequest
from fleetcast.protocol.packages import Package

NOW: Final = 1_772_352_000_000
"""2026-03-01 08:00:00 UTC, in milliseconds."""

DAY_S: Final = 86_400

ALL_V1: Final = {
    Package.CLOCK_SYNC: PackageAbility(202, 1),
    Package.MULTICAST_SETUP: PackageAbility(200, 1),
    Package.FRAGMENTATION: PackageAbility(201, 1),
    Package.FIRMWARE_MANAGEMENT: PackageAbility(203, 1),
}

ALL_V2: Final = ALL_V1 | {
    Package.MULTICAST_SETUP: PackageAbility(200, 2),
    Package.FRAGMENTATION: PackageAbility(201, 2),
}

FIRMWARE: Final = File(
    name="sensor-1.2.0.0.bin",
    kind=FileKind.FIRMWARE,
    size_bytes=50_000,
    sha256="00" * 32,
    profile="sensor",
    version=0x01020000,
)

BINARY: Final = File(name="tables.bin", kind=FileKind.BINARY, size_bytes=10_000, sha256="11" * 32)


def eui(number: int) -> DevEui:
    """A device's DevEUI by number."""
    return DevEui.from_int(0xA000_0000_0000_0000 + number)


def group_eui(number: int) -> DevEui:
    """A group's DevEUI by number."""
    return DevEui.from_int(0xB000_0000_0000_0000 + number)


def device(number: int = 1, **changes: Any) -> Device:
    """A device of the profile `sensor` at DR5 whose links lose a tenth."""
    plain = Device(
        dev_eui=eui(number), profile="sensor", data_rate=5, expected_loss=0.1, expected_uplink_loss=0.05,
        firmware_version=0x01010000, firmware_version_learned=NOW - DAY_S * 1000,
    )  # fmt: skip
    return replace(plain, **changes)


def fleet(count: int, **changes: Any) -> list[Device]:
    """So many devices, numbered from 1."""
    return [device(number, **changes) for number in range(1, count + 1)]


def profile(name: str = "sensor", **changes: Any) -> Profile:
    """A profile whose package versions are known."""
    return replace(Profile(name=name, packages=dict(ALL_V1)), **changes)


def group(number: int = 1, **changes: Any) -> Group:
    """A class C group at 869.525 MHz, DR5, redundancy ADAPTIVE."""
    plain = Group(
        dev_eui=group_eui(number), mc_addr=DevAddr.from_int(0x0100_0000 + number), frequency_hz=869_525_000,
        data_rate=5, coded_per_uncoded=None,
    )  # fmt: skip
    return replace(plain, **changes)


def request(**changes: Any) -> CampaignRequest:
    """A firmware campaign for twenty devices and three days."""
    plain = CampaignRequest(
        campaign="spring", type=CampaignType.FIRMWARE, devices=fleet(20), profiles={"sensor": profile()},
        groups=[group()], file=FIRMWARE, threshold_percent=80, max_duration_s=3 * DAY_S,
    )  # fmt: skip
    return replace(plain, **changes)


def multicast_setup(**changes: Any) -> CampaignRequest:
    """The same fleet, only to be set up."""
    return request(type=CampaignType.MULTICAST_SETUP, file=None, **changes)


def binary(**changes: Any) -> CampaignRequest:
    """The same fleet, with a file of any profile."""
    return request(type=CampaignType.BINARY, file=BINARY, **changes)
