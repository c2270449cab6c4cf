"""Bytes at addresses: what Intel HEX, S-record and ELF files hold, put in order, and made one block with gaps filled.

Nothing is decided here about what a device wants: it says where bytes lie, and refuses what can't be one image.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from fleetcast.errors import Invalid

MAX_IMAGE_BYTES: Final = 16383 * 255
"""The largest data block that fragments can carry: NbFrag has 14 bits, FragSize 8 (TS004, FragSessionSetupReq)."""

ERASED: Final = 0xFF
"""What erased flash reads as: the usual filling of gaps."""


class ImageRefused(Invalid):
    """A file that is no image, or none that can be made one block; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes that lie next to one another, from an address on."""

    address: int
    data: bytes

    @property
    def end(self) -> int:
        """The address after the last byte."""
        return self.address + len(self.data)

    def __str__(self) -> str:
        return f"0x{self.address:08X} to 0x{self.end - 1:08X}"


def put_together(pieces: Iterable[tuple[int, bytes]]) -> tuple[Segment, ...]:
    """The pieces by address, neighbours as one; raises ImageRefused where two say something about the same byte."""
    runs: list[tuple[int, list[bytes]]] = []
    end = -1
    for address, data in sorted(pieces, key=lambda piece: piece[0]):
        if not data:
            continue
        if runs and address < end:
            raise ImageRefused(f"two records hold the byte at 0x{address:08X}: build the file again")
        if runs and address == end:
            runs[-1][1].append(data)
        else:
            runs.append((address, [data]))
        end = address + len(data)
    return tuple(Segment(address, b"".join(parts)) for address, parts in runs)


def gap_bytes(segments: tuple[Segment, ...]) -> int:
    """How many bytes between the segments belong to none of them."""
    return segments[-1].end - segments[0].address - sum(len(each.data) for each in segments) if segments else 0


def one_block(segments: tuple[Segment, ...], fill: int) -> bytes:
    """All bytes from the first address to the last, gaps filled; raises ImageRefused where that can't be sent."""
    if not segments:
        raise ImageRefused("the file holds no bytes of an image: it has records, but none with data")
    size = segments[-1].end - segments[0].address
    if size > MAX_IMAGE_BYTES:
        raise ImageRefused(_too_large(segments, size))
    block = bytearray([fill]) * size
    for each in segments:
        start = each.address - segments[0].address
        block[start : start + len(each.data)] = each.data
    return bytes(block)


def _too_large(segments: tuple[Segment, ...], size: int) -> str:
    if len(segments) == 1:
        return f"the image has {size} bytes, and fragments can carry {MAX_IMAGE_BYTES} at most: make it smaller"
    before, after = max(pairwise(segments), key=lambda pair: pair[1].address - pair[0].end)
    return (
        f"the image would have {size} bytes with its gaps filled, and fragments can carry {MAX_IMAGE_BYTES} at most: "
        f"nothing lies between {before} and {after}; leave out what does not belong to the image (option bytes, boot "
        "loader, user registers)"
    )
