"""Approvals of campaigns: which need one, and what was approved, as a fingerprint in which every later change shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, func, select, update

from fleetcast.instants import InstantMs
from fleetcast.store import campaigns, subscribers
from fleetcast.store import tables as t

WAITING = ("CONFIGURED", "SCHEDULED")
_table = t.campaign


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Who approved what."""

    user_id: int
    login: str
    at: InstantMs
    content: str


def given(connection: Connection, campaign_id: int) -> Approval | None:
    """The approval that a campaign was given, whether or not it still holds."""
    row = connection.execute(
        select(_table.c.approved_by_id, t.user.c.login, _table.c.approved_at, _table.c.approved_content)
        .join(t.user, t.user.c.id == _table.c.approved_by_id)
        .where(_table.c.id == campaign_id, _table.c.approved_content.is_not(None))
    ).first()
    return None if row is None else Approval(user_id=row[0], login=row[1], at=row[2], content=row[3])


def give(connection: Connection, campaign_id: int, user_id: int, content: str, now: InstantMs) -> None:
    """Mark a campaign as approved by this user."""
    campaigns.move(connection, campaign_id, now, approved_by_id=user_id, approved_at=now, approved_content=content)


def take(connection: Connection, campaign_id: int, now: InstantMs) -> None:
    """Take the mark away."""
    campaigns.move(connection, campaign_id, now, approved_by_id=None, approved_at=None, approved_content=None)


def made_by(connection: Connection, campaign_id: int) -> int:
    """Who said last what the campaign is."""
    return int(connection.execute(select(_table.c.made_by_id).where(_table.c.id == campaign_id)).scalar_one())


def makers(connection: Connection, subscriber_id: int, campaign_id: int) -> set[int]:
    """Everybody who had a hand in what the campaign is, from its first draft to its last edit."""
    found = connection.execute(
        select(t.audit.c.user_id)
        .where(
            t.audit.c.subscriber_id == subscriber_id,
            t.audit.c.object_id == campaign_id,
            t.audit.c.kind.in_(("campaign.created", "campaign.copied", "campaign.edited")),
        )
        .distinct()
    ).scalars()
    return {*found, made_by(connection, campaign_id)}


def set_maker(connection: Connection, campaign_id: int, user_id: int) -> None:
    """Note who said what the campaign is."""
    connection.execute(update(_table).where(_table.c.id == campaign_id).values(made_by_id=user_id))


def device_count(connection: Connection, set_ids: Sequence[int]) -> int:
    """Distinct devices of sets, archived ones aside."""
    member = t.device_set_member
    return int(
        connection.execute(
            select(func.count(member.c.device_id.distinct()))
            .join(t.device, t.device.c.id == member.c.device_id)
            .where(member.c.device_set_id.in_(set_ids), t.device.c.archived_at.is_(None))
        ).scalar_one()
    )


def needed(connection: Connection, subscriber_id: int, campaign_id: int) -> str | None:
    """Why a campaign needs an approval; None: it needs none."""
    policy = subscribers.get(connection, subscriber_id).what
    asked = campaigns.KIND.get(connection, subscriber_id, campaign_id).what
    if asked.type in policy.approval_types:
        return f"campaigns of type {asked.type} do"
    if policy.approval_devices is not None:
        devices = device_count(connection, campaigns.sets(connection, [campaign_id])[campaign_id])
        if devices > policy.approval_devices:
            return f"it is over {devices} devices, campaigns over more than {policy.approval_devices} do"
    return None


def fingerprint(connection: Connection, subscriber_id: int, campaign_id: int) -> str:
    """Of everything that was said of a campaign: itself, its file and its content, sets, regions and their groups."""
    stored = campaigns.KIND.get(connection, subscriber_id, campaign_id).what
    set_ids = campaigns.sets(connection, [campaign_id])[campaign_id]
    region_ids = campaigns.regions(connection, [campaign_id])[campaign_id]
    group_ids = connection.execute(
        select(t.region_group.c.multicast_group_id).where(t.region_group.c.region_id.in_(region_ids)).distinct()
    ).scalars()
    said: dict[str, Any] = {
        "campaign": {name: getattr(stored, name) for name in campaigns.KIND.names},
        "sets": _revisions(connection, t.device_set, set_ids),
        "members": _members(connection, set_ids),
        "regions": _revisions(connection, t.region, region_ids),
        "groups": _revisions(connection, t.multicast_group, sorted(group_ids)),
    }
    if stored.file_id is not None:
        said["file"] = _revisions(connection, t.file, [stored.file_id])
        said["content"] = connection.execute(select(t.file.c.sha256).where(t.file.c.id == stored.file_id)).scalar()
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _revisions(connection: Connection, table: Table, ids: Sequence[int]) -> list[tuple[int, int]]:
    rows = connection.execute(select(table.c.id, table.c.revision).where(table.c.id.in_(ids)).order_by(table.c.id))
    return [(row[0], row[1]) for row in rows]


def _members(connection: Connection, set_ids: Sequence[int]) -> Mapping[int, tuple[int, int]]:
    """How many devices each set has, and the sum of their numbers: every change counts up a revision as well."""
    member = t.device_set_member
    rows = connection.execute(
        select(member.c.device_set_id, func.count(), func.sum(member.c.device_id))
        .where(member.c.device_set_id.in_(set_ids))
        .group_by(member.c.device_set_id)
    )
    return {row[0]: (row[1], int(row[2])) for row in rows}
