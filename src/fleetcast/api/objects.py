"""What every resource does alike: an object in the form of the answer, and a merge patch laid over one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, TypeVar

from fastapi import Body
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from fleetcast.actions.seen import Stored
from fleetcast.api.fields import STORED

S = TypeVar("S", bound=BaseModel)

Patch = Annotated[
    dict[str, Any],
    Body(
        description="A merge patch (RFC 7396): the fields to be changed, null for those to be emptied.",
        examples=[{"name": "new name"}],
    ),
]


def shown(schema: type[S], stored: Stored[Any], **more: Any) -> S:
    """An object as it is answered."""
    said = {field.name: getattr(stored.what, field.name) for field in fields(stored.what)}
    kept = {name: getattr(stored, name) for name in ("id", "revision", "created_at", "changed_at", "archived_at")}
    known = {name: value for name, value in (said | kept | more).items() if name in schema.model_fields}
    return schema.model_validate(known, context=STORED)


def patched(schema: type[S], stored: Stored[Any], patch: Mapping[str, Any], **more: Any) -> S:
    """What an object says once the patch is laid over it; raises what a body that can't be read raises."""
    said = {field.name: getattr(stored.what, field.name) for field in fields(stored.what)} | more
    known = {name: value for name, value in said.items() if name in schema.model_fields}
    before = schema.model_validate(known, context=STORED).model_dump(mode="json", exclude_none=True)
    merged = _merged(before, patch)
    try:
        return schema.model_validate(merged)
    except ValidationError as error:
        wrong = [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False)]
        raise RequestValidationError(wrong) from None


def _merged(before: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(before)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            within = merged.get(name)
            merged[name] = _merged(within if isinstance(within, dict) else {}, value)
        else:
            merged[name] = value
    return merged
