"""Multicast groups as CSV: columns A to M; an export adds N and O, the keys that follow from McKey and DevAddr."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

from fleetcast.errors import Invalid
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.interchange import fields
from fleetcast.interchange.redundancy import parse_redundancy, write_redundancy
from fleetcast.interchange.table import Row, Sheet, read_rows, write_row
from fleetcast.secret import Secret

_LAST_COLUMN: Final = "O"
_MOST_FREQUENCY_HZ: Final = 100 * 0xFFFFFF
"""McClassBSessionReq and McClassCSessionReq have 24 bits for it, in steps of 100 Hz (TS005-1.0.0, DLFrequency)."""

_any_frequency_hz = fields.number("frequency in Hz", 100, _MOST_FREQUENCY_HZ)
_slots = fields.number("ping-slot periodicity", 1, 128)
_data_rate = fields.number("data rate", 0, 15)
_dwell_time = fields.number("downlink dwell time", 0, 1)
_f_cnt = fields.number("FCntDown", 0, 0xFFFFFFFF)

MUST_BE_GIVEN: Final = {
    "B": "the session class is missing: write B or C",
    "D": "the DevAddr is missing: write 8 hex digits",
    "E": "the frequency is missing: write it in Hz",
    "F": "the data rate is missing: write a whole number from 0 to 15",
    "G": "the ISM band is missing",
    "H": "the redundancy is missing: write for example ONE_TO_TWO, 25% or NO_REDUNDANCY_ONE",
    "I": "the downlink dwell time is missing: write 0 or 1",
}
"""What a group that is new must have, by column: the cause to complain with where it is empty."""

NO_PERIODICITY: Final = "the ping-slot periodicity is missing, which class B needs: write 1, 2, 4, 8, 16, 32, 64 or 128"
"""The same for column J of a class B group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MulticastGroupRow:
    """One multicast group of the file. None, or an empty text: the cell is empty."""

    dev_eui: DevEui
    session_class: Literal["B", "C"] | None = None
    mc_key: Secret | None = None
    """McKey; None: a new group is given a random one."""
    mc_addr: DevAddr | None = None
    frequency_hz: int | None = None
    data_rate: int | None = None
    band: str | None = None
    redundancy: str = ""
    """As `redundancy.write_redundancy` writes it."""
    dwell_time: bool | None = None
    periodicity: int | None = None
    """Ping-slot periodicity exponent p, 0 to 7; the file has 2^p."""
    name: str = ""
    tag: str = ""
    initial_f_cnt: int | None = None
    """The first FCntDown; None: 0 for a new group."""
    mc_app_s_key: Secret | None = None
    """McAppSKey (AppSKey), in exports; an import may hold it against what follows from McKey and DevAddr."""
    mc_nwk_s_key: Secret | None = None
    """McNetSKey (NwkSKey), likewise."""

    def coded_per_uncoded(self) -> Fraction | None:
        """The redundancy as a number; None: ADAPTIVE. Only where the row has one."""
        return parse_redundancy(self.redundancy)

    def missing(self) -> dict[str, str]:
        """What a new group needs and this row leaves empty: column → what to say."""
        empty = {
            "B": self.session_class is None,
            "D": self.mc_addr is None,
            "E": self.frequency_hz is None,
            "F": self.data_rate is None,
            "G": self.band is None,
            "H": not self.redundancy,
            "I": self.dwell_time is None,
        }
        said = {column: MUST_BE_GIVEN[column] for column, is_empty in empty.items() if is_empty}
        if self.session_class == "B" and self.periodicity is None:
            said["J"] = NO_PERIODICITY
        return said


def read_multicast_groups(
    data: bytes, bands: Collection[str], *, update_existing: bool = False
) -> Sheet[MulticastGroupRow]:
    """The groups of a file, and a complaint for every row that can't be one. `bands`: the ISM bands that exist.

    With `update_existing` a DevEUI may stand twice, and only it must be given: what a new group needs besides, the
    caller asks of the rows that turn out to be new (`MulticastGroupRow.missing`).
    """
    sheet: Sheet[MulticastGroupRow] = Sheet()
    line_of: dict[DevEui | DevAddr, int] = {}
    band_of = fields.one_of("ISM band", *bands)
    for row in read_rows(data, _LAST_COLUMN, sheet.complaints):
        group = _group(row, band_of, update_existing=update_existing)
        if group is None:
            continue
        before = line_of.setdefault(group.dev_eui, row.line)
        if before != row.line and not update_existing:
            row.complain("A", f"DevEUI {group.dev_eui} stands in line {before} already")
        if group.mc_addr is not None and not update_existing:
            before = line_of.setdefault(group.mc_addr, row.line)
            if before != row.line:
                row.complain("D", f"DevAddr {group.mc_addr} stands in line {before} already")
        if not row.bad:
            sheet.rows.append((row.line, group))
    return sheet


def _group(row: Row, band_of: Callable[[str], str], *, update_existing: bool) -> MulticastGroupRow | None:
    dev_eui = row.value("A", fields.dev_eui)
    if not row.given("A"):
        row.complain("A", "the DevEUI is missing: write 16 hex digits")
    dwell_time = row.value("I", _dwell_time)
    redundancy = row.value("H", lambda text: write_redundancy(parse_redundancy(text)))
    group = MulticastGroupRow(
        dev_eui=dev_eui or _NO_DEV_EUI,
        session_class=row.value("B", _session_class),
        mc_key=row.value("C", fields.key),
        mc_addr=row.value("D", fields.dev_addr),
        frequency_hz=row.value("E", _frequency_hz),
        data_rate=row.value("F", _data_rate),
        band=row.value("G", band_of),
        redundancy=redundancy or "",
        dwell_time=None if dwell_time is None else dwell_time == 1,
        periodicity=row.value("J", _periodicity),
        name=row.text("K"),
        tag=row.text("L"),
        initial_f_cnt=row.value("M", _f_cnt),
        mc_app_s_key=row.value("N", fields.key),
        mc_nwk_s_key=row.value("O", fields.key),
    )
    if not update_existing:
        for column, cause in group.missing().items():
            if not row.given(column):
                row.complain(column, cause)
    return None if dev_eui is None else group


_NO_DEV_EUI = DevEui.from_int(0)
"""Stands in while the rest of a row without a DevEUI is read for its complaints; such a row is never given on."""


def _session_class(text: str) -> Literal["B", "C"]:
    match text.upper():
        case "B":
            return "B"
        case "C":
            return "C"
    raise Invalid(f"{text[:40]!r} is not a session class: write B or C")


def _frequency_hz(text: str) -> int:
    hz = _any_frequency_hz(text)
    if hz % 100:
        raise Invalid(f"{hz} Hz can't be told to a device: write a multiple of 100 Hz")
    return hz


def _periodicity(text: str) -> int:
    slots = _slots(text)
    if slots.bit_count() != 1:
        raise Invalid(f"{slots} is not a ping-slot periodicity: write 1, 2, 4, 8, 16, 32, 64 or 128")
    return slots.bit_length() - 1


def write_multicast_groups(groups: Iterable[MulticastGroupRow]) -> Iterator[str]:
    """The same format with the columns N AppSKey and O NwkSKey, a line at a time; it can be imported again.

    Keys are written where the rows have them.
    """
    for group in groups:
        yield write_row(
            (
                group.dev_eui,
                group.session_class or "",
                _key(group.mc_key),
                group.mc_addr or "",
                _number(group.frequency_hz),
                _number(group.data_rate),
                group.band or "",
                group.redundancy,
                "" if group.dwell_time is None else str(int(group.dwell_time)),
                "" if group.periodicity is None else str(1 << group.periodicity),
                group.name,
                group.tag,
                _number(group.initial_f_cnt),
                _key(group.mc_app_s_key),
                _key(group.mc_nwk_s_key),
            )
        )


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _key(key: Secret | None) -> str:
    return "" if key is None else key.reveal().hex().upper()
