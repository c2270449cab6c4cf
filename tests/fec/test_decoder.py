"""The decoder: published receptions, its naive twin, and the habits of real devices."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetcast.errors import Invalid
from fleetcast.fec import (
    SCHEMES,
    BlockIncomplete,
    Decoder,
    Encoder,
    FragmentLengthWrong,
    FragmentNumberOutOfRange,
    Implementation,
    Scheme,
    available,
)
from fleetcast.fec.naive_decoder import NaiveDecoder
from tests.vectors import generated_data, load

CASES = load("recovery.json")["cases"]


def order_of_reception(case: dict[str, Any]) -> Iterator[int]:
    for first, last in case["received"]:
        yield from range(first, last + 1)


def receive(case: dict[str, Any], implementation: Implementation, *, rising_only: bool) -> Decoder:
    data = generated_data(case["seed"], case["data_len"])
    encoder = Encoder(data, case["frag_size"], case["scheme"], implementation=implementation)
    assert encoder.fragment_count == case["m"]
    decoder = Decoder(
        case["m"], case["frag_size"], case["scheme"], rising_only=rising_only, implementation=implementation
    )
    numbers = list(order_of_reception(case))
    fragments = encoder.fragments(numbers)
    missing = []
    for n, fragment in zip(numbers, fragments, strict=True):
        decoder.add(n, fragment.tobytes())
        missing.append(decoder.missing)
        if decoder.complete:
            break
    assert decoder.complete == case["completes"]
    assert decoder.missing == case["missing_at_end"]
    assert decoder.received == case["nb_frag_received"]
    if "missing_after_each" in case:
        assert missing == case["missing_after_each"]
    if decoder.complete:
        assert len(missing) == case["received_until_complete"]
        assert numbers[len(missing) - 1] == case["completes_at_fragment"]
        assert hashlib.sha256(decoder.data(0)).hexdigest() == case["data_sha256"]
    assert decoder.contradictions == 0
    return decoder


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("m", sorted({case["m"] for case in CASES}))
def test_every_published_reception_ends_as_published(m: int, scheme: Scheme, implementation: Implementation) -> None:
    cases = [case for case in CASES if (case["m"], case["scheme"]) == (m, scheme)]
    assert cases
    for case in cases:
        receive(case, implementation, rising_only=False)


def test_a_device_that_takes_rising_numbers_only_ends_as_published_when_they_rise() -> None:
    for case in CASES:
        if case["in_order"] and case["m"] <= 200:
            receive(case, available()[-1], rising_only=True)


def test_the_naive_twin_ends_as_published() -> None:
    judged = [case for case in CASES if case["m"] <= 33 and "missing_after_each" in case]
    assert len(judged) > 100
    for case in judged:
        data = generated_data(case["seed"], case["data_len"])
        encoder = Encoder(data, case["frag_size"], case["scheme"])
        naive = NaiveDecoder(case["m"], case["frag_size"], case["scheme"])
        for n, missing in zip(order_of_reception(case), case["missing_after_each"], strict=False):
            naive.add(n, encoder.fragment(n))
            assert naive.missing == missing
        assert naive.complete == case["completes"]
        if naive.complete:
            assert naive.data(0) == data


@st.composite
def receptions(draw: st.DrawFn) -> tuple[bytes, int, Scheme, list[int]]:
    m = draw(st.integers(1, 40))
    size = draw(st.integers(1, 24))
    data = draw(st.binary(min_size=(m - 1) * size + 1, max_size=m * size))
    numbers = draw(st.lists(st.one_of(st.integers(1, m), st.integers(1, 2 * m + 10)), max_size=3 * m + 10))
    return data, size, draw(st.sampled_from(SCHEMES)), numbers


@given(receptions())
@settings(max_examples=60, deadline=None)
def test_the_decoder_agrees_with_its_naive_twin_after_every_fragment(
    reception: tuple[bytes, int, Scheme, list[int]],
) -> None:
    data, size, scheme, numbers = reception
    encoder = Encoder(data, size, scheme)
    decoders = [Decoder(encoder.fragment_count, size, scheme, implementation=one) for one in available()]
    naive = NaiveDecoder(encoder.fragment_count, size, scheme)
    for n in numbers:
        fragment = encoder.fragment(n)
        before = naive.missing
        naive.add(n, fragment)
        for decoder in decoders:
            assert decoder.add(n, fragment) == (naive.missing < before)
            assert (decoder.missing, decoder.complete) == (naive.missing, naive.complete)
    for decoder in decoders:
        assert decoder.contradictions == 0
        if naive.complete:
            assert decoder.data(encoder.padding) == naive.data(encoder.padding) == data


@given(
    m=st.integers(2, 250),
    size=st.integers(1, 255),
    scheme=st.sampled_from(SCHEMES),
    seed=st.integers(0, 2**32),
    loss=st.floats(0, 0.6),
)
@settings(max_examples=40, deadline=None)
def test_whatever_is_lost_enough_fragments_bring_the_same_bytes_back(
    m: int, size: int, scheme: Scheme, seed: int, loss: float
) -> None:
    random = Random(seed)
    data = random.randbytes(m * size - random.randrange(size))
    for implementation in available():
        encoder = Encoder(data, size, scheme, implementation=implementation)
        decoder = Decoder(m, size, scheme, implementation=implementation)
        first = random.randint(1, m)  # one uncoded fragment always arrives: version 2 needs it
        decoder.add(first, encoder.fragment(first))
        for n in range(1, 16384):
            if random.random() >= loss:
                decoder.add(n, encoder.fragment(n))
            if decoder.complete:
                break
        else:  # a weak block size: two fragments that hardly any line tells apart
            for n in range(1, m + 1):
                decoder.add(n, encoder.fragment(n))
        assert decoder.data(encoder.padding) == data


def test_parity_of_even_weight_alone_never_completes_a_version_2_block() -> None:
    for m in (20, 21, 40):  # m // 2 is even
        encoder = Encoder(bytes(range(m)), 1, "v2-relative")
        decoder = Decoder(m, 1, "v2-relative")
        for n in range(m + 1, m + 400):
            decoder.add(n, encoder.fragment(n))
        assert decoder.missing == 1
        decoder.add(m, encoder.fragment(m))
        assert decoder.data(0) == bytes(range(m))


def test_a_late_joiner_of_a_version_1_block_needs_no_uncoded_fragment() -> None:
    encoder = Encoder(bytes(range(50)), 1)
    decoder = Decoder(50, 1)
    for n in range(51, 300):
        decoder.add(n, encoder.fragment(n))
    assert decoder.data(0) == bytes(range(50))


def test_more_losses_than_memory_end_the_reception_for_good(implementation: Implementation) -> None:
    encoder = Encoder(bytes(100), 1, implementation=implementation)
    decoder = Decoder(100, 1, memory=3, implementation=implementation)
    for n in range(5, 101):
        decoder.add(n, encoder.fragment(n))
    assert not decoder.memory_exceeded, "uncoded fragments alone cost no memory"
    assert not decoder.add(101, encoder.fragment(101))
    assert decoder.memory_exceeded
    for n in range(1, 300):
        decoder.add(n, encoder.fragment(n))
    assert (decoder.complete, decoder.missing) == (False, 4)
    with pytest.raises(BlockIncomplete, match="start a new session"):
        decoder.data(0)


def test_as_many_losses_as_memory_are_repaired(implementation: Implementation) -> None:
    data = bytes(range(100))
    encoder = Encoder(data, 1, implementation=implementation)
    decoder = Decoder(100, 1, memory=3, implementation=implementation)
    for n in range(4, 130):
        decoder.add(n, encoder.fragment(n))
    assert not decoder.memory_exceeded
    assert decoder.data(0) == data


def test_a_device_that_takes_rising_numbers_only_ignores_a_carousel() -> None:
    encoder = Encoder(bytes(range(10)), 1)
    decoder = Decoder(10, 1, rising_only=True)
    for n in (1, 2, 4, 3, 4, 11, 3):
        decoder.add(n, encoder.fragment(n))
    assert (decoder.missing, decoder.received) == (6, 7)


def test_a_repeated_fragment_counts_as_received_and_changes_nothing() -> None:
    decoder = Decoder(2, 1)
    assert decoder.add(1, b"a")
    assert not decoder.add(1, b"z")
    assert (decoder.received, decoder.missing) == (2, 1)
    decoder.add(2, b"b")
    assert decoder.data(0) == b"ab"
    assert not decoder.add(2, b"c")
    assert decoder.received == 3, "after completion fragments are dropped"


def test_a_decoder_of_another_scheme_notices_the_contradiction() -> None:
    data = generated_data("schemes", 500)
    encoder = Encoder(data, 10, "v2-absolute")
    decoder = Decoder(50, 10, "v2-relative")
    for n in [*range(1, 46), *range(51, 90)]:
        decoder.add(n, encoder.fragment(n))
        if decoder.complete:
            break
    assert decoder.contradictions or (decoder.complete and decoder.data(0) != data)
    redundant = Decoder(50, 10, "v2-relative")
    for n in [*range(1, 50), *range(51, 60)]:
        redundant.add(n, encoder.fragment(n) if n > 50 else bytes(10))
        if redundant.complete:
            break
    assert redundant.complete or redundant.contradictions


def test_what_cannot_be_right_is_refused() -> None:
    decoder = Decoder(10, 4)
    with pytest.raises(FragmentLengthWrong, match="3 bytes where 4"):
        decoder.add(1, b"abc")
    for n in (0, 16384):
        with pytest.raises(FragmentNumberOutOfRange):
            decoder.add(n, b"abcd")
    with pytest.raises(BlockIncomplete, match="10 fragments"):
        decoder.data(0)
    with pytest.raises(Invalid):
        Decoder(10, 4, memory=-1)
    with pytest.raises(Invalid):
        Decoder(0, 4)


def test_padding_stays_below_the_fragment_size() -> None:
    decoder = Decoder(1, 4)
    decoder.add(1, b"ab\0\0")
    assert decoder.data(2) == b"ab"
    for padding in (-1, 4):
        with pytest.raises(Invalid, match="padding"):
            decoder.data(padding)
