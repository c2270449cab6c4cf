"""Subscribers (tenants): quotas and the settings that campaigns start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select, update

from fleetcast.instants import InstantMs
from fleetcast.store.objects import Missing, Stale, Stored
from fleetcast.store.tables import campaign
from fleetcast.store.tables import subscriber as table

THIRTY_DAYS_S: Final = 30 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """A tenant. Quotas count what isn't archived; None: no limit."""

    name: str
    max_devices: int | None = None
    max_multicast_groups: int | None = None
    max_version_age_s: int = THIRTY_DAYS_S
    asks_versions: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Campaign settings that differ from the built-in defaults."""
    approval_devices: int | None = None
    """Campaigns over more devices than this need an approval; None: none do for their size."""
    approval_types: tuple[str, ...] = ()
    """Types of campaigns that need an approval."""
    requires_signature: bool = False
    """Whether files need a signature by a trusted key before they are taken."""


_NAMES = tuple(each.name for each in fields(Subscriber))


def add(connection: Connection, new: Subscriber, now: InstantMs) -> int:
    """Put one in; gives its number."""
    values = _values(new)
    key = connection.execute(
        insert(table).values(**values, created_at=now, changed_at=now, revision=1)
    ).inserted_primary_key
    return int(key[0]) if key is not None else 0


def get(connection: Connection, subscriber_id: int) -> Stored[Subscriber]:
    """The one with this number; raises Missing."""
    row = connection.execute(select(table).where(table.c.id == subscriber_id)).first()
    if row is None:
        raise Missing("subscriber", subscriber_id)
    return _stored(row)


def _stored(row: Row[Any]) -> Stored[Subscriber]:
    said = {name: row._mapping[name] for name in _NAMES}
    return Stored(
        id=row.id,
        subscriber_id=row.id,
        what=Subscriber(**said | {"approval_types": tuple(said["approval_types"] or ())}),
        revision=row.revision,
        created_at=row.created_at,
        changed_at=row.changed_at,
        archived_at=row.archived_at,
    )


def _values(what: Subscriber) -> dict[str, Any]:
    return {name: getattr(what, name) for name in _NAMES} | {"approval_types": list(what.approval_types) or None}


def replace(connection: Connection, subscriber_id: int, what: Subscriber, revision: int | None, now: InstantMs) -> None:
    """Put this in the place of what is there; raises Missing and Stale."""
    found = get(connection, subscriber_id)
    if revision not in (None, found.revision):
        raise Stale("subscriber", subscriber_id, revision or 0, found.revision)
    connection.execute(
        update(table)
        .where(table.c.id == subscriber_id)
        .values(_values(what) | {"revision": table.c.revision + 1, "changed_at": now})
    )


def put_away(
    connection: Connection, subscriber_id: int, revision: int | None, now: InstantMs, *, archived_at: InstantMs | None
) -> None:
    """Archive one, or take it back; raises Missing and Stale."""
    found = get(connection, subscriber_id)
    if revision not in (None, found.revision):
        raise Stale("subscriber", subscriber_id, revision or 0, found.revision)
    if found.archived == (archived_at is not None):
        return
    connection.execute(
        update(table)
        .where(table.c.id == subscriber_id)
        .values(archived_at=archived_at, revision=table.c.revision + 1, changed_at=now)
    )


def campaigns_not_over(connection: Connection, subscriber_id: int) -> int:
    """How many campaigns are scheduled or under way."""
    waiting = ("SCHEDULED", "RUNNING", "PAUSED", "STOPPING")
    conditions = campaign.c.subscriber_id == subscriber_id, campaign.c.status.in_(waiting)
    return int(connection.execute(select(func.count()).select_from(campaign).where(*conditions)).scalar_one())


def active(connection: Connection) -> list[int]:
    """Numbers of the subscribers that aren't archived."""
    return list(
        connection.execute(select(table.c.id).where(table.c.archived_at.is_(None)).order_by(table.c.id)).scalars()
    )
