"""A payload explained byte by byte: which bits are which field, and what they say.

For people who look at bytes. The spans cover every byte once, from first to last; bits that are ignored and bytes that
could not be read are named as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fleetcast.protocol.layout import Field, Kind, Layout, Part
from fleetcast.protocol.multi_package_frame import PREFIX, TOKEN_BITS, decode_frame
from fleetcast.protocol.packages import Direction, Package
from fleetcast.protocol.payload import Problem, decode
from fleetcast.protocol.tolerances import USUAL, Tolerance, Tolerances
from fleetcast.protocol.wire import Command


@dataclass(frozen=True, slots=True)
class Span:
    """Some bits of a payload and what they are."""

    offset: int
    """The first byte, from 0."""
    raw: bytes
    """The bytes that hold the bits; fields that share a word name the same bytes."""
    bits: tuple[int, int] | None
    """The highest and lowest bit in the little-endian word, where the field does not fill it."""
    command: str
    """The command it belongs to; empty for what is between commands."""
    field: str
    value: str
    note: str = ""


_PROBLEMS = {
    Problem.UNKNOWN_CID: "no command has this identifier here: nothing from here on can be read",
    Problem.TRUNCATED: "this command is cut short",
    Problem.NOT_ALONE: "this command must be alone in its payload",
    Problem.UNKNOWN_PACKAGE: "this package, or its version on this device, is not known",
    Problem.DANGLING_PACKAGE_ID: "a PackageID with no command behind it",
    Problem.BUFFER_REQUEST_NOT_ALONE: "MultiPackBufferReq must be alone: a device drops the whole frame",
    Problem.TRAILING_BYTES: "bytes behind the end",
}

_FORGIVEN = {
    Tolerance.SESSION_ANSWER_WITHOUT_TIME_TO_START: "TimeToStart is missing: accepted, start not confirmed",
    Tolerance.START_MISSED_IN_V1: "a reserved bit and no TimeToStart: read as refused",
    Tolerance.NO_SESSION_FULL_LENGTH: "three zero bytes that should not be there",
    Tolerance.STATUS_V2_IN_V1_LAYOUT: "read in the byte order of version 1",
    Tolerance.BIG_ENDIAN_STATUS: "read most significant byte first",
    Tolerance.BUFFER_ERROR_WITH_TOKEN: "the error form should have no token",
    Tolerance.EMPTY_BUFFER_FRAGMENT: "a fragment without bytes",
}


def explain(
    payload: bytes, package: Package, version: int, direction: Direction, tolerances: Tolerances = USUAL
) -> tuple[Span, ...]:
    """The spans of a payload of one package; raises as `decode` does."""
    decoded = decode(payload, package, version, direction, tolerances)
    spans: list[Span] = []
    at = 0
    for command in decoded.commands:
        found, at = _explain_command(command, payload, at, len(payload), tolerances)
        spans += found
    return (*spans, *_rest(payload, at, len(payload), decoded.problem))


def explain_frame(
    payload: bytes, direction: Direction, package_versions: Mapping[int, int], tolerances: Tolerances = USUAL
) -> tuple[Span, ...]:
    """The spans of a multi-package frame: PackageIDs, commands, token."""
    decoded = decode_frame(payload, direction, package_versions, tolerances)
    end = len(payload) - (decoded.token is not None)
    spans: list[Span] = []
    at = 0
    for one in decoded.commands:
        if one.prefixed:
            spans.append(_package_id(payload, at))
            at += 1
        found, at = _explain_command(one.command, payload, at, end, tolerances)
        spans += found
    start = end - len(decoded.unexplained) if decoded.problem else end
    spans += [_package_id(payload, number) for number in range(at, start)]
    spans += _rest(payload, start, end, decoded.problem)
    if decoded.token is not None:
        token = payload[end:]
        spans.append(Span(end, token, (7, 2), "", "RFU", _ignored(token[0] >> 2)))
        spans.append(Span(end, token, (1, 0), "", "CommandToken", str(token[0] & TOKEN_BITS)))
    return tuple(spans)


def _package_id(payload: bytes, at: int) -> Span:
    identifier = payload[at] & (PREFIX - 1)
    known = identifier in Package._value2member_map_
    return Span(
        at, payload[at : at + 1], None, "", "PackageID", str(identifier), Package(identifier).label if known else ""
    )


def _explain_command(
    command: Command, payload: bytes, at: int, end: int, tolerances: Tolerances
) -> tuple[list[Span], int]:
    reading = type(command).read(payload, at, end, tolerances)
    if reading is None:  # pragma: no cover - the same bytes were read just before
        raise AssertionError(f"{command.name} cannot be read twice")
    _, stop, forgiven = reading
    note = _FORGIVEN[forgiven] if forgiven else ""
    spans = [Span(at, payload[at : at + 1], None, command.name, "CID", f"0x{command.cid:02x}", note)]
    at += 1
    for layout in _layouts(command, forgiven):
        spans += _explain_layout(layout, payload, at, command.name, "", forgiven)
        at += layout.size
    for field in command.fields:
        if field.kind is Kind.RECORDS:
            for number, one in enumerate(getattr(command, field.name)):
                prefix = f"{field.name}[{number}]."
                spans += _explain_layout(one.head, payload, at, command.name, prefix, None)
                at += one.head.size
        elif field.kind is Kind.REST and at < stop:
            spans.append(Span(at, payload[at:stop], None, command.name, field.name, payload[at:stop].hex(), field.note))
            at = stop
    if at < stop:
        spans.append(Span(at, payload[at:stop], None, command.name, "swallowed", payload[at:stop].hex(), note))
    return spans, stop


def _layouts(command: Command, forgiven: Tolerance | None) -> Iterator[Layout]:
    if forgiven is Tolerance.STATUS_V2_IN_V1_LAYOUT and command.tail is not None:
        yield Layout(command.name, command.tail.fields + command.head.fields)
        return
    yield command.head
    if command.tail is not None and getattr(command, command.tail.fields[0].name) is not None:
        yield command.tail


def _explain_layout(
    layout: Layout, payload: bytes, at: int, command: str, prefix: str, forgiven: Tolerance | None
) -> Iterator[Span]:
    for part in layout.parts:
        raw = payload[at + part.offset : at + part.offset + part.size]
        word = raw[::-1] if forgiven is Tolerance.BIG_ENDIAN_STATUS and part.size == 2 else raw
        bits = None if part.fills_word else (part.shift + part.field.bits - 1, part.shift)
        name = "RFU" if part.field.kind is Kind.RESERVED else prefix + part.field.name
        yield Span(at + part.offset, raw, bits, command, name, _value(part, word), part.field.note)


def _value(part: Part, word: bytes) -> str:
    field: Field = part.field
    if field.kind is Kind.OCTETS:
        return word.hex()
    if field.kind is Kind.ADDRESS:
        return word[::-1].hex()
    number = part.number_in(word)
    if field.kind is Kind.FLAG:
        return "true" if number else "false"
    return _ignored(number) if field.kind is Kind.RESERVED else str(number)


def _ignored(number: int) -> str:
    return f"{number} (ignored)" if number else "0"


def _rest(payload: bytes, at: int, end: int, problem: Problem | None) -> list[Span]:
    if problem is None:
        return []
    return [Span(at, payload[at:end], None, "", "unexplained", payload[at:end].hex(), _PROBLEMS[problem])]
