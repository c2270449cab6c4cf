"""What stands in requests and answers: times, versions, identifiers, keys, as JSON carries them.

Shapes only. What a value may be is said by the actions, so that every door refuses alike.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
)

from fleetcast.errors import Invalid
from fleetcast.identifiers import DevAddr, DevEui, FirmwareVersion
from fleetcast.instants import parse_rfc3339, rfc3339
from fleetcast.secret import Secret

LARGEST = 2**53 - 1
STORED = {"stored": True}
"""The validation context of values that come from the database, not from a caller."""


class Schema(BaseModel):
    """What every body has in common: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, ser_json_bytes="base64")


def example(**fields: Any) -> ConfigDict:
    """Settings of a body with an example that the API's description shows."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


def _readable(text: str) -> str:
    if any((char < " " and char not in "\n\r\t") or "\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("has characters in it that are no text: leave control characters out")
    return text


Text = Annotated[str, AfterValidator(_readable), Field(max_length=4000)]
Name = Annotated[str, AfterValidator(_readable), Field(max_length=200, min_length=1)]
Whole = Annotated[int, Field(ge=0, le=LARGEST)]
RowId = Annotated[int, Field(ge=1, le=LARGEST)]
PathId = Annotated[int, Path(alias="id", ge=1, le=LARGEST, description="Number of the object.")]


def _instant(value: Any, info: ValidationInfo) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and info.context == STORED:
        return value
    if not isinstance(value, str):
        raise ValueError("write a time with its offset, for example 2026-03-01T08:00:00Z")
    try:
        instant = parse_rfc3339(value)
    except (Invalid, OverflowError) as error:
        raise ValueError(str(error)) from None
    if not 0 <= instant < 2**52:
        raise ValueError("this time lies too far away")
    return instant


def _written_instant(value: int) -> str:
    return rfc3339(value)


Instant = Annotated[
    int,
    BeforeValidator(_instant),
    PlainSerializer(_written_instant, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-01T08:00:00Z"]}),
]
"""Milliseconds inside, RFC 3339 with an offset outside; a time without one is refused."""


def _version(value: Any, info: ValidationInfo) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and info.context == STORED:
        return value
    if not isinstance(value, str):
        raise ValueError("write a firmware version as 1.2.3.4 or 0x01020304")
    try:
        return int(FirmwareVersion.parse(value))
    except Invalid as error:
        raise ValueError(str(error)) from None


Version = Annotated[
    int,
    BeforeValidator(_version),
    PlainSerializer(lambda value: FirmwareVersion(value).opaque(), return_type=str),
    WithJsonSchema({"type": "string", "examples": ["1.2.3.4", "0x01020304"]}),
]
"""A firmware version that is sent in: dotted or opaque."""


def _hex_identifier(kind: type[DevEui | DevAddr]) -> BeforeValidator:
    def parse(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("write hex digits in a text")
        try:
            return str(kind(value))
        except Invalid as error:
            raise ValueError(str(error)) from None

    return BeforeValidator(parse)


Eui = Annotated[
    str, _hex_identifier(DevEui), WithJsonSchema({"type": "string", "pattern": "^[0-9A-Fa-f]{16}$"}),
    Field(examples=["0123456789ABCDEF"]),
]  # fmt: skip
Address = Annotated[
    str, _hex_identifier(DevAddr), WithJsonSchema({"type": "string", "pattern": "^[0-9A-Fa-f]{8}$"}),
    Field(examples=["01ABCDEF"]),
]  # fmt: skip


def _key(value: Any) -> Secret:
    try:
        key = Secret.from_hex(value) if isinstance(value, str) else None
    except (Invalid, TypeError):
        key = None
    if key is None or len(key) != 16:
        raise ValueError("this is not a key: write 32 hex digits")
    return key


Key = Annotated[
    Secret,
    BeforeValidator(_key),
    PlainSerializer(lambda _: "***", return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[0-9A-Fa-f]{32}$", "writeOnly": True}),
]
"""A key of 16 bytes, sent in and never sent out."""


class KeySchema(Schema):
    """A body that carries keys."""

    model_config = ConfigDict(arbitrary_types_allowed=True, hide_input_in_errors=True)


def _octets(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        return bytes.fromhex(value)
    except (TypeError, ValueError):
        raise ValueError("write bytes in pairs of hex digits") from None


Octets = Annotated[
    bytes,
    BeforeValidator(_octets),
    PlainSerializer(lambda value: value.hex(), return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^([0-9A-Fa-f]{2})*$", "examples": ["0102"]}),
]
"""Bytes in hex digits."""


class Kept(Schema):
    """What every object says of itself."""

    id: int
    revision: int
    """Goes up by one with each edit; also the ETag."""
    created_at: Instant
    changed_at: Instant
    archived_at: Instant | None
