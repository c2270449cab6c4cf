"""Images as linkers write them: ELF files, read for what ends up in flash.

What is taken is what `objcopy -O binary` takes: allocated sections with contents, at their load addresses; the segments
themselves where the section table was stripped.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Final, Protocol

from fleetcast.firmware.segments import MAX_IMAGE_BYTES, ImageRefused

MAGIC: Final = b"\x7fELF"
_SHF_ALLOC: Final = 2
_NOT_LINKED: Final = {"ET_REL": "an object file, not linked yet", "ET_CORE": "a core dump", "ET_NONE": "of no type"}
_MOST_HEADERS: Final = 10_000


class _Part(Protocol):
    """A section or a segment: a header by field name."""

    def __getitem__(self, name: str) -> int: ...


def read_elf(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Load addresses and bytes of everything that the file puts into memory; raises ImageRefused."""
    # Its parser answers damaged files with whatever its parts raise.
    from elftools.common.exceptions import ELFError
    from elftools.construct import ConstructError

    try:
        yield from _pieces(data)
    except (
        ELFError,
        ConstructError,
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        OverflowError,
    ) as error:
        if isinstance(error, ImageRefused):
            raise
        raise ImageRefused(f"the ELF file is damaged ({type(error).__name__}: {error}): build it again") from error


def _pieces(data: bytes) -> list[tuple[int, bytes]]:
    from elftools.elf.elffile import ELFFile

    elf = ELFFile(io.BytesIO(data))
    kind = elf.header["e_type"]
    if kind not in ("ET_EXEC", "ET_DYN"):
        raise ImageRefused(f"the ELF file is {_NOT_LINKED.get(kind, f'of type {kind}')}: link the program first")
    if elf.num_sections() > _MOST_HEADERS or elf.num_segments() > _MOST_HEADERS:
        raise ImageRefused("the ELF file is damaged: it names more headers than any program has")
    loaded = [each.header for each in elf.iter_segments() if each.header["p_type"] == "PT_LOAD"]
    sections = [each.header for each in elf.iter_sections() if each.header["sh_flags"] & _SHF_ALLOC]
    pieces: list[tuple[int, bytes]] = []
    for section in sections:
        if section["sh_type"] == "SHT_NOBITS" or not section["sh_size"]:
            continue
        home = next((each for each in loaded if _holds(each, section)), None)
        if home is None:
            continue  # allocated, but not loaded from the file
        address = home["p_paddr"] + section["sh_offset"] - home["p_offset"]
        pieces.append((address, _slice(data, section["sh_offset"], section["sh_size"])))
    if not sections:
        pieces = [(each["p_paddr"], _slice(data, each["p_offset"], each["p_filesz"])) for each in loaded]
    return pieces


def _holds(segment: _Part, section: _Part) -> bool:
    first, end = segment["p_offset"], segment["p_offset"] + segment["p_filesz"]
    return first <= section["sh_offset"] and section["sh_offset"] + section["sh_size"] <= end


def _slice(data: bytes, offset: int, size: int) -> bytes:
    if size > MAX_IMAGE_BYTES:
        raise ImageRefused(
            f"a part of the ELF file has {size} bytes, and fragments can carry {MAX_IMAGE_BYTES} at most"
        )
    part = data[offset : offset + size]
    if len(part) != size:
        raise ImageRefused("the ELF file is cut off: it names bytes behind its end")
    return part
