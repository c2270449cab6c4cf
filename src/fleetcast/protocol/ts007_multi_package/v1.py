"""The commands of package 0 itself (TS007-1.0.0); how frames are put together is said in `frame`."""

from __future__ import annotations

from typing import Any

from fleetcast.errors import Invalid
from fleetcast.protocol.command_table import table
from fleetcast.protocol.package_version import PackageVersionAns, PackageVersionReq
from fleetcast.protocol.tolerances import Tolerance, Tolerances
from fleetcast.protocol.wire import (
    Command,
    JsonValue,
    Reading,
    Record,
    TailReading,
    bits,
    command,
    record,
    records,
    reserved,
    rest,
    uint,
)

BUFFER_ERROR = 0xFF
"""The BaseByte that says: what was asked for is not there."""


@record
class PackageRecord(Record):
    """One package that a device has."""

    package_identifier: int = uint(1)
    package_version: int = uint(1)
    f_port: int = uint(1)


@command(cid=0x01)
class DevPackageReq(Command):
    """Ask which packages a device has (TS007, 0x01 down)."""


@command(cid=0x01)
class DevPackageAns(Command):
    """List the packages of a device, in any order (TS007, 0x01 up)."""

    _rfu = reserved(4)
    nb_packages: int = bits(4, "this package counts")
    packages: tuple[PackageRecord, ...] = records(PackageRecord, "nb_packages of them")

    def check(self) -> None:
        """Refuse a count that is not the number of records."""
        if len(self.packages) != self.nb_packages:
            raise Invalid(f"DevPackageAns: nb_packages {self.nb_packages}, packages has {len(self.packages)}")

    @classmethod
    def read_tail(
        cls, head: tuple[Any, ...], payload: bytes, at: int, end: int, _tolerances: Tolerances, /
    ) -> TailReading | None:
        """As many records as the count says."""
        size = PackageRecord.head.size
        stop = at + size * int(head[0])
        if stop > end:
            return None
        return (tuple(PackageRecord.read_record(payload, one) for one in range(at, stop, size)),), stop, None


@command(cid=0x02, alone=True)
class MultiPackBufferReq(Command):
    """Ask for part of the stored answers again; alone in its frame, without a token (TS007, 0x02 down)."""

    start_byte: int = uint(1, "first byte wanted, from 0")
    stop_byte: int = uint(1, "last byte wanted, included")


@command(cid=0x02, alone=True)
class MultiPackBufferFrag(Command):
    """Part of the stored answers, or the error form: BaseByte 0xFF and nothing (TS007, 0x02 up)."""

    base_byte: int = uint(1, "number of the first byte that follows; 0xFF error")
    data: bytes = rest("bytes of the stored answers, up to the token")

    @property
    def is_error(self) -> bool:
        """Whether the device has nothing at the place asked for."""
        return self.base_byte == BUFFER_ERROR

    def check(self) -> None:
        """Refuse bytes in the error form."""
        if self.is_error and self.data:
            raise Invalid(f"MultiPackBufferFrag: base_byte {BUFFER_ERROR} is the error form: no data may follow")

    def json_fields(self) -> dict[str, JsonValue]:
        """`error` for the error form, else base byte and data."""
        if self.is_error:
            return {"error": BUFFER_ERROR}
        return {"base_byte": self.base_byte, "data": self.data.hex()}

    @classmethod
    def read(cls, payload: bytes, at: int, end: int, tolerances: Tolerances, /) -> Reading | None:
        """As `Command.read`; `end` is where the token stands, or the end of the frame if there is none."""
        if end - at < 2:
            return None
        if payload[at + 1] == BUFFER_ERROR:
            return cls(base_byte=BUFFER_ERROR, data=b""), at + 2, None
        data = payload[at + 2 : end]
        if data:
            return cls(base_byte=payload[at + 1], data=data), end, None
        if Tolerance.EMPTY_BUFFER_FRAGMENT not in tolerances:
            return None
        return cls(base_byte=payload[at + 1], data=b""), end, Tolerance.EMPTY_BUFFER_FRAGMENT


UPLINK = table(PackageVersionAns, DevPackageAns, MultiPackBufferFrag)
DOWNLINK = table(PackageVersionReq, DevPackageReq, MultiPackBufferReq)
