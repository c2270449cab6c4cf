"""How results reach the terminal: one line of JSON, or plain lines and tables for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Literal

_WIDTH_OF_FILES = 100


def print_json(value: object) -> None:
    """One value as one line of JSON."""
    sys.stdout.write(json.dumps(value) + "\n")


def print_line(text: str = "") -> None:
    """One line of text."""
    sys.stdout.write(text + "\n")


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """A table; the columns named in `right` hold numbers, only the last one wraps. Cells are text, never markup."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in headings:
        justify: Literal["left", "right"] = "right" if heading in right else "left"
        table.add_column(heading, justify=justify, overflow="fold", no_wrap=heading != headings[-1])
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    sys.stdout.flush()
    width = None if sys.stdout.isatty() else _WIDTH_OF_FILES
    Console(file=sys.stdout, highlight=False, width=width).print(table)


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
