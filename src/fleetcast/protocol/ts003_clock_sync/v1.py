"""The commands of clock synchronisation, version 1 (TS003-1.0.0)."""

from __future__ import annotations

from fleetcast.protocol.command_table import table
from fleetcast.protocol.package_version import PackageVersionAns, PackageVersionReq
from fleetcast.protocol.wire import Command, bits, command, flag, reserved, sint, uint


@command(cid=0x01)
class AppTimeReq(Command):
    """A device tells its clock and asks for a correction (TS003, 0x01 up)."""

    device_time: int = uint(4, "device clock at transmission, GPS seconds mod 2^32")
    _rfu = reserved(3)
    ans_required: bool = flag("an answer is wanted even if the clock is right")
    token_req: int = bits(4, "steps each time an answer has been used")


@command(cid=0x01)
class AppTimeAns(Command):
    """The server tells a device how far its clock is off (TS003, 0x01 down)."""

    time_correction: int = sint(4, "seconds to add to the device clock")
    _rfu = reserved(4)
    token_ans: int = bits(4, "the token of the request")


@command(cid=0x02)
class DeviceAppTimePeriodicityReq(Command):
    """Ask a device to request the time every 128 x 2^period seconds, give or take 30 (TS003, 0x02 down)."""

    _rfu = reserved(4)
    period: int = bits(4, "interval 128 x 2^period s")


@command(cid=0x02)
class DeviceAppTimePeriodicityAns(Command):
    """Say whether periodic requests will be made, and what the clock shows (TS003, 0x02 up)."""

    _rfu = reserved(7)
    not_supported: bool = flag("the device refuses periodic requests")
    time: int = uint(4, "device clock at transmission, GPS seconds mod 2^32")


@command(cid=0x03)
class ForceDeviceResyncReq(Command):
    """Make a device ask for the time now, a few times until answered (TS003-1.0.0, 0x03 down)."""

    _rfu = reserved(5)
    nb_transmissions: int = bits(3, "0 has no effect")


UPLINK = table(PackageVersionAns, AppTimeReq, DeviceAppTimePeriodicityAns)
DOWNLINK = table(PackageVersionReq, AppTimeAns, DeviceAppTimePeriodicityReq, ForceDeviceResyncReq)
