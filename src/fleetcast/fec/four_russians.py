"""Sums of rows over GF(2) by table: the Method of Four Russians, for the NumPy implementation.

Eight data rows have 256 sums; once they are in a table, one byte of a packed line picks the right one. It is the whole
difference between one XOR a bit and one XOR a byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WORDS_AT_ONCE: Final = 32768
"""64-bit words in one table or one set of looked-up rows: a quarter of a megabyte, which stays in the cache."""
_BYTE_TABLES_FROM: Final = 224
"""With fewer lines than this, two tables of 16 sums cost less than one of 256."""


def sum_rows(lines: NDArray[np.uint8], data: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """For each packed line the XOR of the rows of `data` it picks.

    `lines` is (count, at least ceil(rows / 8)) with bit i % 8 of byte i // 8 for row i; `data` is (rows, words).
    """
    count, (rows, words) = len(lines), data.shape
    if count <= 2:
        picked = np.unpackbits(lines, axis=1, count=rows, bitorder="little").view(np.bool_)
        return np.array([np.bitwise_xor.reduce(data[row], axis=0) for row in picked], np.uint64).reshape(count, words)
    bits = 8 if count >= _BYTE_TABLES_FROM else 4
    groups = (rows + bits - 1) // bits
    if rows < groups * bits:
        data = np.concatenate([data, np.zeros((groups * bits - rows, words), np.uint64)])
    picks = np.ascontiguousarray(_picks(lines, bits)[:, :groups].T)
    sums = np.zeros((count, words), np.uint64)
    tables_at_once = min(groups, max(1, _WORDS_AT_ONCE // (words << bits)))
    lines_at_once = min(count, max(1, _WORDS_AT_ONCE // (words * tables_at_once)))
    # Scratch is taken once: memory fresh from the system costs more than the work done in it.
    scratch = np.empty((tables_at_once << bits) * words, np.uint64)
    found = np.empty(tables_at_once * lines_at_once * words, np.uint64)
    for group in range(0, groups, tables_at_once):
        some = min(tables_at_once, groups - group)
        grouped = data[group * bits : (group + some) * bits].reshape(some, bits, words)
        tables = scratch[: (some << bits) * words].reshape(1 << bits, some, words)  # all side by side: long XORs
        tables[0] = 0
        for bit in range(bits):
            half = 1 << bit
            np.bitwise_xor(tables[:half], grouped[:, bit], out=tables[half : 2 * half])
        which = np.arange(some, dtype=np.intp)[:, np.newaxis]
        for start in range(0, count, lines_at_once):
            part = sums[start : start + lines_at_once]
            places = picks[group : group + some, start : start + lines_at_once] * np.intp(some) + which
            looked_up = found[: places.size * words].reshape(some, len(part), words)
            # "clip" never has to: every place exists, and this is the mode that writes to `out` directly.
            np.take(tables.reshape(-1, words), places, axis=0, out=looked_up, mode="clip")
            for one in looked_up:
                part ^= one
    return sums


def _picks(lines: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """The packed lines cut into numbers of `bits` bits, 4 or 8."""
    if bits == 8:
        return lines
    nibbles = np.empty((len(lines), lines.shape[1] * 2), np.uint8)
    nibbles[:, 0::2] = lines & 15
    nibbles[:, 1::2] = lines >> 4
    return nibbles
