"""Regions: areas that campaigns run in, each a choice of multicast groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection

from fleetcast.access import Identity
from fleetcast.actions.fields import TEXT_LONGEST, Checks
from fleetcast.actions.objects import Editable
from fleetcast.actions.references import require_all_active
from fleetcast.instants import InstantMs
from fleetcast.store import multicast_groups, regions
from fleetcast.store.database import Database
from fleetcast.store.idempotency import Once
from fleetcast.store.objects import Stored
from fleetcast.store.regions import Region

__all__ = ["REGIONS", "Region", "create", "edit"]


def _check(what: Region) -> None:
    checks = Checks()
    checks.text("name", what.name, must=True)
    checks.text("description", what.description, longest=TEXT_LONGEST)
    checks.done()


REGIONS: Final = Editable(kind=regions.KIND, check=_check, label=lambda what: what.name)


def create(
    database: Database,
    who: Identity,
    new: Region,
    group_ids: Sequence[int],
    now: InstantMs,
    once: Once | None = None,
) -> int:
    """Put a region in with these multicast groups; gives its number."""

    def fill(connection: Connection, row_id: int) -> None:
        _check_groups(connection, who, group_ids)
        regions.set_groups(connection, who.subscriber_id, row_id, group_ids)

    told = {"multicast_group_ids": sorted(group_ids)}
    return REGIONS.create(database, who, new, now, once, then=fill, told=told)


def edit(
    database: Database,
    who: Identity,
    row_id: int,
    what: Region,
    group_ids: Sequence[int] | None,
    revision: int | None,
    now: InstantMs,
) -> None:
    """Exchange what a region says, and its groups where they are given."""

    told: dict[str, Any] = {}

    def fill(connection: Connection, _before: Stored[Region]) -> bool:
        if group_ids is None:
            return False
        there = regions.groups(connection, [row_id])[row_id]
        _check_groups(connection, who, [each for each in group_ids if each not in there])
        if sorted(there) != sorted(set(group_ids)):
            told.update(multicast_group_ids_before=sorted(there), multicast_group_ids=sorted(set(group_ids)))
        return regions.set_groups(connection, who.subscriber_id, row_id, group_ids)

    REGIONS.edit(database, who, row_id, what, revision, now, then=fill, told=told)


def _check_groups(connection: Connection, who: Identity, group_ids: Sequence[int]) -> None:
    checks = Checks()
    require_all_active(connection, who, checks, "multicast_group_ids", multicast_groups.KIND, group_ids)
    checks.done()
