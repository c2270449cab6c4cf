"""Lines of the parity matrix: vectors, the plain definition, and the properties the code's users rely on."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetcast.errors import Invalid
from fleetcast.fec import SCHEMES, FragmentNumberOutOfRange, Implementation, Scheme, available, line, lines
from fleetcast.fec.parity_matrix import prbs23, row_bytes
from tests.vectors import load

VECTORS = load("fec_lines.json")


def columns(packed: np.ndarray, m: int) -> tuple[int, ...]:
    bits = np.unpackbits(packed, bitorder="little")
    assert not bits[m:].any(), "bits past the last column stay 0"
    return tuple(np.flatnonzero(bits).tolist())


def agrees(case: dict[str, Any], got: tuple[int, ...]) -> bool:
    if len(got) != case["weight"]:
        return False
    if "columns" in case:
        return list(got) == case["columns"]
    picked = set(got)
    bits = "".join("1" if c in picked else "0" for c in range(case["m"]))
    return (
        list(got[:12]) == case["first_columns"]
        and list(got[-6:]) == case["last_columns"]
        and hashlib.sha256(bits.encode("ascii")).hexdigest() == case["bits_sha256"]
    )


@pytest.mark.parametrize("sequence", VECTORS["prbs23"], ids=lambda s: str(s["start"]))
def test_the_generator_runs_through_the_published_states(sequence: dict[str, Any]) -> None:
    x, states = sequence["start"], []
    for _ in sequence["next"]:
        x = prbs23(x)
        states.append(x)
    assert states == sequence["next"]


def test_the_plain_line_agrees_with_every_vector() -> None:
    wrong = [c for c in VECTORS["lines"] if not agrees(c, line(c["m"], c["fragment_number"], c["scheme"]))]
    assert not wrong


def test_lines_in_bulk_agree_with_every_vector(implementation: Implementation) -> None:
    groups: dict[tuple[int, Scheme], list[dict[str, Any]]] = {}
    for case in VECTORS["lines"]:
        groups.setdefault((case["m"], case["scheme"]), []).append(case)
    for (m, scheme), cases in groups.items():
        packed = lines(m, [c["fragment_number"] for c in cases], scheme, implementation=implementation)
        for case, row in zip(cases, packed, strict=True):
            assert agrees(case, columns(row, m)), case


@given(
    m=st.one_of(st.integers(1, 300), st.integers(301, 3000), st.integers(0, 11).map(lambda k: 2**k)),
    scheme=st.sampled_from(SCHEMES),
    data=st.data(),
)
@settings(max_examples=80, deadline=None)
def test_lines_in_bulk_are_the_plain_lines_in_any_order(m: int, scheme: Scheme, data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.one_of(st.integers(1, 16383), st.integers(1, m + 5)), max_size=6))
    for implementation in available():
        packed = lines(m, numbers, scheme, implementation=implementation)
        assert packed.shape == (len(numbers), row_bytes(m))
        assert [columns(row, m) for row in packed] == [line(m, n, scheme) for n in numbers]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("m", [1, 2, 3, 5, 7, 8, 13, 16, 31, 64, 100])
def test_every_line_with_a_carry_is_the_plain_line(m: int, scheme: Scheme, implementation: Implementation) -> None:
    numbers = range(8370, 16384, 83)  # the start value reaches 2^23 at the line argument 8381
    packed = lines(m, numbers, scheme, implementation=implementation)
    assert [columns(row, m) for row in packed] == [line(m, n, scheme) for n in numbers]


def test_the_implementations_agree_bit_by_bit_on_whole_matrices() -> None:
    for m in (96, 512, 777, 1000):
        for scheme in SCHEMES:
            numbers = range(m + 1, m + 1500)
            results = [lines(m, numbers, scheme, implementation=one) for one in available()]
            assert all(np.array_equal(results[0], other) for other in results[1:])


def test_a_version_2_line_has_exactly_half_its_bits_set(implementation: Implementation) -> None:
    for m in (2, 3, 37, 64, 100, 1001):
        packed = lines(m, range(m + 1, m + 200), "v2-relative", implementation=implementation)
        assert (np.unpackbits(packed, axis=1).sum(axis=1) == m // 2).all()


def test_a_version_1_line_has_at_most_half_its_bits_set(implementation: Implementation) -> None:
    weights = np.unpackbits(lines(1000, range(1001, 1500), implementation=implementation), axis=1).sum(axis=1)
    assert weights.max() < 500
    assert abs(weights.mean() / 1000 - 0.3935) < 0.005  # 1 - e^-0.5: draws hit what is set already


def test_coded_lines_of_a_block_of_one_fragment_are_empty(implementation: Implementation) -> None:
    assert not lines(1, range(2, 50), implementation=implementation).any()
    assert line(1, 2) == ()


@pytest.mark.parametrize("number", [0, -1, 16384])
def test_a_number_no_frame_can_carry_is_refused(number: int) -> None:
    with pytest.raises(FragmentNumberOutOfRange, match=str(number)):
        lines(10, [3, number])
    with pytest.raises(FragmentNumberOutOfRange, match=str(number)):
        line(10, number)


@pytest.mark.parametrize("m", [0, -3, 16384])
def test_a_block_of_impossible_length_is_refused(m: int) -> None:
    with pytest.raises(Invalid, match="fragments"):
        lines(m, [1])


def test_an_unknown_scheme_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match="v2-relative"):
        lines(10, [11], "v3")  # type: ignore[arg-type]
