"""Answers kept by a device and sent in parts, and a server's way to put the parts together (TS007-1.0.0, rules 3 to 6).

The device keeps the answers to the last command set, without the token, and sends them in fragments when they do not
fit one uplink or when asked for. The server keeps what came, byte by byte: fragments may leave gaps, repeat and
overlap, and the end is known only from the content.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fleetcast.errors import Invalid
from fleetcast.protocol.ts007_multi_package.v1 import BUFFER_ERROR, MultiPackBufferFrag, MultiPackBufferReq

BUFFER_BYTES = 128
"""What a device keeps at most; what exceeds it is lost."""
FRAGMENT_OVERHEAD_BYTES = 3
"""CID, BaseByte and token."""
TO_THE_END = 255
"""The StopByte that asks for everything that is left."""
ERROR_FORM = MultiPackBufferFrag(base_byte=BUFFER_ERROR, data=b"").encode()


@dataclass(frozen=True, slots=True)
class AnswerBuffer:
    """What a device keeps: its answers with their PackageIDs, and the token of the set they belong to."""

    body: bytes = b""
    token: int = 0

    def uplinks(self, max_payload_bytes: int) -> tuple[bytes, ...]:
        """The uplinks that carry all answers: the buffer as it is where it fits with its token, else fragments."""
        if len(self.body) < max_payload_bytes:
            return (self.body + bytes([self.token]),)
        return self._fragments(0, len(self.body), max_payload_bytes)

    def asked_again(self, request: MultiPackBufferReq, max_payload_bytes: int) -> tuple[bytes, ...]:
        """The uplinks that answer a MultiPackBufferReq: fragments always, or the error form alone."""
        if request.start_byte >= len(self.body) or request.stop_byte < request.start_byte:
            return (ERROR_FORM,)
        return self._fragments(request.start_byte, min(request.stop_byte + 1, len(self.body)), max_payload_bytes)

    def fragment(self, start: int, stop: int, max_payload_bytes: int) -> tuple[bytes, int]:
        """The uplink with the bytes from `start` on, at most up to `stop`, and where the next one starts.

        For devices whose data rate, and so the room in an uplink, may change between two fragments.
        """
        room = max_payload_bytes - FRAGMENT_OVERHEAD_BYTES
        if room < 1:
            raise Invalid(
                f"max_payload_bytes {max_payload_bytes}: a fragment needs at least {FRAGMENT_OVERHEAD_BYTES + 1}"
            )
        end = min(start + room, stop)
        part = MultiPackBufferFrag(base_byte=start, data=self.body[start:end])
        return part.encode() + bytes([self.token]), end

    def _fragments(self, start: int, stop: int, max_payload_bytes: int) -> tuple[bytes, ...]:
        found: list[bytes] = []
        while start < stop:
            uplink, start = self.fragment(start, stop, max_payload_bytes)
            found.append(uplink)
        return tuple(found)


class AnswerCollector:
    """Answers as a device adds them, command by command, in the order of the set."""

    __slots__ = ("_body", "_capacity", "_full", "_prefix")

    def __init__(self, capacity_bytes: int = BUFFER_BYTES) -> None:
        self._body = b""
        self._capacity = capacity_bytes
        self._full = False
        self._prefix: int | None = None

    def add(self, prefix: int | None, answer: bytes | None) -> None:
        """Add the answer to one command: the PackageID byte that stood before the command, and the answer, if any.

        A PackageID is copied in front of the answer; if the command has none, in front of the next answer of that
        package. An answer that does not fit is left out, and everything behind it.
        """
        if prefix is not None:
            self._prefix = prefix
        if answer is None or self._full:
            return
        added = answer if self._prefix is None else bytes([self._prefix]) + answer
        if len(self._body) + len(added) > self._capacity:
            self._full = True
            return
        self._body += added
        self._prefix = None

    def buffer(self, token: int) -> AnswerBuffer:
        """The buffer as it is kept, under the token of the set."""
        return AnswerBuffer(self._body, token)


@dataclass(frozen=True, slots=True)
class Reassembly:
    """What a server has of one set of answers; each fragment makes a new one."""

    token: int | None = None
    known: Mapping[int, int] = field(default_factory=dict)
    """Byte number to value."""

    def with_fragment(self, fragment: MultiPackBufferFrag, token: int | None) -> Reassembly:
        """This and one more fragment; a fragment under another token starts anew, the error form adds nothing."""
        if fragment.is_error:
            return self
        known = dict(self.known) if token == self.token else {}
        known.update(enumerate(fragment.data, fragment.base_byte))
        return Reassembly(token, known)

    @property
    def start(self) -> bytes:
        """The bytes from 0 up to the first gap: what can be read."""
        found = bytearray()
        while (value := self.known.get(len(found))) is not None:
            found.append(value)
        return bytes(found)

    def request(self) -> MultiPackBufferReq:
        """The request for what is missing, to be sent while the answers are not complete.

        StopByte is one more than the last byte missing, or 255 for the end: it costs nothing with a device that
        includes StopByte, and is needed with one that leaves it out.
        """
        first = len(self.start)
        last_known = max(self.known, default=-1)
        gaps = [number for number in range(first, last_known) if number not in self.known]
        return MultiPackBufferReq(start_byte=min(first, 254), stop_byte=gaps[-1] + 1 if gaps else TO_THE_END)
