"""Totals over the whole database, of all subscribers: for those who watch the deployment, not for users."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from fleetcast.store.database import Database
from fleetcast.store.tables import campaign, device, inbox, outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """How much there is."""

    campaigns: dict[str, int]
    """By status, those that aren't archived."""
    devices: int
    inbox: int
    outbox: int


def totals(database: Database) -> Totals:
    """What there is just now; raises DatabaseUnavailable."""
    with database.read() as connection:
        by_status = connection.execute(
            select(campaign.c.status, func.count()).where(campaign.c.archived_at.is_(None)).group_by(campaign.c.status)
        )
        campaigns = {str(status): int(count) for status, count in by_status.all()}
        devices = connection.execute(
            select(func.count()).select_from(device).where(device.c.archived_at.is_(None))
        ).scalar_one()
        waiting = [connection.execute(select(func.count()).select_from(each)).scalar_one() for each in (inbox, outbox)]
    return Totals(campaigns=campaigns, devices=int(devices), inbox=int(waiting[0]), outbox=int(waiting[1]))
