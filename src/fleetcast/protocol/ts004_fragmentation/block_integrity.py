"""The MIC over a data block (TS004-2.0.0): it guards against wrong or injected fragments, and is no firmware signature.

The key belongs to one device, so the MIC differs from device to device even when all get the same fragments.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC

from fleetcast.protocol.keys import KEY_BYTES, WrongKeyLength
from fleetcast.protocol.wire import OutOfRange
from fleetcast.secret import Secret

MIC_BYTES = 4


def b0(session_cnt: int, frag_index: int, descriptor: bytes, length_bytes: int) -> bytes:
    """The 16 bytes that go before the data; `length_bytes` counts the data block without padding."""
    if not 0 <= session_cnt <= 0xFFFF:
        raise OutOfRange("B0", "session_cnt", session_cnt, "0 to 65535")
    if not 0 <= frag_index <= 3:
        raise OutOfRange("B0", "frag_index", frag_index, "0 to 3")
    if len(descriptor) != 4:
        raise OutOfRange("B0", "descriptor", descriptor.hex() or "of no bytes", "4 bytes")
    if not 0 <= length_bytes <= 0xFFFFFFFF:
        raise OutOfRange("B0", "length_bytes", length_bytes, "0 to 4294967295")
    counter = session_cnt.to_bytes(2, "little") + bytes([frag_index])
    return b"\x49" + counter + descriptor + bytes(4) + length_bytes.to_bytes(4, "little")


def data_block_mic(
    data_block_int_key: Secret, *, session_cnt: int, frag_index: int, descriptor: bytes, data: bytes
) -> bytes:
    """The four bytes for FragSessionSetupReq, in the order they travel; `data` is the block without padding.

    Raises OutOfRange, and WrongKeyLength for a key that has not 16 bytes.
    """
    if len(data_block_int_key) != KEY_BYTES:
        raise WrongKeyLength("DataBlockIntKey", len(data_block_int_key))
    cmac = CMAC(algorithms.AES(data_block_int_key.reveal()))
    cmac.update(b0(session_cnt, frag_index, descriptor, len(data)))
    cmac.update(data)
    return cmac.finalize()[:MIC_BYTES]
