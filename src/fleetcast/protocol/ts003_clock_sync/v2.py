"""What version 2 of clock synchronisation changes (TS003-2.0.0): a name, and saturated corrections."""

from __future__ import annotations

from fleetcast.protocol.command_table import table
from fleetcast.protocol.ts003_clock_sync import v1
from fleetcast.protocol.wire import Command, bits, command, reserved


@command(cid=0x03)
class ForceDeviceResyncCmd(Command):
    """Make a device ask for the time now, a few times until answered (TS003-2.0.0, 0x03 down)."""

    _rfu = reserved(5)
    nb_transmissions: int = bits(3, "0 has no effect")


UPLINK = v1.UPLINK
DOWNLINK = v1.DOWNLINK | table(ForceDeviceResyncCmd)
