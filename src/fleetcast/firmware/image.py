"""What an uploaded file is: raw binary, Intel HEX, S-records or ELF; and how it becomes the bytes that a device gets.

A raw binary is sent as it is. The others are forms of a build, not what flash holds: they are converted when asked for,
and only where one block of bytes results; else they are refused with the reason. What is done to gaps is always said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from fleetcast.firmware.elf import MAGIC as ELF_MAGIC
from fleetcast.firmware.elf import read_elf
from fleetcast.firmware.mcuboot import McubootHeader, read_mcuboot_header
from fleetcast.firmware.records import looks_like_intel_hex, looks_like_s_records, read_intel_hex, read_s_records
from fleetcast.firmware.segments import ERASED, ImageRefused, Segment, gap_bytes, one_block, put_together


class ImageFormat(StrEnum):
    """How a file writes an image."""

    BINARY = "binary"
    INTEL_HEX = "Intel HEX"
    S_RECORDS = "S-records"
    ELF = "ELF"


@dataclass(frozen=True, slots=True)
class Image:
    """An image as one block of bytes, and how it came to be."""

    format: ImageFormat
    """What the file was."""
    data: bytes = field(repr=False)
    """What a device gets, before the padding of the last fragment."""
    address: int | None
    """Where the first byte lies in the device's memory; None: a raw binary doesn't say."""
    gap_bytes: int
    """How many of the bytes stand in no record, and were filled with `fill`."""
    fill: int
    mcuboot: McubootHeader | None

    def remark(self) -> str | None:
        """What was done to the file, in a sentence for whoever uploaded it; None: it is sent as it is."""
        if self.format is ImageFormat.BINARY:
            return None
        gaps = f"{self.gap_bytes} bytes in gaps filled with 0x{self.fill:02X}" if self.gap_bytes else "no gaps"
        return f"converted from {self.format}: {len(self.data)} bytes from 0x{self.address or 0:08X}, {gaps}"


def recognise(data: bytes) -> ImageFormat:
    """What form the file has, told from its first bytes; whether the rest is right, only reading it shows."""
    if data.startswith(ELF_MAGIC):
        return ImageFormat.ELF
    if looks_like_intel_hex(data):
        return ImageFormat.INTEL_HEX
    if looks_like_s_records(data):
        return ImageFormat.S_RECORDS
    return ImageFormat.BINARY


def read_segments(data: bytes) -> tuple[Segment, ...]:
    """Where the bytes of an Intel HEX, S-record or ELF file lie, in order; raises ImageRefused."""
    match recognise(data):
        case ImageFormat.INTEL_HEX:
            return put_together(read_intel_hex(data))
        case ImageFormat.S_RECORDS:
            return put_together(read_s_records(data))
        case ImageFormat.ELF:
            return put_together(read_elf(data))
        case ImageFormat.BINARY:
            return (Segment(0, data),) if data else ()


def as_binary(data: bytes, *, fill: int = ERASED) -> Image:
    """The image in the file, gaps filled with `fill` (0 to 255); raises ImageRefused with the reason."""
    if not 0 <= fill <= 0xFF:
        raise ImageRefused(f"{fill} can't fill gaps: it is no byte; give 0 to 255")
    found = recognise(data)
    if found is ImageFormat.BINARY:
        return Image(found, data, None, 0, fill, read_mcuboot_header(data))
    segments = read_segments(data)
    block = one_block(segments, fill)
    return Image(found, block, segments[0].address, gap_bytes(segments), fill, read_mcuboot_header(block))


def refuse_unless_binary(data: bytes) -> None:
    """Raise ImageRefused for a file that is a form of a build, not what flash holds: nobody asked to convert it."""
    found = recognise(data)
    if found is not ImageFormat.BINARY:
        raise ImageRefused(
            f"this is {found}, which no boot loader flashes: upload it with conversion to binary, or upload the binary"
        )
