"""The commands of remote multicast setup, version 1 (TS005-1.0.0)."""

from __future__ import annotations

from typing import Any

from fleetcast.errors import Invalid
from fleetcast.identifiers import DevAddr
from fleetcast.protocol.command_table import table
from fleetcast.protocol.package_version import PackageVersionAns, PackageVersionReq
from fleetcast.protocol.tolerances import Tolerances
from fleetcast.protocol.ts005_multicast.session_answer import TO_START, SessionAnswer
from fleetcast.protocol.wire import (
    Command,
    Record,
    TailReading,
    address,
    bits,
    command,
    flag,
    kept,
    octets,
    optional,
    record,
    records,
    reserved,
    uint,
)


@record
class GroupRecord(Record):
    """One group that a device knows."""

    mc_group_id: int = uint(1)
    mc_addr: DevAddr = address()


@command(cid=0x01)
class McGroupStatusReq(Command):
    """Ask which groups are defined (TS005, 0x01 down)."""

    _rfu = reserved(4)
    req_group_mask: int = bits(4, "bit n: McGroupID n is asked for")


@command(cid=0x01)
class McGroupStatusAns(Command):
    """List the groups asked for that are defined, lowest first (TS005, 0x01 up)."""

    _rfu = reserved(1)
    nb_total_groups: int = bits(3, "groups now defined")
    ans_group_mask: int = bits(4, "bit n: McGroupID n is listed")
    groups: tuple[GroupRecord, ...] = records(GroupRecord, "one per bit of ans_group_mask")

    def check(self) -> None:
        """Refuse a list that does not have one record for each bit of the mask."""
        if len(self.groups) != self.ans_group_mask.bit_count():
            raise Invalid(
                f"McGroupStatusAns: ans_group_mask {self.ans_group_mask} stands for {self.ans_group_mask.bit_count()} "
                f"records, groups has {len(self.groups)}"
            )

    @classmethod
    def read_tail(
        cls, head: tuple[Any, ...], payload: bytes, at: int, end: int, _tolerances: Tolerances, /
    ) -> TailReading | None:
        """As many records as the mask has bits."""
        size = GroupRecord.head.size
        stop = at + size * head[1].bit_count()
        if stop > end:
            return None
        return (tuple(GroupRecord.read_record(payload, one) for one in range(at, stop, size)),), stop, None


@command(cid=0x02)
class McGroupSetupReq(Command):
    """Create or change a group; the key travels wrapped for one device (TS005, 0x02 down)."""

    _rfu = reserved(6)
    mc_group_id: int = bits(2)
    mc_addr: DevAddr = address("group address")
    mc_key_encrypted: bytes = octets(16, "McKey wrapped with the device's McKEKey")
    min_mc_f_cnt: int = uint(4, "first valid downlink counter")
    max_mc_f_cnt: int = uint(4, "end of the range; never send with it or above")


@command(cid=0x02)
class McGroupSetupAns(Command):
    """Say whether the group was made (TS005, 0x02 up)."""

    _rfu = reserved(5)
    id_error: bool = flag("this McGroupID is not supported")
    mc_group_id: int = bits(2)


@command(cid=0x03)
class McGroupDeleteReq(Command):
    """Ask a device to forget a group (TS005, 0x03 down)."""

    _rfu = reserved(6)
    mc_group_id: int = bits(2)


@command(cid=0x03)
class McGroupDeleteAns(Command):
    """Say whether there was a group to forget (TS005, 0x03 up)."""

    _rfu = reserved(5)
    mc_group_undefined: bool = flag()
    mc_group_id: int = bits(2)


@command(cid=0x04)
class McClassCSessionReq(Command):
    """Ask a device to listen in class C for up to 2^session_time_out seconds (TS005, 0x04 down)."""

    _rfu = reserved(6)
    mc_group_id: int = bits(2)
    session_time: int = uint(4, "start, GPS seconds mod 2^32")
    _rfu_time_out = reserved(4)
    session_time_out: int = bits(4, "at most 2^n s")
    dl_freq: int = uint(3, "in units of 100 Hz")
    dr: int = uint(1, "data rate index")


@command(cid=0x05)
class McClassBSessionReq(Command):
    """Ask a device to open ping slots for up to 2^session_time_out beacon periods (TS005, 0x05 down)."""

    _rfu = reserved(6)
    mc_group_id: int = bits(2)
    session_time: int = uint(4, "start, GPS seconds mod 2^32, a multiple of 128")
    _rfu_time_out = reserved(1)
    periodicity: int = bits(3, "2^(7-n) ping slots a beacon period")
    session_time_out: int = bits(4, "at most 2^n beacon periods of 128 s")
    dl_freq: int = uint(3, "in units of 100 Hz; 0 the default channel")
    dr: int = uint(1, "data rate index")


@command(cid=0x04)
class McClassCSessionAns(SessionAnswer):
    """Accept a class C session and tell when it starts, or say why not (TS005-1.0.0, 0x04 up)."""

    error_bits = 0x1C

    reserved_bits: int = kept(3, "RFU; set with nothing behind it, read as refused", default=0)
    mc_group_undefined: bool = flag()
    freq_error: bool = flag()
    dr_error: bool = flag()
    mc_group_id: int = bits(2)
    time_to_start: int | None = optional(uint(3, TO_START), default=None)


@command(cid=0x05)
class McClassBSessionAns(SessionAnswer):
    """Accept a class B session and tell when it starts, or say why not (TS005-1.0.0, 0x05 up)."""

    error_bits = 0x1C

    reserved_bits: int = kept(3, "RFU; set with nothing behind it, read as refused", default=0)
    mc_group_undefined: bool = flag()
    freq_error: bool = flag()
    dr_error: bool = flag()
    mc_group_id: int = bits(2)
    time_to_start: int | None = optional(uint(3, TO_START), default=None)


UPLINK = table(
    PackageVersionAns, McGroupStatusAns, McGroupSetupAns, McGroupDeleteAns, McClassCSessionAns, McClassBSessionAns
)
DOWNLINK = table(
    PackageVersionReq, McGroupStatusReq, McGroupSetupReq, McGroupDeleteReq, McClassCSessionReq, McClassBSessionReq
)
