"""A data block → fragment number n, for any n: the server's half of TS004's forward error correction.

It cuts and mixes; it does not know frames, devices or when a fragment is sent. The device's half is `decoder`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from fleetcast.errors import Invalid
from fleetcast.fec import parity_lines
from fleetcast.fec.four_russians import sum_rows
from fleetcast.fec.implementation import KERNEL_PRESENT, Implementation, choose
from fleetcast.fec.parity_matrix import (
    MAX_FRAGMENT_NUMBER,
    FragmentNumberOutOfRange,
    Scheme,
    check_scheme,
    numbers_array,
    row_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
if KERNEL_PRESENT:
    from fleetcast.fec import _kernel

MAX_FRAGMENT_SIZE: Final = 255
"""FragSize has 8 bits (TS004, FragSessionSetupReq)."""


class FragmentSizeOutOfRange(Invalid):
    """A FragSize that does not fit its field."""

    def __init__(self, fragment_size: int) -> None:
        self.fragment_size = fragment_size
        super().__init__(f"A fragment size of {fragment_size} bytes is out of range: use 1 to {MAX_FRAGMENT_SIZE}.")


class BlockEmpty(Invalid):
    """There is nothing to send."""

    def __init__(self) -> None:
        super().__init__("The data block is empty: give at least one byte.")


class BlockTooLarge(Invalid):
    """More fragments than their numbers can count."""

    def __init__(self, size_bytes: int, fragment_size: int, fragment_count: int) -> None:
        self.size_bytes, self.fragment_size, self.fragment_count = size_bytes, fragment_size, fragment_count
        super().__init__(
            f"{size_bytes} bytes in fragments of {fragment_size} are {fragment_count} fragments, and numbers end at "
            f"{MAX_FRAGMENT_NUMBER}: use larger fragments or a smaller block."
        )


def check_fragment_size(fragment_size: int) -> int:
    """`fragment_size` itself when it is 1 to 255 bytes; raises FragmentSizeOutOfRange."""
    if not 1 <= fragment_size <= MAX_FRAGMENT_SIZE:
        raise FragmentSizeOutOfRange(fragment_size)
    return fragment_size


class Encoder:
    """The fragments of one data block. It never changes, and keeps nothing but the block."""

    __slots__ = ("_block", "_implementation", "fragment_count", "fragment_size", "padding", "scheme")

    def __init__(
        self,
        data: bytes | bytearray | memoryview,
        fragment_size: int,
        scheme: Scheme = "v1",
        *,
        implementation: Implementation | None = None,
    ) -> None:
        """Take the block in fragments of `fragment_size` (1 to 255) bytes; zeros fill the last one (TS004, Padding).

        Raises FragmentSizeOutOfRange, BlockEmpty, BlockTooLarge, Invalid (scheme), KernelAbsent.
        """
        self.scheme: Final = check_scheme(scheme)
        self.fragment_size: Final = check_fragment_size(fragment_size)
        self._implementation: Final = choose(implementation)
        raw = np.frombuffer(data, np.uint8)
        if len(raw) == 0:
            raise BlockEmpty
        self.fragment_count: Final = -(-len(raw) // fragment_size)
        """NbFrag, called M in the specification."""
        if self.fragment_count > MAX_FRAGMENT_NUMBER:
            raise BlockTooLarge(len(raw), fragment_size, self.fragment_count)
        self.padding: Final = self.fragment_count * fragment_size - len(raw)
        """Zero bytes at the end of the last uncoded fragment."""
        block = np.zeros((self.fragment_count, -(-fragment_size // 8) * 8), np.uint8)
        whole, rest = divmod(len(raw), fragment_size)
        block[:whole, :fragment_size] = raw[: whole * fragment_size].reshape(whole, fragment_size)
        block[whole:, :rest] = raw[whole * fragment_size :]
        self._block: Final = block

    def fragment(self, n: int) -> bytes:
        """Fragment `n`: 1 … M uncoded, from M + 1 to 16383 coded; raises FragmentNumberOutOfRange."""
        if 1 <= n <= self.fragment_count:
            return self._block[n - 1, : self.fragment_size].tobytes()
        if not 1 <= n <= MAX_FRAGMENT_NUMBER:
            raise FragmentNumberOutOfRange(n)
        return self.fragments((n,)).tobytes()

    def uncoded(self) -> NDArray[np.uint8]:
        """Fragments 1 … M, one row each."""
        return self._block[:, : self.fragment_size].copy()

    def coded(self, first_n: int, count: int) -> NDArray[np.uint8]:
        """`count` coded fragments from number `first_n` > M on, one row each; raises FragmentNumberOutOfRange."""
        if count < 0:
            raise Invalid(f"{count} coded fragments cannot be made: ask for 0 or more.")
        return self.fragments(numbers_array(range(first_n, first_n + count), self.fragment_count + 1))

    def fragments(self, numbers: Iterable[int]) -> NDArray[np.uint8]:
        """The fragments with these numbers, in this order, one row each; raises FragmentNumberOutOfRange."""
        wanted = numbers_array(numbers)
        out = np.empty((len(wanted), self.fragment_size), np.uint8)
        coded = wanted > self.fragment_count
        if coded.all():
            self._mix(wanted, out)
            return out
        out[~coded] = self._block[wanted[~coded] - 1, : self.fragment_size]
        if coded.any():
            mixed = np.empty((int(np.count_nonzero(coded)), self.fragment_size), np.uint8)
            self._mix(wanted[coded], mixed)
            out[coded] = mixed
        return out

    def _mix(self, numbers: NDArray[np.int32], out: NDArray[np.uint8]) -> None:
        m = self.fragment_count
        arguments = numbers if self.scheme == "v2-absolute" else numbers - np.int32(m)
        distinct = self.scheme != "v1"
        if self._implementation == "kernel":
            _kernel.encode(m, self._block, arguments, distinct, self.fragment_size, out)
            return
        packed = np.empty((len(arguments), row_bytes(m)), np.uint8)
        parity_lines.fill(packed, m, arguments, distinct=distinct, implementation="numpy")
        sums = sum_rows(packed, self._block.view(np.uint64))
        out[...] = sums.view(np.uint8)[:, : self.fragment_size]
