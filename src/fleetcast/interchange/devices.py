"""Devices as CSV: the export format of network servers, 32 columns A to AF, of which eleven are used.

Which connection the devices belong to is chosen beside the file; whether a device exists is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from fleetcast.errors import Invalid
from fleetcast.identifiers import DevEui, FirmwareVersion
from fleetcast.interchange import fields
from fleetcast.interchange.fields import SessionClasses
from fleetcast.interchange.table import Row, Sheet, letter, read_rows, write_row
from fleetcast.secret import Secret

LAST_COLUMN: Final = "AF"
_COLUMNS: Final = tuple(letter(index) for index in range(32))
_LORAWAN: Final = {"LORAWAN_1_0": False, "LORAWAN_1_1": True}
_CLASSES: Final[dict[str, SessionClasses]] = {"B": "B", "C": "C", "BC": "BC", "CB": "BC", "B/C": "BC"}
_hw_revision = fields.number("HW revision", 0, 255)

MUST_BE_GIVEN: Final = {
    "W": "the LoRaWAN version is missing: write LORAWAN_1_0 or LORAWAN_1_1",
    "AD": "the producer id is missing",
    "AE": "the module id is missing",
    "AF": "the HW revision is missing: write a whole number from 0 to 255",
}
"""What a device that is new must have, by column: the cause to complain with where it is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRow:
    """One device of the file. None, or an empty text: the cell is empty."""

    dev_eui: DevEui
    name: str = ""
    lorawan_1_1: bool | None = None
    app_key: Secret | None = None
    """AppKey: the device key of LoRaWAN 1.1."""
    gen_app_key: Secret | None = None
    """GenAppKey: the device key of LoRaWAN 1.0.x."""
    session_classes: SessionClasses | None = None
    """The multicast classes it is capable of; None: C for a new device."""
    tag: str = ""
    firmware_version: FirmwareVersion | None = None
    producer_id: str = ""
    module_id: str = ""
    hw_revision: int | None = None

    def key(self, *, lorawan_1_1: bool) -> Secret | None:
        """The device key for a device of this LoRaWAN version."""
        return self.app_key if lorawan_1_1 else self.gen_app_key

    def missing(self) -> list[str]:
        """The columns that a new device needs and this row leaves empty; what to say about each: MUST_BE_GIVEN."""
        empty = {
            "W": self.lorawan_1_1 is None,
            "AD": not self.producer_id,
            "AE": not self.module_id,
            "AF": self.hw_revision is None,
        }
        return [column for column, is_empty in empty.items() if is_empty]


def read_devices(data: bytes, *, update_existing: bool = False) -> Sheet[DeviceRow]:
    """The devices of a file, and a complaint for every row that can't be one.

    With `update_existing` a DevEUI may stand twice, and only it must be given: what a new device needs besides, the
    caller asks of the rows that turn out to be new (`DeviceRow.missing`).
    """
    sheet: Sheet[DeviceRow] = Sheet()
    first_line: dict[DevEui, int] = {}
    for row in read_rows(data, LAST_COLUMN, sheet.complaints):
        device = _device(row, update_existing=update_existing)
        if device is None:
            continue
        before = first_line.setdefault(device.dev_eui, row.line)
        if before != row.line and not update_existing:
            row.complain("B", f"DevEUI {device.dev_eui} stands in line {before} already")
        if not row.bad:
            sheet.rows.append((row.line, device))
    return sheet


def _device(row: Row, *, update_existing: bool) -> DeviceRow | None:
    dev_eui = row.value("B", fields.dev_eui)
    if dev_eui is None and not row.given("B"):
        row.complain("B", "the DevEUI is missing: write 16 hex digits")
    lorawan_1_1 = row.value("W", _lorawan)
    # The key of the other version is a different secret of the device, which is none of our business.
    app_key = row.value("X", fields.key) if lorawan_1_1 is not False else None
    gen_app_key = row.value("Y", fields.key) if lorawan_1_1 is not True else None
    session_classes = row.value("AA", _session_classes)
    version = row.value("AC", FirmwareVersion.parse)
    hw_revision = row.value("AF", _hw_revision)
    if not update_existing:
        for column, cause in MUST_BE_GIVEN.items():
            if not row.given(column):
                row.complain(column, cause)
    if dev_eui is None:
        return None
    return DeviceRow(
        dev_eui=dev_eui,
        name=row.text("K"),
        lorawan_1_1=lorawan_1_1,
        app_key=app_key,
        gen_app_key=gen_app_key,
        session_classes=session_classes,
        tag=row.text("AB"),
        firmware_version=version,
        producer_id=row.text("AD"),
        module_id=row.text("AE"),
        hw_revision=hw_revision,
    )


def _lorawan(text: str) -> bool:
    found = _LORAWAN.get(text.upper())
    if found is None:
        raise Invalid(f"{text[:40]!r} is not a LoRaWAN version: write {' or '.join(_LORAWAN)}")
    return found


def _session_classes(text: str) -> SessionClasses:
    found = _CLASSES.get(text.upper())
    if found is None:
        raise Invalid(f"{text[:40]!r} is not a multicast class: write B, C or BC")
    return found


def write_devices(devices: Iterable[DeviceRow]) -> Iterator[str]:
    """The same format, a line at a time; it can be imported again. Keys are written where the rows have them."""
    for device in devices:
        cells = {
            "B": device.dev_eui,
            "K": device.name,
            "W": "" if device.lorawan_1_1 is None else ("LORAWAN_1_1" if device.lorawan_1_1 else "LORAWAN_1_0"),
            "X": _key(device.app_key),
            "Y": _key(device.gen_app_key),
            "AA": device.session_classes or "",
            "AB": device.tag,
            "AC": "" if device.firmware_version is None else device.firmware_version.dotted(),
            "AD": device.producer_id,
            "AE": device.module_id,
            "AF": "" if device.hw_revision is None else str(device.hw_revision),
        }
        yield write_row(cells.get(column, "") for column in _COLUMNS)


def _key(key: Secret | None) -> str:
    return "" if key is None else key.reveal().hex().upper()
