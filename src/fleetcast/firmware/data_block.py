"""The block that goes on the air: the file, byte for byte, and zeros to the end of the last fragment.

TS004 lets the sender pad, and tells the device how much (FragSessionSetupReq, Padding), so that it can cut it off.
"""

from __future__ import annotations

from fleetcast.errors import Invalid
from fleetcast.firmware.segments import MAX_IMAGE_BYTES

MAX_FRAGMENTS = 16383
MAX_FRAGMENT_BYTES = 255


class BlockUnfit(Invalid):
    """A file that can't be cut into fragments of this size."""


def fragment_count(size_bytes: int, fragment_bytes: int) -> int:
    """NbFrag: how many fragments of `fragment_bytes` (1 to 255) a file has; raises BlockUnfit."""
    if not 1 <= fragment_bytes <= MAX_FRAGMENT_BYTES:
        raise BlockUnfit(f"fragments of {fragment_bytes} bytes don't exist: they have 1 to {MAX_FRAGMENT_BYTES}")
    if size_bytes < 1:
        raise BlockUnfit("the file is empty: there is nothing to send")
    count = -(-size_bytes // fragment_bytes)
    if count > MAX_FRAGMENTS:
        raise BlockUnfit(
            f"{size_bytes} bytes are {count} fragments of {fragment_bytes}, and a session has {MAX_FRAGMENTS} at most "
            f"({MAX_IMAGE_BYTES} bytes in fragments of {MAX_FRAGMENT_BYTES}): use larger fragments or a smaller file"
        )
    return count


def padding_bytes(size_bytes: int, fragment_bytes: int) -> int:
    """Padding: how many zeros follow the file in its last fragment; raises BlockUnfit."""
    return fragment_count(size_bytes, fragment_bytes) * fragment_bytes - size_bytes


def data_block(data: bytes, fragment_bytes: int) -> bytes:
    """The file and its padding; raises BlockUnfit."""
    return data + bytes(padding_bytes(len(data), fragment_bytes))
