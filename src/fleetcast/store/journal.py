"""The append-only history: what happened, who did it, and what it was about. It also moves what is watched live.

Numbers rise, but on PostgreSQL a line with a lower number may be committed after one with a higher: whoever follows the
journal by number passes no line whose transaction might still be under way (`settled`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, literal_column, or_, select, text, true

from fleetcast.instants import InstantMs
from fleetcast.store.database import BATCH, wake
from fleetcast.store.tables import campaign, webhook
from fleetcast.store.tables import journal as table

_OVER: Final = ("STOPPED", "FAILED", "SUCCEEDED")
CHANNEL: Final = "journal"
"""Woken with every transaction that wrote lines; the payload is the subscriber's number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line to be written."""

    kind: str
    """What sort of thing happened, in dotted words: `campaign.status`."""
    text: str
    who: str = ""
    """A login; empty: Fleetcast itself."""
    campaign_id: int | None = None
    device_id: int | None = None
    multicast_group_id: int | None = None
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One line as it stands in the journal."""

    id: int
    at: InstantMs
    kind: str
    text: str
    who: str
    campaign_id: int | None
    device_id: int | None
    multicast_group_id: int | None
    data: Mapping[str, Any] = field(default_factory=dict)


def write(connection: Connection, subscriber_id: int, lines: Sequence[Line], now: InstantMs) -> None:
    """Add lines, in their order, and wake those who follow."""
    if not lines:
        return
    transaction = None
    if connection.dialect.name == "postgresql":
        transaction = connection.execute(text("SELECT CAST(CAST(pg_current_xact_id() AS text) AS bigint)")).scalar_one()
    rows = [
        {
            "subscriber_id": subscriber_id,
            "campaign_id": line.campaign_id,
            "device_id": line.device_id,
            "multicast_group_id": line.multicast_group_id,
            "kind": line.kind,
            "who": line.who,
            "text": line.text,
            "data": None if line.data is None else dict(line.data),
            "at": now,
            "transaction_id": transaction,
        }
        for line in lines
    ]
    for start in range(0, len(rows), BATCH):
        connection.execute(insert(table), rows[start : start + BATCH])
    wake(connection, CHANNEL, str(subscriber_id))


def settled(connection: Connection) -> ColumnElement[bool]:
    """Lines before which no other can appear any more."""
    if connection.dialect.name != "postgresql":
        return true()
    oldest: ColumnElement[int] = literal_column("CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)")
    return or_(table.c.transaction_id.is_(None), table.c.transaction_id < oldest)


def following(
    connection: Connection, subscriber_id: int, after: int, most: int, *conditions: ColumnElement[bool]
) -> list[Written]:
    """Lines after number `after` in order, at most so many; none is ever passed over by going on from the last."""
    columns = [table.c[name] for name in Written.__dataclass_fields__]
    rows = connection.execute(
        select(*columns)
        .where(and_(table.c.subscriber_id == subscriber_id, table.c.id > after, settled(connection), *conditions))
        .order_by(table.c.id)
        .limit(most)
    )
    return [Written(**(dict(row._mapping) | {"data": row.data or {}})) for row in rows]


def prune(connection: Connection, before: InstantMs, most: int = BATCH) -> int:
    """Forget lines of before, at most so many; how many that were.

    What a campaign that is not over wrote stays, and what a webhook that is switched on has still to be told of.
    """
    not_told = (
        select(webhook.c.id)
        .where(
            webhook.c.subscriber_id == table.c.subscriber_id,
            webhook.c.enabled,
            webhook.c.archived_at.is_(None),
            webhook.c.journal_id < table.c.id,
        )
        .exists()
    )
    not_over = select(campaign.c.id).where(campaign.c.id == table.c.campaign_id, campaign.c.status.not_in(_OVER))
    old = (
        select(table.c.id)
        .where(table.c.at < before, ~not_told, ~not_over.exists())
        .order_by(table.c.id)
        .limit(most)
        .with_for_update(skip_locked=True, of=table)
    )
    return connection.execute(delete(table).where(table.c.id.in_(old))).rowcount


def last(connection: Connection, subscriber_id: int) -> int:
    """The number of the newest line; 0 for an empty journal."""
    found = connection.execute(
        select(func.max(table.c.id)).where(table.c.subscriber_id == subscriber_id, settled(connection))
    ).scalar()
    return int(found or 0)
