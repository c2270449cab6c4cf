"""What version 2 of remote multicast setup changes (TS005-2.0.0): a missed start is said; later error bits are kept."""

from __future__ import annotations

from fleetcast.protocol.command_table import table
from fleetcast.protocol.ts005_multicast import v1
from fleetcast.protocol.ts005_multicast.session_answer import TO_START, SessionAnswer
from fleetcast.protocol.wire import bits, command, flag, kept, optional, uint


@command(cid=0x04)
class McClassCSessionAns(SessionAnswer):
    """Accept a class C session and tell when it starts, or say why not (TS005-2.0.0, 0x04 up)."""

    error_bits = 0xFC

    later_errors: int = kept(2, "for later error flags: a set bit is an error", default=0)
    start_missed: bool = flag("the start time had passed already")
    mc_group_undefined: bool = flag()
    freq_error: bool = flag()
    dr_error: bool = flag()
    mc_group_id: int = bits(2)
    time_to_start: int | None = optional(uint(3, TO_START), default=None)


@command(cid=0x05)
class McClassBSessionAns(SessionAnswer):
    """Accept a class B session and tell when it starts, or say why not (TS005-2.0.0, 0x05 up)."""

    error_bits = 0xFC

    later_errors: int = kept(2, "for later error flags: a set bit is an error", default=0)
    start_missed: bool = flag("the start time had passed already")
    mc_group_undefined: bool = flag()
    freq_error: bool = flag()
    dr_error: bool = flag()
    mc_group_id: int = bits(2)
    time_to_start: int | None = optional(uint(3, TO_START), default=None)


UPLINK = v1.UPLINK | table(McClassCSessionAns, McClassBSessionAns)
DOWNLINK = v1.DOWNLINK
