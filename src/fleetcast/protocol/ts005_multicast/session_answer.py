"""What the session answers (class B and C, versions 1 and 2) share: whether TimeToStart is there, and the raw status.

The status byte as received is kept beside the fields, because a refusal may be told by a bit that has no name: bits 7:6
in version 2 count as errors, and in version 1 a reserved bit with nothing behind it does (TS005, 0x04 and 0x05 up).
"""

from __future__ import annotations

from typing import Protocol

from fleetcast.errors import Invalid
from fleetcast.protocol.tolerances import Tolerance, Tolerances
from fleetcast.protocol.wire import TailReading

GROUP_BITS = 0x03
TO_START = "seconds from this answer to the start; absent on error"


class SessionAnswer(Protocol):
    """A session answer of any version."""

    @property
    def name(self) -> str: ...
    @property
    def mc_group_id(self) -> int: ...
    @property
    def dr_error(self) -> bool: ...
    @property
    def freq_error(self) -> bool: ...
    @property
    def mc_group_undefined(self) -> bool: ...
    @property
    def time_to_start(self) -> int | None: ...
    @property
    def raw_status(self) -> int: ...


def status_of(answer: SessionAnswer) -> int:
    """The status byte that the named fields make, without version 2's StartMissed."""
    return (
        answer.mc_group_undefined << 4 | answer.freq_error << 3 | answer.dr_error << 2 | answer.mc_group_id & GROUP_BITS
    )


def check_session_answer(answer: SessionAnswer, status: int, *, error_bits: int) -> None:
    """Complete `raw_status` from the fields, or check that it agrees with them; refuse TimeToStart beside an error."""
    if answer.raw_status == -1:
        object.__setattr__(answer, "raw_status", status)
    named = 0x3F if error_bits & 0x20 else 0x1F
    if not 0 <= answer.raw_status <= 0xFF or answer.raw_status & named != status:
        raise Invalid(f"{answer.name}: raw_status 0x{answer.raw_status:02X} does not say what the fields say")
    if answer.raw_status & error_bits and answer.time_to_start is not None:
        raise Invalid(f"{answer.name}: time_to_start {answer.time_to_start} beside an error bit: leave it out")


def read_time_to_start(
    payload: bytes, at: int, end: int, tolerances: Tolerances, *, error_bits: int
) -> TailReading | None:
    """TimeToStart and the raw status, where `at` is the byte behind the status; None if cut short.

    TimeToStart is absent as soon as one of `error_bits` is set. Where the payload ends without it, tolerances decide.
    """
    status = payload[at - 1]
    if status & error_bits:
        return (None, status), at, None
    if end - at >= 3:
        return (payload[at] | payload[at + 1] << 8 | payload[at + 2] << 16, status), at + 3, None
    if end != at:
        return None
    accepted = status & ~GROUP_BITS == 0
    deviation = Tolerance.SESSION_ANSWER_WITHOUT_TIME_TO_START if accepted else Tolerance.START_MISSED_IN_V1
    return ((None, status), at, deviation) if deviation in tolerances else None
