"""On which line of a TOML text each key stands, so that a complaint can point at it.

For texts that `tomllib` has read already: what is no TOML is not recognised here. Keys inside an inline table are found
on the line where its outermost key begins.
"""

from __future__ import annotations

import tomllib
from collections import Counter

Path = tuple[str | int, ...]
"""Keys from the top; a number counts the tables of an array."""


def lines_of(text: str) -> dict[Path, int]:
    """The line, from 1, of every table header and every key; of a table that is only implied, the first that does."""
    found: dict[Path, int] = {}
    arrays: Counter[Path] = Counter()
    table: Path = ()
    at = 0
    while at < len(text):
        end = _line_end(text, at)
        stripped = text[at:end].strip()
        line = text.count("\n", 0, at) + 1
        if stripped.startswith("["):
            table = _header(stripped, arrays)
            _note(found, table, line)
        elif stripped and not stripped.startswith("#"):
            equals = _outside_quotes(text, at, "=")
            _note(found, table + _keys(text[at:equals]), line)
            end = _value_end(text, equals + 1)
        at = end + 1
    return found


def _note(found: dict[Path, int], path: Path, line: int) -> None:
    for length in range(1, len(path) + 1):
        found.setdefault(path[:length], line)


def _header(stripped: str, arrays: Counter[Path]) -> Path:
    """The path of `[a.b]` or `[[a.b]]`; a table inside an array belongs to the array's last one."""
    is_array = stripped.startswith("[[")
    opening = 2 if is_array else 1
    keys = _keys(stripped[opening : _outside_quotes(stripped, opening, "]")])
    path: Path = ()
    for position, key in enumerate(keys):
        path = (*path, key)
        if is_array and position == len(keys) - 1:
            arrays[path] += 1
        if arrays[path]:
            path = (*path, arrays[path] - 1)
    return path


def _keys(dotted: str) -> Path:
    """The keys of `a.b."c d"`, as TOML itself reads them."""
    inner: object = tomllib.loads(f"{dotted.strip()} = 0")
    path: Path = ()
    while isinstance(inner, dict):
        key, inner = next(iter(inner.items()))
        path = (*path, key)
    return path


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _outside_quotes(text: str, at: int, wanted: str) -> int:
    while at < len(text) and text[at] != wanted:
        at = _string_end(text, at) if text[at] in "\"'" else at + 1
    return at


def _value_end(text: str, at: int) -> int:
    """The end of the line on which the value ends that begins here: arrays and some strings run over several."""
    depth = 0
    while at < len(text):
        character = text[at]
        if character in "\"'":
            at = _string_end(text, at)
            continue
        if character == "#":
            at = _line_end(text, at)
            continue
        if character == "\n" and depth == 0:
            return at
        depth += (character in "[{") - (character in "]}")
        at += 1
    return at


def _string_end(text: str, at: int) -> int:
    """Behind the string that begins here."""
    quote = text[at]
    if text.startswith(quote * 3, at):
        end = _closing(text, at + 3, quote * 3)
        while text.startswith(quote, end):  # up to two quotes may stand before the closing three
            end += 1
        return end
    return _closing(text, at + 1, quote)


def _closing(text: str, at: int, quotes: str) -> int:
    while at < len(text) and not text.startswith(quotes, at):
        at += 2 if text[at] == "\\" and quotes[0] == '"' else 1
    return at + len(quotes)
