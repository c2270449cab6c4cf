"""`FIELD=VALUE` on the command line → a body for the API, by the server's own description of its fields.

A field that names another object by number may be given by that object's name: `connection=simulated` for
`connection_id=1`, `device_sets=north,south` for `device_set_ids=[1,2]`. Fields within fields have dots:
`settings.msg_retries=4`. `@path` stands for the text in a file.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fleetcast.cli.arguments import BadArgument, FileUnusable
from fleetcast.cli.remote import Remote
from fleetcast.errors import NotFound

_NAMED: Final = {
    "connection": ("/connections", ("name",)),
    "device_profile": ("/device-profiles", ("name",)),
    "multicast_group": ("/multicast-groups", ("dev_eui", "name")),
    "device_set": ("/device-sets", ("name",)),
    "region": ("/regions", ("name",)),
    "file": ("/files", ("name",)),
    "firmware_file": ("/files", ("name",)),
    "delta_signing_key": ("/delta-keys", ("name",)),
}
"""Objects that fields refer to: where they are listed, and what they may be called by."""

_SHORT: Final = {"profile": "device_profile", "group": "multicast_group", "groups": "multicast_groups",
                 "sets": "device_sets"}  # fmt: skip
_DEV_EUI: Final = re.compile(r"[0-9A-F]{16}")
_WORDS: Final = {"yes": True, "true": True, "no": False, "false": False}


@dataclass(frozen=True, slots=True)
class FieldOf:
    """One field of a body, as the server describes it."""

    name: str
    types: frozenset[str]
    """Of JSON: string, integer, number, boolean, array, object, null."""
    required: bool
    sentence: str
    choices: tuple[str, ...]
    default: object


def fields_of(description: Mapping[str, Any], path: str, method: str = "post") -> dict[str, FieldOf]:
    """The fields of a request's body."""
    operation = description["paths"][f"/api/v1{path}"][method]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    schema = _resolved(description, schema)
    required = set(schema.get("required", ()))
    return {
        name: _field(name, _resolved(description, said), required=name in required)
        for name, said in schema["properties"].items()
    }


def _resolved(description: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Mapping[str, Any] = description["components"]["schemas"][str(reference).rpartition("/")[2]]
    return found


def _field(name: str, said: Mapping[str, Any], *, required: bool) -> FieldOf:
    branches = said.get("anyOf", [said])
    types = frozenset(str(each.get("type", "string")) for each in branches)
    choices = tuple(str(word) for each in branches for word in (*each.get("enum", ()), *_constant(each)))
    return FieldOf(name, types, required, str(said.get("description", "")), choices, said.get("default"))


def _constant(said: Mapping[str, Any]) -> tuple[object, ...]:
    return (said["const"],) if "const" in said else ()


def body_of(remote: Remote, fields: Mapping[str, FieldOf], assignments: Sequence[str]) -> dict[str, Any]:
    """The body that the assignments mean; raises BadArgument, NotFound for an object that isn't there."""
    body: dict[str, Any] = {}
    for assignment in assignments:
        name, sign, text = assignment.partition("=")
        if not sign:
            raise BadArgument(f"{assignment!r}: write FIELD=VALUE, for example name=north")
        first, *inner = name.strip().replace("-", "_").split(".")
        text = _from_file(text)
        if inner:
            _put_within(body, fields, first, inner, text)
            continue
        known = fields.get(first)
        if known is not None:
            body[first] = _value(known, text)
        else:
            field, value = _reference(remote, fields, first, text)
            body[field] = value
    return body


def _from_file(text: str) -> str:
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise FileUnusable(f"{text[1:]}: can't be read ({error})") from None


def _put_within(body: dict[str, Any], fields: Mapping[str, FieldOf], first: str, inner: list[str], text: str) -> None:
    if first not in fields or "object" not in fields[first].types:
        raise _unknown(first, fields)
    place = body.setdefault(first, {})
    for part in inner[:-1]:
        place = place.setdefault(part, {})
    place[inner[-1]] = _guess(text)


def _guess(text: str) -> Any:
    """What nobody describes: a number or a word of JSON's where it is one, else the text."""
    if text in _WORDS:
        return _WORDS[text]
    try:
        return json.loads(text)
    except ValueError:
        return text


def _value(field: FieldOf, text: str) -> Any:
    types = field.types
    if text in ("", "null") and "null" in types:
        return None
    if "array" in types:
        return _json(field, text) if text.startswith("[") else [_guess_item(part) for part in _parts(text)]
    if "object" in types:
        return _json(field, text)
    if "boolean" in types and text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if types & {"integer", "number"} and "string" not in types:
        return _json(field, text)
    return text


def _guess_item(text: str) -> object:
    """Numbers of objects are numbers; DevEUIs of digits alone are texts, and longer."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else text


def _json(field: FieldOf, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        kind = " or ".join(sorted(field.types - {"null"}))
        raise BadArgument(f"{field.name}={text[:60]}: this is no {kind} in JSON") from None


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.replace(";", ",").split(",") if part.strip()]


def _reference(remote: Remote, fields: Mapping[str, FieldOf], name: str, text: str) -> tuple[str, Any]:
    wanted = _SHORT.get(name, name)
    if f"{wanted}_id" in fields and wanted in _NAMED:
        return f"{wanted}_id", None if text in ("", "null") else find(remote, *_NAMED[wanted], text)["id"]
    single = wanted.removesuffix("s")
    if f"{single}_ids" in fields and single in _NAMED:
        return f"{single}_ids", [find(remote, *_NAMED[single], part)["id"] for part in _parts(text)]
    raise _unknown(name, fields)


def _unknown(name: str, fields: Mapping[str, FieldOf]) -> BadArgument:
    close = difflib.get_close_matches(name, fields, n=1)
    meant = f"did you mean {close[0]}?" if close else f"there are {', '.join(fields)}"
    return BadArgument(f"{name}: there is no such field; {meant}")


def find(remote: Remote, path: str, keys: Sequence[str], named: str) -> dict[str, Any]:
    """The one object of that name, or number; raises NotFound, BadArgument when several have the name."""
    for key in keys:
        # What is archived may be meant as well, but what is in use goes before it.
        for archived in ("no", "yes"):
            value = named.upper() if key == "dev_eui" else named
            if key == "dev_eui" and not _DEV_EUI.fullmatch(value):
                break
            found = list(remote.items(path, most=2, filter=f"{key}={value}", archived=archived))
            if len(found) == 1:
                return found[0]
            if found:
                raise BadArgument(f"several have {key} {named!r}: name the one by its number")
    if named.isascii() and named.isdigit() and len(named) < 16:
        one: dict[str, Any] = remote.get(f"{path}/{named}")
        return one
    what = path.strip("/").replace("-", " ").removesuffix("s")
    raise NotFound(f"there is no {what} {named!r}: fleetcast lists those there are")
