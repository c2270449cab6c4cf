"""Device sets as CSV: name, description, and the DevEUIs of the devices with semicolons between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fleetcast.errors import Invalid
from fleetcast.identifiers import DevEui
from fleetcast.interchange import fields
from fleetcast.interchange.table import Sheet, read_rows, write_row

_LAST_COLUMN = "C"
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class DeviceSetRow:
    """One device set of the file: its devices in the file's order, each once."""

    name: str
    description: str = ""
    dev_euis: tuple[DevEui, ...] = ()


def read_device_sets(data: bytes, *, update_existing: bool = False) -> Sheet[DeviceSetRow]:
    """The device sets of a file, and a complaint for every row that can't be one.

    With `update_existing` a name may stand twice, and devices may be left out (those that the set has stay); whether a
    set is new and so needs them, only the caller knows.
    """
    sheet: Sheet[DeviceSetRow] = Sheet()
    first_line: dict[str, int] = {}
    for row in read_rows(data, _LAST_COLUMN, sheet.complaints):
        name = row.given("A")
        dev_euis = row.value("C", _dev_euis)
        if not row.given("C") and not update_existing:
            row.complain("C", NO_DEVICES)
        if name is None:
            row.complain("A", "the name is missing")
            continue
        before = first_line.setdefault(name, row.line)
        if before != row.line and not update_existing:
            row.complain("A", f"the set {name!r} stands in line {before} already")
        if not row.bad:
            sheet.rows.append((row.line, DeviceSetRow(name, row.text("B"), dev_euis or ())))
    return sheet


NO_DEVICES = "the devices are missing: write their DevEUIs with semicolons between them"
"""What to say of a new set without devices."""


def _dev_euis(text: str) -> tuple[DevEui, ...]:
    found: dict[DevEui, None] = {}
    wrong: list[str] = []
    for part in filter(None, map(str.strip, text.split(";"))):
        try:
            found[fields.dev_eui(part)] = None
        except Invalid:
            wrong.append(part)
    if wrong:
        shown = ", ".join(repr(part[:40]) for part in wrong[:_SHOWN])
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise Invalid(f"{shown}{more}: not a DevEUI; write 16 hex digits each, with semicolons between them")
    if not found:
        raise Invalid(NO_DEVICES)
    return tuple(found)


def write_device_sets(sets: Iterable[DeviceSetRow]) -> Iterator[str]:
    """The same format, a line at a time: what is exported can be imported."""
    for each in sets:
        yield write_row((each.name, each.description, ";".join(each.dev_euis)))
