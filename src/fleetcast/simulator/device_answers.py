"""What a device has to say: answers wait for their time, and are written when they are sent.

TimeToStart, DeviceTime or the seconds to a reboot belong to the moment of sending, so an answer may be a function of
it. Which frames the radio really gets out is the world's business.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from fleetcast.instants import InstantMs

NEVER = 1 << 62
"""Later than any instant."""

Writing = Callable[[InstantMs, int], bytes]
"""The bytes of an answer, from the instant it is sent and the room there is; no bytes: nothing is sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one command, sent so many seconds later than the package's own delay."""

    content: bytes | Writing
    wait_s: float = 0.0
    delayed: bool = False
    """It waits a BlockAckDelay: a status, which other answers may overwrite."""

    def written(self, now: InstantMs, room: int) -> bytes:
        """The bytes as they are now."""
        return self.content if isinstance(self.content, bytes) else self.content(now, room)


@dataclass(frozen=True, slots=True)
class OwnUplink:
    """A frame that a device sends, in clear."""

    f_port: int
    payload: bytes
    confirmed: bool = False
    """The device repeats it until the network acknowledges it."""


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """A device joins; it says nothing more until it is told that it has joined."""


Said = OwnUplink | JoinRequest


@dataclass(slots=True)
class Pending:
    """Answers that go up together."""

    due: InstantMs
    f_port: int
    answers: tuple[Answer, ...]
    confirmed: bool = False
    delayed: bool = False
    repeated: bool = False


_DUE = attrgetter("due")


class Outbox:
    """Answers in the order in which they are due."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending: list[Pending] = []

    @property
    def due(self) -> InstantMs:
        """When the next one is due, or NEVER."""
        return self._pending[0].due if self._pending else NEVER

    def put(self, pending: Pending) -> None:
        """Add one."""
        insort(self._pending, pending, key=_DUE)

    def take(self) -> Pending:
        """The next one."""
        return self._pending.pop(0)

    def drop(self, condition: Callable[[Pending], bool]) -> None:
        """Forget those for which the condition holds."""
        self._pending = [one for one in self._pending if not condition(one)]
