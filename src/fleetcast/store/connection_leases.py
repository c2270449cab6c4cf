"""Connections that only one worker may have open: who has each, by a lease on the database's clock.

Campaigns run where their connections are. So all connections that one campaign under way uses, and those that another
uses together with one of them, go to one worker: to whoever has the one with the lowest number among them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, or_, select, update

from fleetcast.store import tables as t
from fleetcast.store.database import clock_ms, now_ms

_table = t.connection


def tend(connection: Connection, worker_id: int, kinds: Collection[str], lease_ms: int) -> dict[int, int]:
    """Prolong what the worker has, take what is free, give up what belongs to another; its fences by connection."""
    now = now_ms(connection)
    rows = connection.execute(
        select(_table.c.id, _table.c.worker_id, _table.c.owner_until)
        .where(_table.c.enabled, _table.c.archived_at.is_(None), _table.c.kind.in_(kinds))
        .order_by(_table.c.id)
    ).all()
    leaders = _leaders([row.id for row in rows], _together(connection))
    holders: dict[int, int | None] = {}
    mine: dict[int, int] = {}
    for row in rows:  # in the order of their numbers: the leader of each comes first, and no two workers lock crosswise
        live = row.owner_until is not None and row.owner_until >= now
        # What ran out is still ours as long as nobody else has taken it.
        holder = row.worker_id if live or row.worker_id == worker_id else None
        leader = leaders[row.id]
        leading = holders[leader] if leader != row.id else worker_id
        fence = None
        if holder == worker_id and leading in (worker_id, None):
            fence = _prolong(connection, row.id, worker_id, lease_ms)
        elif holder == worker_id:
            release(connection, worker_id, [row.id])
        elif holder is None and leading == worker_id:
            fence = _take(connection, row.id, worker_id, lease_ms)
        if fence is not None:
            mine[row.id] = fence
        holders[row.id] = worker_id if fence is not None else holder if holder != worker_id else None
    return mine


def release(connection: Connection, worker_id: int, connection_ids: Collection[int] | None = None) -> None:
    """Let go of these connections, or of all that the worker has: another one may open them at once."""
    which = [_table.c.worker_id == worker_id]
    if connection_ids is not None:
        which.append(_table.c.id.in_(connection_ids))
    connection.execute(update(_table).where(*which).values(worker_id=None, owner_until=None))


def _prolong(connection: Connection, connection_id: int, worker_id: int, lease_ms: int) -> int | None:
    return connection.execute(
        update(_table)
        .where(_table.c.id == connection_id, _table.c.worker_id == worker_id)
        .values(owner_until=clock_ms(connection) + lease_ms)
        .returning(_table.c.fence)
    ).scalar()


def _take(connection: Connection, connection_id: int, worker_id: int, lease_ms: int) -> int | None:
    now = clock_ms(connection)
    return connection.execute(
        update(_table)
        .where(_table.c.id == connection_id, or_(_table.c.owner_until.is_(None), _table.c.owner_until < now))
        .values(worker_id=worker_id, fence=_table.c.fence + 1, owner_until=now + lease_ms)
        .returning(_table.c.fence)
    ).scalar()


def _together(connection: Connection) -> Iterable[set[int]]:
    """The connections of each campaign under way that uses more than one."""
    group = t.multicast_group
    rows = connection.execute(
        select(group.c.campaign_id, group.c.connection_id).where(group.c.campaign_id.is_not(None)).distinct()
    )
    used: dict[int, set[int]] = {}
    for campaign_id, connection_id in rows:
        used.setdefault(campaign_id, set()).add(connection_id)
    return [each for each in used.values() if len(each) > 1]


def _leaders(connection_ids: Iterable[int], together: Iterable[set[int]]) -> dict[int, int]:
    """The lowest number among those that go with each connection."""
    leader = {each: each for each in connection_ids}

    def lead(each: int) -> int:
        while leader[each] != each:
            each = leader[each]
        return each

    for some in together:
        known = sorted({lead(each) for each in some if each in leader})
        for each in known[1:]:
            leader[each] = known[0]
    return {each: lead(each) for each in leader}
