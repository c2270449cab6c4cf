"""Data fragments on their way to many devices at once: who has what, whose rank is complete, and the physical limit.

The counterpart of `packages.reception.Collected`, which does the same for one device with real bytes: both follow the
same rules, and a test holds them together. The block of a complete device is not taken on trust either: the
stream decodes the fragments that were on the air, once for all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleetcast.fec import Decoder, RankTracker, Scheme
from fleetcast.instants import InstantMs
from fleetcast.simulator.packages.reception import Reception
from fleetcast.simulator.quirks import Quirk
from fleetcast.simulator.traits import Traits

_FIRST_PLACES = 64
_PARITY_SLOW_MS = 3000
NEVER_HELD = -1

Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class StreamKey:
    """What the sessions of two devices must have in common to be listeners of one stream."""

    frag_index: int
    nb_frag: int
    frag_size: int
    scheme: Scheme
    descriptor: bytes


@dataclass(frozen=True, slots=True)
class Progress:
    """What a fragment changed: whose first one it was, and who is done or has given up."""

    begun: Places
    over: Places


class FragmentStream:
    """All fragmentation sessions with the same parameters in one group."""

    def __init__(self, key: StreamKey, frames_before: int) -> None:
        """`frames_before`: data fragments that went out in this group before anybody heard one."""
        self.key = key
        self.frames = frames_before
        """Frames with data fragments sent so far, repeated ones too."""
        self._decoder = Decoder(key.nb_frag, key.frag_size, key.scheme)
        self._cut: dict[int, bytes] = {}
        self._ranks: list[RankTracker] = []
        self._taken: dict[int, NDArray[np.uint8]] = {}
        self.places = 0
        """How many listeners there are."""
        self._allocate(_FIRST_PLACES)

    def _allocate(self, places: int) -> None:
        self.device = np.full(places, -1, np.intp)
        self.received = np.zeros(places, np.int32)
        self.distinct = np.zeros(places, np.int32)
        self.uncoded = np.zeros(places, np.int32)
        self.last_n = np.zeros(places, np.int32)
        self.highest_n = np.zeros(places, np.int32)
        self.missing = np.full(places, self.key.nb_frag, np.int32)
        self.is_over = np.zeros(places, np.bool_)
        self.exceeded = np.zeros(places, np.bool_)
        self.any_received = np.zeros(places, np.int32)
        """Frames that reached the device, useful or not, for the limit."""
        self.held_enough_at = np.full(places, NEVER_HELD, np.int32)
        """The number of frames sent when any `nb_frag` of them had reached the device."""
        self._memory = np.zeros(places, np.int32)
        self._counts_repeats = np.zeros(places, np.bool_)
        self._drops_up_to = np.zeros(places, np.int32)
        """Fragments up to this number are dropped once a higher one was heard."""
        self._busy_until = np.zeros(places, np.int64)
        self._busy_ms = np.zeros(places, np.int64)
        self._busy_coded_ms = np.zeros(places, np.int64)
        self._stale = np.zeros(places, np.bool_)
        """`missing` has to be worked out anew."""

    def _grow(self) -> None:
        kept = {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        places = len(self.device)
        self._allocate(2 * places)
        for name, value in kept.items():
            getattr(self, name)[:places] = value

    def join(self, device: int, traits: Traits, memory: int | None, busy_until: InstantMs) -> int:
        """A place for a device's session; its fragments before `busy_until` are lost."""
        place = self.places
        if place == len(self.device):
            self._grow()
        if place == sum(ranks.devices for ranks in self._ranks):
            # One tracker after the other, each as large as all before it: none can grow.
            self._ranks.append(RankTracker(self.key.nb_frag, max(place, _FIRST_PLACES), self.key.scheme))
        self.places += 1
        self.device[place] = device
        self._memory[place] = self.key.nb_frag if memory is None else memory
        self._counts_repeats[place] = traits.fragment_repeated == "count"
        dropped = {"use": 0, "drop": 1 << 14, "drop_uncoded": self.key.nb_frag}
        self._drops_up_to[place] = dropped[traits.fragment_out_of_order]
        self._busy_until[place] = busy_until
        self._busy_ms[place] = round(1000 * traits.min_fragment_interval_s)
        slow = Quirk.PARITY_SLOW in traits.quirks
        self._busy_coded_ms[place] = _PARITY_SLOW_MS if slow else self._busy_ms[place]
        return place

    def on_air(self, n: int, data: bytes) -> None:
        """A frame with fragment `n` was sent."""
        self.frames += 1
        self.overhear(n, data)

    def overhear(self, n: int, data: bytes) -> None:
        """Fragment `n`, from a frame that doesn't count for the group."""
        if len(data) == self.key.frag_size and n > 0:
            self._decoder.add(n, data)

    def hear(self, n: int, places: Places, now: InstantMs) -> Progress:
        """Fragment `n` (from 1 on) reached these listeners, each named once."""
        m = self.key.nb_frag
        places = places[~self.is_over[places]]
        self.any_received[places] += 1
        held = places[self.any_received[places] == m]
        self.held_enough_at[held] = self.frames
        places = places[self._busy_until[places] <= now]
        self._busy_until[places] = now + (self._busy_ms if n <= m else self._busy_coded_ms)[places]
        begun = places[self.received[places] == 0]
        repeated = self._was_taken(n, places)
        self.received[places] += ~repeated | self._counts_repeats[places]
        self.last_n[places] = n
        dropped = repeated | ((n < self.highest_n[places]) & (n <= self._drops_up_to[places]))
        self.highest_n[places] = np.maximum(self.highest_n[places], n)
        taken = places[~dropped]
        exceeded = taken[:0]
        if n > m:
            too_many = m - self.uncoded[taken] > self._memory[taken]
            exceeded, taken = taken[too_many], taken[~too_many]
            self.exceeded[exceeded] = True
            self.missing[exceeded] = m - self.uncoded[exceeded]
            self._stale[exceeded] = False
        else:
            self.uncoded[taken] += 1
        self.distinct[taken] += 1
        complete = self._take(n, taken)
        over = np.concatenate([exceeded, complete])
        self.is_over[over] = True
        return Progress(begun, over)

    def reception(self, position: int) -> Reception:
        """As `packages.reception.Listeners`."""
        if self._stale[position]:
            self._refresh()
        return Reception(
            int(self.received[position]),
            int(self.distinct[position]),
            int(self.uncoded[position]),
            int(self.last_n[position]),
            int(self.highest_n[position]),
            int(self.missing[position]),
            bool(self.exceeded[position]),
        )

    def block(self, padding: int) -> bytes:
        """As `packages.reception.Listeners`."""
        found = self._cut.get(padding)
        if found is None:
            found = self._cut[padding] = self._decoder.data(padding)
        return found

    @property
    def fragments_minimum(self) -> int:
        """The frames after which the last device that completed had received any M; 0: none completed."""
        done = self.held_enough_at[: self.places][self.missing[: self.places] == 0]
        return int(done.max()) if len(done) else 0

    def _was_taken(self, n: int, places: Places) -> NDArray[np.bool_]:
        """Who of these took fragment `n` before."""
        packed = self._taken.get(n)
        taken = np.zeros(len(places), np.bool_)
        if packed is not None:
            within = np.flatnonzero(places < 8 * len(packed))
            known = places[within]
            taken[within] = packed[known >> 3] >> (7 - (known & 7)).astype(np.uint8) & 1
        return taken

    def _take(self, n: int, taken: Places) -> Places:
        """Feed the trackers; returns the places that are complete now."""
        flags = np.zeros(len(self.device), np.bool_)
        flags[taken] = True
        packed = np.packbits(flags)
        before = self._taken.get(n)
        if before is not None:
            packed[: len(before)] |= before
        self._taken[n] = packed
        self._stale[taken] = True
        found: list[Places] = []
        first = 0
        for ranks in self._ranks:
            heard = flags[first : first + ranks.devices]
            if heard.any():
                found.append(ranks.hear(n, heard) + first)
            first += ranks.devices
        complete = np.concatenate(found) if found else taken[:0]
        self.missing[complete] = 0
        self._stale[complete] = False
        return complete

    def _refresh(self) -> None:
        """Work out what everybody misses who heard something since somebody asked last."""
        first = 0
        for ranks in self._ranks:
            stale = np.flatnonzero(self._stale[first : first + ranks.devices])
            self.missing[stale + first] = ranks.missing(stale)
            first += ranks.devices
        self._stale[:] = False
