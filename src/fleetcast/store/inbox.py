"""What was learned or ordered and not yet thought about. Whoever hears something only writes it down, here.

A campaign's events are taken in the order of their numbers, by its owner alone; they go with the commit that took them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from fleetcast.campaign.events import Event
from fleetcast.instants import InstantMs
from fleetcast.store.database import BATCH, wake
from fleetcast.store.state_codec import EVENT
from fleetcast.store.tables import inbox as table

CHANNEL: Final = "inbox"
"""Woken with every transaction that put something in; the payload is the campaign's number."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event and its number."""

    id: int
    event: Event
    received_at: InstantMs


@dataclass(frozen=True, slots=True)
class New:
    """An event to be put in."""

    subscriber_id: int
    campaign_id: int
    event: Event


def put(connection: Connection, entries: Sequence[New], now: InstantMs) -> None:
    """Put events in, in this order, and wake their owners."""
    rows = [
        {
            "subscriber_id": each.subscriber_id,
            "campaign_id": each.campaign_id,
            "event": EVENT.dump(each.event),
            "received_at": now,
        }
        for each in entries
    ]
    for start in range(0, len(rows), BATCH):
        connection.execute(insert(table), rows[start : start + BATCH])
    for campaign_id in sorted({each.campaign_id for each in entries}):
        wake(connection, CHANNEL, str(campaign_id))


def waiting(connection: Connection, campaign_id: int, most: int) -> list[Entry]:
    """The oldest events of a campaign, at most so many."""
    rows = connection.execute(
        select(table.c.id, table.c.event, table.c.received_at)
        .where(table.c.campaign_id == campaign_id)
        .order_by(table.c.id)
        .limit(most)
    )
    return [Entry(number, EVENT.load(event), at) for number, event, at in rows]


def done(connection: Connection, ids: Iterable[int]) -> None:
    """These events were thought about."""
    gone = list(ids)
    for start in range(0, len(gone), BATCH):
        connection.execute(delete(table).where(table.c.id.in_(gone[start : start + BATCH])))


def clear(connection: Connection, campaign_id: int) -> None:
    """Nothing is thought about any more for a campaign that is over."""
    connection.execute(delete(table).where(table.c.campaign_id == campaign_id))
