"""Sums of rows over GF(2) by table: the Method of Four Russians, for the NumPy implementation.

Eight data rows have 256 sums; once they are in a table, one byte of a packed line picks the right one. It is the whole
difference between one XOR a bit and one XOR a byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WORDS_AT_ONCE: Final = 65536
"""64-bit words in one table or one set of looked-up rows: half a megabyte, which stays in the cache."""
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
    picks = _picks(lines, bits)[:, :groups]
    sums = np.zeros((count, words), np.uint64)
    tables_at_once = max(1, _WORDS_AT_ONCE // (words << bits))
    lines_at_once = max(1, _WORDS_AT_ONCE // (words * min(groups, tables_at_once)))
    for group in range(0, groups, tables_at_once):
        tables = _tables(data[group * bits : (group + tables_at_once) * bits], bits)
        flat = tables.reshape(-1, words)
        bases = (np.arange(len(tables), dtype=np.intp) << bits)[:, np.newaxis]
        for start in range(0, count, lines_at_once):
            chunk = picks[start : start + lines_at_once, group : group + tables_at_once]
            found = np.take(flat, chunk.T + bases, axis=0, mode="clip")  # "clip" only because it is the fast one
            sums[start : start + lines_at_once] ^= np.bitwise_xor.reduce(found, axis=0)
    return sums


def _picks(lines: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """The packed lines cut into numbers of `bits` bits, 4 or 8."""
    if bits == 8:
        return lines
    nibbles = np.empty((len(lines), lines.shape[1] * 2), np.uint8)
    nibbles[:, 0::2] = lines & 15
    nibbles[:, 1::2] = lines >> 4
    return nibbles


def _tables(data: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    """All sums of each group of `bits` rows: (groups, 2**bits, words); a last group may be short of rows."""
    words = data.shape[1]
    groups = (len(data) + bits - 1) // bits
    if len(data) < groups * bits:
        data = np.concatenate([data, np.zeros((groups * bits - len(data), words), np.uint64)])
    grouped = data.reshape(groups, bits, words)
    tables = np.empty((groups, 1 << bits, words), np.uint64)
    tables[:, 0] = 0
    for bit in range(bits):
        half = 1 << bit
        np.bitwise_xor(tables[:, :half], grouped[:, bit, np.newaxis], out=tables[:, half : 2 * half])
    return tables
