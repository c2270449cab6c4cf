"""A table whose keys are the fields of a dataclass: every setting by its own name, with its own type and bounds."""

from __future__ import annotations

import types
from collections.abc import Collection
from dataclasses import fields
from enum import Enum
from typing import Any, TypeVar, get_args, get_type_hints

from fleetcast.rehearsal.reading import Table

T = TypeVar("T")
_MOST = 31_536_000
"""A year in seconds; no count, share or span of a setting is larger."""


def read_settings(table: Table, kind: type[T], also: dict[str, object] | None = None, skip: Collection[str] = ()) -> T:
    """The dataclass with the settings that the table names, and those of `also`; raises ScenarioWrong.

    Fields are whole numbers, numbers, true or false, or words of an enumeration; others are in `skip`.
    """
    hints = get_type_hints(kind)
    values: dict[str, Any] = dict(also or {})
    for each in fields(kind):  # type: ignore[arg-type]  # every kind passed in is a dataclass
        if each.name in skip:
            continue
        value = _read(table, each.name, hints[each.name])
        if each.name in table:
            values[each.name] = value
            # Alone first, so that a value out of bounds is named with its line.
            table.said(each.name, _making(kind, each.name, value))
    table.finish()
    return kind(**values)


def _making(kind: type[T], name: str, value: object) -> Any:
    return lambda: kind(**{name: value})


def _read(table: Table, name: str, hint: Any) -> object:
    if isinstance(hint, types.UnionType):
        hint = next(one for one in get_args(hint) if one is not type(None))
    if hint is bool:
        return table.flag(name)
    if hint is int:
        return table.whole(name, most=_MOST)
    if hint is float:
        return table.share(name) if isinstance(table.plain(name), str) else table.number(name, most=_MOST)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return table.member(name, hint)
    raise TypeError(f"{name}: no setting of type {hint} can be read")
