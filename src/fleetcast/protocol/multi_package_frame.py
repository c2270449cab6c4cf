"""One frame of multi-package access (TS007, FPort 225) and the commands of several packages in it.

    [PackageID] CID payload  [PackageID] CID payload  ...  CommandToken

A byte with bit 7 set at a command boundary names the package of what follows; without one, a command belongs to the
package named last, at the start to package 0. There is no length anywhere: the next command is found only by knowing
the one before, in the version this device has. As in single payloads, the first thing that cannot be read ends the
reading, and the rest is handed back and named. Answers kept and sent in parts are the matter of
`ts007_multi_package.answer_buffer`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fleetcast.errors import Invalid
from fleetcast.protocol.command_table import CommandTable
from fleetcast.protocol.packages import COMMANDS, Direction, Package
from fleetcast.protocol.payload import Problem
from fleetcast.protocol.tolerances import USUAL, Tolerance, Tolerances
from fleetcast.protocol.ts007_multi_package.v1 import BUFFER_ERROR, MultiPackBufferFrag, MultiPackBufferReq
from fleetcast.protocol.wire import Command

PREFIX = 0x80
TOKEN_BITS = 0x03
_BUFFER_CID = MultiPackBufferReq.cid


@dataclass(frozen=True, slots=True)
class PackagedCommand:
    """A command and the package it belongs to."""

    package: Package
    command: Command
    prefixed: bool | None = None
    """Whether a PackageID stands before it; None when encoding: only where it is needed."""


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """What a frame says: its commands in order, its token, and what could not be read."""

    commands: tuple[PackagedCommand, ...]
    token: int | None = None
    """The two token bits; None where the frame has no token byte."""
    unexplained: bytes = b""
    problem: Problem | None = None
    cid: int | None = None
    tolerated: tuple[Tolerance, ...] = ()


def next_token(token: int) -> int:
    """The token of the next command set."""
    return (token + 1) & TOKEN_BITS


def decode_frame(
    payload: bytes, direction: Direction, package_versions: Mapping[int, int], tolerances: Tolerances = USUAL
) -> DecodedFrame:
    """The commands of a frame; never raises for any bytes.

    `package_versions` says which version of which package (by identifier) the device has; package 0 has version 1
    unless it says otherwise. A package that is not in it, or not known in that version, cannot be read.
    """
    if not payload:
        return DecodedFrame(())
    lead = 1 if payload[0] == PREFIX else 0
    if len(payload) > lead and payload[lead] == _BUFFER_CID:
        if direction is Direction.DOWN:
            return _buffer_request(payload, lead)
        if len(payload) > lead + 1:
            return _buffer_fragment(payload, lead, tolerances)
    body = decode_body(payload[:-1], direction, package_versions, tolerances)
    if body.problem is Problem.BUFFER_REQUEST_NOT_ALONE:
        return DecodedFrame((), None, payload, body.problem, body.cid)
    token = payload[-1] & TOKEN_BITS
    return DecodedFrame(body.commands, token, body.unexplained, body.problem, body.cid, body.tolerated)


def decode_body(
    body: bytes, direction: Direction, package_versions: Mapping[int, int], tolerances: Tolerances = USUAL
) -> DecodedFrame:
    """The commands of a frame without its token, for example of answers put together from fragments."""
    found: list[PackagedCommand] = []
    tolerated: tuple[Tolerance, ...] = ()
    package = Package.MULTI_PACKAGE_ACCESS
    table = _table(package, direction, package_versions)
    at, end = 0, len(body)

    def stopped(problem: Problem, at: int, cid: int | None) -> DecodedFrame:
        return DecodedFrame(tuple(found), None, body[at:], problem, cid, tolerated)

    while at < end:
        prefixed = body[at] >= PREFIX
        if prefixed:
            named = _package(body[at] & 0x7F)
            other = None if named is None else _table(named, direction, package_versions)
            if named is None or other is None:
                return stopped(Problem.UNKNOWN_PACKAGE, at, None)
            if at + 1 == end or body[at + 1] >= PREFIX:
                return stopped(Problem.DANGLING_PACKAGE_ID, at, None)
            package, table = named, other
            at += 1
        if table is None:
            return stopped(Problem.UNKNOWN_PACKAGE, at, None)
        cid = body[at]
        kind = table.get(cid)
        if kind is None:
            return stopped(Problem.UNKNOWN_CID, at, cid)
        if kind is MultiPackBufferReq:
            return stopped(Problem.BUFFER_REQUEST_NOT_ALONE, at, cid)
        if kind.alone:
            return stopped(Problem.NOT_ALONE, at, cid)
        reading = kind.read(body, at, end, tolerances)
        if reading is None:
            return stopped(Problem.TRUNCATED, at, cid)
        command, at, forgiven = reading
        found.append(PackagedCommand(package, command, prefixed))
        if forgiven is not None:
            tolerated += (forgiven,)
    return DecodedFrame(tuple(found), tolerated=tolerated)


def encode_frame(commands: Sequence[PackagedCommand], token: int | None) -> bytes:
    """The frame that carries these commands and ends with the token; PackageIDs as asked for, else as few as possible.

    MultiPackBufferReq has no token, the error form of MultiPackBufferFrag needs none, everything else has one.
    Raises Invalid for what cannot be one frame.
    """
    if token is not None and not 0 <= token <= TOKEN_BITS:
        raise Invalid(f"token {token}: allowed 0 to {TOKEN_BITS}")
    parts = [one.command for one in commands]
    for command in parts:
        if command.alone and not isinstance(command, MultiPackBufferReq | MultiPackBufferFrag):
            raise Invalid(f"{command.name} fills its payload: send it on the FPort of its own package")
        if command.alone and len(parts) > 1:
            raise Invalid(f"{command.name} must be alone in its frame; there are {len(parts)} commands")
    if any(isinstance(command, MultiPackBufferReq) for command in parts):
        if token is not None:
            raise Invalid(f"token {token}: MultiPackBufferReq is sent without a token")
    elif token is None and not any(isinstance(one, MultiPackBufferFrag) and one.is_error for one in parts):
        raise Invalid(f"token missing: give 0 to {TOKEN_BITS}; only MultiPackBufferReq and the error form go without")
    return encode_body(commands) + (b"" if token is None else bytes([token]))


def encode_body(commands: Sequence[PackagedCommand]) -> bytes:
    """The commands with their PackageIDs, without the token; raises Invalid where a needed PackageID is refused."""
    wire = b""
    package = Package.MULTI_PACKAGE_ACCESS
    for one in commands:
        changes = one.package is not package
        if changes and one.prefixed is False:
            raise Invalid(f"{one.command.name} of {one.package.label} behind {package.label}: it needs its PackageID")
        if changes or one.prefixed:
            wire += bytes([PREFIX | one.package])
        wire += one.command.encode()
        package = one.package
    return wire


@dataclass(frozen=True, slots=True)
class MatchedAnswers:
    """Answers beside the requests they belong to."""

    answers: tuple[Command | None, ...]
    """One for each expected answer, None where it did not come."""
    complete: bool
    """Whether the last expected answer is there, so that nothing more can come."""


def match_answers(expected: Sequence[tuple[Package, int]], received: DecodedFrame) -> MatchedAnswers:
    """Answers in the order of the requests; `expected` names package and CID of each answer a set should bring.

    Where an answer is missing, the next expected one is looked for. What follows the last one is not ours: some stacks
    send old bytes behind the end.
    """
    answers: list[Command | None] = [None] * len(expected)
    at = 0
    for one in received.commands:
        key = (one.package, one.command.cid)
        place = next((number for number in range(at, len(expected)) if tuple(expected[number]) == key), None)
        if place is not None:
            answers[place] = one.command
            at = place + 1
    return MatchedAnswers(tuple(answers), at == len(expected))


def _buffer_request(payload: bytes, lead: int) -> DecodedFrame:
    size = len(payload) - lead
    if size > 3:
        return DecodedFrame((), None, payload, Problem.BUFFER_REQUEST_NOT_ALONE, _BUFFER_CID)
    if size < 3:
        return DecodedFrame((), None, payload[lead:], Problem.TRUNCATED, _BUFFER_CID)
    request = MultiPackBufferReq(start_byte=payload[lead + 1], stop_byte=payload[lead + 2])
    return DecodedFrame((PackagedCommand(Package.MULTI_PACKAGE_ACCESS, request, lead == 1),))


def _buffer_fragment(payload: bytes, lead: int, tolerances: Tolerances) -> DecodedFrame:
    base_at = lead + 1
    if payload[base_at] == BUFFER_ERROR:
        error = MultiPackBufferFrag(base_byte=BUFFER_ERROR, data=b"")
        said = (PackagedCommand(Package.MULTI_PACKAGE_ACCESS, error, lead == 1),)
        behind = payload[base_at + 1 :]
        if not behind:
            return DecodedFrame(said)
        if len(behind) == 1 and Tolerance.BUFFER_ERROR_WITH_TOKEN in tolerances:
            return DecodedFrame(said, behind[0] & TOKEN_BITS, tolerated=(Tolerance.BUFFER_ERROR_WITH_TOKEN,))
        return DecodedFrame(said, None, behind, Problem.TRAILING_BYTES)
    reading = MultiPackBufferFrag.read(payload, lead, len(payload) - 1, tolerances)
    if reading is None:
        return DecodedFrame((), None, payload[lead:], Problem.TRUNCATED, _BUFFER_CID)
    fragment, _, forgiven = reading
    tolerated = () if forgiven is None else (forgiven,)
    packaged = PackagedCommand(Package.MULTI_PACKAGE_ACCESS, fragment, lead == 1)
    return DecodedFrame((packaged,), payload[-1] & TOKEN_BITS, tolerated=tolerated)


def _package(identifier: int) -> Package | None:
    return Package(identifier) if identifier in Package._value2member_map_ else None


def _table(package: Package, direction: Direction, package_versions: Mapping[int, int]) -> CommandTable | None:
    default = 1 if package is Package.MULTI_PACKAGE_ACCESS else 0
    return COMMANDS.get((package, package_versions.get(package, default), direction))
