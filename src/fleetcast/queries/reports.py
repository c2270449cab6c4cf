"""Usage reports as a list, counters of objects, and the workers of the deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Table, case, func, select

from fleetcast.access import Identity, NotAllowed, Right, Role
from fleetcast.instants import InstantMs
from fleetcast.queries.kept import columns
from fleetcast.queries.lists import Listing, ListRequest, Page
from fleetcast.store import tables as t
from fleetcast.store.database import Database, now_ms

ALIVE_MS: Final = 30_000
"""A worker that was silent for longer is taken for gone."""
STATUSES: Final = ("CONFIGURED", "SCHEDULED", "RUNNING", "PAUSED", "STOPPING", "STOPPED", "FAILED", "SUCCEEDED")
_COUNTED: Final[Mapping[str, Table]] = {
    "devices": t.device, "device_sets": t.device_set, "multicast_groups": t.multicast_group, "regions": t.region,
    "files": t.file, "device_profiles": t.device_profile,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """One report, without its content."""

    id: int
    kind: str
    month: str
    from_at: InstantMs
    until_at: InstantMs
    made_at: InstantMs


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """How many objects there are in which state."""

    objects: Mapping[str, Mapping[str, int]]
    """active and archived, by kind."""
    campaigns: Mapping[str, int]
    """By status, those in use; and archived."""
    max_devices: int | None
    max_multicast_groups: int | None
    workers: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerView:
    """One process of the deployment."""

    id: int
    host: str
    pid: int
    parts: str
    version: str
    state: str
    """alive, silent, or stopped."""
    started_at: InstantMs
    heartbeat_at: InstantMs
    stopped_at: InstantMs | None
    uplinks: int
    downlinks: int


def _read(connection: Connection, ids: Sequence[int]) -> Mapping[int, ReportView]:
    names = tuple(ReportView.__dataclass_fields__)
    table = t.usage_report
    rows = connection.execute(select(*(table.c[name] for name in names)).where(table.c.id.in_(ids)))
    return {row.id: ReportView(**row._mapping) for row in rows}


_REPORTS: Final = Listing(
    table=t.usage_report, fields=columns(t.usage_report, hidden=("content",)), read=_read, sort="-id"
)


def page(database: Database, who: Identity, request: ListRequest) -> Page[ReportView]:
    """A page of the reports, the newest first."""
    who.require(Right.LOOK)
    with database.read() as connection:
        return _REPORTS.page(connection, request, t.usage_report.c.subscriber_id == who.subscriber_id)


def counters(database: Database, who: Identity) -> Counters:
    """How much there is of everything, in which state."""
    who.require(Right.LOOK)
    with database.read() as connection:
        objects = {name: _states(connection, table, who.subscriber_id) for name, table in _COUNTED.items()}
        archived = t.campaign.c.archived_at.is_not(None)
        rows = connection.execute(
            select(t.campaign.c.status, archived, func.count())
            .where(t.campaign.c.subscriber_id == who.subscriber_id)
            .group_by(t.campaign.c.status, archived)
        )
        campaigns = dict.fromkeys((*STATUSES, "archived"), 0)
        for status, is_archived, count in rows:
            campaigns["archived" if is_archived else status] += int(count)
        quotas = connection.execute(
            select(t.subscriber.c.max_devices, t.subscriber.c.max_multicast_groups).where(
                t.subscriber.c.id == who.subscriber_id
            )
        ).one()
        found = [each.state for each in _workers(connection)]
    return Counters(
        objects=objects,
        campaigns=campaigns,
        max_devices=quotas[0],
        max_multicast_groups=quotas[1],
        workers={state: found.count(state) for state in ("alive", "silent", "stopped")},
    )


def workers(database: Database, who: Identity) -> list[WorkerView]:
    """The processes of the deployment, the newest first; for admins and system admins."""
    if who.role is not Role.SYSTEM_ADMIN:
        who.require(Right.ADMINISTER)
    elif not who.may(Right.SYSTEM):
        raise NotAllowed(who.login, Right.SYSTEM, "which this token lacks")
    with database.read() as connection:
        return _workers(connection)


def _workers(connection: Connection) -> list[WorkerView]:
    now, table = now_ms(connection), t.worker
    names = [name for name in WorkerView.__dataclass_fields__ if name != "state"]
    rows = connection.execute(select(*(table.c[name] for name in names)).order_by(table.c.id.desc()).limit(1000))
    return [WorkerView(**row._mapping, state=_state(row._mapping, now)) for row in rows]


def _state(row: Any, now: InstantMs) -> str:
    if row["stopped_at"] is not None:
        return "stopped"
    return "alive" if now - row["heartbeat_at"] < ALIVE_MS else "silent"


def _states(connection: Connection, table: Table, subscriber_id: int) -> dict[str, int]:
    active = func.count(case((table.c.archived_at.is_(None), 1)))
    row = connection.execute(select(active, func.count()).where(table.c.subscriber_id == subscriber_id)).one()
    return {"active": int(row[0]), "archived": int(row[1] - row[0])}
