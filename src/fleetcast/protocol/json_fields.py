"""Commands as JSON and back: names, fields and values as people exchange them, bytes as lower-case hex."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from fleetcast.errors import Invalid
from fleetcast.identifiers import DevAddr
from fleetcast.protocol.layout import Field, Kind
from fleetcast.protocol.ts007_multi_package.v1 import BUFFER_ERROR, MultiPackBufferFrag
from fleetcast.protocol.wire import Command, Declared, JsonValue, OutOfRange

D = TypeVar("D", bound=Declared)


class WrongField(Invalid):
    """A field is missing, unknown, or not of its type."""

    def __init__(self, command: str, field: str, problem: str) -> None:
        super().__init__(f"{command}: {field} {problem}")
        self.command = command
        self.field = field


def to_json_fields(command: Declared) -> dict[str, JsonValue]:
    """The fields by name; absent ones left out."""
    return command.json_fields()


def to_json(command: Command) -> dict[str, int | str | dict[str, JsonValue]]:
    """The command: `cid`, `name` and `fields`."""
    return {"cid": command.cid, "name": command.name, "fields": command.json_fields()}


def from_json_fields(cls: type[D], fields: Mapping[str, object]) -> D:
    """The command that these fields describe; raises WrongField or OutOfRange, naming the field."""
    given = dict(fields)
    if issubclass(cls, MultiPackBufferFrag) and "error" in given:
        if given != {"error": BUFFER_ERROR}:
            raise WrongField(cls.name, "error", f"stands alone and is {BUFFER_ERROR}: leave out everything else")
        given = {"base_byte": BUFFER_ERROR, "data": ""}
    known = {field.name: field for field in cls.fields if field.kind is not Kind.RESERVED and field.in_json}
    for name in given:
        if name not in known:
            raise WrongField(cls.name, str(name), f"is not a field; there are: {', '.join(known) or 'none'}")
    values: dict[str, Any] = {}
    for name, field in known.items():
        if name in given:
            values[name] = _value(cls.name, field, given[name])
        elif not field.optional:
            raise WrongField(cls.name, name, f"is missing: give {field.allowed()}")
    return cls(**values)


def _value(command: str, field: Field, given: object) -> object:
    if field.kind is Kind.FLAG:
        if not isinstance(given, bool):
            raise WrongField(command, field.name, f"{given!r}: write true or false")
        return given
    if field.kind in (Kind.OCTETS, Kind.REST):
        return _bytes(command, field, given)
    if field.kind is Kind.ADDRESS:
        if not isinstance(given, str):
            raise WrongField(command, field.name, f"{given!r}: write 8 hex digits as text")
        try:
            return DevAddr(given)
        except Invalid as error:
            raise WrongField(command, field.name, str(error)) from error
    if field.kind is Kind.RECORDS:
        if not isinstance(given, list | tuple):
            raise WrongField(command, field.name, f"{given!r}: write a list of records")
        return tuple(_record(command, field, one) for one in given)
    if isinstance(given, bool) or not isinstance(given, int):
        raise WrongField(command, field.name, f"{given!r}: write a whole number, {field.allowed()}")
    if not field.lowest <= given <= field.highest:
        raise OutOfRange(command, field.name, given, field.allowed())
    return given


def _bytes(command: str, field: Field, given: object) -> bytes:
    if not isinstance(given, str):
        raise WrongField(command, field.name, f"{given!r}: write hex digits as text")
    try:
        found = bytes.fromhex(given)
    except ValueError as error:
        raise WrongField(command, field.name, f"{given!r}: write pairs of hex digits") from error
    if field.kind is Kind.OCTETS and len(found) != field.bits // 8:
        raise OutOfRange(command, field.name, given or "of no bytes", field.allowed())
    return found


def _record(command: str, field: Field, given: object) -> object:
    if not isinstance(given, Mapping):
        raise WrongField(command, field.name, f"{given!r}: each record is an object")
    return from_json_fields(cast("type[Declared]", field.record), given)
