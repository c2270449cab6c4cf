"""Who listens to a multicast address: one row per device, in arrays, so that a frame asks all of them at once.

The rows mirror what devices hold in their group tables, but for the counter taken last: that is kept here, since
nobody else asks for it.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fleetcast.identifiers import DevAddr
from fleetcast.simulator.device_keys import GroupKeys
from fleetcast.simulator.packages.multicast_setup import Group, Session
from fleetcast.simulator.quirks import Quirk
from fleetcast.simulator.traits import Traits

FRAG_INDEXES = 4
_FIRST_ROWS = 64
_NO_ROW = -1


class MulticastFrame(Protocol):
    """What decides about the reception of a frame, chance apart."""

    @property
    def f_cnt(self) -> int:
        """The whole counter."""
        ...

    @property
    def frequency_hz(self) -> int:
        """Where it is sent."""
        ...

    @property
    def data_rate(self) -> int:
        """How it is sent."""
        ...


class Listening:
    """All devices that have a group with this address."""

    def __init__(self, mc_addr: DevAddr, default_frequency_hz: int) -> None:
        self.mc_addr = mc_addr
        self._default_frequency_hz = default_frequency_hz
        """Of class B sessions that name no frequency."""
        self._row_of = np.full(_FIRST_ROWS, _NO_ROW, np.int32)
        """By device, as far as any has been seen."""
        self._groups: list[Group | None] = []
        self._keys: dict[GroupKeys, int] = {}
        self._allocate(_FIRST_ROWS)

    def _allocate(self, rows: int) -> None:
        self.device = np.full(rows, -1, np.intp)
        self.is_open = np.zeros(rows, np.bool_)
        self.frequency_hz = np.zeros(rows, np.int32)
        self.data_rate = np.zeros(rows, np.int8)
        self.periodicity = np.full(rows, -1, np.int8)
        """Ping-slot periodicity of a class B session; -1: class C."""
        self.mc_group_id = np.zeros(rows, np.int8)
        self.first_f_cnt = np.zeros(rows, np.int64)
        self.end_f_cnt = np.zeros(rows, np.int64)
        self.last_f_cnt = np.full(rows, -1, np.int64)
        self.key = np.full(rows, -1, np.int32)
        self._boots = np.zeros(rows, np.int32)
        self.index_mask = np.zeros(rows, np.int8)
        """Bit n: a fragmentation session with FragIndex n takes fragments of this group."""

    def _grow(self) -> None:
        old = {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray) and name != "_row_of"}
        rows = len(self.device)
        self._allocate(2 * rows)
        for name, value in old.items():
            getattr(self, name)[:rows] = value

    @property
    def devices(self) -> list[int]:
        """The devices that have the group, or had it."""
        found: list[int] = self.device[: len(self._groups)].tolist()
        return found

    def update(
        self, device: int, group: Group, session: Session | None, traits: Traits, boots: int, index_mask: int
    ) -> None:
        """Mirror a group as this device has it after so many boots, and the session in which it listens now."""
        row = self._row(device)
        if row == _NO_ROW:
            row = len(self._groups)
            if row == len(self.device):
                self._grow()
            if device >= len(self._row_of):
                more = max(device + 1, 2 * len(self._row_of)) - len(self._row_of)
                self._row_of = np.pad(self._row_of, (0, more), constant_values=_NO_ROW)
            self._row_of[device] = row
            self._groups.append(group)
            self.device[row] = device
        if self._groups[row] is not group or self.key[row] < 0:
            self._groups[row] = group
            self.mc_group_id[row] = group.mc_group_id
            self.first_f_cnt[row], self.end_f_cnt[row] = _window(group, traits)
            self.key[row] = self._keys.setdefault(group.keys, len(self._keys))
            self.last_f_cnt[row] = -1
        elif boots != self._boots[row] and not traits.persists.mc_fcnt:
            self.last_f_cnt[row] = -1
        self._boots[row] = boots
        self.index_mask[row] = index_mask
        if session is None:
            self.is_open[row] = False
            return
        self.is_open[row] = True
        self.frequency_hz[row] = session.frequency_hz or self._default_frequency_hz
        self.data_rate[row] = session.data_rate
        self.periodicity[row] = session.periodicity if session.session_class == "B" else -1

    def forget(self, device: int) -> None:
        """The device has this group no more."""
        row = self._row(device)
        if row != _NO_ROW:
            self._groups[row] = None
            self.is_open[row] = False
            self.key[row] = -1
            self.index_mask[row] = 0

    def tuned(
        self, frame: MulticastFrame, periodicities: frozenset[int] | None, among: NDArray[np.intp] | None = None
    ) -> NDArray[np.intp]:
        """Rows of the devices that listen where the frame is sent.

        `periodicities`: those whose ping slots the frame begins in; None: it is sent at any time, for class C alone.
        `among`: no other devices than these; None: all.
        """
        some: slice | NDArray[np.int32] = slice(len(self._groups))
        if among is not None:
            some = self._row_of[among[among < len(self._row_of)]]
            some = some[some != _NO_ROW]
        tuned = (
            self.is_open[some]
            & (self.frequency_hz[some] == frame.frequency_hz)
            & (self.data_rate[some] == frame.data_rate)
        )
        wanted = {-1} if periodicities is None else periodicities | {-1}
        if len(wanted) == 1:
            tuned &= self.periodicity[some] < 0
        else:
            tuned &= np.isin(self.periodicity[some], list(wanted))
        found = np.flatnonzero(tuned)
        return found if isinstance(some, slice) else some[found].astype(np.intp)

    def _row(self, device: int) -> int:
        return int(self._row_of[device]) if device < len(self._row_of) else _NO_ROW

    def accepting(self, rows: NDArray[np.intp], f_cnt: int, keys: GroupKeys) -> NDArray[np.bool_]:
        """Which of these rows take the counter and have the keys."""
        key = self._keys.get(keys, -1)
        accepting: NDArray[np.bool_] = (
            (self.key[rows] == key)
            & (key >= 0)
            & (self.last_f_cnt[rows] < f_cnt)
            & (self.first_f_cnt[rows] <= f_cnt)
            & (f_cnt < self.end_f_cnt[rows])
            # Only 16 bits travel: whoever missed more takes it for a counter long gone, and the MIC doesn't fit.
            & (f_cnt - np.maximum(self.last_f_cnt[rows] + 1, self.first_f_cnt[rows]) <= 0xFFFF)
        )
        return accepting


def _window(group: Group, traits: Traits) -> tuple[int, int]:
    """First counter taken, and the first that is not any more."""
    if Quirk.FCNT16_FIRST in traits.quirks and group.min_f_cnt > 0xFFFF:
        # The first frame is taken for the counter of the 16 bits that travel, below every valid one.
        return 1 << 33, 1 << 33
    if not traits.f_cnt_range_checked:
        return 0, 1 << 33
    return group.min_f_cnt, group.max_f_cnt + traits.f_cnt_max_inclusive
