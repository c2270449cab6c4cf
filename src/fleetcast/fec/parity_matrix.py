"""Which uncoded fragments each coded fragment mixes: the parity matrix of TS004, FragAlgo 0.

`line` is the definition, written as the specification has it; `lines` is the same for many fragments at once, as packed
bits. Nothing here touches a payload.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np

from fleetcast.errors import Invalid
from fleetcast.fec import parity_lines
from fleetcast.fec.implementation import Implementation, choose

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

Scheme = Literal["v1", "v2-relative", "v2-absolute"]
"""How lines are numbered and filled. TS004-1.0.0 is `v1`. The annex of TS004-2.0.0 read literally is `v2-absolute`;
the version 2 code found in devices and servers is `v2-relative`."""

SCHEMES: Final[tuple[Scheme, ...]] = get_args(Scheme)
MAX_FRAGMENT_NUMBER: Final = 16383
"""N has 14 bits on the wire (TS004, DataFragment)."""


class FragmentNumberOutOfRange(Invalid):
    """A fragment number no frame can carry, or one of the wrong kind."""

    def __init__(self, number: int, lowest: int = 1) -> None:
        self.number = number
        super().__init__(f"Fragment number {number} is out of range: use {lowest} to {MAX_FRAGMENT_NUMBER}.")


def check_scheme(scheme: str) -> Scheme:
    """`scheme` itself when it is one of the three; raises Invalid."""
    for known in SCHEMES:
        if scheme == known:
            return known
    raise Invalid(f"There is no parity scheme {scheme!r}: say one of {', '.join(SCHEMES)}.")


def check_fragment_count(m: int) -> int:
    """`m` itself when it is a possible NbFrag, 1 to 16383; raises Invalid."""
    if not 1 <= m <= MAX_FRAGMENT_NUMBER:
        raise Invalid(f"A block of {m} fragments is not possible: use 1 to {MAX_FRAGMENT_NUMBER} fragments.")
    return m


def prbs23(x: int) -> int:
    """The next state of the generator after `x` (TS004, annex).

    The sum is not cut to 23 bits: a start value of 2^23 or more keeps a carry, and all devices in the field agree.
    """
    return x // 2 + ((x & 1) ^ (x >> 5 & 1)) * 2**22


def line_argument(m: int, n: int, scheme: Scheme) -> int:
    """The number that seeds the line of coded fragment `n` > `m`."""
    return n if scheme == "v2-absolute" else n - m


def line(m: int, n: int, scheme: Scheme = "v1") -> tuple[int, ...]:
    """The columns, counted from 0 and rising, that fragment `n` (1 to 16383) of a block of `m` mixes.

    An uncoded fragment is its own line. With m = 1 a coded line is empty. Raises Invalid. TS004, annex; plain and slow.
    """
    check_fragment_count(m)
    check_scheme(scheme)
    if not 1 <= n <= MAX_FRAGMENT_NUMBER:
        raise FragmentNumberOutOfRange(n)
    if n <= m:
        return (n - 1,)
    modulus = m + 1 if m & (m - 1) == 0 else m  # the low bits alone are poor, so a power of two draws from one more
    x = 1 + 1001 * line_argument(m, n, scheme)
    columns: set[int] = set()
    count = 0
    while count < m // 2:
        r = m
        while r >= m:
            x = prbs23(x)
            r = x % modulus
        if scheme == "v1" or r not in columns:
            count += 1
        columns.add(r)
    return tuple(sorted(columns))


def row_bytes(m: int) -> int:
    """Bytes of one packed line of `m` columns: whole 64-bit words."""
    return (m + 63) // 64 * 8


def numbers_array(numbers: Iterable[int], lowest: int = 1) -> NDArray[np.int32]:
    """Fragment numbers as an array, each `lowest` to 16383; raises FragmentNumberOutOfRange."""
    if isinstance(numbers, range):  # the usual question, and by far the cheapest to answer
        wanted = np.arange(numbers.start, numbers.stop, numbers.step)
    else:
        wanted = np.asarray(numbers if isinstance(numbers, np.ndarray) else tuple(numbers))
    if wanted.size == 0:
        return np.empty(0, np.int32)
    if wanted.ndim != 1 or wanted.dtype.kind not in "iu":
        raise Invalid("Fragment numbers are whole numbers in one row.")
    for extreme in (int(wanted.min()), int(wanted.max())):
        if not lowest <= extreme <= MAX_FRAGMENT_NUMBER:
            raise FragmentNumberOutOfRange(extreme, lowest)
    return np.ascontiguousarray(wanted, dtype=np.int32)


def lines(
    m: int, numbers: Iterable[int], scheme: Scheme = "v1", *, implementation: Implementation | None = None
) -> NDArray[np.uint8]:
    """The lines of many fragments: one row each of packed bits, column c in bit c % 8 of byte c // 8.

    Rows are `row_bytes(m)` long; bits past column m - 1 are 0. Numbers are 1 to 16383, in any order. Raises Invalid.
    """
    check_fragment_count(m)
    check_scheme(scheme)
    wanted = numbers_array(numbers)
    packed = np.zeros((len(wanted), row_bytes(m)), np.uint8)
    coded = wanted > m
    if coded.any():
        arguments = wanted[coded] if scheme == "v2-absolute" else wanted[coded] - np.int32(m)
        whole = packed if coded.all() else np.empty((len(arguments), row_bytes(m)), np.uint8)
        parity_lines.fill(whole, m, arguments, distinct=scheme != "v1", implementation=choose(implementation))
        if whole is not packed:
            packed[coded] = whole
    if not coded.all():
        rows = np.flatnonzero(~coded)
        columns = wanted[rows] - 1
        packed[rows, columns >> 3] = np.left_shift(1, columns & 7).astype(np.uint8)
    return packed
