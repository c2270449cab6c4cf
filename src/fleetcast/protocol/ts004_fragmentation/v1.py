"""The commands of fragmented data block transport, version 1 (TS004-1.0.0)."""

from __future__ import annotations

from fleetcast.protocol.command_table import table
from fleetcast.protocol.package_version import PackageVersionAns, PackageVersionReq
from fleetcast.protocol.tolerances import Tolerance, Tolerances
from fleetcast.protocol.wire import Command, Reading, bits, command, flag, octets, reserved, rest, uint


@command(cid=0x01)
class FragSessionStatusReq(Command):
    """Ask how a session went; may be sent by multicast (TS004, 0x01 down)."""

    _rfu = reserved(5)
    frag_index: int = bits(2)
    participants: int = bits(1, "0 only devices that miss fragments answer, 1 every device with the session")


@command(cid=0x01)
class FragSessionStatusAns(Command):
    """Say how many fragments came and how many are missing (TS004-1.0.0, 0x01 up)."""

    frag_index: int = bits(2)
    nb_frag_received: int = bits(14, "all receptions, repeated ones too")
    missing_frag: int = uint(1, "0 complete; 255 stands for 255 or more")
    _rfu = reserved(7)
    not_enough_matrix_memory: bool = flag("decoding was given up: too many losses")

    @classmethod
    def read(cls, payload: bytes, at: int, end: int, tolerances: Tolerances, /) -> Reading | None:
        """As `Command.read`; swaps the first two bytes for stacks that send them most significant first."""
        if end - at < 5:
            return None
        swapped = Tolerance.BIG_ENDIAN_STATUS in tolerances
        received = int.from_bytes(payload[at + 1 : at + 3], "big" if swapped else "little")
        made = cls(
            frag_index=received >> 14,
            nb_frag_received=received & 0x3FFF,
            missing_frag=payload[at + 3],
            not_enough_matrix_memory=payload[at + 4] & 1 != 0,
        )
        return made, at + 5, Tolerance.BIG_ENDIAN_STATUS if swapped else None


@command(cid=0x02)
class FragSessionSetupReq(Command):
    """Ask a device to expect `nb_frag` fragments of `frag_size` bytes (TS004-1.0.0, 0x02 down)."""

    _rfu = reserved(2)
    frag_index: int = bits(2)
    mc_group_bit_mask: int = bits(4, "bit n: fragments from McGroupID n are accepted")
    nb_frag: int = uint(2, "uncoded fragments, M")
    frag_size: int = uint(1, "bytes per fragment")
    _rfu_control = reserved(2)
    frag_algo: int = bits(3, "0 the parity code; others unassigned")
    block_ack_delay: int = bits(3, "answers spread over 2^(n+4) s")
    padding: int = uint(1, "bytes of padding in the last fragment")
    descriptor: bytes = octets(4, "free for the application")


@command(cid=0x02)
class FragSessionSetupAns(Command):
    """Accept a session, or say why not (TS004-1.0.0, 0x02 up)."""

    frag_index: int = bits(2)
    _rfu = reserved(2)
    wrong_descriptor: bool = flag()
    frag_index_unsupported: bool = flag()
    not_enough_memory: bool = flag()
    frag_algo_unsupported: bool = flag('"encoding unsupported" in version 1')


@command(cid=0x03)
class FragSessionDeleteReq(Command):
    """Ask a device to forget a session (TS004, 0x03 down)."""

    _rfu = reserved(6)
    frag_index: int = bits(2)


@command(cid=0x03)
class FragSessionDeleteAns(Command):
    """Say whether there was a session to forget (TS004, 0x03 up)."""

    _rfu = reserved(5)
    session_does_not_exist: bool = flag()
    frag_index: int = bits(2)


@command(cid=0x08, alone=True)
class DataFragment(Command):
    """One fragment, uncoded or coded; fills its payload, so nothing else may share it (TS004, 0x08 down)."""

    frag_index: int = bits(2)
    n: int = bits(14, "fragment number, from 1; above M coded")
    data: bytes = rest("the fragment")

    @classmethod
    def read(cls, payload: bytes, at: int, end: int, _tolerances: Tolerances, /) -> Reading | None:
        """As `Command.read`; takes everything up to the end."""
        if end - at < 3:
            return None
        number = payload[at + 1] | payload[at + 2] << 8
        return cls(frag_index=number >> 14, n=number & 0x3FFF, data=payload[at + 3 : end]), end, None


UPLINK = table(PackageVersionAns, FragSessionStatusAns, FragSessionSetupAns, FragSessionDeleteAns)
DOWNLINK = table(PackageVersionReq, FragSessionStatusReq, FragSessionSetupReq, FragSessionDeleteReq, DataFragment)
