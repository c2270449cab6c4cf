"""The commands of firmware management, version 1 (TS006-1.0.0)."""

from __future__ import annotations

from typing import Any

from fleetcast.errors import Invalid
from fleetcast.protocol.command_table import table
from fleetcast.protocol.package_version import PackageVersionAns, PackageVersionReq
from fleetcast.protocol.tolerances import Tolerances
from fleetcast.protocol.wire import Command, TailReading, bits, command, flag, optional, reserved, uint

IMAGE_VALID = 3
"""The UpImageStatus of an image that will be installed at the next reboot; only then its version follows."""


@command(cid=0x01)
class DevVersionReq(Command):
    """Ask which firmware runs on which hardware (TS006, 0x01 down)."""


@command(cid=0x01)
class DevVersionAns(Command):
    """Tell firmware and hardware version, in the maker's format (TS006, 0x01 up)."""

    fw_version: int = uint(4)
    hw_version: int = uint(4)


@command(cid=0x02)
class DevRebootTimeReq(Command):
    """Plan a reboot at a time; a reboot now is not answered (TS006, 0x02 down)."""

    reboot_time: int = uint(4, "GPS seconds mod 2^32; 0 now, 0xFFFFFFFF cancel")


@command(cid=0x02)
class DevRebootTimeAns(Command):
    """Tell how long it is until the planned reboot (TS006, 0x02 up)."""

    reboot_time: int = uint(4, "seconds left from this answer; 0 refused, 0xFFFFFFFF cancelled")


@command(cid=0x03)
class DevRebootCountdownReq(Command):
    """Plan a reboot after a delay; a reboot now is not answered (TS006, 0x03 down)."""

    countdown: int = uint(3, "seconds from reception; 0 now, 0xFFFFFF cancel")


@command(cid=0x03)
class DevRebootCountdownAns(Command):
    """Tell how long it is until the planned reboot (TS006, 0x03 up)."""

    countdown: int = uint(3, "seconds left from this answer; 0 refused, 0xFFFFFF cancelled")


@command(cid=0x04)
class DevUpgradeImageReq(Command):
    """Ask whether an upgrade image is stored (TS006, 0x04 down)."""


@command(cid=0x04)
class DevUpgradeImageAns(Command):
    """Tell the state of the stored image, and its version when valid (TS006, 0x04 up)."""

    _rfu = reserved(6)
    up_image_status: int = bits(2, "0 none, 1 corrupt, 2 for other hardware, 3 valid")
    next_firmware_version: int | None = optional(uint(4, "only when up_image_status is 3"), default=None)

    def check(self) -> None:
        """Refuse a version without a valid image, and the other way round."""
        if (self.up_image_status == IMAGE_VALID) != (self.next_firmware_version is not None):
            raise Invalid(
                f"DevUpgradeImageAns: next_firmware_version goes with up_image_status {IMAGE_VALID} and no other; "
                f"given: up_image_status {self.up_image_status}, next_firmware_version {self.next_firmware_version}"
            )

    @classmethod
    def read_tail(
        cls, head: tuple[Any, ...], payload: bytes, at: int, end: int, _tolerances: Tolerances, /
    ) -> TailReading | None:
        """The version, if the image is valid."""
        if head[0] != IMAGE_VALID:
            return (None,), at, None
        if end - at < 4:
            return None
        return (int.from_bytes(payload[at : at + 4], "little"),), at + 4, None


@command(cid=0x05)
class DevDeleteImageReq(Command):
    """Ask to delete the stored image of this version (TS006, 0x05 down)."""

    firmware_to_delete_version: int = uint(4)


@command(cid=0x05)
class DevDeleteImageAns(Command):
    """Say whether the image is gone; any bit set: nothing was changed (TS006, 0x05 up)."""

    _rfu = reserved(6)
    error_invalid_version: bool = flag("the stored image has another version")
    error_no_valid_image: bool = flag("there is no valid image")


UPLINK = table(
    PackageVersionAns,
    DevVersionAns,
    DevRebootTimeAns,
    DevRebootCountdownAns,
    DevUpgradeImageAns,
    DevDeleteImageAns,
)
DOWNLINK = table(
    PackageVersionReq,
    DevVersionReq,
    DevRebootTimeReq,
    DevRebootCountdownReq,
    DevUpgradeImageReq,
    DevDeleteImageReq,
)
