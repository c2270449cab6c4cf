"""Frozen values ⇄ lists that JSON can hold, derived from the types' own annotations.

A dataclass becomes the list of its fields in order, without those at its end that have their defaults; one of several
classes begins with its class's name. Nothing of this knows what the values mean, or which version wrote them.

Fields that are added at the end, with a default, are read from older rows by themselves. Any other change of a stored
class needs a lift (`state_codec`).
"""

from __future__ import annotations

import dataclasses
import types
import typing
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Collection
from enum import Enum, Flag
from operator import attrgetter
from typing import Any, Final, Literal, Union, cast

from fleetcast.errors import Damaged
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.protocol.packages import COMMANDS, Direction, Package
from fleetcast.protocol.wire import Command

Convert = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """How values of one type are written and read; None: they are the same in JSON."""

    write: Convert | None = None
    read: Convert | None = None


class NotStored(TypeError):
    """A type that nobody taught this module; found when a shape is derived, which the import does."""

    def __init__(self, hint: object) -> None:
        super().__init__(f"{hint!r} has no form in JSON yet: teach json_shapes, or store something simpler")


_AS_IT_IS: Final = Shape()
_YES_OR_NO: Final = Shape(None, bool)
_OCTETS: Final = Shape(
    lambda value: b2a_base64(value, newline=False).decode(), lambda text: a2b_base64(text, strict_mode=True)
)
WIDE: Final = Shape(lambda value: f"{value:x}", lambda text: int(text, 16))
"""Integers of thousands of bits: more decimal digits than Python is willing to read."""


_SHARED_MOST: Final = 10_000


def shape(
    hint: Any, special: dict[tuple[type, str], Shape], shared: Collection[tuple[type, str]] = frozenset()
) -> Shape:
    """The shape of a type; `special` names fields, by class and name, that have one of their own.

    `shared` names those in which many have the same: read again, what is equal is one object, and takes its room once.
    """
    return _Deriving(special, shared).of(hint)


class _Deriving:
    def __init__(self, special: dict[tuple[type, str], Shape], shared: Collection[tuple[type, str]]) -> None:
        self._special = special
        self._shared = shared
        self._known: dict[Any, Shape] = {}

    def of(self, hint: Any) -> Shape:
        if hint not in self._known:
            self._known[hint] = self._derive(hint)
        return self._known[hint]

    def _derive(self, hint: Any) -> Shape:
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if hint in (int, str, float, type(None)) or origin is Literal:
            return _AS_IT_IS
        if hint is bool:
            return _YES_OR_NO
        if origin in (Union, types.UnionType):
            return self._union(arguments)
        if origin is tuple and arguments[-1] is Ellipsis:
            return _sequence(self.of(arguments[0]), tuple)
        if origin is tuple:
            return _fixed([self.of(each) for each in arguments])
        if origin is frozenset:
            return _set(self.of(arguments[0]))
        if origin is dict:
            return _mapping(self.of(arguments[0]), self.of(arguments[1]))
        if isinstance(hint, type):
            return self._class(hint)
        raise NotStored(hint)

    def _class(self, hint: type) -> Shape:
        if hint is bytes:
            return _OCTETS
        if hint is Command:
            return Shape(_write_command, _read_command)
        if issubclass(hint, (DevEui, DevAddr)):
            # Written by ourselves from a valid one: reading it again needs no check.
            return Shape(None, lambda text: str.__new__(hint, text))
        if issubclass(hint, Enum):
            return _enumeration(hint)
        if dataclasses.is_dataclass(hint):
            return self._dataclass(hint)
        raise NotStored(hint)

    def _union(self, arguments: tuple[Any, ...]) -> Shape:
        classes = [each for each in arguments if each is not type(None)]
        optional = len(classes) < len(arguments)
        if all(each in (int, str) or typing.get_origin(each) is Literal for each in classes):
            return _AS_IT_IS
        inner = self.of(classes[0]) if len(classes) == 1 else self._one_of(classes)
        if not optional:
            return inner
        write, read = inner.write, inner.read
        return Shape(
            None if write is None else lambda value: None if value is None else write(value),
            None if read is None else lambda row: None if row is None else read(row),
        )

    def _one_of(self, classes: list[type]) -> Shape:
        shapes = {each.__name__: self.of(each) for each in classes}
        if not all(dataclasses.is_dataclass(each) for each in classes):
            raise NotStored(classes)

        def write(value: Any) -> list[Any]:
            name = type(value).__name__
            return [name, *cast("Convert", shapes[name].write)(value)]

        def read(row: list[Any]) -> Any:
            if row[0] not in shapes:
                raise Damaged(f"{row[0]!r}: none of {', '.join(shapes)}")
            return cast("Convert", shapes[row[0]].read)(row[1:])

        return Shape(write, read)

    def _dataclass(self, cls: type[Any]) -> Shape:
        hints = typing.get_type_hints(cls)
        fields = [each for each in dataclasses.fields(cls) if each.init]
        names = [each.name for each in fields]
        shapes = [self._special.get((cls, name)) or self.of(hints[name]) for name in names]
        shapes = [
            Shape(each.write, _once(each.read)) if (cls, name) in self._shared else each
            for name, each in zip(names, shapes, strict=True)
        ]
        writes = [(i, each.write) for i, each in enumerate(shapes) if each.write is not None]
        reads = [(i, each.read) for i, each in enumerate(shapes) if each.read is not None]
        trailing = _trailing_defaults(fields, shapes)
        least = len(fields) - len(trailing)
        get = attrgetter(*names) if len(names) > 1 else None
        by_name = any(each.kw_only for each in fields)

        def write(value: Any) -> list[Any]:
            row = list(get(value)) if get is not None else [getattr(value, name) for name in names]
            for i, convert in writes:
                row[i] = convert(row[i])
            while len(row) > least and row[-1] == trailing[len(row) - least - 1]:
                row.pop()
            return row

        def read(row: list[Any]) -> Any:
            length = len(row)
            if length > len(names):
                raise Damaged(f"{cls.__name__} with {length} fields: this version knows {len(names)}")
            for i, convert in reads:
                if i >= length:
                    break
                row[i] = convert(row[i])
            try:
                return cls(**dict(zip(names, row, strict=False))) if by_name else cls(*row)
            except TypeError as error:
                raise Damaged(f"{cls.__name__}: {error}") from error

        return Shape(write, read)


def _once(read: Convert | None) -> Convert:
    """What is equal is read as the same object."""
    known: dict[Any, Any] = {}

    def once(row: Any) -> Any:
        value = row if read is None else read(row)
        if not value:
            return value  # zeros are equal, but not all the same
        if len(known) >= _SHARED_MOST:
            known.clear()
        return known.setdefault(value, value)

    return once


def _trailing_defaults(fields: list[dataclasses.Field[Any]], shapes: list[Shape]) -> list[Any]:
    """The defaults, as they are written, of the fields at the end that have one."""
    found: list[Any] = []
    for field, each in zip(reversed(fields), reversed(shapes), strict=True):
        if field.default is dataclasses.MISSING:
            break
        found.append(field.default if each.write is None else each.write(field.default))
    return found[::-1]


def _sequence(inner: Shape, make: Callable[[Any], Any]) -> Shape:
    write, read = inner.write, inner.read
    return Shape(
        list if write is None else lambda values: [write(value) for value in values],
        make if read is None else lambda rows: make([read(row) for row in rows]),
    )


def _fixed(inner: list[Shape]) -> Shape:
    def write(values: tuple[Any, ...]) -> list[Any]:
        pairs = zip(inner, values, strict=True)
        return [value if each.write is None else each.write(value) for each, value in pairs]

    def read(row: list[Any]) -> tuple[Any, ...]:
        return tuple([value if each.read is None else each.read(value) for each, value in zip(inner, row, strict=True)])

    return Shape(write, read)


def _set(inner: Shape) -> Shape:
    ordered = _sequence(inner, frozenset)
    write = cast("Convert", ordered.write)
    return Shape(lambda values: write(sorted(values)), ordered.read)


def _mapping(key: Shape, value: Shape) -> Shape:
    pairs = _sequence(_fixed([key, value]), dict)
    write = cast("Convert", pairs.write)
    return Shape(lambda mapping: write(mapping.items()), pairs.read)


class _Members(dict[Any, Any]):
    """The members of an enumeration by value; combinations of flags are added as they come."""

    def __init__(self, cls: type[Enum]) -> None:
        super().__init__((each.value, each) for each in cls)
        self._cls = cls

    def __missing__(self, value: Any) -> Any:
        try:
            member = self._cls(value)
        except ValueError as error:
            raise Damaged(str(error)) from None
        if issubclass(self._cls, Flag):
            self[value] = member
        return member


def _enumeration(cls: type[Enum]) -> Shape:
    members = _Members(cls)
    written = None if issubclass(cls, (int, str)) else attrgetter("value")
    return Shape(written, members.__getitem__)


def _write_command(command: Command) -> list[Any]:
    return [*_PLACES[type(command)], command.encode().hex()]


def _read_command(row: list[Any]) -> Command:
    package, version, text = row
    payload = bytes.fromhex(text)
    known = COMMANDS.get((package, version, Direction.DOWN), {})
    if not payload or payload[0] not in known:
        raise Damaged(f"command {text} of package {package} version {version}: not known")
    return known[payload[0]].from_bytes(payload)


def _places() -> dict[type[Command], tuple[Package, int]]:
    """By command: a package and version that has it, the first where several have."""
    found: dict[type[Command], tuple[Package, int]] = {}
    for (package, version, direction), known in sorted(COMMANDS.items(), key=lambda each: each[0][:2]):
        if direction is Direction.DOWN:
            for command in known.values():
                found.setdefault(command, (package, version))
    return found


_PLACES: Final = _places()
