"""Payload heard, in any version → what it means. Package versions end here.

Never raises for any bytes: what can't be read is left out, and named by the caller's journal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fleetcast.campaign.meanings import (
    BlockReceived,
    FragSessionAnswered,
    FragSessionDeleted,
    GroupAnswered,
    GroupDeleted,
    ImageDeleted,
    ImageTold,
    Meaning,
    NewFirmwareSeen,
    RebootAnswered,
    RunningTold,
    SessionAnswered,
    StatusTold,
    TimeAsked,
    VersionTold,
)
from fleetcast.planning.facts import Profile
from fleetcast.protocol.package_version import PackageVersionAns
from fleetcast.protocol.packages import Direction, Package, versions
from fleetcast.protocol.payload import decode
from fleetcast.protocol.tolerances import USUAL, Tolerance, Tolerances
from fleetcast.protocol.ts003_clock_sync import v1 as clock_v1
from fleetcast.protocol.ts004_fragmentation import v1 as fragmentation_v1
from fleetcast.protocol.ts004_fragmentation import v2 as fragmentation_v2
from fleetcast.protocol.ts005_multicast import v1 as multicast_v1
from fleetcast.protocol.ts005_multicast import v2 as multicast_v2
from fleetcast.protocol.ts006_firmware import v1 as firmware_v1
from fleetcast.protocol.wire import Command

_BY_QUIRK = {
    "STATUS_V2_IN_V1_LAYOUT": Tolerance.STATUS_V2_IN_V1_LAYOUT,
    "BIG_ENDIAN_STATUS": Tolerance.BIG_ENDIAN_STATUS,
}


@dataclass(frozen=True, slots=True)
class Heard:
    """What an uplink said, and what of it nobody understood."""

    meanings: tuple[Meaning, ...]
    ignored: str = ""


_NOTHING = Heard(())


def interpret(f_port: int, payload: bytes, profile: Profile, spoken: Mapping[Package, int]) -> Heard:
    """What an uplink means, given the package versions this device speaks (unknown ones are read as version 1)."""
    package = _package_on(f_port, profile) if payload else None
    if package is None:
        return _application(f_port, payload, profile)
    if package is Package.MULTI_PACKAGE_ACCESS:
        return _NOTHING
    version = spoken.get(package, 1)
    if version not in versions(package):
        version = versions(package)[-1]
    decoded = decode(payload, package, version, Direction.UP, _tolerances(profile))
    found = tuple(m for m in (_meaning(command) for command in decoded.commands) if m is not None)
    ignored = ""
    if decoded.unexplained:
        ignored = f"FPort {f_port}: {decoded.unexplained.hex()} not understood"
    return Heard(found, ignored)


def _package_on(f_port: int, profile: Profile) -> Package | None:
    for package, ability in profile.packages.items():
        if ability.f_port == f_port:
            return package
    return None


def _application(f_port: int, payload: bytes, profile: Profile) -> Heard:
    running = profile.running_uplink
    if running is not None and f_port == running.f_port and payload.startswith(running.prefix):
        return Heard((NewFirmwareSeen(),))
    return _NOTHING


def _tolerances(profile: Profile) -> Tolerances:
    if not profile.quirks:
        return USUAL
    return USUAL | {_BY_QUIRK[quirk] for quirk in profile.quirks if quirk in _BY_QUIRK}


def _bits(**flags: bool) -> str:
    return ", ".join(name.replace("_", " ") for name, up in flags.items() if up)


def _meaning(command: Command) -> Meaning | None:
    match command:
        case PackageVersionAns():
            if command.package_identifier not in set(Package):
                return None
            return VersionTold(Package(command.package_identifier), command.package_version)
        case multicast_v1.McGroupSetupAns():
            return GroupAnswered(command.mc_group_id, _bits(id_error=command.id_error))
        case multicast_v1.McGroupDeleteAns():
            return GroupDeleted(command.mc_group_id)
        case (
            multicast_v1.McClassCSessionAns() | multicast_v1.McClassBSessionAns() | multicast_v2.McClassCSessionAns()
            | multicast_v2.McClassBSessionAns()
        ):  # fmt: skip
            return _session(command)
        case fragmentation_v1.FragSessionSetupAns() | fragmentation_v2.FragSessionSetupAns():
            replay = isinstance(command, fragmentation_v2.FragSessionSetupAns) and command.session_cnt_replay
            refused = _bits(
                unsupported_algorithm=command.frag_algo_unsupported, no_memory=command.not_enough_memory,
                index_unsupported=command.frag_index_unsupported, wrong_descriptor=command.wrong_descriptor,
                replay=replay,
            )  # fmt: skip
            return FragSessionAnswered(command.frag_index, refused, replay)
        case fragmentation_v1.FragSessionStatusAns():
            return StatusTold(
                command.frag_index, command.nb_frag_received, command.missing_frag,
                memory_error=command.not_enough_matrix_memory, mic_error=False, no_session=False,
            )  # fmt: skip
        case fragmentation_v2.FragSessionStatusAns():
            return StatusTold(
                command.frag_index, command.nb_frag_received or 0, command.missing_frag or 0,
                memory_error=command.memory_error, mic_error=command.mic_error,
                no_session=command.session_does_not_exist,
            )  # fmt: skip
        case fragmentation_v1.FragSessionDeleteAns():
            return FragSessionDeleted(command.frag_index)
        case fragmentation_v2.FragDataBlockReceivedReq():
            return BlockReceived(command.frag_index, command.mic_error)
        case firmware_v1.DevVersionAns():
            return RunningTold(command.fw_version, command.hw_version)
        case firmware_v1.DevRebootTimeAns():
            return _reboot(command.reboot_time, cancelled=0xFFFFFFFF, by_countdown=False)
        case firmware_v1.DevRebootCountdownAns():
            return _reboot(command.countdown, cancelled=0xFFFFFF, by_countdown=True)
        case firmware_v1.DevUpgradeImageAns():
            return ImageTold(command.up_image_status, command.next_firmware_version)
        case firmware_v1.DevDeleteImageAns():
            return ImageDeleted(
                _bits(other_version=command.error_invalid_version, no_valid_image=command.error_no_valid_image)
            )
        case clock_v1.AppTimeReq():
            return TimeAsked()
        case _:
            return None


def _reboot(seconds: int, *, cancelled: int, by_countdown: bool) -> RebootAnswered:
    return RebootAnswered(None if seconds == 0 else -1 if seconds == cancelled else seconds, by_countdown)


def _session(
    answer: multicast_v1.McClassCSessionAns | multicast_v1.McClassBSessionAns | multicast_v2.McClassCSessionAns
    | multicast_v2.McClassBSessionAns,
) -> SessionAnswered:  # fmt: skip
    if not answer.refused:
        return SessionAnswered(
            answer.mc_group_id, "", start_missed=False, group_undefined=False, time_to_start_s=answer.time_to_start
        )
    bits = answer.raw_status >> 2
    # Several stacks set all of bits 4:2 for a group they don't know, and bit 4 alone may mean a start in the past.
    undefined = bits & 7 in (4, 7)
    missed = bits & 8 != 0
    refused = _bits(
        data_rate=bool(bits & 1) and not undefined, frequency=bool(bits & 2) and not undefined,
        group_undefined=undefined, start_missed=missed, reserved_bits=bool(bits & 0x30),
    )  # fmt: skip
    return SessionAnswered(
        answer.mc_group_id, refused, start_missed=missed, group_undefined=undefined, time_to_start_s=None
    )
