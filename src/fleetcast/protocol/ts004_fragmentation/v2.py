"""What version 2 of fragmented data block transport changes (TS004-2.0.0): replay counter, MIC, reception reports."""

from __future__ import annotations

import struct

from fleetcast.errors import Invalid
from fleetcast.protocol.command_table import table
from fleetcast.protocol.tolerances import Tolerance, Tolerances
from fleetcast.protocol.ts004_fragmentation import v1
from fleetcast.protocol.wire import (
    Command,
    Reading,
    bits,
    command,
    flag,
    octets,
    optional,
    reserved,
    uint,
)


@command(cid=0x01)
class FragSessionStatusAns(Command):
    """Say how many fragments came and how many are missing, or that there is no session (TS004-2.0.0, 0x01 up).

    Without a session the answer is the status byte alone: the server must know which session it asked about.
    """

    _rfu = reserved(5)
    session_does_not_exist: bool = flag("nothing follows")
    mic_error: bool = flag("complete, but the MIC is wrong")
    memory_error: bool = flag("decoding was given up: too many losses")
    frag_index: int | None = optional(bits(2), default=None)
    nb_frag_received: int | None = optional(bits(14, "all receptions, repeated ones too"), default=None)
    missing_frag: int | None = optional(uint(1, "0 complete; 255 stands for 255 or more"), default=None)

    def check(self) -> None:
        """Refuse counts of a session that does not exist, and a session without counts."""
        _counts_or_no_session(self)

    @classmethod
    def read(cls, payload: bytes, at: int, end: int, tolerances: Tolerances, /) -> Reading | None:
        """As `Command.read`; forgives three zero bytes behind "no session" and, when told to, other layouts."""
        if end - at < 2:
            return None
        if Tolerance.STATUS_V2_IN_V1_LAYOUT in tolerances:
            if end - at < 5:
                return None
            status, counts, used = payload[at + 4], at + 1, Tolerance.STATUS_V2_IN_V1_LAYOUT
            return _status(status, None if status & 4 else _received(payload, counts)), at + 5, used
        status = payload[at + 1]
        if status & 4:
            if end - at == 5 and payload[at + 2 : end] == b"\0\0\0" and Tolerance.NO_SESSION_FULL_LENGTH in tolerances:
                return _status(status, None), end, Tolerance.NO_SESSION_FULL_LENGTH
            return _status(status, None), at + 2, None
        if end - at < 5:
            return None
        if Tolerance.BIG_ENDIAN_STATUS in tolerances:
            swapped = bytes([payload[at + 3], payload[at + 2], payload[at + 4]])
            return _status(status, _received(swapped, 0)), at + 5, Tolerance.BIG_ENDIAN_STATUS
        return _status(status, _received(payload, at + 2)), at + 5, None


_RECEIVED = struct.Struct("<HB")


def _received(payload: bytes, at: int) -> tuple[int, int, int]:
    received, missing = _RECEIVED.unpack_from(payload, at)
    return received >> 14, received & 0x3FFF, missing


def _status(status: int, received: tuple[int, int, int] | None) -> FragSessionStatusAns:
    frag_index, nb_frag_received, missing_frag = received or (None, None, None)
    return FragSessionStatusAns(
        session_does_not_exist=status & 4 != 0,
        mic_error=status & 2 != 0,
        memory_error=status & 1 != 0,
        frag_index=frag_index,
        nb_frag_received=nb_frag_received,
        missing_frag=missing_frag,
    )


def _counts_or_no_session(answer: FragSessionStatusAns) -> None:
    if answer.session_does_not_exist != (answer.frag_index is None):
        raise Invalid(
            "FragSessionStatusAns: frag_index, nb_frag_received and missing_frag belong to a session that exists; "
            f"session_does_not_exist is {answer.session_does_not_exist}"
        )


@command(cid=0x02)
class FragSessionSetupReq(Command):
    """Ask a device to expect `nb_frag` fragments of `frag_size` bytes (TS004-2.0.0, 0x02 down)."""

    _rfu = reserved(2)
    frag_index: int = bits(2)
    mc_group_bit_mask: int = bits(4, "bit n: fragments from McGroupID n are accepted")
    nb_frag: int = uint(2, "uncoded fragments, M")
    frag_size: int = uint(1, "bytes per fragment")
    _rfu_control = reserved(1)
    ack_reception: bool = flag("the device reports completion by itself")
    frag_algo: int = bits(3, "0 the parity code; others unassigned")
    block_ack_delay: int = bits(3, "answers spread over 2^(n+4) s")
    padding: int = uint(1, "bytes of padding in the last fragment")
    descriptor: bytes = octets(4, "free for the application")
    session_cnt: int = uint(2, "must rise for every block on this index")
    mic: bytes = octets(4, "first bytes of the CMAC over the data block")


@command(cid=0x02)
class FragSessionSetupAns(Command):
    """Accept a session, or say why not (TS004-2.0.0, 0x02 up)."""

    frag_index: int = bits(2)
    _rfu = reserved(1)
    session_cnt_replay: bool = flag("the counter was used before")
    wrong_descriptor: bool = flag()
    frag_index_unsupported: bool = flag()
    not_enough_memory: bool = flag()
    frag_algo_unsupported: bool = flag()


@command(cid=0x04)
class FragDataBlockReceivedReq(Command):
    """A device reports that its block is complete; repeated until answered (TS004-2.0.0, 0x04 up)."""

    _rfu = reserved(5)
    mic_error: bool = flag("complete, but discarded: the MIC is wrong")
    frag_index: int = bits(2)


@command(cid=0x04)
class FragDataBlockReceivedAns(Command):
    """The server has heard that the block is complete (TS004-2.0.0, 0x04 down)."""

    _rfu = reserved(6)
    frag_index: int = bits(2)


UPLINK = v1.UPLINK | table(FragSessionStatusAns, FragSessionSetupAns, FragDataBlockReceivedReq)
DOWNLINK = v1.DOWNLINK | table(FragSessionSetupReq, FragDataBlockReceivedAns)
