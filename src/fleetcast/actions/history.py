"""What people did, written in the transaction that did it: into the journal, which moves what is watched live, and into
the audit journal, which can't be bent.

Secrets are in neither: of a key that was exchanged both say that it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection

from fleetcast.access import NO_SUBSCRIBER, Identity
from fleetcast.instants import InstantMs
from fleetcast.store import audit, journal

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

CHANGED: Final = "changed"
"""All that is ever said of a secret."""


def note(
    connection: Connection,
    who: Identity,
    noun: str,
    verb: str,
    row_id: int | None,
    name: str,
    now: InstantMs,
    *,
    campaign_id: int | None = None,
    device_id: int | None = None,
    multicast_group_id: int | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    **data: Any,
) -> None:
    """`who` did `verb` to the `noun` with this number and name; fields as they were and are, as far as they changed."""
    kind = f"{noun.replace(' ', '-')}.{verb.replace(' ', '-')}"
    entry = audit.Note(
        kind=kind,
        user_id=who.user_id,
        who=who.login,
        through=who.through,
        address=who.address,
        object_id=row_id,
        name=name,
        before=plain(before or {}),
        after=plain(after or {}),
        more=plain(data),
    )
    audit.note(connection, who.subscriber_id, entry)
    if who.subscriber_id == NO_SUBSCRIBER:
        return  # nothing of a fleet: nobody watches it
    what = f"{noun} {name}" if name else noun
    details: Mapping[str, Any] = {"id": row_id, "name": name, **plain(data)}
    line = journal.Line(
        kind=kind,
        text=f"{what} {verb}",
        who=who.login,
        campaign_id=campaign_id,
        device_id=device_id,
        multicast_group_id=multicast_group_id,
        data=details,
    )
    journal.write(connection, who.subscriber_id, [line], now)


def said(what: DataclassInstance) -> dict[str, Any]:
    """Every field of what people say of an object."""
    return {each.name: getattr(what, each.name) for each in fields(what)}


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that differ, as they were and as they are."""
    changed = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in changed}, {name: after[name] for name in changed}


def plain(value: Any) -> Any:
    """The same as JSON knows it: bytes in hex, words of an enumeration as they are written."""
    match value:
        case Enum():
            return plain(value.value)
        case bytes():
            return value.hex()
        case Mapping():
            return {str(name): plain(each) for name, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case set() | frozenset():
            return sorted(plain(each) for each in value)
        case None | bool() | int() | float() | str():
            return value
        case _:
            raise TypeError(f"{type(value).__name__} can't stand in the journal")
