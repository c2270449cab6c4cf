"""What the session answers (class B and C, versions 1 and 2) share: when TimeToStart is there, and who refuses.

A refusal may be told by a bit that has no name: bits 7:6 count as errors in version 2, and in version 1 a reserved bit
with nothing behind it does. So those bits are kept, although no field of the specification holds them (TS005, 0x04 and
0x05 up).
"""

from __future__ import annotations

from typing import Any, ClassVar

from fleetcast.errors import Invalid
from fleetcast.protocol.tolerances import Tolerance, Tolerances
from fleetcast.protocol.wire import Command, TailReading

GROUP_BITS = 0x03
TO_START = "seconds from this answer to the start; absent on error"


class SessionAnswer(Command):
    """A session answer of any class and version."""

    __slots__ = ()
    error_bits: ClassVar[int]
    """The bits of the status byte that refuse for certain; with one of them set TimeToStart is absent."""

    @property
    def raw_status(self) -> int:
        """The status byte, with the bits that have no name."""
        return self.encode()[1]

    @property
    def refused(self) -> bool:
        """Whether the device will not listen: an error bit, or a bit above the group with no TimeToStart behind it."""
        status = self.raw_status
        return status & self.error_bits != 0 or (status & ~GROUP_BITS != 0 and not self._tells_start())

    def check(self) -> None:
        """Refuse TimeToStart beside an error bit."""
        if self._tells_start() and self.raw_status & self.error_bits:
            raise Invalid(f"{self.name}: time_to_start beside an error bit: leave it out")

    def _tells_start(self) -> bool:
        return len(self.encode()) > 2

    @classmethod
    def read_tail(
        cls, _head: tuple[Any, ...], payload: bytes, at: int, end: int, tolerances: Tolerances, /
    ) -> TailReading | None:
        """TimeToStart, unless the status byte says that it is absent, or it is missing and a tolerance allows that."""
        status = payload[at - 1]
        if status & cls.error_bits:
            return (None,), at, None
        if end - at >= 3:
            return (payload[at] | payload[at + 1] << 8 | payload[at + 2] << 16,), at + 3, None
        if end != at:
            return None
        accepted = status & ~GROUP_BITS == 0
        deviation = Tolerance.SESSION_ANSWER_WITHOUT_TIME_TO_START if accepted else Tolerance.START_MISSED_IN_V1
        return ((None,), at, deviation) if deviation in tolerances else None
