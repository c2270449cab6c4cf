"""The rank of what devices have heard, without payloads: only the columns of lost fragments matter.

A device that lost L uncoded fragments is complete when the coded ones it heard, cut down to those L columns, have rank
L. Written down the other way round, with one row for each lost fragment and one column for each coded one, the
cutting is nothing but picking rows, and the columns are eliminated in the order of sending: the one that brings the
last pivot is the one that completes the block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from fleetcast.fec.implementation import KERNEL_PRESENT, Implementation
from fleetcast.fec.parity_matrix import Scheme, lines

if TYPE_CHECKING:
    from numpy.typing import NDArray
if KERNEL_PRESENT:
    from fleetcast.fec import _kernel

SLOTS_STEP: Final = 256
"""Rows grow by this many coded fragments: four words, the unit of the kernel."""
_WORDS_AT_ONCE: Final = 32768
_SPARE: Final = 12
"""Coded fragments beyond those lost that suffice nearly always; the few other devices are done again."""


def packed_words(flags: NDArray[np.bool_], words: int) -> NDArray[np.uint64]:
    """Rows of flags as rows of `words` 64-bit words, flag i in bit i % 64 of word i // 64, zeros behind."""
    packed = np.zeros((len(flags), words * 8), np.uint8)
    filled = np.packbits(flags, axis=1, bitorder="little")
    packed[:, : filled.shape[1]] = filled
    return packed.view("<u8").astype(np.uint64, copy=False)


def transposed_lines(
    m: int, numbers: NDArray[np.int32], scheme: Scheme, implementation: Implementation
) -> NDArray[np.uint64]:
    """For each uncoded fragment which of the coded ones `numbers` mix it: (m, words), words a multiple of four."""
    steps = max(1, -(-len(numbers) // SLOTS_STEP))
    words_a_step = SLOTS_STEP // 64
    columns = np.zeros((m, steps * words_a_step), np.uint64)
    for step in range(steps):
        some = lines(m, numbers[step * SLOTS_STEP : (step + 1) * SLOTS_STEP], scheme, implementation=implementation)
        if len(some):
            bits = np.unpackbits(some, axis=1, count=m, bitorder="little").view(np.bool_)
            columns[:, step * words_a_step : (step + 1) * words_a_step] = packed_words(bits.T, words_a_step)
    return columns


def solve(
    m: int,
    columns: NDArray[np.uint64],
    known: NDArray[np.uint64],
    heard: NDArray[np.uint64],
    implementation: Implementation,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """For each device how many coded fragments had been sent when it completed (-1: it does not), and M - rank.

    `known` packs the uncoded fragments each device has (a row of `row_bytes(m) // 8` words), `heard` the coded ones in
    the order of `columns`' bits (as many words as `columns`).
    """
    when = np.empty(len(known), np.int32)
    missing = np.empty(len(known), np.int32)
    if implementation == "kernel":
        _kernel.solve(m, columns.shape[1], columns, known, heard, when, missing)
        return when, missing
    unknown = np.unpackbits(known.astype("<u8", copy=False).view(np.uint8), axis=1, count=m, bitorder="little") == 0
    lost_of = np.count_nonzero(unknown, axis=1)
    devices = np.argsort(lost_of, kind="stable")  # side by side with others that lost about as many
    start = 0
    while start < len(devices):
        end = start + 1
        while end < len(devices) and (end - start) * int(lost_of[devices[end]]) * columns.shape[1] <= _WORDS_AT_ONCE:
            end += 1
        some = devices[start:end]
        words = _words_needed(heard[some], lost_of[some])
        when[some], missing[some] = _solve_some(columns[:, :words], unknown[some], heard[some, :words])
        if words < columns.shape[1] and (late := some[missing[some] > 0]).size:
            when[late], missing[late] = _solve_some(columns, unknown[late], heard[late])
        start = end
    return when, missing


def _words_needed(heard: NDArray[np.uint64], lost: NDArray[np.intp]) -> int:
    """Words of coded fragments that most likely complete every one of these devices."""
    bits = np.unpackbits(heard.astype("<u8", copy=False).view(np.uint8), axis=1, bitorder="little")
    a_word = bits.reshape(len(heard), heard.shape[1], 64).sum(axis=2, dtype=np.int32)
    enough = (np.cumsum(a_word, axis=1) >= (lost + _SPARE)[:, np.newaxis]).all(axis=0)
    return int(enough.argmax()) + 1 if enough.any() else heard.shape[1]


def _solve_some(
    columns: NDArray[np.uint64], unknown: NDArray[np.bool_], heard: NDArray[np.uint64]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    devices, words = len(unknown), columns.shape[1]
    device, fragment = np.nonzero(unknown)
    lost = np.bincount(device, minlength=devices).astype(np.int32)
    most = int(lost.max(initial=0))
    when = np.where(lost == 0, 0, -1).astype(np.int32)
    if most == 0:
        return when, lost
    place = np.arange(len(device)) - np.repeat(np.cumsum(lost) - lost, lost)
    planes = np.zeros((words, devices, most), np.uint64)  # by word, so that each step works on whole planes
    for word in range(words):
        planes[word, device, place] = columns[fragment, word] & heard[device, word]
    each = np.arange(devices)
    bits = np.empty((devices, most), np.bool_)
    picked, change = np.empty((devices, most), np.uint64), np.empty((devices, most), np.uint64)
    for slot in range(words * 64):
        word, bit = divmod(slot, 64)
        np.bitwise_and(planes[word], np.uint64(1 << bit), out=picked)
        np.not_equal(picked, 0, out=bits)
        row = bits.argmax(axis=1)
        found = bits[each, row]
        if not found.any():
            continue
        np.negative(np.right_shift(picked, np.uint64(bit), out=picked), out=picked)  # all ones where the bit is set
        for plane in planes[word:]:
            np.bitwise_and(picked, plane[each, row][:, np.newaxis], out=change)
            plane ^= change  # the pivot's own row becomes zero, and is out of the way
        lost -= found
        ended = found & (lost == 0)
        if ended.any():
            when[ended] = slot + 1
            if not lost.any():
                break
    return when, lost
