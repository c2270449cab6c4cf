"""/usage-reports, /counters, /workers: what was used, how much there is, who works."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from fastapi.responses import Response

from fleetcast.actions import usage_reports as actions
from fleetcast.api.fields import Instant, PathId, Schema, example
from fleetcast.api.lists import Listed, PageOf, page_of
from fleetcast.api.parts import TheParts, Who
from fleetcast.queries import reports as queries

router = APIRouter(tags=["reports"])


class ReportIn(Schema):
    """A report on demand."""

    kind: Literal["usage", "delta"]
    """usage: subscriber id, devices, campaigns run, devices that succeeded in a multicast setup, binary, and firmware
    campaign. delta: subscriber id, device profile, devices updated, full-image campaigns, delta campaigns."""
    from_at: Instant
    until_at: Instant
    """Exclusive; must be over."""

    model_config = example(kind="usage", from_at="2026-01-01T00:00:00Z", until_at="2026-02-01T00:00:00Z")


class ReportOut(Schema):
    """A report, without its rows."""

    id: int
    kind: str
    month: str
    """The calendar month (UTC); empty: made on demand."""
    from_at: Instant
    until_at: Instant
    made_at: Instant


class ReportMade(Schema):
    """The number of a report that was made."""

    id: int


class CountersOut(Schema):
    """How many objects there are in which state."""

    objects: dict[str, dict[str, int]]
    """active and archived, by kind."""
    campaigns: dict[str, int]
    """By status, those that aren't archived; and archived."""
    max_devices: int | None
    """The quota; archived ones don't count."""
    max_multicast_groups: int | None
    workers: dict[str, int]


class WorkerOut(Schema):
    """One process of the deployment."""

    id: int
    host: str
    pid: int
    parts: str
    version: str
    state: str
    """alive, silent, or stopped."""
    started_at: Instant
    heartbeat_at: Instant
    stopped_at: Instant | None
    uplinks: int
    downlinks: int


@router.get("/usage-reports")
def listed(parts: TheParts, who: Who, request: Listed) -> PageOf[ReportOut]:
    """The usage reports, the newest first."""
    return page_of(ReportOut, queries.page(parts.database, who, request))


@router.post("/usage-reports", status_code=201)
def make(parts: TheParts, who: Who, body: ReportIn) -> ReportMade:
    """Make a report for any time."""
    made = actions.make(parts.database, who, body.kind, body.from_at, body.until_at, parts.now())
    return ReportMade(id=made)


@router.get(
    "/usage-reports/{id}/content",
    response_class=Response,
    responses={200: {"description": "The rows.", "content": {"text/csv": {"schema": {"type": "string"}}}}},
)
def content(parts: TheParts, who: Who, row_id: PathId) -> Response:
    """A report as CSV without header row."""
    name, text = actions.read(parts.database, who, row_id)
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "X-Content-Type-Options": "nosniff"}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/counters")
def counters(parts: TheParts, who: Who) -> CountersOut:
    """How many objects there are in which state, and the quotas."""
    return CountersOut.model_validate(queries.counters(parts.database, who), from_attributes=True)


@router.get("/workers")
def workers(parts: TheParts, who: Who) -> list[WorkerOut]:
    """The processes of the deployment, the newest first, with uplinks and downlinks that each handled."""
    found = queries.workers(parts.database, who)
    return [WorkerOut.model_validate(each, from_attributes=True, context={"stored": True}) for each in found]
