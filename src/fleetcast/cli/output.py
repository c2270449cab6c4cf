"""How results reach the terminal: one line of JSON, or plain lines and tables for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Literal

_WIDTH_OF_FILES = 100
_WIDTH_OF_LAST = 40
_GAP = 3


def print_json(value: object) -> None:
    """One value as one line of JSON."""
    sys.stdout.write(json.dumps(value) + "\n")


def print_line(text: str = "") -> None:
    """One line of text."""
    sys.stdout.write(text + "\n")


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """A table; the columns named in `right` hold numbers. Cells are text, never markup.

    Nothing is cut off: on a terminal what is too long is folded, elsewhere only the last column is.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    on_terminal = sys.stdout.isatty()
    rows = [list(row) for row in rows]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in headings:
        justify: Literal["left", "right"] = "right" if heading in right else "left"
        firm = not on_terminal and heading != headings[-1]
        table.add_column(heading, justify=justify, overflow="fold", no_wrap=firm)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    sys.stdout.flush()
    width = None if on_terminal else max(_WIDTH_OF_FILES, _firm_width(headings, rows) + _WIDTH_OF_LAST)
    Console(file=sys.stdout, highlight=False, width=width).print(table)


def _firm_width(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """What all columns but the last take, with the gaps between them."""
    return sum(max(len(heading), *(len(row[at]) for row in rows), 0) + _GAP for at, heading in enumerate(headings[:-1]))


def counted(number: int, what: str) -> str:
    """A number of things: `1 byte`, `2 bytes`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def milliseconds(duration_us: int) -> str:
    """A duration as people read it: `118.016 ms`."""
    return f"{duration_us / 1000:.3f} ms"


def duration(seconds: float) -> str:
    """A longer duration as people read it: `42.1 s`, `7 min 12 s`, `3 h 05 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def percent(share: float) -> str:
    """A share as people read it: `10 %`, `0.1 %`."""
    return f"{share * 100:g} %"
