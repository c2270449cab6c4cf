"""Who takes part in a campaign, and why the others don't."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleetcast.planning.eligibility import left_out, package_version, scheme_of, version_question
from fleetcast.planning.facts import ASK, FileKind, FirmwareCommand, PackageAbility
from fleetcast.planning.plan import LeftOut
from fleetcast.protocol.packages import Package
from tests.planning.requests import ALL_V1, ALL_V2, DAY_S, FIRMWARE, NOW, device, multicast_setup, profile, request

DELTA = replace(FIRMWARE, kind=FileKind.DELTA, base_version=0x01010000)
DAY_MS = DAY_S * 1000


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"archived": True}, LeftOut.ARCHIVED),
        ({"profile": "meter"}, LeftOut.OTHER_PROFILE),
        ({"hw_version": 9}, LeftOut.OTHER_HARDWARE),
        ({"has_key": False}, LeftOut.NO_KEY),
        ({"firmware_version": 0x01020000}, LeftOut.ALREADY_RUNNING),
        ({"busy_with": "winter"}, LeftOut.BUSY),
    ],
)
def test_each_fact_about_a_device_leaves_it_out_for_its_own_reason(changes: dict[str, Any], reason: LeftOut) -> None:
    mine = profile(hw_version=7)
    assert left_out(device(hw_version=7), mine, request(), NOW) is None
    assert left_out(device(**({"hw_version": 7} | changes)), mine, request(), NOW) is reason


def test_an_unknown_hardware_version_is_no_reason() -> None:
    assert left_out(device(hw_version=None), profile(hw_version=7), request(), NOW) is None


@pytest.mark.parametrize("package", [Package.MULTICAST_SETUP, Package.FRAGMENTATION])
def test_a_package_that_the_campaign_needs_must_be_there(package: Package) -> None:
    absent = profile(packages=ALL_V1 | {package: PackageAbility(200, None)})
    assert left_out(device(), absent, request(), NOW) is LeftOut.PACKAGE_ABSENT
    asked = profile(packages=ALL_V1 | {package: PackageAbility(200, ASK)})
    assert left_out(device(), asked, request(), NOW) is None
    assert left_out(device(package_versions=((package, None),)), asked, request(), NOW) is LeftOut.PACKAGE_ABSENT


def test_multicast_setup_needs_no_fragmentation() -> None:
    absent = profile(packages=ALL_V1 | {Package.FRAGMENTATION: PackageAbility(201, None)})
    assert left_out(device(), absent, multicast_setup(), NOW) is None


def test_firmware_management_is_optional() -> None:
    absent = profile(packages=ALL_V1 | {Package.FIRMWARE_MANAGEMENT: PackageAbility(203, None)})
    assert left_out(device(), absent, request(), NOW) is None


def test_an_image_beyond_the_slot_leaves_a_device_out() -> None:
    assert left_out(device(), profile(max_image_bytes=50_000), request(), NOW) is None
    assert left_out(device(), profile(max_image_bytes=49_999), request(), NOW) is LeftOut.BEYOND_LIMITS


def test_a_version_known_too_long_ago_is_asked_again() -> None:
    old = device(firmware_version=0x01020000, firmware_version_learned=NOW - 31 * DAY_MS)
    assert left_out(old, profile(), request(), NOW) is None
    assert version_question(old, profile(), request(), NOW) == "ask"
    assert left_out(old, profile(), request(max_version_age_s=40 * DAY_S), NOW) is LeftOut.ALREADY_RUNNING


def test_an_override_updates_devices_that_run_the_target_already() -> None:
    current = device(firmware_version=0x01020000)
    insisting = request(override_already_running=True)
    assert left_out(current, profile(), insisting, NOW) is None
    assert version_question(current, profile(), insisting, NOW) == "no"


@pytest.mark.parametrize(
    ("known", "asks", "reason"),
    [
        (0x01010000, True, None),
        (0x01000000, True, LeftOut.OTHER_BASE),
        (None, True, None),
        (0x01010000, False, None),
        (0x01000000, False, LeftOut.OTHER_BASE),
        (None, False, LeftOut.BASE_UNKNOWN),
    ],
)
def test_a_delta_is_for_its_base_version_only(known: int | None, asks: bool, reason: LeftOut | None) -> None:
    commands = frozenset(FirmwareCommand) if asks else frozenset(FirmwareCommand) - {FirmwareCommand.DEV_VERSION}
    mine = profile(firmware_commands=commands)
    assert left_out(device(firmware_version=known), mine, request(file=DELTA), NOW) is reason


def test_an_old_fact_about_the_base_decides_nothing_where_the_device_can_be_asked() -> None:
    old = device(firmware_version=0x01000000, firmware_version_learned=NOW - 31 * DAY_MS)
    assert left_out(old, profile(), request(file=DELTA), NOW) is None
    assert version_question(old, profile(), request(file=DELTA), NOW) == "must know"


def test_a_recently_learned_version_is_not_asked_again() -> None:
    assert version_question(device(), profile(), request(), NOW) == "no"
    assert version_question(device(firmware_version=None), profile(), request(), NOW) == "ask"
    assert version_question(device(firmware_version=None), profile(), multicast_setup(), NOW) == "no"


def test_what_the_profile_states_goes_before_what_was_learned() -> None:
    learned = device(package_versions=((Package.FRAGMENTATION, 2),))
    assert package_version(learned, profile(), Package.FRAGMENTATION) == 1
    asking = profile(packages=ALL_V1 | {Package.FRAGMENTATION: PackageAbility(201, ASK)})
    assert package_version(learned, asking, Package.FRAGMENTATION) == 2
    assert package_version(device(), asking, Package.FRAGMENTATION) == ASK


def test_a_package_version_that_nobody_here_speaks_is_as_good_as_absent() -> None:
    future = profile(packages=ALL_V1 | {Package.FRAGMENTATION: PackageAbility(201, ASK)})
    assert (
        package_version(device(package_versions=((Package.FRAGMENTATION, 9),)), future, Package.FRAGMENTATION) is None
    )


def test_the_parity_scheme_follows_the_package_version_unless_the_profile_says_otherwise() -> None:
    assert scheme_of(device(), profile()) == ("v1", False)
    assert scheme_of(device(), profile(packages=ALL_V2)) == ("v2-relative", False)
    assert scheme_of(device(), profile(packages=ALL_V2, scheme="v2-absolute")) == ("v2-absolute", False)
    unknown = profile(packages=ALL_V1 | {Package.FRAGMENTATION: PackageAbility(201, ASK)})
    assert scheme_of(device(), unknown) == ("v1", True)
