"""The header that MCUboot images begin with, shown to people: version, sizes, and whether the image is whole.

Its SHA-256 is checked where the image carries one; signatures are not checked here. (MCUboot, docs/design.md, "Image
format": struct image_header, image_tlv_info, image_tlv; all little-endian.)
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

_HEADER = struct.Struct("<IIHHIIBBHII")
_MAGIC: Final = 0x96F3B83D
_TLV_INFO = struct.Struct("<HH")
_PROTECTED_MAGIC: Final = 0x6908
_TLV_MAGIC: Final = 0x6907
_TLV_SHA256: Final = 0x10
_SHA256_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class McubootHeader:
    """What the header of an MCUboot image says."""

    version: str
    """`major.minor.revision+build`."""
    load_address: int
    header_bytes: int
    image_bytes: int
    flags: int
    problem: str | None
    """Why a boot loader would refuse the image, as far as can be told here; None: nothing found."""


def read_mcuboot_header(data: bytes) -> McubootHeader | None:
    """The header, or None where the bytes do not begin with one."""
    if len(data) < _HEADER.size:
        return None
    magic, load_address, header_bytes, protected_bytes, image_bytes, flags, major, minor, revision, build, _ = (
        _HEADER.unpack_from(data)
    )
    if magic != _MAGIC:
        return None
    return McubootHeader(
        version=f"{major}.{minor}.{revision}+{build}",
        load_address=load_address,
        header_bytes=header_bytes,
        image_bytes=image_bytes,
        flags=flags,
        problem=_problem(data, header_bytes + image_bytes, protected_bytes),
    )


def _problem(data: bytes, tlv_at: int, protected_bytes: int) -> str | None:
    """Header and image are followed by the protected TLVs, where there are any, and by the others."""
    hashed_end = tlv_at + protected_bytes
    if protected_bytes and _area(data, tlv_at, _PROTECTED_MAGIC) != protected_bytes:
        return "the protected TLVs that its header names are not there: the file is cut off or damaged"
    area = _area(data, hashed_end, _TLV_MAGIC)
    if area is None:
        return "no TLVs behind the image (hash, signature): the file is cut off, or was never signed"
    at, end = hashed_end + _TLV_INFO.size, hashed_end + area
    while at + _TLV_INFO.size <= end:
        kind, size = _TLV_INFO.unpack_from(data, at)
        content = data[at + _TLV_INFO.size : at + _TLV_INFO.size + size]
        if kind == _TLV_SHA256 and size == _SHA256_BYTES and content != hashlib.sha256(data[:hashed_end]).digest():
            return "its SHA-256 is not that of the image: the file is damaged"
        at += _TLV_INFO.size + size
    return None


def _area(data: bytes, at: int, magic: int) -> int | None:
    """The size of the TLV area here, its own header included; None where there is none, or not all of it."""
    if at + _TLV_INFO.size > len(data):
        return None
    found, size = _TLV_INFO.unpack_from(data, at)
    return int(size) if found == magic and at + size <= len(data) else None
