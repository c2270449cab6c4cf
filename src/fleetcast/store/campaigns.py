"""Campaigns as people describe them, and the statuses that their orders set. Progress is the owner's matter."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, update

from fleetcast.errors import Conflict
from fleetcast.instants import InstantMs
from fleetcast.store import tables as t
from fleetcast.store.objects import Kind

_table = t.campaign

SCHEDULE: Final = "schedule"
"""The channel that is woken when a campaign was scheduled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What people say of a campaign."""

    name: str
    description: str = ""
    type: str
    file_id: int | None = None
    update_type: str | None = None
    reboot_at: InstantMs | None = None
    session_start_at: InstantMs | None = None
    max_duration_s: int
    threshold_percent: int
    strategy: str | None = None
    success_means: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    confirmed_downgrade: bool = False
    override_already_running: bool = False


KIND: Final = Kind(_table, Campaign, "campaign")


class WrongStatus(Conflict):
    """A campaign isn't in a status in which this can be done."""

    def __init__(self, campaign_id: int, status: str, verb: str, allowed: Collection[str]) -> None:
        self.campaign_id, self.status = campaign_id, status
        super().__init__(
            f"campaign {campaign_id} is {status}: it can be {verb} while it is {' or '.join(sorted(allowed))}"
        )


def status(connection: Connection, campaign_id: int) -> str:
    """Where a campaign stands."""
    return str(connection.execute(select(_table.c.status).where(_table.c.id == campaign_id)).scalar_one())


def require(connection: Connection, campaign_id: int, verb: str, *allowed: str) -> str:
    """The campaign's status, its row locked where the database locks rows; raises WrongStatus."""
    found = connection.execute(select(_table.c.status).where(_table.c.id == campaign_id).with_for_update()).scalar_one()
    if found not in allowed:
        raise WrongStatus(campaign_id, str(found), verb, allowed)
    return str(found)


def move(connection: Connection, campaign_id: int, now: InstantMs, **values: Any) -> None:
    """Write columns beside what people edit, such as the status."""
    connection.execute(
        update(_table)
        .where(_table.c.id == campaign_id)
        .values(**values, changed_at=now, revision=_table.c.revision + 1)
    )


def sets(connection: Connection, campaign_ids: Collection[int]) -> dict[int, tuple[int, ...]]:
    """Numbers of the device sets of campaigns."""
    return _choices(connection, t.campaign_device_set, "device_set_id", campaign_ids)


def regions(connection: Connection, campaign_ids: Collection[int]) -> dict[int, tuple[int, ...]]:
    """Numbers of the regions of campaigns."""
    return _choices(connection, t.campaign_region, "region_id", campaign_ids)


def choose_sets(connection: Connection, subscriber_id: int, campaign_id: int, set_ids: Sequence[int]) -> None:
    """Let a campaign be for exactly these sets."""
    _choose(connection, t.campaign_device_set, "device_set_id", subscriber_id, campaign_id, set_ids)


def choose_regions(connection: Connection, subscriber_id: int, campaign_id: int, region_ids: Sequence[int]) -> None:
    """Let a campaign run in exactly these regions."""
    _choose(connection, t.campaign_region, "region_id", subscriber_id, campaign_id, region_ids)


def due(connection: Connection, now: InstantMs, most: int) -> list[tuple[int, int]]:
    """Scheduled campaigns whose time has come, with their subscribers, the earliest first."""
    rows = connection.execute(
        select(_table.c.id, _table.c.subscriber_id)
        .where(_table.c.status == "SCHEDULED", _table.c.scheduled_at <= now, _table.c.archived_at.is_(None))
        .order_by(_table.c.scheduled_at, _table.c.id)
        .limit(most)
    )
    return [(row.id, row.subscriber_id) for row in rows]


def next_due(connection: Connection) -> InstantMs | None:
    """When the next scheduled campaign is to start; None: none is scheduled."""
    found = connection.execute(
        select(func.min(_table.c.scheduled_at)).where(_table.c.status == "SCHEDULED", _table.c.archived_at.is_(None))
    ).scalar()
    return None if found is None else int(found)


def failed_devices(connection: Connection, campaign_id: int, causes: Collection[str]) -> list[int]:
    """Participants that did not succeed, of these causes only where any is named; archived devices left out."""
    table = t.campaign_device
    conditions = [table.c.campaign_id == campaign_id, table.c.outcome != 1, t.device.c.archived_at.is_(None)]
    if causes:
        conditions.append(table.c.cause.in_(causes))
    rows = connection.execute(
        select(table.c.device_id)
        .join(t.device, t.device.c.id == table.c.device_id)
        .where(*conditions)
        .order_by(table.c.n)
    )
    return list(rows.scalars())


def left_out(connection: Connection, campaign_id: int) -> list[int]:
    """Devices of the sets that took no part, archived ones aside."""
    table = t.campaign_left_out
    rows = connection.execute(
        select(table.c.device_id)
        .join(t.device, t.device.c.id == table.c.device_id)
        .where(table.c.campaign_id == campaign_id, t.device.c.archived_at.is_(None))
        .order_by(table.c.device_id)
    )
    return list(rows.scalars())


def _choices(
    connection: Connection, table: Any, column: str, campaign_ids: Collection[int]
) -> dict[int, tuple[int, ...]]:
    found: dict[int, tuple[int, ...]] = dict.fromkeys(campaign_ids, ())
    rows = connection.execute(
        select(table.c.campaign_id, table.c[column])
        .where(table.c.campaign_id.in_(campaign_ids))
        .order_by(table.c.campaign_id, table.c[column])
    )
    for campaign_id, chosen in rows:
        found[campaign_id] += (chosen,)
    return found


def _choose(
    connection: Connection, table: Any, column: str, subscriber_id: int, campaign_id: int, chosen: Sequence[int]
) -> None:
    connection.execute(delete(table).where(table.c.campaign_id == campaign_id))
    rows = [
        {"campaign_id": campaign_id, column: each, "subscriber_id": subscriber_id} for each in dict.fromkeys(chosen)
    ]
    if rows:
        connection.execute(insert(table), rows)
