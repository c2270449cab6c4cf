"""What was handed over and has had no last word yet; kept in memory, since reports name our effects themselves."""

from __future__ import annotations

import heapq
from typing import Final

from fleetcast.connectors.port import EffectId
from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs

_REMEMBERED: Final = 50_000
"""Last words that are remembered, so that none contradicts an earlier one."""


class UnderWay:
    """Effects that wait for their last word, and until when."""

    def __init__(self) -> None:
        self._until: dict[EffectId, InstantMs] = {}
        self._target: dict[EffectId, DevEui] = {}
        self._of: dict[DevEui, set[EffectId]] = {}
        self._due: list[tuple[InstantMs, EffectId]] = []
        self._said: dict[EffectId, type[object]] = {}

    def begin(self, effect: EffectId, target: DevEui, until: InstantMs) -> None:
        """It was handed over; when nothing is heard until then, nobody knows."""
        self._until[effect] = until
        self._target[effect] = target
        self._of.setdefault(target, set()).add(effect)
        heapq.heappush(self._due, (until, effect))

    def knows(self, effect: EffectId) -> bool:
        """Whether it was handed over before, as far as is remembered."""
        return effect in self._until or effect in self._said

    def end(self, effect: EffectId, word: type[object]) -> bool:
        """Its last word has come; False: it had another one, which stands."""
        self._forget(effect)
        said = self._said.setdefault(effect, word)
        if len(self._said) > _REMEMBERED:
            del self._said[next(iter(self._said))]
        return said is word

    def withdraw(self, effect: EffectId) -> None:
        """It was not taken after all: asked for again, it is a new one."""
        self._forget(effect)

    def of(self, target: DevEui) -> frozenset[EffectId]:
        """What waits for a device or group."""
        return frozenset(self._of.get(target, ()))

    def hasten(self, target: DevEui, until: InstantMs) -> None:
        """What waits for a device or group has its last word by then."""
        for effect in self.of(target):
            if until < self._until[effect]:
                self._until[effect] = until
                heapq.heappush(self._due, (until, effect))

    def overdue(self, now: InstantMs) -> list[EffectId]:
        """Those of which nothing was heard in time."""
        found = []
        while self._due and self._due[0][0] <= now:
            until, effect = heapq.heappop(self._due)
            if self._until.get(effect) == until:
                found.append(effect)
        return found

    def next_at(self) -> InstantMs | None:
        """When the next one may be overdue."""
        return self._due[0][0] if self._due else None

    def _forget(self, effect: EffectId) -> None:
        target = self._target.pop(effect, None)
        self._until.pop(effect, None)
        if target is not None:
            self._of[target].discard(effect)
            if not self._of[target]:
                del self._of[target]
