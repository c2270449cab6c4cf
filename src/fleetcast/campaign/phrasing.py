"""What to say → a command, in the version this device speaks. Key material is left at zero, to be put in at the last.

Which version that is ends here: the rest of the engine never asks.
"""

from __future__ import annotations

from fleetcast.campaign.states import DeviceState, GroupState
from fleetcast.instants import InstantMs, to_datetime
from fleetcast.planning.facts import FirmwareCommand, Profile
from fleetcast.planning.plan import Plan, PlannedDevice, PlannedGroup
from fleetcast.protocol.gps_time import to_gps_seconds
from fleetcast.protocol.package_version import PackageVersionReq
from fleetcast.protocol.ts003_clock_sync import v1 as clock_v1
from fleetcast.protocol.ts003_clock_sync import v2 as clock_v2
from fleetcast.protocol.ts004_fragmentation import v1 as fragmentation_v1
from fleetcast.protocol.ts004_fragmentation import v2 as fragmentation_v2
from fleetcast.protocol.ts005_multicast import v1 as multicast_v1
from fleetcast.protocol.ts006_firmware import v1 as firmware_v1
from fleetcast.protocol.wire import Command

CANCEL_REBOOT_TIME = 0xFFFFFFFF
CANCEL_COUNTDOWN = 0xFFFFFF
ZERO_KEY = bytes(16)
ZERO_MIC = bytes(4)


def gps(instant: InstantMs) -> int:
    """The instant in GPS seconds mod 2^32, rounded down to a second."""
    return to_gps_seconds(to_datetime(instant)) & 0xFFFFFFFF


def package_version() -> Command:
    """Ask for a package's version."""
    return PackageVersionReq()


def group_setup(planned: PlannedDevice, group: PlannedGroup) -> Command:
    """McGroupSetupReq with the plan's counter window; the wrapped key is put in later."""
    return multicast_v1.McGroupSetupReq(
        mc_group_id=planned.mc_group_id,
        mc_addr=group.mc_addr,
        mc_key_encrypted=ZERO_KEY,
        min_mc_f_cnt=group.first_f_cnt,
        max_mc_f_cnt=group.end_f_cnt,
    )


def frag_session_setup(
    plan: Plan, planned: PlannedDevice, profile: Profile, device: DeviceState, group: PlannedGroup, version: int
) -> Command:
    """FragSessionSetupReq; version 2 with the device's own SessionCnt, its MIC is put in later."""
    descriptor = descriptor_of(plan, profile).to_bytes(4, "little")
    mask = 1 << planned.mc_group_id
    if version == 1:
        return fragmentation_v1.FragSessionSetupReq(
            frag_index=group.frag_index, mc_group_bit_mask=mask, nb_frag=group.fragments,
            frag_size=group.fragment_bytes, frag_algo=0, block_ack_delay=group.block_ack_delay, padding=group.padding,
            descriptor=descriptor,
        )  # fmt: skip
    return fragmentation_v2.FragSessionSetupReq(
        frag_index=group.frag_index, mc_group_bit_mask=mask, nb_frag=group.fragments, frag_size=group.fragment_bytes,
        ack_reception=False, frag_algo=0, block_ack_delay=group.block_ack_delay, padding=group.padding,
        descriptor=descriptor, session_cnt=device.session_cnt, mic=ZERO_MIC,
    )  # fmt: skip


def descriptor_of(plan: Plan, profile: Profile) -> int:
    """The 32-bit Descriptor: the profile's own, else the file's version, else 0."""
    if profile.descriptor is not None:
        return profile.descriptor
    return plan.file.version or 0 if plan.file is not None else 0


def session(
    planned: PlannedDevice, group: PlannedGroup, state: GroupState, start: InstantMs, timeout_exp: int
) -> Command:
    """McClassCSessionReq or McClassBSessionReq."""
    frequency_hz = state.frequency_hz or group.frequency_hz
    if group.session_class == "B":
        return multicast_v1.McClassBSessionReq(
            mc_group_id=planned.mc_group_id, session_time=gps(start), periodicity=group.periodicity,
            session_time_out=timeout_exp, dl_freq=frequency_hz // 100, dr=state.data_rate,
        )  # fmt: skip
    return multicast_v1.McClassCSessionReq(
        mc_group_id=planned.mc_group_id, session_time=gps(start), session_time_out=timeout_exp,
        dl_freq=frequency_hz // 100, dr=state.data_rate,
    )  # fmt: skip


def frag_status(frag_index: int, *, everyone: bool) -> Command:
    """FragSessionStatusReq; Participants 1 asks everyone, 0 only those that miss fragments."""
    return fragmentation_v1.FragSessionStatusReq(frag_index=frag_index, participants=int(everyone))


def frag_session_delete(frag_index: int) -> Command:
    """FragSessionDeleteReq."""
    return fragmentation_v1.FragSessionDeleteReq(frag_index=frag_index)


def group_delete(mc_group_id: int) -> Command:
    """McGroupDeleteReq."""
    return multicast_v1.McGroupDeleteReq(mc_group_id=mc_group_id)


def resync(version: int) -> Command:
    """ForceDeviceResyncReq (version 1) or ForceDeviceResyncCmd (version 2)."""
    kind = clock_v1.ForceDeviceResyncReq if version == 1 else clock_v2.ForceDeviceResyncCmd
    return kind(nb_transmissions=3)


def running_version() -> Command:
    """DevVersionReq."""
    return firmware_v1.DevVersionReq()


def image_check() -> Command:
    """DevUpgradeImageReq."""
    return firmware_v1.DevUpgradeImageReq()


def image_delete(version: int) -> Command:
    """DevDeleteImageReq for the image of this version."""
    return firmware_v1.DevDeleteImageReq(firmware_to_delete_version=version)


def reboot_at(instant: InstantMs) -> Command:
    """DevRebootTimeReq for an instant."""
    return firmware_v1.DevRebootTimeReq(reboot_time=gps(instant))


def reboot_in(seconds: int, now: InstantMs, profile: Profile) -> Command:
    """A reboot some seconds from now, by countdown where the device knows it (no clock needed)."""
    if FirmwareCommand.REBOOT_COUNTDOWN in profile.firmware_commands:
        return firmware_v1.DevRebootCountdownReq(countdown=seconds)
    return reboot_at(now + seconds * 1000)


def block_received(frag_index: int) -> Command:
    """FragDataBlockReceivedAns: the server has heard that the block is complete (TS004-2.0.0, 0x04 down)."""
    return fragmentation_v2.FragDataBlockReceivedAns(frag_index=frag_index)


def reboot_cancel(profile: Profile) -> Command:
    """DevRebootTimeReq that cancels; DevRebootCountdownReq for a device that knows only that."""
    if FirmwareCommand.REBOOT_TIME not in profile.firmware_commands:
        return firmware_v1.DevRebootCountdownReq(countdown=CANCEL_COUNTDOWN)
    return firmware_v1.DevRebootTimeReq(reboot_time=CANCEL_REBOOT_TIME)
