"""Campaigns as lists and single views show them: what was asked for, and where they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, func, select

from fleetcast.access import Identity, Right
from fleetcast.queries.fleet import View
from fleetcast.queries.kept import columns, page
from fleetcast.queries.lists import Listing
from fleetcast.store import approvals
from fleetcast.store import campaigns as store
from fleetcast.store import tables as t
from fleetcast.store.database import Database

__all__ = ["CAMPAIGNS", "one", "page"]

_STANDING: Final = (
    "status", "why", "started_by", "started_at", "ended_at", "scheduled_at", "stage", "stages", "stage_name",
    "stage_starts_at", "stage_done", "stage_total", "participants", "succeeded", "failed", "explanation",
    "copied_from_id",
)  # fmt: skip


def _read(connection: Connection, ids: Sequence[int]) -> Mapping[int, View[Any]]:
    sets, regions = store.sets(connection, ids), store.regions(connection, ids)
    left_out = t.campaign_left_out
    counts = connection.execute(
        select(left_out.c.campaign_id, func.count())
        .where(left_out.c.campaign_id.in_(ids))
        .group_by(left_out.c.campaign_id)
    )
    without = {row[0]: row[1] for row in counts}
    table = t.campaign
    rows = connection.execute(select(table.c.id, *(table.c[name] for name in _STANDING)).where(table.c.id.in_(ids)))
    standing = {row.id: {name: row._mapping[name] for name in _STANDING} for row in rows}
    marks = _approvals(connection, {number: row["status"] for number, row in standing.items()})
    return {
        number: View(
            kept,
            standing[number]
            | marks[number]
            | {
                "device_set_ids": sets[number],
                "region_ids": regions[number],
                "left_out": without.get(number, 0),
                "max_duration_minutes": kept.what.max_duration_s / 60,
            },
        )
        for number, kept in store.KIND.read(connection, ids).items()
    }


def _approvals(connection: Connection, statuses: Mapping[int, str]) -> dict[int, dict[str, Any]]:
    """Who approved what; of one that hasn't started, as far as the approval still holds, and whether it needs one."""
    found: dict[int, dict[str, Any]] = {}
    table = t.campaign
    rows = connection.execute(select(table.c.id, table.c.subscriber_id).where(table.c.id.in_(statuses)))
    for campaign_id, subscriber_id in rows.all():
        waits = statuses[campaign_id] in approvals.WAITING
        given = approvals.given(connection, campaign_id)
        holds = given is not None and (
            not waits or given.content == approvals.fingerprint(connection, subscriber_id, campaign_id)
        )
        found[campaign_id] = {
            "approval_needed": approvals.needed(connection, subscriber_id, campaign_id) if waits else None,
            "approved_by": given.login if given is not None and holds else None,
            "approved_at": given.at if given is not None and holds else None,
        }
    return found


_HIDDEN: Final = (
    "approved_content", "made_by_id", "state", "seed", "engine_version", "owner_worker_id", "fence", "owner_until",
)  # fmt: skip
CAMPAIGNS: Final = Listing(table=t.campaign, fields=columns(t.campaign, hidden=_HIDDEN), read=_read, sort="-id")


def one(database: Database, who: Identity, campaign_id: int) -> View[Any]:
    """One campaign; raises Missing."""
    who.require(Right.LOOK)
    with database.read() as connection:
        store.KIND.get(connection, who.subscriber_id, campaign_id)
        return _read(connection, [campaign_id])[campaign_id]
