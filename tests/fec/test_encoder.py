"""The encoder: every published block, and the ways of asking that must agree with each other."""

from __future__ import annotations

import hashlib
from functools import reduce
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetcast.errors import Invalid
from fleetcast.fec import (
    SCHEMES,
    BlockEmpty,
    BlockTooLarge,
    Encoder,
    FragmentNumberOutOfRange,
    FragmentSizeOutOfRange,
    Implementation,
    Scheme,
    available,
    line,
)
from tests.vectors import generated_data, load

BLOCKS = load("fec_blocks.json")["blocks"]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b["id"])
def test_every_published_block_is_encoded_byte_for_byte(
    block: dict[str, Any], scheme: Scheme, implementation: Implementation
) -> None:
    data = generated_data(block["seed"], block["data_len"])
    assert hashlib.sha256(data).hexdigest() == block["data_sha256"]
    encoder = Encoder(data, block["frag_size"], scheme, implementation=implementation)
    assert (encoder.fragment_count, encoder.padding) == (block["m"], block["padding"])
    everything = encoder.uncoded().tobytes()
    assert hashlib.sha256(everything).hexdigest() == block["padded_sha256"]
    expected = block["schemes"][scheme]
    everything += encoder.coded(block["m"] + 1, block["redundancy"]).tobytes()
    assert hashlib.sha256(everything).hexdigest() == expected["all_fragments_sha256"]
    for coded in expected["coded"]:
        fragment = encoder.fragment(coded["n"])
        if "hex" in coded:
            assert fragment.hex() == coded["hex"]
        else:
            assert hashlib.sha256(fragment).hexdigest() == coded["sha256"]


@given(
    data=st.binary(min_size=1, max_size=4000),
    fragment_size=st.integers(1, 255),
    scheme=st.sampled_from(SCHEMES),
    numbers=st.lists(st.integers(1, 16383), max_size=12),
)
@settings(max_examples=80, deadline=None)
def test_a_coded_fragment_is_the_sum_of_the_fragments_on_its_line(
    data: bytes, fragment_size: int, scheme: Scheme, numbers: list[int]
) -> None:
    padded = data + bytes(-len(data) % fragment_size)
    uncoded = [int.from_bytes(padded[i : i + fragment_size], "big") for i in range(0, len(padded), fragment_size)]
    sums = [reduce(int.__xor__, (uncoded[c] for c in line(len(uncoded), n, scheme)), 0) for n in numbers]
    for implementation in available():
        encoder = Encoder(data, fragment_size, scheme, implementation=implementation)
        assert [int.from_bytes(row.tobytes(), "big") for row in encoder.fragments(numbers)] == sums
        assert [int.from_bytes(encoder.fragment(n), "big") for n in numbers[:3]] == sums[:3]


@pytest.mark.parametrize("count", [1, 2, 3, 100, 223, 224, 500])
@pytest.mark.parametrize("fragment_size", [1, 8, 31, 48, 100, 129, 222, 255])
def test_a_run_of_coded_fragments_is_what_each_is_alone(
    count: int, fragment_size: int, implementation: Implementation
) -> None:
    data = generated_data("run", 123 * fragment_size - fragment_size // 2)
    encoder = Encoder(data, fragment_size, "v2-relative", implementation=implementation)
    run = encoder.coded(encoder.fragment_count + 7, count)
    assert run.shape == (count, fragment_size)
    assert run.dtype == np.uint8
    for i in {0, count // 2, count - 1}:
        assert run[i].tobytes() == encoder.fragment(encoder.fragment_count + 7 + i)


def test_the_data_may_change_after_the_encoder_has_taken_it(implementation: Implementation) -> None:
    data = bytearray(b"firmware" * 20)
    encoder = Encoder(data, 16, implementation=implementation)
    before = encoder.fragments(range(1, 20)).tobytes()
    data[:] = bytes(len(data))
    assert encoder.fragments(range(1, 20)).tobytes() == before


def test_numbers_may_come_mixed_and_repeated(implementation: Implementation) -> None:
    encoder = Encoder(bytes(range(200)), 20, implementation=implementation)
    numbers = [14, 3, 14, 10, 1, 16383, 11]
    assert [row.tobytes() for row in encoder.fragments(numbers)] == [encoder.fragment(n) for n in numbers]
    assert encoder.fragments([]).shape == (0, 20)


def test_no_coded_fragments_is_an_answer_too(implementation: Implementation) -> None:
    assert Encoder(b"abc", 2, implementation=implementation).coded(3, 0).shape == (0, 2)


@pytest.mark.parametrize("size", [0, 256, -1])
def test_a_fragment_size_that_does_not_fit_its_field_is_refused(size: int) -> None:
    with pytest.raises(FragmentSizeOutOfRange, match=str(size)):
        Encoder(b"abc", size)


def test_an_empty_block_is_refused() -> None:
    with pytest.raises(BlockEmpty):
        Encoder(b"", 10)


def test_a_block_with_more_fragments_than_numbers_is_refused() -> None:
    assert Encoder(bytes(16383), 1).fragment_count == 16383
    with pytest.raises(BlockTooLarge, match="16384 fragments"):
        Encoder(bytes(16384), 1)


@pytest.mark.parametrize("n", [0, -1, 16384])
def test_a_number_out_of_range_is_refused(n: int) -> None:
    with pytest.raises(FragmentNumberOutOfRange):
        Encoder(b"abc", 1).fragment(n)


def test_an_uncoded_number_is_no_coded_fragment() -> None:
    with pytest.raises(FragmentNumberOutOfRange, match="4 to 16383"):
        Encoder(b"abc", 1).coded(3, 2)
    with pytest.raises(FragmentNumberOutOfRange):
        Encoder(b"abc", 1).coded(16383, 2)
    with pytest.raises(Invalid):
        Encoder(b"abc", 1).coded(4, -1)
