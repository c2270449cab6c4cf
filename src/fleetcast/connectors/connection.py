"""What an operator fills in for a connection: fields described once, so that every door can build its form.

A connector names its fields; values are checked and kept as text, numbers and truth values. Secret fields are kept
apart, encrypted, and never read back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fleetcast.errors import Invalid
from fleetcast.secret import Secret

Value = str | int | float | bool


class FieldType(StrEnum):
    """What may stand in a field."""

    TEXT = "text"
    WHOLE = "whole number"
    NUMBER = "number"
    YES_NO = "yes or no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a connection."""

    name: str
    sentence: str
    """What it is for, for people."""
    type: FieldType = FieldType.TEXT
    required: bool = False
    secret: bool = False
    default: Value | None = None
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()


class FieldWrong(Invalid):
    """A field of a connection is missing, unknown or can't be what it is."""

    def __init__(self, field: str, message: str) -> None:
        self.field, self.message = field, message
        super().__init__(f"{field}: {message}")


@dataclass(frozen=True, slots=True)
class Settings:
    """A connection's fields, checked, defaults filled in; secrets print as `***`."""

    values: Mapping[str, Value]
    secrets: Mapping[str, Secret]

    def text(self, name: str) -> str:
        """A field of text."""
        return str(self.values[name])

    def number(self, name: str) -> float:
        """A field that is a number."""
        return float(self.values[name])

    def whole(self, name: str) -> int:
        """A field that is a whole number."""
        return int(self.values[name])

    def yes(self, name: str) -> bool:
        """A field that is yes or no."""
        return bool(self.values[name])


def check(fields: tuple[Field, ...], values: Mapping[str, object], secrets: Mapping[str, Secret]) -> Settings:
    """What was filled in, as the connector will see it; raises FieldWrong for the first field that can't be right."""
    known = {field.name: field for field in fields}
    for name in (*values, *secrets):
        if name not in known:
            raise FieldWrong(name, f"there is no such field: use {', '.join(known)}")
        if known[name].secret != (name in secrets):
            raise FieldWrong(name, "a secret is given apart" if known[name].secret else "this is no secret")
    checked: dict[str, Value] = {}
    for field in fields:
        if field.secret:
            if field.required and field.name not in secrets:
                raise FieldWrong(field.name, "must be given")
            continue
        value = values.get(field.name, field.default)
        if value is None:
            if field.required:
                raise FieldWrong(field.name, "must be given")
            continue
        checked[field.name] = _checked(field, value)
    return Settings(checked, dict(secrets))


def _checked(field: Field, value: object) -> Value:
    match field.type:
        case FieldType.TEXT:
            if not isinstance(value, str):
                raise FieldWrong(field.name, f"{value!r} is no text")
            if field.choices and value not in field.choices:
                raise FieldWrong(field.name, f"{value!r}: choose {', '.join(field.choices)}")
            return value
        case FieldType.YES_NO:
            if not isinstance(value, bool):
                raise FieldWrong(field.name, f"{value!r} is neither yes nor no")
            return value
        case FieldType.WHOLE | FieldType.NUMBER:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise FieldWrong(field.name, f"{value!r} is no number")
            if field.type is FieldType.WHOLE and value != int(value):
                raise FieldWrong(field.name, f"{value} is no whole number")
            if field.least is not None and value < field.least:
                raise FieldWrong(field.name, f"{value}: at least {field.least:g}")
            if field.most is not None and value > field.most:
                raise FieldWrong(field.name, f"{value}: at most {field.most:g}")
            return int(value) if field.type is FieldType.WHOLE else float(value)
