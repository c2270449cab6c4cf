"""The JSON text of a class that is nearly all numbers, made in one go: a fleet's states are written all the time.

The text is what `json_shapes` and `json` would write with numbers for true and false, but for a few defaults at its end
that they leave out and this doesn't. The code for a class is generated once, from its annotations.
"""

from __future__ import annotations

import dataclasses
import typing
from binascii import b2a_base64
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, TypeVar

T = TypeVar("T")

_PARTS: Final = 3
"""The fields at the end that have defaults are left out in so many steps."""


def writer(cls: type[T], version: int) -> Callable[[T], str | None]:
    """What makes the versioned text of one value; it gives None for a value that has more than numbers and bytes.

    Every field is a number, bytes, or something that is None by default. Raises TypeError for any other.
    """
    hints = typing.get_type_hints(cls)
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    kinds = {each.name: _kind(hints[each.name], each) for each in fields}
    rare = [name for name, kind in kinds.items() if kind == "rare"]
    if rare != [each.name for each in fields][len(fields) - len(rare) :]:
        raise TypeError(f"{cls.__name__}: fields that are mostly None stand at the end")
    plain = [each for each in fields if each.name not in rare]
    first = next((i for i, each in enumerate(plain) if _in_parts(plain[i:])), len(plain))
    cuts = sorted({first + (len(plain) - first) * part // _PARTS for part in range(1, _PARTS + 1)})
    names = [each.name for each in plain]
    parts = [names[start:end] for start, end in zip([0, *cuts], [*cuts, len(names)], strict=True) if start < end]
    known: dict[str, Any] = {"b2a_base64": b2a_base64}
    lines = ["def write(value):"]
    lines += [f"    if value.{name} is not None: return None" for name in rare]
    for count in range(1, len(parts) + 1):
        head = [name for part in parts[:count] for name in part]
        known[f"TEXT{count}"] = f"[{version},[" + ",".join('"%s"' if kinds[n] == "bytes" else "%d" for n in head) + "]]"
    for count in range(len(parts) - 1, 0, -1):
        part = parts[count]
        known[f"DEFAULTS{count}"] = tuple(each.default for each in plain if each.name in part)
        indent = "    " * (len(parts) - count)
        lines.append(f"{indent}part{count} = ({', '.join(f'value.{name}' for name in part)},)")
        lines.append(f"{indent}if part{count} == DEFAULTS{count}:")
    lines.append("    " * len(parts) + f"return TEXT1 % ({_values(parts[0], kinds)},)")
    for count in range(2, len(parts) + 1):
        indent = "    " * (len(parts) - count + 1)
        values = [_values(part, kinds) for part in parts[:count]]
        lines.append(f"{indent}return TEXT{count} % ({', '.join(values)},)")
    exec("\n".join(lines), known)  # noqa: S102 - made of field names alone, as dataclasses does
    made: Callable[[T], str | None] = known["write"]
    return made


def _in_parts(fields: typing.Sequence[dataclasses.Field[Any]]) -> bool:
    return all(each.default is not dataclasses.MISSING for each in fields)


def _kind(hint: Any, field: dataclasses.Field[Any]) -> str:
    if hint is bytes:
        return "bytes"
    if hint in (int, bool) or (isinstance(hint, type) and issubclass(hint, Enum) and issubclass(hint, int)):
        return "number"
    if field.default is None:
        return "rare"
    raise TypeError(f"{field.name}: {hint} is no number")


def _values(names: list[str], kinds: dict[str, str]) -> str:
    return ", ".join(
        f"b2a_base64(value.{name}, newline=False).decode()" if kinds[name] == "bytes" else f"value.{name}"
        for name in names
    )
