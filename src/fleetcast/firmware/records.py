"""Images written as text: Intel HEX and Motorola S-records, read strictly.

Every record's length and checksum is proven, and the record that ends the file must be there: what is sent to a
thousand devices must not be half of what was built. (Intel, Hexadecimal Object File Format Specification, 1988.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fleetcast.firmware.segments import ImageRefused

_HEX_RECORD = re.compile(rb":(?:[0-9A-Fa-f]{2}){5,}")
_S_RECORD = re.compile(rb"S[0-35-9](?:[0-9A-Fa-f]{2}){4,}")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_S_ADDRESS_BYTES: Final = {"1": 2, "2": 3, "3": 4}
_S_COUNTS: Final = "56"
_S_ENDS: Final = "789"
_ADDRESSES: Final = 1 << 32


def looks_like_intel_hex(data: bytes) -> bool:
    """Whether the first line that is not empty is an Intel HEX record."""
    return _HEX_RECORD.fullmatch(_first_line(data)) is not None


def looks_like_s_records(data: bytes) -> bool:
    """Whether the first line that is not empty is an S-record."""
    return _S_RECORD.fullmatch(_first_line(data)) is not None


def _first_line(data: bytes) -> bytes:
    head = data[:2048].lstrip(b"\r\n \t")
    return _LINE_END.split(head, maxsplit=1)[0].rstrip(b" \t")


def read_intel_hex(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Addresses and bytes of every data record; raises ImageRefused, naming the line, at the first that is wrong."""
    base, offsets_wrap, ended = 0, False, False
    for number, line in _lines(data):
        if ended:
            raise ImageRefused(f"line {number}: something stands behind the end-of-file record: build the file again")
        record = _bytes_of(number, line, _HEX_RECORD, 1)
        if record[0] != len(record) - 5:
            raise ImageRefused(f"line {number}: the record says {record[0]} bytes and has {len(record) - 5}")
        if sum(record) & 0xFF:
            raise ImageRefused(f"line {number}: the checksum is wrong: the file is damaged")
        offset, kind, content = int.from_bytes(record[1:3], "big"), record[3], record[4:-1]
        match kind, len(content):
            case 0, _:
                # Within a segment (not under a linear address) offsets wrap at 64 kB.
                first = 0x10000 - offset if offsets_wrap else len(content)
                yield (base + offset) % _ADDRESSES, content[:first]
                if content[first:]:
                    yield base, content[first:]
            case 1, 0:
                ended = True
            case 2, 2:
                base, offsets_wrap = int.from_bytes(content, "big") << 4, True
            case 4, 2:
                base, offsets_wrap = int.from_bytes(content, "big") << 16, False
            case 3 | 5, 4:
                pass  # where the program starts: nothing that lies in flash
            case _:
                raise ImageRefused(f"line {number}: there is no record of type {kind} with {len(content)} bytes")
    if not ended:
        raise ImageRefused("the end-of-file record is missing: the file is cut off")


def read_s_records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Addresses and bytes of every data record; raises ImageRefused, naming the line, at the first that is wrong."""
    ended, complete, counted = False, False, 0
    for number, line in _lines(data):
        if ended:
            raise ImageRefused(f"line {number}: something stands behind the last record: build the file again")
        record = _bytes_of(number, line, _S_RECORD, 2)
        kind = chr(line[1])
        if record[0] != len(record) - 1:
            raise ImageRefused(f"line {number}: the record says {record[0]} bytes and has {len(record) - 1}")
        if sum(record) & 0xFF != 0xFF:
            raise ImageRefused(f"line {number}: the checksum is wrong: the file is damaged")
        if kind in _S_ADDRESS_BYTES:
            split = 1 + _S_ADDRESS_BYTES[kind]
            if len(record) <= split:
                raise ImageRefused(f"line {number}: the record is too short for its address")
            counted, complete = counted + 1, False
            yield int.from_bytes(record[1:split], "big"), record[split:-1]
        elif kind in _S_COUNTS:
            said, complete = int.from_bytes(record[1:-1], "big"), True
            if said != counted:
                raise ImageRefused(f"line {number}: the file has {counted} data records and says {said}: it is damaged")
        ended = kind in _S_ENDS
    # Some writers end with the count alone; a file that has neither may have lost its end.
    if not ended and not complete:
        raise ImageRefused("the last record (S5 to S9) is missing: the file is cut off")


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(_LINE_END.split(data), 1):
        if bare := line.strip(b" \t"):
            yield number, bare


def _bytes_of(number: int, line: bytes, pattern: re.Pattern[bytes], prefix: int) -> bytes:
    if not pattern.fullmatch(line):
        raise ImageRefused(f"line {number}: this is no such record as the file began with: it is damaged")
    return bytes.fromhex(line[prefix:].decode("ascii"))
