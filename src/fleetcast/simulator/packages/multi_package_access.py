"""The device side of multi-package access (TS007-1.0.0): command sets, kept answers, and answers in fragments.

Taking a frame apart and keeping answers is in `protocol`; here is what stacks in the field do differently, and which
package executes what is told by the device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fleetcast.instants import InstantMs
from fleetcast.protocol.multi_package_frame import PREFIX, TOKEN_BITS, PackagedCommand, decode_body, decode_frame
from fleetcast.protocol.package_version import PackageVersionAns, PackageVersionReq
from fleetcast.protocol.packages import Direction, Package
from fleetcast.protocol.payload import Problem
from fleetcast.protocol.tolerances import STRICT
from fleetcast.protocol.ts004_fragmentation import v1 as fragmentation_v1
from fleetcast.protocol.ts004_fragmentation import v2 as fragmentation_v2
from fleetcast.protocol.ts007_multi_package.answer_buffer import BUFFER_BYTES, ERROR_FORM, AnswerBuffer, AnswerCollector
from fleetcast.protocol.ts007_multi_package.v1 import (
    DevPackageAns,
    DevPackageReq,
    MultiPackBufferFrag,
    MultiPackBufferReq,
    PackageRecord,
)
from fleetcast.simulator.device_answers import NEVER, Answer
from fleetcast.simulator.quirks import Quirk
from fleetcast.simulator.traits import Traits

Execute = Callable[[PackagedCommand], Answer | None]
_OVERHEAD_BYTES = 3
_REQUEST_BYTES = 3


@dataclass(frozen=True, slots=True)
class _Set:
    """A command set that was executed and not answered yet."""

    answers: tuple[tuple[int | None, Answer | None], ...]
    """PackageID byte in front, if any, and answer, if any, command by command."""
    token: int


class MultiPackageAccess:
    """The answers that one device keeps and sends."""

    __slots__ = ("_again", "_buffer", "_next_byte", "_set", "_stop_byte", "due")

    def __init__(self) -> None:
        self._set: _Set | None = None
        self._buffer = AnswerBuffer()
        self._again: MultiPackBufferReq | None = None
        self._next_byte = 0
        self._stop_byte = 0
        self.due: InstantMs = NEVER
        """When the next uplink is to be sent."""

    def execute(self, traits: Traits, payload: bytes, due: InstantMs, execute: Execute) -> None:
        """Execute a frame, command by command, and plan its answer."""
        versions = {int(package): port.version for package, port in traits.packages.items()}
        frame = decode_frame(payload, Direction.DOWN, versions, STRICT)
        if frame.problem is Problem.BUFFER_REQUEST_NOT_ALONE:
            if _is_b(traits):
                self._overwritten(traits, payload, versions, due, execute)
            elif Quirk.MPA_TOKEN_ONLY in traits.quirks:
                self._not_alone(payload, versions, due, execute)
            return
        if frame.commands and isinstance(frame.commands[0].command, MultiPackBufferReq):
            self._set = None
            self._again = frame.commands[0].command
            self._next_byte, self._stop_byte = 0, 0
            self.due = due
            return
        if frame.token is None:
            return
        commands: tuple[PackagedCommand, ...] = frame.commands
        problem: Problem | None = frame.problem
        if Quirk.MPA_DELETE_LENGTH in traits.quirks:
            commands, problem = _delete_one_byte_longer(payload, versions)
        answers = [(_prefix(one), execute(one)) for one in commands if not _own_port_only(traits, one)]
        silent = any(answer is None for _, answer in answers) or problem is not None or not answers
        if silent and Quirk.MPA_NO_ANSWER_FRAME in traits.quirks:
            return
        if all(answer is None for _, answer in answers) and Quirk.MPA_TOKEN_ONLY not in traits.quirks:
            return
        token = payload[-1] if Quirk.TOKEN_BYTE_ECHOED in traits.quirks else payload[-1] & TOKEN_BITS
        self._set, self._again = _Set(tuple(answers), token), None
        self._next_byte, self._stop_byte = 0, 0
        self.due = due

    def uplink(self, traits: Traits, now: InstantMs, room: int) -> bytes:
        """The uplink that is due now; another one may be due at once."""
        self.due = NEVER
        if self._set is not None:
            self._buffer = _collect(traits, self._set, now)
            self._set = None
            # One stack fragments answers of two or one byte less than what fits.
            fits = len(self._buffer.body) + (3 if _is_b(traits) else 1) <= room
            if fits:
                return self._buffer.body + bytes([self._buffer.token])
            self._next_byte, self._stop_byte = 0, len(self._buffer.body)
        elif self._again is not None:
            request, self._again = self._again, None
            stop = request.stop_byte + 1
            if request.start_byte >= len(self._buffer.body) or stop <= request.start_byte:
                return ERROR_FORM + (bytes([self._buffer.token]) if _is_b(traits) else b"")
            self._next_byte, self._stop_byte = request.start_byte, min(stop, len(self._buffer.body))
            if Quirk.MPA_STOP_EXCLUSIVE in traits.quirks:
                return self._stop_left_out(traits, request, room)
        if self._stop_byte <= self._next_byte:
            return b""
        sent, self._next_byte = self._buffer.fragment(self._next_byte, self._stop_byte, room)
        if self._next_byte < self._stop_byte:
            self.due = now
        return sent

    def _stop_left_out(self, traits: Traits, request: MultiPackBufferReq, room: int) -> bytes:
        """The answer of a stack that takes StopByte for the first byte not wanted."""
        start, size = request.start_byte, len(self._buffer.body)
        self._stop_byte = self._next_byte
        if request.stop_byte <= size:
            wanted = self._buffer.body[start : request.stop_byte]
        elif _is_b(traits):
            wanted = (self._buffer.body[start:] + bytes(BUFFER_BYTES))[:size]  # old bytes follow the end
        else:
            wanted = self._buffer.body[start:]
        self._stop_byte = self._next_byte = 0
        part = MultiPackBufferFrag(base_byte=start, data=wanted[: room - _OVERHEAD_BYTES])
        return part.encode() + bytes([self._buffer.token])

    def _not_alone(self, payload: bytes, versions: dict[int, int], due: InstantMs, execute: Execute) -> None:
        """A buffer request beside other commands, in a stack that answers what came before it."""
        before = decode_body(payload[:-1], Direction.DOWN, versions, STRICT)
        if before.commands:
            answers = tuple((_prefix(one), execute(one)) for one in before.commands)
            self._set, self._again = _Set(answers, payload[-1] & TOKEN_BITS), None
            self.due = due

    def _overwritten(
        self, traits: Traits, payload: bytes, versions: dict[int, int], due: InstantMs, execute: Execute
    ) -> None:
        """A buffer request beside other commands, in a stack that writes their answers over the start of the kept ones.

        It then answers the request, unless the request came first.
        """
        first = payload[0] == MultiPackBufferReq.cid
        body = payload[_REQUEST_BYTES:-1] if first else payload[:-1]
        frame = decode_body(body, Direction.DOWN, versions, STRICT)
        answers = tuple((_prefix(one), execute(one)) for one in frame.commands)
        written = _collect(traits, _Set(answers, 0), due).body
        kept = self._buffer.body
        self._buffer = AnswerBuffer((written + kept[len(written) :])[: len(kept)], self._buffer.token)
        request = frame.unexplained
        if not first and len(request) >= _REQUEST_BYTES:
            self._set = None
            self._again = MultiPackBufferReq(start_byte=request[1], stop_byte=request[2])
            self.due = due


def execute_own(traits: Traits, command: PackagedCommand) -> Answer | None:
    """The answer to a command of package 0 itself."""
    match command.command:
        case PackageVersionReq():
            return Answer(PackageVersionAns(package_identifier=0, package_version=1).encode())
        case DevPackageReq():
            records = tuple(
                PackageRecord(package_identifier=package, package_version=port.version, f_port=port.f_port)
                for package, port in sorted(traits.packages.items())
            )
            return Answer(DevPackageAns(nb_packages=len(records), packages=records).encode())
        case _:
            return None


def _collect(traits: Traits, executed: _Set, now: InstantMs) -> AnswerBuffer:
    collector = AnswerCollector(traits.answer_buffer_bytes.get(Package.MULTI_PACKAGE_ACCESS, BUFFER_BYTES))
    for prefix, answer in executed.answers:
        collector.add(prefix, None if answer is None else answer.written(now, BUFFER_BYTES) or None)
    return collector.buffer(executed.token)


def _prefix(one: PackagedCommand) -> int | None:
    return PREFIX | one.package if one.prefixed else None


def _own_port_only(traits: Traits, one: PackagedCommand) -> bool:
    return _is_b(traits) and isinstance(one.command, fragmentation_v2.FragDataBlockReceivedAns)


def _is_b(traits: Traits) -> bool:
    return Quirk.MPA_NO_ANSWER_FRAME in traits.quirks


def _delete_one_byte_longer(
    payload: bytes, versions: dict[int, int]
) -> tuple[tuple[PackagedCommand, ...], Problem | None]:
    """The commands of a frame in a stack that takes FragSessionDeleteReq for a byte longer than it is.

    Last in the frame, it swallows the token: what follows it then reads as one more PackageVersionReq with token 0.
    """
    frame = decode_body(payload[:-1], Direction.DOWN, versions, STRICT)
    commands, problem = frame.commands, frame.problem
    if not commands or not isinstance(commands[-1].command, fragmentation_v1.FragSessionDeleteReq) or problem:
        return commands, problem
    if payload[-1] & TOKEN_BITS:
        return (), Problem.TRUNCATED
    return (*commands, PackagedCommand(Package.FRAGMENTATION, PackageVersionReq(), None)), None
