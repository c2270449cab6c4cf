"""`fleetcast decode`: what the bytes of a payload say, byte by byte, as JSON, or for a whole log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from fleetcast.cli.arguments import BadArgument, parse_hex, read_standard_input
from fleetcast.cli.dialect_options import (
    DirectionOption,
    PackageOption,
    PackageVersionOption,
    PackageVersionsOption,
    PortOption,
    defaults_of,
)
from fleetcast.cli.exit import ExitCode
from fleetcast.cli.json_lines import answer_lines
from fleetcast.cli.output import counted, print_json, print_line, print_table

if TYPE_CHECKING:
    from fleetcast.cli.dialect import Dialect, DialectDefaults

_EXAMPLE_LINE = '{"hex": "00", "port": 201, "direction": "down"}'
_LONG_BYTES = 8
"""So many bytes stand on one line of a table."""


def decode(
    payload: Annotated[
        str | None, typer.Argument(metavar="HEX", help="The payload; - or nothing reads it from standard input.")
    ] = None,
    *,
    port: PortOption = None,
    package_version: PackageVersionOption = None,
    direction: DirectionOption = None,
    package: PackageOption = None,
    package_versions: PackageVersionsOption = None,
    lines: Annotated[
        bool, typer.Option("--lines", help="Read one JSON object a line, write one result a line.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Explain a payload of TS003 to TS007, byte by byte.

    What cannot be read is kept as unexplained bytes and named. With --lines standard input holds one object a line:
    "hex", and "port", "package_version", "direction" where the options do not say them once for all. A line that cannot
    be read gives a result with "error" and does not stop the rest; the exit code is then 2.

    Examples:

        fleetcast decode 0106 --port 201 --direction down
        fleetcast decode 0100052000 --port 201 --package-version 2 --direction up --json
        fleetcast decode 8100820001 --port 225 --direction down --package-versions 1=2,2=2
        fleetcast decode --lines < log.jsonl > decoded.jsonl
    """
    defaults = defaults_of(port, package, package_version, direction, package_versions)
    if lines:
        if payload is not None:
            raise BadArgument("--lines reads from standard input: leave the payload out")
        if answer_lines(lambda line: _decode_line(line, defaults), _EXAMPLE_LINE):
            raise typer.Exit(ExitCode.ASKED_WRONGLY)
        return
    dialect = defaults.dialect()
    text = read_standard_input("payload") if payload in (None, "-") else payload
    raw = parse_hex(text or "")
    if as_json:
        print_json(decoded_json(raw, dialect))
    else:
        _print(raw, dialect)


def decoded_json(payload: bytes, dialect: Dialect) -> dict[str, object]:
    """Commands, what could not be read, and why; the names and values of the golden vectors.

    `problem`, `tolerated` and (where there is one) `token` are there only when there is something to say.
    """
    from fleetcast.protocol.json_fields import to_json
    from fleetcast.protocol.multi_package_frame import decode_frame
    from fleetcast.protocol.payload import decode

    if dialect.mixes_packages:
        found = decode_frame(payload, dialect.direction, dialect.versions())
        commands = [
            {"package_identifier": int(one.package), "prefixed": one.prefixed, **to_json(one.command)}
            for one in found.commands
        ]
        result: dict[str, object] = {"commands": commands, "unexplained": found.unexplained.hex()}
        if found.token is not None:
            result["token"] = found.token
        problem, cid, tolerated = found.problem, found.cid, found.tolerated
    else:
        plain = decode(payload, dialect.package, dialect.version, dialect.direction)
        result = {"commands": [to_json(one) for one in plain.commands], "unexplained": plain.unexplained.hex()}
        problem, cid, tolerated = plain.problem, plain.cid, plain.tolerated
    if problem is not None:
        result["problem"] = {"kind": problem.value, "cid": cid}
    if tolerated:
        result["tolerated"] = [one.value for one in tolerated]
    return result


def _decode_line(line: Mapping[str, object], defaults: DialectDefaults) -> dict[str, object]:
    payload = line.get("hex")
    if not isinstance(payload, str):
        raise BadArgument('the line has no "hex": write for example "hex": "00"')
    # A frame without a payload is nothing wrong in a log.
    return decoded_json(parse_hex(payload) if payload else b"", defaults.of(line))


def _print(payload: bytes, dialect: Dialect) -> None:
    from fleetcast.protocol.explanation import explain, explain_frame

    way = "server to device" if dialect.direction.value == "down" else "device to server"
    version = "" if dialect.mixes_packages else f" version {dialect.version}"
    print_line(
        f"{dialect.package.specification}{version} ({dialect.package.label}), {way}, {counted(len(payload), 'byte')}"
    )
    print_line()
    if dialect.mixes_packages:
        spans = explain_frame(payload, dialect.direction, dialect.versions())
    else:
        spans = explain(payload, dialect.package, dialect.version, dialect.direction)
    rows = []
    for before, span in zip((None, *spans), spans, strict=False):
        # Bit fields of one word name the same bytes; they are shown once.
        again = before is not None and before.offset == span.offset and before.raw == span.raw and span.bits is not None
        rows.append(
            (
                "" if again else str(span.offset),
                "" if again else _hex_lines(span.raw),
                _bits(span.bits),
                span.field,
                span.value if len(span.raw) <= _LONG_BYTES else counted(len(span.raw), "byte"),
                f"{span.command}. {span.note}".rstrip(". ") if span.field == "CID" else span.note,
            )
        )
    print_table(("byte", "hex", "bits", "field", "value", "meaning"), rows, right=("byte",))


def _hex_lines(raw: bytes) -> str:
    return "\n".join(raw[at : at + _LONG_BYTES].hex(" ") for at in range(0, len(raw), _LONG_BYTES))


def _bits(bits: tuple[int, int] | None) -> str:
    if bits is None:
        return ""
    high, low = bits
    return str(high) if high == low else f"{high}:{low}"
