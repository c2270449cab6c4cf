"""What was used in a time, counted from what is kept, and the reports that were made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, distinct, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from fleetcast.campaign.states import Outcome
from fleetcast.instants import InstantMs
from fleetcast.interchange.usage_reports import CampaignUsage, DeltaUsage
from fleetcast.store import tables as t

_table = t.usage_report
_TYPES = {"multicast setup": "multicast_setup_devices", "binary": "binary_devices", "firmware": "firmware_devices"}
DELTA_CAPABLE = "smart delta"
"""The FUOTA library of profiles whose devices take deltas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReport:
    """A report to be kept."""

    kind: str
    from_at: InstantMs
    until_at: InstantMs
    month: str
    made_at: InstantMs
    content: str


def usage(connection: Connection, subscriber_id: int, from_at: InstantMs, until_at: InstantMs) -> CampaignUsage:
    """Devices that were in use at the end of the time, and the campaigns that ended in it."""
    device, campaign, member = t.device, t.campaign, t.campaign_device
    devices = connection.execute(
        select(func.count()).where(
            device.c.subscriber_id == subscriber_id,
            device.c.created_at < until_at,
            or_(device.c.archived_at.is_(None), device.c.archived_at >= until_at),
        )
    ).scalar_one()
    run = connection.execute(
        select(func.count()).where(*_ended(subscriber_id, from_at, until_at)).select_from(campaign)
    ).scalar_one()
    succeeded = connection.execute(
        select(campaign.c.type, func.count())
        .join_from(member, campaign, campaign.c.id == member.c.campaign_id)
        .where(*_ended(subscriber_id, from_at, until_at), member.c.outcome == int(Outcome.SUCCEEDED))
        .group_by(campaign.c.type)
    )
    by_type = dict.fromkeys(_TYPES.values(), 0) | {_TYPES[row[0]]: int(row[1]) for row in succeeded}
    return CampaignUsage(subscriber_id=str(subscriber_id), devices=int(devices), campaigns_run=int(run), **by_type)


def delta_usage(
    connection: Connection, subscriber_id: int, from_at: InstantMs, until_at: InstantMs
) -> Sequence[DeltaUsage]:
    """The same of the profiles whose devices take deltas: distinct devices that a firmware campaign updated."""
    profile, device, campaign, member, file = t.device_profile, t.device, t.campaign, t.campaign_device, t.file
    ended = and_(*_ended(subscriber_id, from_at, until_at), campaign.c.type == "firmware")
    updated = connection.execute(
        select(device.c.device_profile_id, func.count(distinct(device.c.id)))
        .select_from(
            member.join(campaign, campaign.c.id == member.c.campaign_id).join(device, device.c.id == member.c.device_id)
        )
        .where(ended, member.c.outcome == int(Outcome.SUCCEEDED))
        .group_by(device.c.device_profile_id)
    )
    devices = {row[0]: int(row[1]) for row in updated}
    kinds = connection.execute(
        select(file.c.device_profile_id, file.c.kind, func.count())
        .join_from(campaign, file, file.c.id == campaign.c.file_id)
        .where(ended)
        .group_by(file.c.device_profile_id, file.c.kind)
    )
    campaigns = {(row[0], row[1]): int(row[2]) for row in kinds}
    profiles = connection.execute(
        select(profile.c.id, profile.c.name)
        .where(
            profile.c.subscriber_id == subscriber_id,
            profile.c.fuota_library == DELTA_CAPABLE,
            profile.c.created_at < until_at,
            or_(profile.c.archived_at.is_(None), profile.c.archived_at >= from_at),
        )
        .order_by(profile.c.name, profile.c.id)
    )
    return [
        DeltaUsage(
            subscriber_id=str(subscriber_id),
            device_profile=row.name,
            devices_updated=devices.get(row.id, 0),
            full_image_campaigns=campaigns.get((row.id, "firmware"), 0),
            delta_campaigns=campaigns.get((row.id, "delta firmware"), 0),
        )
        for row in profiles
    ]


def _ended(subscriber_id: int, from_at: InstantMs, until_at: InstantMs) -> tuple[ColumnElement[bool], ...]:
    table = t.campaign
    ended = table.c.ended_at
    return table.c.subscriber_id == subscriber_id, ended.is_not(None), ended >= from_at, ended < until_at


def keep(connection: Connection, subscriber_id: int, new: NewReport) -> int | None:
    """Keep a report; its number, or None where that month has one already."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    values = {name: getattr(new, name) for name in NewReport.__dataclass_fields__} | {"subscriber_id": subscriber_id}
    made = connection.execute(
        dialect.insert(_table).values(values).on_conflict_do_nothing().returning(_table.c.id)
    ).scalar()
    return None if made is None else int(made)


def content(connection: Connection, subscriber_id: int, report_id: int) -> tuple[str, str] | None:
    """Name and CSV of one report."""
    row = connection.execute(
        select(_table.c.kind, _table.c.month, _table.c.content).where(
            _table.c.id == report_id, _table.c.subscriber_id == subscriber_id
        )
    ).first()
    return None if row is None else (f"{row.kind}-{row.month or report_id}", row.content)


def without(connection: Connection, month: str, created_before: InstantMs) -> list[int]:
    """Subscribers that were there before that instant and have no report of the month yet."""
    subscriber = t.subscriber
    have = select(_table.c.subscriber_id).where(_table.c.month == month, _table.c.kind == "delta")
    rows = connection.execute(
        select(subscriber.c.id)
        .where(subscriber.c.created_at < created_before, subscriber.c.id.not_in(have))
        .order_by(subscriber.c.id)
    ).scalars()
    return [int(each) for each in rows]
