"""Regions and which multicast groups they hold."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from fleetcast.store import tables
from fleetcast.store.objects import Kind

_held = tables.region_group


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """What people say of a region."""

    name: str
    description: str = ""


KIND: Final = Kind(tables.region, Region, "region")


def groups(connection: Connection, region_ids: Collection[int]) -> dict[int, tuple[int, ...]]:
    """Numbers of the groups that regions hold, by region."""
    found: dict[int, tuple[int, ...]] = dict.fromkeys(region_ids, ())
    rows = connection.execute(
        select(_held.c.region_id, _held.c.multicast_group_id)
        .where(_held.c.region_id.in_(region_ids))
        .order_by(_held.c.region_id, _held.c.multicast_group_id)
    )
    for row in rows:
        found[row.region_id] += (row.multicast_group_id,)
    return found


def set_groups(connection: Connection, subscriber_id: int, region_id: int, group_ids: Sequence[int]) -> bool:
    """Let a region hold exactly these groups; whether that changed anything."""
    before = set(groups(connection, [region_id])[region_id])
    wanted = set(group_ids)
    if gone := before - wanted:
        connection.execute(delete(_held).where(_held.c.region_id == region_id, _held.c.multicast_group_id.in_(gone)))
    if new := wanted - before:
        connection.execute(
            insert(_held),
            [
                {"region_id": region_id, "multicast_group_id": each, "subscriber_id": subscriber_id}
                for each in sorted(new)
            ],
        )
    return before != wanted
