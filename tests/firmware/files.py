"""Files as build tools make them, small: ELF by hand, Intel HEX and S-records by an independent writer."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence

import bincopy

Piece = tuple[int, bytes]


def intel_hex(*pieces: Piece) -> bytes:
    return str(_bin_file(pieces).as_ihex()).encode()


def s_records(*pieces: Piece) -> bytes:
    return str(_bin_file(pieces).as_srec()).encode()


def _bin_file(pieces: Sequence[Piece]) -> bincopy.BinFile:
    file = bincopy.BinFile()
    for address, data in pieces:
        file.add_binary(data, address=address)
    return file


def elf(*pieces: Piece, sections: bool = True, kind: int = 2, run_at: int = 0x2000_0000) -> bytes:
    """A 32-bit little-endian ARM ELF: one loaded segment a piece, its load address apart from where it runs.

    Behind the pieces stands a `.bss`, which is allocated and has no contents.
    """
    header_bytes, program_bytes, section_bytes = 52, 32, 40
    content_at = header_bytes + program_bytes * len(pieces)
    names = b"\0.text\0.bss\0.shstrtab\0"
    offsets, at = [], content_at
    for _, data in pieces:
        offsets.append(at)
        at += len(data)
    names_at = at
    sections_at = names_at + len(names)
    count = len(pieces) + 3 if sections else 0
    header = b"\x7fELF\x01\x01\x01" + bytes(9)
    header += struct.pack(
        "<HHIIIIIHHHHHH",
        kind,
        40,
        1,
        pieces[0][0] if pieces else 0,
        header_bytes,
        sections_at if sections else 0,
        0,
        header_bytes,
        program_bytes,
        len(pieces),
        section_bytes,
        count,
        count - 1 if sections else 0,
    )
    programs = b"".join(
        struct.pack("<IIIIIIII", 1, offset, run_at, address, len(data), len(data), 5, 4)
        for (address, data), offset in zip(pieces, offsets, strict=True)
    )
    body = b"".join(data for _, data in pieces)
    if not sections:
        return header + programs + body
    table = bytes(section_bytes)
    for (_, data), offset in zip(pieces, offsets, strict=True):
        table += struct.pack("<IIIIIIIIII", 1, 1, 6, run_at, offset, len(data), 0, 0, 4, 0)
    table += struct.pack("<IIIIIIIIII", 7, 8, 3, run_at + 0x1000, names_at, 0x400, 0, 0, 4, 0)
    table += struct.pack("<IIIIIIIIII", 12, 3, 0, 0, names_at, len(names), 0, 0, 1, 0)
    return header + programs + body + names + table


Tlv = tuple[int, bytes]


def tlvs(magic: int, *entries: Tlv) -> bytes:
    """A TLV area of an MCUboot image."""
    body = b"".join(struct.pack("<HH", kind, len(content)) + content for kind, content in entries)
    return struct.pack("<HH", magic, 4 + len(body)) + body if entries else b""


def mcuboot_covered(
    payload: bytes, *protected: Tlv, version: tuple[int, int, int, int] = (1, 2, 3, 4), flags: int = 0
) -> bytes:
    """Header, payload and protected TLVs: what hash and signature of an MCUboot image are over."""
    area = tlvs(0x6908, *protected)
    header = struct.pack("<IIHHIIBBHII", 0x96F3B83D, 0, 32, len(area), len(payload), flags, *version, 0)
    return header + payload + area


def mcuboot(payload: bytes, *more: Tlv, version: tuple[int, int, int, int] = (1, 2, 3, 4)) -> bytes:
    """An MCUboot image with its SHA-256 as `imgtool sign` makes it, without a key: `more` are further TLVs."""
    covered = mcuboot_covered(payload, version=version)
    return covered + tlvs(0x6907, (0x10, hashlib.sha256(covered).digest()), *more)
