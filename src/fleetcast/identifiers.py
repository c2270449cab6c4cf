"""Values that parse and print themselves: once made, they are right."""

from __future__ import annotations

import re
from typing import Self

from fleetcast.errors import Invalid


class _HexIdentifier(str):
    """Upper-case hex digits of a fixed number; sorts, hashes and prints as text."""

    __slots__ = ()
    _digits: int
    _what: str

    def __new__(cls, text: str) -> Self:
        compact = re.sub(r"[\s:-]", "", text).upper()
        if not re.fullmatch(rf"[0-9A-F]{{{cls._digits}}}", compact):
            raise Invalid(f"{text!r} is not a {cls._what}: write {cls._digits} hex digits")
        return super().__new__(cls, compact)

    @classmethod
    def from_int(cls, value: int) -> Self:
        """The identifier with this number, most significant digit first; raises Invalid for one with more digits."""
        if not 0 <= value < 1 << 4 * cls._digits:
            raise Invalid(f"{value} is not a {cls._what}: allowed 0 to {(1 << 4 * cls._digits) - 1}")
        return super().__new__(cls, f"{value:0{cls._digits}X}")

    def __int__(self) -> int:
        return int(str(self), 16)


class DevEui(_HexIdentifier):
    """A device's EUI-64, written as people write it: most significant byte first."""

    __slots__ = ()
    _digits = 16
    _what = "DevEUI"


class DevAddr(_HexIdentifier):
    """A device or multicast group address (DevAddr, McAddr): 32 bits, most significant byte first."""

    __slots__ = ()
    _digits = 8
    _what = "DevAddr"

    @classmethod
    def from_wire(cls, four_bytes: bytes) -> Self:
        """The address in four bytes as they travel: least significant first; raises Invalid for another length."""
        if len(four_bytes) != 4:
            raise Invalid(f"{len(four_bytes)} bytes are not a {cls._what}: it has 4")
        return str.__new__(cls, four_bytes[::-1].hex().upper())

    def wire(self) -> bytes:
        """The four bytes as they travel: least significant first."""
        return bytes.fromhex(self)[::-1]


class FirmwareVersion(int):
    """A firmware version: 32 bits, as DevVersionAns carries it (TS006-1.0.0, FWversion).

    `1.2.3.4` (major, minor, maintenance, patch) is the number 0x01020304. Where a device's versions are opaque, only
    equal and different mean something, and it is written as eight hex digits.
    """

    __slots__ = ()

    def __new__(cls, value: int) -> Self:
        if not 0 <= value <= 0xFFFFFFFF:
            raise Invalid(f"{value} is not a firmware version: it has 32 bits, 0 to 4294967295")
        return super().__new__(cls, value)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The version in either way of writing, `1.2.3.4` or `0x01020304`; raises Invalid for anything else."""
        if re.fullmatch(r"0[xX][0-9a-fA-F]{8}", text):
            return cls(int(text, 16))
        if re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}", text, re.ASCII):
            parts = [int(part) for part in text.split(".")]
            if max(parts) <= 255:
                return cls(int.from_bytes(bytes(parts), "big"))
        raise Invalid(
            f"{text[:40]!r} is not a firmware version: write 1.2.3.4 with numbers from 0 to 255, or 0x01020304"
        )

    def dotted(self) -> str:
        """The version in four numbers: `1.2.3.4`."""
        return ".".join(str(part) for part in self.to_bytes(4, "big"))

    def opaque(self) -> str:
        """The version in eight hex digits: `0x01020304`."""
        return f"0x{int(self):08X}"
