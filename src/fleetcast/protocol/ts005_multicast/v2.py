"""What version 2 of remote multicast setup changes (TS005-2.0.0): a missed start is said; later error bits are kept."""

from __future__ import annotations

from typing import Any

from fleetcast.protocol.command_table import table
from fleetcast.protocol.tolerances import Tolerances
from fleetcast.protocol.ts005_multicast import v1
from fleetcast.protocol.ts005_multicast.session_answer import (
    TO_START,
    check_session_answer,
    read_time_to_start,
    status_of,
)
from fleetcast.protocol.wire import Command, TailReading, beside, bits, command, flag, optional, reserved, uint


@command(cid=0x04)
class McClassCSessionAns(Command):
    """Accept a class C session and tell when it starts, or say why not (TS005-2.0.0, 0x04 up)."""

    _rfu = reserved(2)
    start_missed: bool = flag("the start time had passed already")
    mc_group_undefined: bool = flag()
    freq_error: bool = flag()
    dr_error: bool = flag()
    mc_group_id: int = bits(2)
    time_to_start: int | None = optional(uint(3, TO_START), default=None)
    raw_status: int = beside("the status byte as received; a set bit 7 or 6 is an error too", default=-1)

    @property
    def refused(self) -> bool:
        """Whether the device will not listen: any bit above the group number."""
        return self.raw_status & 0xFC != 0

    def check(self) -> None:
        """Refuse TimeToStart beside an error bit."""
        check_session_answer(self, status_of(self) | self.start_missed << 5, error_bits=0xFC)

    @classmethod
    def read_tail(
        cls, _head: tuple[Any, ...], payload: bytes, at: int, end: int, tolerances: Tolerances, /
    ) -> TailReading | None:
        """TimeToStart, unless the status byte says that it is absent."""
        return read_time_to_start(payload, at, end, tolerances, error_bits=0xFC)


@command(cid=0x05)
class McClassBSessionAns(Command):
    """Accept a class B session and tell when it starts, or say why not (TS005-2.0.0, 0x05 up)."""

    _rfu = reserved(2)
    start_missed: bool = flag("the start time had passed already")
    mc_group_undefined: bool = flag()
    freq_error: bool = flag()
    dr_error: bool = flag()
    mc_group_id: int = bits(2)
    time_to_start: int | None = optional(uint(3, TO_START), default=None)
    raw_status: int = beside("the status byte as received; a set bit 7 or 6 is an error too", default=-1)

    @property
    def refused(self) -> bool:
        """Whether the device will not listen: any bit above the group number."""
        return self.raw_status & 0xFC != 0

    def check(self) -> None:
        """Refuse TimeToStart beside an error bit."""
        check_session_answer(self, status_of(self) | self.start_missed << 5, error_bits=0xFC)

    @classmethod
    def read_tail(
        cls, _head: tuple[Any, ...], payload: bytes, at: int, end: int, tolerances: Tolerances, /
    ) -> TailReading | None:
        """TimeToStart, unless the status byte says that it is absent."""
        return read_time_to_start(payload, at, end, tolerances, error_bits=0xFC)


UPLINK = v1.UPLINK | table(McClassCSessionAns, McClassBSessionAns)
DOWNLINK = v1.DOWNLINK
