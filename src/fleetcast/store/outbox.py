"""Effects that are to be carried out and aren't yet. They are committed with the changes that asked for them.

A row belongs to the owner whose fence it bears; a new owner takes over what an old one left (`claim_all`), so that the
old one can't report it any more. It goes in the transaction that puts its outcome into the inbox.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, insert, select, update

from fleetcast.campaign.effects import (
    EnsureGroup,
    FlushQueue,
    ReleaseGroup,
    SendFragment,
    SendMulticast,
    SendUnicast,
)
from fleetcast.instants import InstantMs
from fleetcast.store.database import BATCH
from fleetcast.store.state_codec import EFFECT
from fleetcast.store.tables import outbox as table

Outward = SendUnicast | SendFragment | SendMulticast | EnsureGroup | ReleaseGroup | FlushQueue
"""Effects that go out; the others are rows of ours."""

_WITHDRAWN = tuple(each.__name__ for each in (SendUnicast, SendFragment, SendMulticast, EnsureGroup))


def put(
    connection: Connection, subscriber_id: int, campaign_id: int, fence: int, effects: Sequence[Outward], now: InstantMs
) -> None:
    """Keep effects that are to be carried out."""
    rows = [
        {
            "campaign_id": campaign_id,
            "effect_id": effect.effect_id,
            "subscriber_id": subscriber_id,
            "fence": fence,
            "kind": type(effect).__name__,
            "effect": EFFECT.dump(effect),
            "not_before": effect.not_before if isinstance(effect, SendFragment | SendMulticast) else now,
            "valid_until": effect.valid_until if isinstance(effect, SendUnicast) else None,
            "created_at": now,
        }
        for effect in effects
    ]
    for start in range(0, len(rows), BATCH):
        connection.execute(insert(table), rows[start : start + BATCH])


def claim_all(connection: Connection, campaign_id: int, fence: int) -> list[Outward]:
    """Take over what an earlier owner left, oldest first."""
    connection.execute(
        update(table)
        .where(table.c.campaign_id == campaign_id, table.c.fence < fence)
        .values(fence=fence, state="claimed", claims=table.c.claims + 1)
    )
    rows = connection.execute(
        select(table.c.effect).where(table.c.campaign_id == campaign_id).order_by(table.c.effect_id)
    )
    return [effect for (text,) in rows if isinstance(effect := EFFECT.load(text), Outward)]


def done(connection: Connection, campaign_id: int, fence: int, effect_ids: Iterable[int]) -> set[int]:
    """These were carried out; returns those that were still this owner's to report."""
    wanted, mine = sorted(effect_ids), set[int]()
    for start in range(0, len(wanted), BATCH):
        gone = connection.execute(
            delete(table)
            .where(
                table.c.campaign_id == campaign_id,
                table.c.fence == fence,
                table.c.effect_id.in_(wanted[start : start + BATCH]),
            )
            .returning(table.c.effect_id)
        )
        mine.update(gone.scalars())
    return mine


def withdraw(connection: Connection, campaign_id: int, last_effect: int) -> None:
    """Forget sendings and wishes for groups up to this effect: the campaign was stopped, they are not to go out."""
    connection.execute(
        delete(table).where(
            table.c.campaign_id == campaign_id, table.c.effect_id <= last_effect, table.c.kind.in_(_WITHDRAWN)
        )
    )
