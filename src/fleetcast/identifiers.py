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

    def wire(self) -> bytes:
        """The four bytes as they travel: least significant first."""
        return bytes.fromhex(self)[::-1]
