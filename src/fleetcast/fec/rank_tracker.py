"""Who has the block now? Many devices that hear, or miss, one fragment after the other; no payloads.

For each device it keeps one bit a fragment and nothing else: no matrix. A rank is worked out only when somebody asks
for it, or when a device has heard as many different fragments as it would need at the very least; after that, not
before it has heard as many more as it then missed. So most devices are solved two or three times in a whole transfer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from fleetcast.errors import Invalid
from fleetcast.fec.implementation import Implementation, choose
from fleetcast.fec.lost_columns import SLOTS_STEP, solve, transposed_lines
from fleetcast.fec.parity_matrix import (
    MAX_FRAGMENT_NUMBER,
    FragmentNumberOutOfRange,
    Scheme,
    check_fragment_count,
    check_scheme,
    row_bytes,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DEVICES_AT_ONCE: Final = 4096
_STEP_WORDS: Final = SLOTS_STEP // 64


class RankTracker:
    """What each of many devices has heard of one block, and what it still misses. Devices are counted from 0.

    A device behaves exactly as `Decoder` does: repeated fragments, fragments after completion and those after its
    memory was exceeded bring nothing.
    """

    def __init__(
        self,
        m: int,
        devices: int,
        scheme: Scheme = "v1",
        *,
        memory: int | NDArray[np.int32] | None = None,
        rising_only: bool | NDArray[np.bool_] = False,
        implementation: Implementation | None = None,
    ) -> None:
        """Expect a block of `m` (1 to 16383) fragments at `devices` devices.

        `memory` is the largest number of lost uncoded fragments a device can repair, None for no limit; `rising_only`
        says whether it drops fragments whose number is not above the last. Both are one for all or one each.
        Raises Invalid.
        """
        self.m: Final = check_fragment_count(m)
        if devices < 0:
            raise Invalid(f"{devices} devices cannot be tracked: use 0 or more.")
        self.devices: Final = devices
        self.scheme: Final = check_scheme(scheme)
        self._implementation: Final = choose(implementation)
        self._memory: Final = None if memory is None else np.broadcast_to(np.asarray(memory, np.int32), devices)
        rising = np.broadcast_to(np.asarray(rising_only, np.bool_), devices)
        self._rising: Final = rising if rising.any() else None
        self._last_n: Final = np.zeros(devices if self._rising is not None else 0, np.int16)
        self.complete: Final = np.zeros(devices, np.bool_)
        """Which devices have the whole block. To be read only."""
        self.memory_exceeded = np.zeros(devices, np.bool_)
        """Which devices gave up because they lost more than their memory holds. To be read only."""
        self.received = np.zeros(devices, np.int32)
        """Fragments heard until completion, repeated ones too (NbFragReceived). To be read only."""
        # Bits of what was heard, word by word: one fragment touches one word of every device, side by side.
        self._known: Final = np.zeros((row_bytes(m) // 8, devices), np.uint64)
        self._known_count = np.zeros(devices, np.int32)
        self._heard: Final[list[NDArray[np.uint64]]] = []
        self._distinct = np.zeros(devices, np.int32)
        self._worth_solving_at: Final = np.full(devices, m, np.int32)
        self._slots: Final[dict[int, int]] = {}
        self._columns = np.zeros((m, 0), np.uint64)
        self._columns_of = 0

    def hear(self, n: int, heard: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Fragment `n` (1 to 16383) was heard by the devices flagged in `heard`; returns those it completed.

        Numbers may come in any order and again. Raises FragmentNumberOutOfRange, Invalid.
        """
        if not 1 <= n <= MAX_FRAGMENT_NUMBER:
            raise FragmentNumberOutOfRange(n)
        if heard.shape != (self.devices,) or heard.dtype != np.bool_:
            raise Invalid(f"Who heard a fragment is said by {self.devices} flags, one a device.")
        fresh = heard & ~self.complete
        self.received += fresh
        fresh &= ~self.memory_exceeded
        if self._rising is not None:
            fresh &= ~(self._rising & (n <= self._last_n))
        if n <= self.m:
            words, bit = self._known[(n - 1) // 64], (n - 1) % 64
        else:
            if self._memory is not None:
                self.memory_exceeded |= fresh & (self.m - self._known_count > self._memory)
                fresh &= ~self.memory_exceeded
            slot = self._slots.setdefault(n, len(self._slots))
            if slot == 64 * len(self._heard):
                self._heard.append(np.zeros(self.devices, np.uint64))
            words, bit = self._heard[slot // 64], slot % 64
        if self._rising is not None:
            self._last_n[fresh] = n
        fresh &= (words & np.uint64(1 << bit)) == 0
        words |= fresh.astype(np.uint64) << np.uint64(bit)
        self._distinct += fresh
        if n <= self.m:
            self._known_count += fresh
        candidates = np.flatnonzero(fresh & (self._distinct >= self._worth_solving_at))
        completed: NDArray[np.intp] = candidates[self._solve(candidates) == 0]
        return completed

    def missing(self, devices: NDArray[np.intp] | None = None) -> NDArray[np.int32]:
        """M - rank of these devices, or of all: how many more independent fragments each needs (MissingFrag).

        A device whose memory was exceeded misses what it never heard uncoded.
        """
        asked = np.arange(self.devices) if devices is None else np.asarray(devices, np.intp)
        answer = np.where(self.complete[asked], 0, self.m - self._known_count[asked]).astype(np.int32)
        with_coded = self._distinct[asked] > self._known_count[asked]
        open_ = np.flatnonzero(with_coded & ~self.complete[asked] & ~self.memory_exceeded[asked])
        answer[open_] = self._solve(asked[open_])
        return answer

    def _solve(self, devices: NDArray[np.intp]) -> NDArray[np.int32]:
        """M - rank of these devices, noting who is complete and when it is worth while to look again."""
        missing = np.empty(len(devices), np.int32)
        if len(devices) == 0:
            return missing
        self._extend_columns()
        for start in range(0, len(devices), _DEVICES_AT_ONCE):
            some = devices[start : start + _DEVICES_AT_ONCE]
            heard = np.zeros((len(some), self._columns.shape[1]), np.uint64)
            for word, words in enumerate(self._heard):
                heard[:, word] = words[some]
            known = np.ascontiguousarray(self._known[:, some].T)
            _, missing[start : start + _DEVICES_AT_ONCE] = solve(
                self.m, self._columns, known, heard, self._implementation
            )
        self.complete[devices] = missing == 0
        self._worth_solving_at[devices] = self._distinct[devices] + missing
        return missing

    def _extend_columns(self) -> None:
        """Bring the transposed lines up to the last slot; whole steps stay as they are."""
        if self._columns_of == len(self._slots) and self._columns.shape[1]:
            return
        whole = self._columns_of // SLOTS_STEP
        numbers = np.array(list(self._slots)[whole * SLOTS_STEP :], np.int32)
        rest = transposed_lines(self.m, numbers, self.scheme, self._implementation)
        self._columns = np.concatenate([self._columns[:, : whole * _STEP_WORDS], rest], axis=1)
        self._columns_of = len(self._slots)
