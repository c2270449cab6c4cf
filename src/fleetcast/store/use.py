"""Which campaigns use a thing: in one not yet over it isn't archived, in a running one it isn't edited either."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Select, select, union

from fleetcast.errors import Conflict
from fleetcast.store import tables as t

RUNNING: Final = ("RUNNING", "PAUSED", "STOPPING")
NOT_OVER: Final = ("CONFIGURED", "SCHEDULED", *RUNNING)
_SHOWN: Final = 5


class InUse(Conflict):
    """Campaigns use it; `campaigns` has their numbers and names."""

    def __init__(self, noun: str, row_id: int, verb: str, campaigns: Sequence[tuple[int, str]]) -> None:
        self.noun, self.id, self.campaigns = noun, row_id, tuple(campaigns)
        named = ", ".join(f"{name} ({number})" for number, name in campaigns[:_SHOWN])
        more = f" and {len(campaigns) - _SHOWN} more" if len(campaigns) > _SHOWN else ""
        plural = "campaign" if len(campaigns) == 1 else "campaigns"
        super().__init__(f"{noun} {row_id} can't be {verb}: {plural} {named}{more} in progress or prepared use it")


def campaigns_using(
    connection: Connection, subscriber_id: int, noun: str, row_id: int, statuses: Sequence[str]
) -> list[tuple[int, str]]:
    """Numbers and names of the campaigns with one of these statuses that use this thing."""
    users = union(*_USERS[noun](row_id)).subquery()
    campaign = t.campaign
    rows = connection.execute(
        select(campaign.c.id, campaign.c.name)
        .where(
            campaign.c.subscriber_id == subscriber_id,
            campaign.c.status.in_(statuses),
            campaign.c.archived_at.is_(None),
            campaign.c.id.in_(select(users.c[0])),
        )
        .order_by(campaign.c.id)
    )
    return [(row.id, row.name) for row in rows]


def require_idle(connection: Connection, subscriber_id: int, noun: str, row_id: int, verb: str) -> None:
    """Raises InUse where a running campaign uses it."""
    if users := campaigns_using(connection, subscriber_id, noun, row_id, RUNNING):
        raise InUse(noun, row_id, verb, users)


def require_unused(connection: Connection, subscriber_id: int, noun: str, row_id: int) -> None:
    """Raises InUse where a configured, scheduled or running campaign uses it."""
    if users := campaigns_using(connection, subscriber_id, noun, row_id, NOT_OVER):
        raise InUse(noun, row_id, "archived", users)


def _of_profile(row_id: int) -> tuple[Select[Any], ...]:
    by_file = (
        select(t.campaign.c.id)
        .join_from(t.campaign, t.file, t.campaign.c.file_id == t.file.c.id)
        .where(t.file.c.device_profile_id == row_id)
    )
    by_device = (
        select(t.device_facts.c.campaign_id)
        .join_from(t.device_facts, t.device, t.device.c.id == t.device_facts.c.device_id)
        .where(t.device.c.device_profile_id == row_id, t.device_facts.c.campaign_id.is_not(None))
        .distinct()
    )
    return by_file, by_device


def _of_group(row_id: int) -> tuple[Select[Any], ...]:
    by_region = (
        select(t.campaign_region.c.campaign_id)
        .join_from(t.campaign_region, t.region_group, t.campaign_region.c.region_id == t.region_group.c.region_id)
        .where(t.region_group.c.multicast_group_id == row_id)
    )
    return by_region, select(t.campaign_group.c.campaign_id).where(t.campaign_group.c.multicast_group_id == row_id)


def _of_connection(row_id: int) -> tuple[Select[Any], ...]:
    group = t.multicast_group
    by_region = (
        select(t.campaign_region.c.campaign_id)
        .join_from(t.campaign_region, t.region_group, t.campaign_region.c.region_id == t.region_group.c.region_id)
        .join(group, group.c.id == t.region_group.c.multicast_group_id)
        .where(group.c.connection_id == row_id)
    )
    by_plan = (
        select(t.campaign_group.c.campaign_id)
        .join_from(t.campaign_group, group, group.c.id == t.campaign_group.c.multicast_group_id)
        .where(group.c.connection_id == row_id)
    )
    return by_region, by_plan


def _of_key(row_id: int) -> tuple[Select[Any], ...]:
    by_file = (
        select(t.campaign.c.id)
        .join_from(t.campaign, t.file, t.campaign.c.file_id == t.file.c.id)
        .where(t.file.c.delta_signing_key_id == row_id)
    )
    return (by_file,)


_USERS: Final[dict[str, Callable[[int], tuple[Select[Any], ...]]]] = {
    "device profile": _of_profile,
    "device": lambda row_id: (
        select(t.device_facts.c.campaign_id).where(
            t.device_facts.c.device_id == row_id, t.device_facts.c.campaign_id.is_not(None)
        ),
    ),
    "device set": lambda row_id: (
        select(t.campaign_device_set.c.campaign_id).where(t.campaign_device_set.c.device_set_id == row_id),
    ),
    "multicast group": _of_group,
    "region": lambda row_id: (select(t.campaign_region.c.campaign_id).where(t.campaign_region.c.region_id == row_id),),
    "file": lambda row_id: (select(t.campaign.c.id).where(t.campaign.c.file_id == row_id),),
    "connection": _of_connection,
    "delta key": _of_key,
    "campaign": lambda row_id: (select(t.campaign.c.id).where(t.campaign.c.id == row_id),),
    "user": lambda row_id: (select(t.campaign.c.id).where(t.campaign.c.id == 0, t.campaign.c.id == row_id),),
    "trusted key": lambda row_id: (select(t.campaign.c.id).where(t.campaign.c.id == 0, t.campaign.c.id == row_id),),
    "webhook": lambda row_id: (select(t.campaign.c.id).where(t.campaign.c.id == 0, t.campaign.c.id == row_id),),
}
