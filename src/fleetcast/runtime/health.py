"""Is every loop alive, is every connection reachable, does the database answer: what `/readyz` says.

Loops tell it themselves; nothing here looks at anybody. A loop that works on one thing for very long counts as stuck.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from fleetcast.clock import steady_s

STUCK_AFTER_S: Final = 60.0
"""Nothing that a loop does at once takes this long."""


@dataclass(frozen=True, slots=True)
class Part:
    """One loop, connection or other part, as it stands."""

    name: str
    well: bool
    detail: str
    restarts: int


@dataclass(frozen=True, slots=True)
class Report:
    """The process as a whole."""

    well: bool
    parts: tuple[Part, ...]


@dataclass(slots=True)
class Pulse:
    """How one part tells that it is well; made by `Health.part`."""

    name: str
    well: bool = False
    detail: str = "has not begun"
    restarts: int = 0
    _busy_since_s: float | None = field(default=None, repr=False)

    def fine(self, detail: str = "") -> None:
        """All is well."""
        self.well, self.detail = True, detail

    def unwell(self, why: str) -> None:
        """Something is wrong, and is being tried again."""
        self.well, self.detail = False, why

    @contextmanager
    def at_work(self) -> Generator[None]:
        """What goes on inside should be over soon; when it ends well, so is the part."""
        self._busy_since_s = steady_s()
        try:
            yield
        finally:
            self._busy_since_s = None
        self.fine()

    def seen(self) -> Part:
        """How it stands now."""
        busy_s = 0.0 if self._busy_since_s is None else steady_s() - self._busy_since_s
        if busy_s > STUCK_AFTER_S:
            return Part(self.name, False, f"has been busy with one thing for {busy_s:.0f} s", self.restarts)
        return Part(self.name, self.well, self.detail, self.restarts)


class Health:
    """All parts of a process."""

    def __init__(self) -> None:
        self._parts: dict[str, Pulse] = {}

    def part(self, name: str) -> Pulse:
        """The pulse of a part, new or known."""
        return self._parts.setdefault(name, Pulse(name))

    def gone(self, name: str) -> None:
        """A part has ended, as it should."""
        self._parts.pop(name, None)

    def report(self) -> Report:
        """Everything, by name."""
        parts = tuple(self._parts[name].seen() for name in sorted(self._parts))
        return Report(all(part.well for part in parts), parts)
