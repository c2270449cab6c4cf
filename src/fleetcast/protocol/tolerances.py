"""Known deviations of real device stacks that a decoder may forgive, each by name.

A tolerance changes how bytes are read, never what they mean to a campaign. What is forgiven is reported beside the
commands (`Decoded.tolerated`), so that a device profile can learn from it.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias


class Tolerance(Enum):
    """One deviation from the text of a specification; the value is its name in settings and logs."""

    SESSION_ANSWER_WITHOUT_TIME_TO_START = "session_answer_without_time_to_start"
    """An accepted class B or C session answer (TS005, 0x04 and 0x05) may lack TimeToStart if its status byte ends the
    payload and every bit above bit 1 is 0: accepted, start time not confirmed. One or two bytes left are cut short."""

    START_MISSED_IN_V1 = "start_missed_in_v1"
    """A version 1 session answer may set a bit above bit 4 and end with its status byte: refused, most often because
    the start had passed (the meaning version 2 gives to bit 5). With TimeToStart behind them the bits are RFU."""

    NO_SESSION_FULL_LENGTH = "no_session_full_length"
    """A version 2 FragSessionStatusAns that says "session does not exist" may be followed by exactly three zero bytes,
    the rest of the payload; they are swallowed. Any other rest is the next command."""

    STATUS_V2_IN_V1_LAYOUT = "status_v2_in_v1_layout"
    """A version 2 FragSessionStatusAns has the byte order of version 1: status last, always four bytes. For one
    microcontroller maker's stack; the bytes do not tell, so it is never on by default."""

    BIG_ENDIAN_STATUS = "big_endian_status"
    """The two bytes of Received&index in FragSessionStatusAns are swapped. For one operating system's stack; the bytes
    do not tell, so it is never on by default."""

    BUFFER_ERROR_WITH_TOKEN = "buffer_error_with_token"  # noqa: S105 - the token of a frame, no password
    """The error form of MultiPackBufferFrag (TS007) may be followed by a token byte."""

    EMPTY_BUFFER_FRAGMENT = "empty_buffer_fragment"
    """A MultiPackBufferFrag may carry no bytes, as stacks that leave StopByte out send when StartByte = StopByte."""


Tolerances: TypeAlias = frozenset[Tolerance]

STRICT: Tolerances = frozenset()
"""The text of the specifications, nothing else."""

USUAL: Tolerances = frozenset(
    {
        Tolerance.SESSION_ANSWER_WITHOUT_TIME_TO_START,
        Tolerance.START_MISSED_IN_V1,
        Tolerance.NO_SESSION_FULL_LENGTH,
        Tolerance.BUFFER_ERROR_WITH_TOKEN,
        Tolerance.EMPTY_BUFFER_FRAGMENT,
    }
)
"""What a server forgives any device: readings that cannot be mistaken for something else."""
