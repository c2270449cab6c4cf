"""/campaigns: drafted, judged, started, steered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Response
from pydantic import Field

from fleetcast.actions import approvals
from fleetcast.actions import campaign_orders as orders
from fleetcast.actions import campaign_plans as plans
from fleetcast.actions import campaigns as actions
from fleetcast.actions.campaigns import Campaign, Draft
from fleetcast.api.fields import Instant, Kept, Name, PathId, RowId, Schema, Text, Whole, example
from fleetcast.api.lists import Listed, PageOf
from fleetcast.api.objects import Patch, patched, shown
from fleetcast.api.parts import OnceOnly, Revision, TheParts, Who, mark
from fleetcast.queries import campaigns as queries

router = APIRouter(prefix="/campaigns", tags=["campaigns"])

Minutes = Annotated[int, Field(ge=1, le=366 * 1440)]


class CampaignFields(Schema):
    """What people say of a campaign."""

    name: Name
    description: Text = ""
    type: Literal["multicast setup", "binary", "firmware"]
    device_set_ids: tuple[RowId, ...] = Field(max_length=10_000)
    region_ids: tuple[RowId, ...] = Field(max_length=10_000)
    file_id: RowId | None = None
    """What is sent; not for multicast setup."""
    update_type: Literal["full", "delta"] | None = None
    """Must agree with the file's kind."""
    reboot_at: Instant | None = None
    """One instant for all devices."""
    session_start_at: Instant | None = None
    """When the class session begins; left out: computed."""
    max_duration_minutes: Minutes
    """From the start, pauses included; covers everything but clean-up."""
    threshold_percent: Whole = 90
    """Success threshold, 1 to 100."""
    strategy: Literal["adaptive", "fixed", "carousel"] | None = None
    success_means: Literal["set up", "transferred", "valid", "running"] | None = None
    settings: dict[str, Any] = Field(default_factory=dict, max_length=100)
    """Settings that differ from the subscriber's: see /subscriber/settings."""
    confirmed_downgrade: bool = False
    override_already_running: bool = False


class CampaignIn(CampaignFields):
    """A campaign."""

    model_config = example(
        name="Pumps to 2.1", type="firmware", device_set_ids=[1], region_ids=[1], file_id=1, max_duration_minutes=1440,
        threshold_percent=95, settings={"setup": "pipelined"},
    )  # fmt: skip

    def meant(self) -> Draft:
        """What the actions take."""
        said = {name: getattr(self, name) for name in CampaignFields.model_fields}
        sets, regions = said.pop("device_set_ids"), said.pop("region_ids")
        minutes = said.pop("max_duration_minutes")
        return Draft(campaign=Campaign(**said, max_duration_s=minutes * 60), set_ids=sets, region_ids=regions)


class CampaignOut(CampaignFields, Kept):
    """A campaign as it stands."""

    status: str
    """CONFIGURED, SCHEDULED, RUNNING, PAUSED, STOPPING, STOPPED, FAILED or SUCCEEDED."""
    why: str
    scheduled_at: Instant | None
    started_by: str
    started_at: Instant | None
    ended_at: Instant | None
    stage: int
    stages: int
    stage_name: str
    stage_starts_at: Instant | None
    stage_done: int
    stage_total: int
    participants: int
    succeeded: int
    failed: int
    left_out: int
    explanation: str
    """What it waits for, until when, and what happens then."""
    copied_from_id: int | None
    approval_needed: str | None
    """Why it needs a second person's approval before it starts; none: it needs none, or has started."""
    approved_by: str | None
    """Who approved it as it is."""
    approved_at: Instant | None


class ReasonOut(Schema):
    """Devices that are left out for one reason."""

    reason: str
    count: int
    dev_euis: list[str]
    """The first hundred."""


class BandOut(Schema):
    """A median, with the band that holds nine of ten runs."""

    low: float
    median: float
    high: float


class EstimateOut(Schema):
    """What the campaign is expected to take."""

    duration_s: BandOut
    airtime_s: BandOut
    success_share: BandOut
    energy_mah: BandOut
    duty_cycle: dict[str, float]
    """Busiest hour by sub-band, as a share of an hour."""


class GroupPlanOut(Schema):
    """What one multicast group would do."""

    dev_eui: str
    name: str
    devices: int
    session_class: str
    data_rate: int
    fragment_bytes: int
    fragments: int
    coded_first: int
    strategy: str
    sessions: int
    transfer_s: int
    first_f_cnt: int
    end_f_cnt: int


class JudgementOut(Schema):
    """What would become of the campaign if it started now."""

    can_start: bool
    refusal: str | None
    remedy: str | None
    about: str | None
    conflicts: list[str]
    devices: int
    participants: int
    left_out: list[ReasonOut]
    stages: list[str]
    groups: list[GroupPlanOut]
    warnings: list[str]
    estimate: EstimateOut | None


class WhyIn(Schema):
    """Why somebody orders it."""

    why: Text = ""


class ScheduleIn(Schema):
    """When a campaign starts by itself."""

    at: Instant

    model_config = example(at="2030-01-01T02:00:00Z")


class CopyIn(Schema):
    """What a copy is called."""

    name: Name

    model_config = example(name="Pumps to 2.1, again")


class FailedIn(Schema):
    """Which of the devices that did not succeed."""

    name: Name
    causes: list[Name] = Field(default_factory=list, max_length=100)
    """Only those that failed for one of these causes; none named: all."""
    left_out: bool = False
    """Devices that took no part as well."""

    model_config = example(name="Second try", causes=["never heard"])


class MadeSet(Schema):
    """The set that was made."""

    device_set_id: int


Why = Annotated[WhyIn | None, Body()]


@router.get("")
def listed(parts: TheParts, who: Who, request: Listed) -> PageOf[CampaignOut]:
    """The campaigns, the newest first."""
    page = queries.page(parts.database, who, queries.CAMPAIGNS, request)
    items = [shown(CampaignOut, each.stored, **each.beside) for each in page.items]
    return PageOf(items=items, total=page.total, next_cursor=page.next_cursor)


@router.post("", status_code=201)
def create(parts: TheParts, who: Who, body: CampaignIn, once: OnceOnly, response: Response) -> CampaignOut:
    """Draft a campaign."""
    return one(parts, who, actions.create(parts.database, who, body.meant(), parts.now(), once), response)


@router.post("/validate")
def judge_draft(parts: TheParts, who: Who, body: CampaignIn) -> JudgementOut:
    """Who would take part in a campaign that isn't saved, why the others wouldn't, and what it would take."""
    return _judged(plans.judge(parts.database, who, body.meant(), parts.now()))


@router.get("/{id}")
def one(parts: TheParts, who: Who, row_id: PathId, response: Response) -> CampaignOut:
    """One campaign."""
    view = queries.one(parts.database, who, row_id)
    mark(response, view.stored.revision)
    return shown(CampaignOut, view.stored, **view.beside)


@router.patch("/{id}")
def edit(
    parts: TheParts, who: Who, row_id: PathId, patch: Patch, revision: Revision, response: Response
) -> CampaignOut:
    """Change a campaign that is configured."""
    stored, draft = actions.get(parts.database, who, row_id)
    wanted = patched(
        CampaignIn, stored, patch, device_set_ids=draft.set_ids, region_ids=draft.region_ids,
        max_duration_minutes=stored.what.max_duration_s // 60,
    ).meant()  # fmt: skip
    actions.edit(parts.database, who, row_id, wanted, stored.revision if revision is None else revision, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/validate")
def judge(parts: TheParts, who: Who, row_id: PathId) -> JudgementOut:
    """Who would take part if it started now, why the others wouldn't, and what it would take."""
    return _judged(plans.judge_saved(parts.database, who, row_id, parts.now()))


@router.post("/{id}/start")
def start(parts: TheParts, who: Who, row_id: PathId, response: Response) -> CampaignOut:
    """Settle who takes part, and begin."""
    orders.start(parts.database, who, row_id, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/schedule")
def schedule(parts: TheParts, who: Who, row_id: PathId, body: ScheduleIn, response: Response) -> CampaignOut:
    """Let it start by itself."""
    actions.schedule(parts.database, who, row_id, body.at, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/unschedule")
def unschedule(parts: TheParts, who: Who, row_id: PathId, response: Response) -> CampaignOut:
    """Let it wait for somebody again."""
    actions.unschedule(parts.database, who, row_id, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/approve")
def approve(parts: TheParts, who: Who, row_id: PathId, response: Response, body: Why = None) -> CampaignOut:
    """Approve a configured campaign as it is now; any change to it, its file or its sets takes that away."""
    approvals.approve(parts.database, who, row_id, body.why if body else "", parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/withdraw-approval")
def withdraw_approval(parts: TheParts, who: Who, row_id: PathId, response: Response, body: Why = None) -> CampaignOut:
    """Take an approval back, while the campaign hasn't started."""
    approvals.withdraw(parts.database, who, row_id, body.why if body else "", parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/pause")
def pause(parts: TheParts, who: Who, row_id: PathId, response: Response, body: Why = None) -> CampaignOut:
    """Hold everything that would be sent; time goes on."""
    orders.pause(parts.database, who, row_id, body.why if body else "", parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/resume")
def resume(parts: TheParts, who: Who, row_id: PathId, response: Response, body: Why = None) -> CampaignOut:
    """Let it go on."""
    orders.resume(parts.database, who, row_id, body.why if body else "", parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/stop")
def stop(parts: TheParts, who: Who, row_id: PathId, response: Response, body: Why = None) -> CampaignOut:
    """End it, and clean up behind it."""
    orders.stop(parts.database, who, row_id, body.why if body else "", parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/copy", status_code=201)
def copy(parts: TheParts, who: Who, row_id: PathId, body: CopyIn, once: OnceOnly, response: Response) -> CampaignOut:
    """A new campaign with the same settings."""
    return one(parts, who, actions.copy(parts.database, who, row_id, body.name, parts.now(), once), response)


@router.post("/{id}/failed-devices", status_code=201)
def failed_devices(parts: TheParts, who: Who, row_id: PathId, body: FailedIn, once: OnceOnly) -> MadeSet:
    """A device set of those that did not succeed."""
    made = orders.failed_devices(
        parts.database, who, row_id, body.name, body.causes, parts.now(), once, left_out=body.left_out
    )
    return MadeSet(device_set_id=made)


@router.post("/{id}/retry-failed", status_code=201)
def retry_failed(
    parts: TheParts, who: Who, row_id: PathId, body: FailedIn, once: OnceOnly, response: Response
) -> CampaignOut:
    """A copy of the campaign for the devices that did not succeed."""
    made = orders.retry_failed(
        parts.database, who, row_id, body.name, body.causes, parts.now(), once, left_out=body.left_out
    )
    return one(parts, who, made, response)


@router.post("/{id}/archive")
def archive(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> CampaignOut:
    """Take a campaign that is over, or never began, out of the lists."""
    actions.archive(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/restore")
def restore(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> CampaignOut:
    """Take a campaign back into the lists."""
    actions.restore(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)


def _judged(found: plans.Judgement) -> JudgementOut:
    estimate = found.estimate
    return JudgementOut(
        can_start=found.refusal is None,
        refusal=found.refusal,
        remedy=found.remedy,
        about=found.about,
        conflicts=list(found.conflicts),
        devices=found.devices,
        participants=found.participants,
        left_out=[ReasonOut.model_validate(each, from_attributes=True) for each in found.left_out],
        stages=list(found.stages),
        groups=[
            GroupPlanOut(
                **{name: getattr(each.group, name) for name in GroupPlanOut.model_fields if name != "devices"},
                devices=each.devices,
            )
            for each in found.groups
        ],
        warnings=list(found.warnings),
        estimate=None
        if estimate is None
        else EstimateOut(
            **{
                name: BandOut.model_validate(getattr(estimate, name), from_attributes=True)
                for name in ("duration_s", "airtime_s", "success_share", "energy_mah")
            },
            duty_cycle=dict(estimate.duty_cycle),
        ),
    )
