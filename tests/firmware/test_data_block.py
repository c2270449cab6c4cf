"""A file and its padding fill whole fragments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.firmware.data_block import BlockUnfit, data_block, fragment_count, padding_bytes
from fleetcast.firmware.segments import MAX_IMAGE_BYTES


@given(st.binary(min_size=1, max_size=600), st.integers(1, 255))
def test_the_file_is_followed_by_zeros_to_the_end_of_the_last_fragment_and_no_further(data: bytes, size: int) -> None:
    block = data_block(data, size)
    assert len(block) == fragment_count(len(data), size) * size
    assert block == data + bytes(padding_bytes(len(data), size))
    assert 0 <= padding_bytes(len(data), size) < size


def test_what_no_session_can_carry_is_refused() -> None:
    assert fragment_count(MAX_IMAGE_BYTES, 255) == 16383
    for size_bytes, fragment_bytes in ((MAX_IMAGE_BYTES + 1, 255), (16384, 1), (0, 10), (10, 0), (10, 256)):
        with pytest.raises(BlockUnfit):
            fragment_count(size_bytes, fragment_bytes)
