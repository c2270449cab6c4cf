"""Lists of webhooks, and the log of what was delivered to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select

from fleetcast.access import Identity, Right
from fleetcast.instants import InstantMs
from fleetcast.queries.fleet import View, of_rows
from fleetcast.queries.kept import columns
from fleetcast.queries.lists import Listing, ListRequest, Page
from fleetcast.store import tables as t
from fleetcast.store.database import Database
from fleetcast.store.webhooks import KIND


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """One message to a webhook, as it stands."""

    id: int
    journal_id: int
    kind: str
    state: str
    attempts: int
    next_at: InstantMs | None
    status: int | None
    error: str
    created_at: InstantMs
    delivered_at: InstantMs | None
    body: str


def _read(connection: Connection, ids: Sequence[int]) -> Mapping[int, DeliveryView]:
    names = tuple(DeliveryView.__dataclass_fields__)
    rows = connection.execute(
        select(*(t.webhook_delivery.c[name] for name in names)).where(t.webhook_delivery.c.id.in_(ids))
    )
    return {row.id: DeliveryView(**dict(row._mapping)) for row in rows}


_WEBHOOKS: Final = of_rows(KIND, "journal_id", "failing_since_at", "disabled_why")
_DELIVERIES: Final = Listing(
    table=t.webhook_delivery,
    fields=columns(t.webhook_delivery, hidden=("claimed_by", "claimed_until", "body", "webhook_id")),
    read=_read,
    sort="-id",
)


def page(database: Database, who: Identity, request: ListRequest) -> Page[View[Any]]:
    """A page of the subscriber's webhooks."""
    who.require(Right.LOOK)
    with database.read() as connection:
        return _WEBHOOKS.page(connection, request, t.webhook.c.subscriber_id == who.subscriber_id)


def one(database: Database, who: Identity, row_id: int) -> View[Any]:
    """One webhook; raises Missing."""
    who.require(Right.LOOK)
    with database.read() as connection:
        KIND.get(connection, who.subscriber_id, row_id)
        return _WEBHOOKS.read(connection, [row_id])[row_id]


def deliveries(database: Database, who: Identity, row_id: int, request: ListRequest) -> Page[DeliveryView]:
    """A page of what was delivered to a webhook, or waits for it, the newest first; raises Missing."""
    who.require(Right.LOOK)
    with database.read() as connection:
        KIND.get(connection, who.subscriber_id, row_id)
        return _DELIVERIES.page(connection, request, t.webhook_delivery.c.webhook_id == row_id)
