"""Rows of a CSV file (RFC 4180, no header row), each with its line, and complaints that name line, column and cause.

A reader of one kind of file takes cells by the letter of their column, as spreadsheets show it, and complains through
the row. Nothing is taken over from a file that has a complaint: `Sheet.refuse` says all of them at once. What a file
must agree with outside of itself (is there such a device?) is not known here: whoever knows adds complaints.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from fleetcast.errors import Invalid

T = TypeVar("T")

_SHOWN_IN_TEXT = 5
_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")
_FIELD = re.compile(r'[ \t]*"([^"]*(?:""[^"]*)*)"[ \t]*(?=,|\Z)|[^",]*(?=,|\Z)')
_BLANK = " \t"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def letter(index: int) -> str:
    """The letter of a column, from 0: A to Z, then AA, AB, …"""
    return letter(index // 26 - 1) + chr(65 + index % 26) if index >= 26 else chr(65 + index)


_INDEX = {letter(index): index for index in range(26 * 27)}


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with a row: its line in the file (from 1), the column's letter (None: the whole row), the cause."""

    line: int
    column: str | None
    cause: str

    def __str__(self) -> str:
        where = f"line {self.line}" if self.column is None else f"line {self.line}, column {self.column}"
        return f"{where}: {self.cause}"


class BadRows(Invalid):
    """A file with rows that can't be taken; nothing of it was. `complaints` has every one, in order of lines."""

    def __init__(self, complaints: Iterable[Complaint]) -> None:
        self.complaints = tuple(sorted(complaints, key=lambda each: (each.line, _INDEX.get(each.column or "", -1))))
        lines = len({each.line for each in self.complaints})
        shown = "; ".join(str(each) for each in self.complaints[:_SHOWN_IN_TEXT])
        more = len(self.complaints) - _SHOWN_IN_TEXT
        rows = "1 bad row" if lines == 1 else f"{lines} bad rows"
        super().__init__(f"nothing was imported, {rows}: {shown}{f'; and {more} more' if more > 0 else ''}")


@dataclass(slots=True)
class Sheet(Generic[T]):
    """The rows of a file that read well, each with its line, and the complaints about the others."""

    rows: list[tuple[int, T]] = field(default_factory=list)
    complaints: list[Complaint] = field(default_factory=list)

    def complain(self, line: int, column: str | None, cause: str) -> None:
        """Add what only the caller can know: this row can't be taken either."""
        self.complaints.append(Complaint(line, column, cause))

    def refuse(self) -> None:
        """Raise BadRows when there is any complaint."""
        if self.complaints:
            raise BadRows(self.complaints)


class Row:
    """One row: its cells by letter, without the blanks around them; cells that the file leaves out are empty."""

    __slots__ = ("_cells", "_complaints", "bad", "line")

    def __init__(self, line: int, cells: list[str], complaints: list[Complaint]) -> None:
        self.line = line
        self.bad = False
        self._cells = cells
        self._complaints = complaints

    def text(self, column: str) -> str:
        """The cell; empty where nothing stands."""
        index = _INDEX[column]
        return self._cells[index] if index < len(self._cells) else ""

    def given(self, column: str) -> str | None:
        """The cell, or None where nothing stands."""
        return self.text(column) or None

    def value(self, column: str, parse: Callable[[str], T]) -> T | None:
        """What the cell means; None where nothing stands or where it means nothing, which is complained about."""
        text = self.text(column)
        if not text:
            return None
        try:
            return parse(text)
        except Invalid as error:
            self.complain(column, str(error))
            return None

    def complain(self, column: str | None, cause: str) -> None:
        """This row can't be taken."""
        self.bad = True
        self._complaints.append(Complaint(self.line, column, cause))


def read_rows(data: bytes, last_column: str, complaints: list[Complaint]) -> Iterator[Row]:
    """The rows of a file in UTF-8, with or without a byte order mark; empty lines are passed over.

    Rows that can't be taken apart, cells that are no text, and anything beyond the last column are complained about.
    """
    if data.startswith(_UTF_16):
        complaints.append(Complaint(1, None, "the file is in UTF-16: save it as UTF-8"))
        return
    try:
        text = data.decode("utf-8-sig")
        clean = "\0" not in text
    except UnicodeDecodeError:
        text = data.decode("utf-8-sig", errors="surrogateescape")
        clean = False
    last = _INDEX[last_column]
    rows = 0
    for line, cells in _records(text, complaints):
        rows += 1
        row = Row(line, cells, complaints)
        if not clean:
            _complain_about_characters(row, cells)
        for index in range(last + 1, len(cells)):
            if cells[index]:
                row.complain(letter(index), f"there is no such column: the last one is {last_column}")
        yield row
    if not rows and not complaints:
        complaints.append(Complaint(1, None, "the file has no rows"))


def _complain_about_characters(row: Row, cells: list[str]) -> None:
    for index, cell in enumerate(cells):
        if any("\udc80" <= char <= "\udcff" for char in cell):
            row.complain(letter(index), "not UTF-8: save the file in UTF-8")
        elif "\0" in cell:
            row.complain(letter(index), "there is a character with the code 0 in it: this is no text")


def _records(text: str, complaints: list[Complaint]) -> Iterator[tuple[int, list[str]]]:
    """Records with the line they begin at.

    A record goes on in the next line while its quotes are open. Where that leads nowhere, its first line is at fault,
    and reading goes on with the second: so one lost quote does not hide the rest of the file. An open quote is closed
    by the next line with an odd number of them, so that no line is read more than three times.
    """
    lines = [match.group() for match in _LINE.finditer(text) if match.group()]
    at = 0
    while at < len(lines):
        if '"' not in lines[at]:
            if line := lines[at].strip(_BLANK + "\r\n"):
                yield at + 1, [cell.strip(_BLANK) for cell in line.split(",")]
            at += 1
            continue
        end = _end_of_record(lines, at)
        if end is None:
            complaints.append(Complaint(at + 1, _column_of_open_quote(lines[at]), "a quotation mark is never closed"))
            at += 1
            continue
        cells_or_column = _split("".join(lines[at:end]).rstrip("\r\n"))
        if isinstance(cells_or_column, str):
            cause = 'a quotation mark inside a field: put the whole field in quotation marks and write it twice, ""'
            complaints.append(Complaint(at + 1, cells_or_column, cause))
            at += 1
            continue
        yield at + 1, cells_or_column
        at = end


def _end_of_record(lines: list[str], at: int) -> int | None:
    """The line after the record's last one: its quotation marks are even in number there; None when they never are."""
    is_open = False
    for index in range(at, len(lines)):
        is_open ^= lines[index].count('"') % 2 == 1
        if not is_open:
            return index + 1
    return None


def _column_of_open_quote(line: str) -> str:
    return letter(line[: line.rindex('"')].count(","))


def _split(record: str) -> list[str] | str:
    """The fields of a record, or the letter of the column that can't be read."""
    cells: list[str] = []
    at = 0
    while True:
        match = _FIELD.match(record, at)
        if match is None:
            return letter(len(cells))
        quoted = match.group(1)
        cells.append((match.group() if quoted is None else quoted.replace('""', '"')).strip(_BLANK))
        at = match.end()
        if at == len(record):
            return cells
        at += 1


_NEEDS_QUOTES = re.compile(r'[",\r\n]')


def write_row(cells: Iterable[str]) -> str:
    """One row as it is written: quotation marks where they are needed, and nowhere else; ended by CR LF."""
    return ",".join('"' + c.replace('"', '""') + '"' if _NEEDS_QUOTES.search(c) else c for c in cells) + "\r\n"
