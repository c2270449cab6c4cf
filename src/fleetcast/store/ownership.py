"""Which worker owns which campaign: a lease on the database's clock, and a fence that rises with each claim.

A lease is only a promise of the worker to itself; what protects a campaign is the fence: every commit of its state
names the one it was claimed under, and changes nothing if there is a newer one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select, update

from fleetcast.store.database import clock_ms
from fleetcast.store.tables import campaign as table
from fleetcast.store.tables import connection as connections
from fleetcast.store.tables import multicast_group

UNDER_WAY = ("RUNNING", "PAUSED", "STOPPING")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A campaign that a worker owns from now on."""

    campaign_id: int
    subscriber_id: int
    fence: int


def claim(
    connection: Connection,
    worker_id: int,
    lease_ms: int,
    most: int,
    single: Collection[str] = (),
    mine: Collection[int] = (),
) -> list[Claimed]:
    """Take campaigns that nobody owns, or whose owner let its lease run out; each gets a new fence.

    Those under way, and those that are over but have not given their groups back: their owner died before it could. Of
    those that use a connection of a kind in `single`, only such whose connections are all in `mine`.
    """
    now = clock_ms(connection)
    free = or_(table.c.owner_until.is_(None), table.c.owner_until < now)
    holding = select(multicast_group.c.campaign_id).where(multicast_group.c.campaign_id.is_not(None))
    found = connection.execute(
        select(table.c.id)
        .where(or_(table.c.status.in_(UNDER_WAY), table.c.id.in_(holding)), free, *_reachable(single, mine))
        .order_by(table.c.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    ).scalars()
    claimed = []
    for campaign_id in list(found):
        row = connection.execute(
            update(table)
            .where(table.c.id == campaign_id)
            .values(owner_worker_id=worker_id, fence=table.c.fence + 1, owner_until=now + lease_ms)
            .returning(table.c.subscriber_id, table.c.fence)
        ).one()
        claimed.append(Claimed(campaign_id, row[0], row[1]))
    return claimed


def _reachable(single: Collection[str], mine: Collection[int]) -> list[ColumnElement[bool]]:
    """Campaigns that use no connection that another worker has, or is to have."""
    if not single:
        return []
    elsewhere = (
        select(multicast_group.c.id)
        .join(connections, connections.c.id == multicast_group.c.connection_id)
        .where(
            multicast_group.c.campaign_id == table.c.id,
            connections.c.kind.in_(single),
            connections.c.enabled,
            connections.c.archived_at.is_(None),
            connections.c.id.not_in(mine),
        )
    )
    return [~exists(elsewhere)]


def renew(connection: Connection, worker_id: int, fences: dict[int, int], lease_ms: int) -> set[int]:
    """Prolong the leases of these campaigns (fence by campaign); returns those that are still this worker's."""
    if not fences:
        return set()
    mine = or_(*(and_(table.c.id == each, table.c.fence == fence) for each, fence in fences.items()))
    renewed = connection.execute(
        update(table)
        .where(table.c.owner_worker_id == worker_id, mine)
        .values(owner_until=clock_ms(connection) + lease_ms)
        .returning(table.c.id)
    )
    return set(renewed.scalars())


def release(connection: Connection, worker_id: int, fences: dict[int, int]) -> None:
    """Let go of these campaigns: another worker may have them at once."""
    for campaign_id, fence in fences.items():
        connection.execute(
            update(table)
            .where(table.c.id == campaign_id, table.c.fence == fence, table.c.owner_worker_id == worker_id)
            .values(owner_until=None, owner_worker_id=None)
        )


def release_all(connection: Connection) -> None:
    """Let go of every campaign and connection, whoever had it: for a database of one process alone, at its start."""
    connection.execute(update(table).where(table.c.owner_until.is_not(None)).values(owner_until=None))
    connection.execute(
        update(connections).where(connections.c.owner_until.is_not(None)).values(worker_id=None, owner_until=None)
    )
