"""Fragments in any order → the block, or what is still missing: the device's half of TS004's forward error correction.

Uncoded fragments are kept in place. A coded one is first freed of all it shares with them, then eliminated against
the coded ones before it, over the lost columns only. It does not parse frames and knows no sessions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from fleetcast.errors import Conflict, Damaged, Invalid
from fleetcast.fec.encoder import check_fragment_size
from fleetcast.fec.implementation import Implementation, choose
from fleetcast.fec.parity_matrix import (
    MAX_FRAGMENT_NUMBER,
    FragmentNumberOutOfRange,
    Scheme,
    check_fragment_count,
    check_scheme,
    lines,
    row_bytes,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LINES_AHEAD: Final = 32
"""Coded fragments come in runs, and lines are cheaper by the dozen."""


class FragmentLengthWrong(Damaged):
    """A fragment that is not as long as the session says."""

    def __init__(self, n: int, length: int, fragment_size: int) -> None:
        self.n, self.length, self.fragment_size = n, length, fragment_size
        super().__init__(f"Fragment {n} has {length} bytes where {fragment_size} are due: drop it.")


class BlockIncomplete(Conflict):
    """The block was asked for before it was known."""

    def __init__(self, missing: int, memory_exceeded: bool) -> None:
        self.missing, self.memory_exceeded = missing, memory_exceeded
        advice = "start a new session" if memory_exceeded else "feed further fragments"
        super().__init__(f"The block still misses {missing} fragments: {advice}.")


class Decoder:
    """One device's reception of one block."""

    def __init__(
        self,
        fragment_count: int,
        fragment_size: int,
        scheme: Scheme = "v1",
        memory: int | None = None,
        *,
        rising_only: bool = False,
        implementation: Implementation | None = None,
    ) -> None:
        """Expect `fragment_count` (1 to 16383) fragments of `fragment_size` (1 to 255) bytes.

        `memory` is the largest number of lost uncoded fragments the device can repair, None for no limit. Devices
        reserve their matrix when the first coded fragment comes: whenever one comes and more uncoded fragments than
        `memory` are unknown, decoding is given up for good (NotEnoughMatrixMemory in TS004-1.0.0, MemoryError in
        TS004-2.0.0). `rising_only` makes it drop any fragment whose number is not above the last, as small
        devices do. Raises Invalid.
        """
        self.fragment_count: Final = check_fragment_count(fragment_count)
        self.fragment_size: Final = check_fragment_size(fragment_size)
        self.scheme: Final = check_scheme(scheme)
        if memory is not None and memory < 0:
            raise Invalid(f"A decoder memory of {memory} lost fragments is not possible: use 0 or more, or None.")
        self.memory: Final = memory
        self.rising_only: Final = rising_only
        self._implementation: Final = choose(implementation)
        self.received = 0
        """Fragments heard until the block was complete, repeated ones too (NbFragReceived)."""
        self.memory_exceeded = False
        """Whether decoding was given up because more was lost than `memory` holds."""
        self.contradictions = 0
        """Redundant fragments that disagreed with what was known: a wrong scheme, or a forged or damaged fragment."""
        self._heard: set[int] = set()
        self._last_n = 0
        self._line_bytes: Final = row_bytes(fragment_count)
        self._lines: dict[int, NDArray[np.uint8]] = {}
        self._block: Final = np.zeros((fragment_count, -(-fragment_size // 8)), np.uint64)
        self._known: Final = np.zeros(fragment_count, np.bool_)
        self._known_count = 0
        # The equations: one row each, its line and then its payload, every pivot column in one row only.
        self._width: Final = self._line_bytes // 8 + self._block.shape[1]
        self._rows = np.zeros((0, self._width), np.uint64)
        self._rank = 0
        self._row_of: Final = np.full(fragment_count, -1, np.int32)

    @property
    def missing(self) -> int:
        """M - rank: how many more independent fragments it takes (MissingFrag)."""
        return self.fragment_count - self._known_count - self._rank

    @property
    def complete(self) -> bool:
        """Whether the block is known."""
        return self.missing == 0

    def add(self, n: int, payload: bytes | bytearray | memoryview) -> bool:
        """Take fragment `n` (1 to 16383) and say whether it brought something new.

        Repeated fragments, and any after completion, are dropped. Raises FragmentNumberOutOfRange,
        FragmentLengthWrong.
        """
        if not 1 <= n <= MAX_FRAGMENT_NUMBER:
            raise FragmentNumberOutOfRange(n)
        if len(payload) != self.fragment_size:
            raise FragmentLengthWrong(n, len(payload), self.fragment_size)
        if self.complete:
            return False
        self.received += 1
        if self.memory_exceeded or n in self._heard or (self.rising_only and n <= self._last_n):
            return False
        if n > self.fragment_count and self.memory is not None and self.missing + self._rank > self.memory:
            self.memory_exceeded = True
            self._rows = self._rows[:0].copy()
            self._rank = 0
            return False
        self._heard.add(n)
        self._last_n = n
        if n <= self.fragment_count and self._rank == 0:
            self._block[n - 1].view(np.uint8)[: self.fragment_size] = np.frombuffer(payload, np.uint8)
            self._known[n - 1] = True
            self._known_count += 1
            return True
        return self._eliminate(self._equation(n, payload))

    def data(self, padding: int) -> bytes:
        """The block without its last `padding` bytes (0 to FragSize - 1); raises BlockIncomplete, Invalid."""
        if not self.complete:
            raise BlockIncomplete(self.missing, self.memory_exceeded)
        if not 0 <= padding < self.fragment_size:
            raise Invalid(f"A padding of {padding} bytes is out of range: use 0 to {self.fragment_size - 1}.")
        block = self._block.view(np.uint8)[:, : self.fragment_size].tobytes()
        return block[: len(block) - padding]

    def _equation(self, n: int, payload: bytes | bytearray | memoryview) -> NDArray[np.uint64]:
        """Line and payload of fragment `n`, freed of the uncoded fragments kept in place."""
        row = np.zeros(self._width, np.uint64)
        as_bytes = row.view(np.uint8)
        as_bytes[self._line_bytes : self._line_bytes + self.fragment_size] = np.frombuffer(payload, np.uint8)
        picked = self._bits(self._line(n))
        shared = np.flatnonzero(picked & self._known)
        row[self._line_bytes // 8 :] ^= np.bitwise_xor.reduce(self._block[shared], axis=0)
        picked[shared] = False
        packed = np.packbits(picked, bitorder="little")
        as_bytes[: len(packed)] = packed
        return row

    def _eliminate(self, row: NDArray[np.uint64]) -> bool:
        line_words = self._line_bytes // 8
        picked = self._bits(row.view(np.uint8)[: self._line_bytes])
        solved = self._row_of[np.flatnonzero(picked)]
        solved = solved[solved >= 0]
        if len(solved):
            row ^= np.bitwise_xor.reduce(self._rows[solved], axis=0)
        left = np.flatnonzero(self._bits(row.view(np.uint8)[: self._line_bytes]))
        if len(left) == 0:
            self.contradictions += bool(row[line_words:].any())
            return False
        pivot = int(left[0])
        rows = self._rows[: self._rank]
        having = np.flatnonzero(rows.view(np.uint8)[:, pivot >> 3] >> (pivot & 7) & 1)
        rows[having] ^= row
        if self._rank == len(self._rows):
            room = min(max(8, 2 * self._rank), self.fragment_count - self._known_count)
            grown = np.empty((room, self._width), np.uint64)
            grown[: self._rank] = rows
            self._rows = grown
        self._rows[self._rank] = row
        self._row_of[pivot] = self._rank
        self._rank += 1
        if self.complete:  # every equation now names one fragment
            found = np.flatnonzero(self._row_of >= 0)
            self._block[found] = self._rows[self._row_of[found], line_words:]
        return True

    def _line(self, n: int) -> NDArray[np.uint8]:
        if n not in self._lines:
            last = min(n + _LINES_AHEAD, MAX_FRAGMENT_NUMBER + 1) if n > self.fragment_count else n + 1
            ahead = range(n, last)
            packed = lines(self.fragment_count, ahead, self.scheme, implementation=self._implementation)
            self._lines = dict(zip(ahead, packed, strict=True))
        return self._lines[n]

    def _bits(self, packed: NDArray[np.uint8]) -> NDArray[np.bool_]:
        return np.unpackbits(packed, count=self.fragment_count, bitorder="little").view(np.bool_)
