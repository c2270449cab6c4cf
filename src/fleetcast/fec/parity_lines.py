"""Parity lines in bulk: the generator of `parity_matrix.line`, many lines and many steps at once.

The state of the shift register obeys a linear recurrence, x(t + 23) = x(t) xor x(t + 5), and so, squared again and
again, x(t + 23s) = x(t) xor x(t + 5s) for every power of two s. A table of states therefore grows by whole blocks of
XORs, for all lines side by side, without ever stepping the register.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from fleetcast.fec.implementation import KERNEL_PRESENT, Implementation

if TYPE_CHECKING:
    from numpy.typing import NDArray
if KERNEL_PRESENT:
    from fleetcast.fec import _kernel

_DRAWS_AT_ONCE: Final = 32768
"""Draws worked on together: large enough to hide the cost of a call, small enough to stay in the cache."""


def fill(
    packed: NDArray[np.uint8],
    m: int,
    arguments: NDArray[np.int32],
    *,
    distinct: bool,
    implementation: Implementation,
) -> None:
    """Write the line of each line argument into its row of `packed`, which is C-contiguous and `row_bytes(m)` wide.

    `distinct` tells version 2 (exactly m // 2 ones) from version 1 (m // 2 draws). Arguments are 1 to 16383.
    """
    if implementation == "kernel":
        _kernel.parity_lines(m, np.ascontiguousarray(arguments), distinct, packed)
        return
    if m == 1:
        packed[...] = 0
        return
    draws = _draws_expected(m, distinct)
    step = max(1, _DRAWS_AT_ONCE // draws)
    for start in range(0, len(arguments), step):
        chunk = arguments[start : start + step]
        rows = packed[start : start + step]
        if not distinct and m & (m - 1):
            _fill_every_draw(rows, m, chunk)
        else:
            _fill_counted(rows, m, chunk, distinct=distinct, draws=draws)


def _draws_expected(m: int, distinct: bool) -> int:
    """Draws that almost always suffice for one line."""
    target = m // 2
    if not distinct:
        return target if m & (m - 1) else target + 8 + target // max(m // 8, 1)
    return int(0.694 * m + 3 * m**0.5) + 8  # m ln 2 draws find m / 2 columns; the spread is about half a root of m


def _states(arguments: NDArray[np.int32], draws: int) -> NDArray[np.uint32]:
    """The first `draws` states of each line's generator, one column a line."""
    x: NDArray[np.uint64] = (1 + 1001 * arguments).astype(np.uint64)
    head = [x[np.newaxis]]
    while (x >> 23).any():  # start values of 2^23 and more carry for a few steps, in which the recurrence fails
        x = (x >> 1) + (((x ^ (x >> 5)) & 1) << 22)
        head.append(x[np.newaxis])
    regular_from = len(head) - 1
    for _ in range(2):  # a state is a window on the bits to come: 18 new ones follow at once, and 18 windows slide in
        bits: NDArray[np.uint64] = x | (((x ^ (x >> np.uint64(5))) & np.uint64(0x3FFFF)) << np.uint64(23))
        windows: NDArray[np.uint64] = bits >> np.arange(1, 19, dtype=np.uint64)[:, np.newaxis] & np.uint64(0x7FFFFF)
        head.append(windows)
        x = windows[-1]
    filled = regular_from + 37
    total = max(draws + 1, filled)
    states = np.empty((total, len(arguments)), np.uint32)
    np.concatenate(head, out=states[:filled], casting="same_kind")
    while filled < total:
        scale = 1
        while filled - 46 * scale >= regular_from:
            scale *= 2
        block = min(18 * scale, total - filled)
        far, near = filled - 23 * scale, filled - 18 * scale
        np.bitwise_xor(states[far : far + block], states[near : near + block], out=states[filled : filled + block])
        filled += block
    return states[1 : draws + 1]


def _columns(arguments: NDArray[np.int32], draws: int, modulus: int, width: int) -> NDArray[np.intp]:
    """Each draw as a place in a (lines, width) table, flat and in the order of the draws."""
    states = _states(arguments, draws)
    quotient = states // np.uint32(modulus)
    quotient *= np.uint32(modulus)
    offsets = np.arange(len(arguments), dtype=np.intp) * width
    return np.add(states - quotient, offsets, dtype=np.intp).ravel()


def _fill_every_draw(rows: NDArray[np.uint8], m: int, arguments: NDArray[np.int32]) -> None:
    """Version 1 where no draw is thrown away: m // 2 draws, whatever they hit."""
    width = rows.shape[1] * 8
    flags = np.zeros(len(arguments) * width, np.uint8)
    flags[_columns(arguments, m // 2, m, width)] = 1
    rows[...] = np.packbits(flags.reshape(len(arguments), width), axis=1, bitorder="little")


def _fill_counted(rows: NDArray[np.uint8], m: int, arguments: NDArray[np.int32], *, distinct: bool, draws: int) -> None:
    """The other cases: count the draws that count, and stop each line at its m // 2nd."""
    power_of_two = m & (m - 1) == 0
    count, width = len(arguments), rows.shape[1] * 8 + (64 if power_of_two else 0)
    places = _columns(arguments, draws, m + power_of_two, width)
    clock = np.dtype(np.int16 if draws < 2**15 else np.int32)
    times = np.repeat(np.arange(draws, dtype=clock), count)
    first = np.full(count * width, draws, clock)
    first[places[::-1]] = times[::-1]  # of several draws of a column the earliest is written last, and stays
    counts = first[places] == times if distinct else np.ones(len(places), np.bool_)
    if power_of_two:  # draw m is thrown away
        counts &= (places - np.tile(np.arange(count, dtype=np.intp) * width, draws)) != m
    so_far: NDArray[np.signedinteger] = np.cumsum(counts.reshape(draws, count), axis=0, dtype=clock)
    last = np.count_nonzero(so_far < m // 2, axis=0)
    flags = first.reshape(count, width) <= last[:, np.newaxis]
    if power_of_two:
        flags = flags[:, : rows.shape[1] * 8]
        if m < flags.shape[1]:
            flags[:, m] = False
    rows[...] = np.packbits(flags, axis=1, bitorder="little")
    short = np.flatnonzero(last == draws)
    if len(short):  # an unlucky line: once more, with more draws
        again = np.empty((len(short), rows.shape[1]), np.uint8)
        _fill_counted(again, m, arguments[short], distinct=distinct, draws=2 * draws)
        rows[short] = again
