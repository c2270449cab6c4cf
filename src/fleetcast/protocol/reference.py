"""The reference page of all commands, made from their declarations."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from fleetcast.protocol.layout import Field, Kind, Layout
from fleetcast.protocol.packages import Direction, Package, commands, versions
from fleetcast.protocol.wire import Command


def reference_markdown() -> str:
    """The page, as Markdown: one section a package and version, one table a command."""
    lines = [
        "# Commands",
        "",
        "Offsets count bytes behind the command identifier (CID). Integers are little-endian; bits are those of the",
        "little-endian word at that offset. RFU bits are sent as 0 and ignored when received.",
        "",
    ]
    for package in sorted(Package, key=_specification):
        for version in versions(package):
            lines += _section(package, version)
    return "\n".join(lines).rstrip() + "\n"


def command_markdown(command: type[Command]) -> str:
    """What a command is for, and a table of its fields."""
    lines = [inspect.cleandoc(command.__doc__ or ""), ""]
    rows = list(_rows(command))
    if not rows:
        return "\n".join([*lines, "No fields."])
    lines += ["| Offset | Bits | Field | Values | Meaning |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _specification(package: Package) -> str:
    return package.specification


def _section(package: Package, version: int) -> Iterator[str]:
    yield f"## {package.specification} version {version}: {package.label}"
    yield ""
    yield f"Package identifier {int(package)}, FPort {package.default_f_port}."
    yield ""
    for direction in Direction:
        for cid, command in sorted(commands(package, version, direction).items()):
            size = "length varies" if command.fixed_size is None else f"{command.fixed_size} bytes with CID"
            yield f"### {command.name} (0x{cid:02X} {direction.value}, {size})"
            yield ""
            yield command_markdown(command)
            yield ""


def _rows(command: type[Command]) -> Iterator[tuple[str, str, str, str, str]]:
    yield from _layout_rows(command.head, 0, "")
    after = command.head.size
    if command.tail is not None:
        yield from _layout_rows(command.tail, after, "optional")
    for field in command.fields:
        if field.kind is Kind.REST:
            yield str(after), "", f"`{field.name}`", field.allowed(), field.note
        elif field.kind is Kind.RECORDS and field.record is not None:
            yield (
                str(after),
                "",
                f"`{field.name}`",
                field.allowed(),
                f"{field.note}, {field.record.head.size} bytes each",
            )
            for offset, bits, name, values, note in _layout_rows(field.record.head, 0, ""):
                yield f"+{offset}", bits, f"{name} of each", values, note


def _layout_rows(layout: Layout, start: int, remark: str) -> Iterator[tuple[str, str, str, str, str]]:
    for part in layout.parts:
        bits = "" if part.fills_word else _bits(part.shift + part.field.bits - 1, part.shift)
        name = "RFU" if part.field.kind is Kind.RESERVED else f"`{part.field.name}`"
        yield (
            str(start + part.offset),
            bits,
            name,
            _values(part.field),
            "; ".join(filter(None, (remark, part.field.note))),
        )


def _bits(high: int, low: int) -> str:
    return str(high) if high == low else f"{high}:{low}"


def _values(field: Field) -> str:
    return "0" if field.kind is Kind.RESERVED else field.allowed()
