"""How far campaigns are: stages, groups, devices, explanations, messages."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path

from fleetcast.api.fields import LARGEST, Instant, PathId, Schema
from fleetcast.api.lists import Listed, PageOf, page_of
from fleetcast.api.parts import TheParts, Who
from fleetcast.queries import messages, progress

router = APIRouter(tags=["progress"])

DeviceId = Annotated[int, Path(ge=1, le=LARGEST, description="Number of the device.")]


class StageOut(Schema):
    """One stage as it went, goes, or will go."""

    number: int
    name: str
    status: str
    """waiting, running, done, or not needed."""
    started_at: Instant | None
    ended_at: Instant | None
    succeeded: int | None
    open_devices: int


class GroupProgressOut(Schema):
    """One multicast group in the campaign."""

    multicast_group_id: int
    dev_eui: str
    name: str
    mode: str
    devices: int
    handed_over: int
    first_pass: int
    next_f_cnt: int
    held: str


class ProgressOut(Schema):
    """A campaign's progress as a whole."""

    status: str
    explanation: str
    stage: int
    stage_name: str
    stages: list[StageOut]
    groups: list[GroupProgressOut]
    outcomes: dict[str, int]
    causes: dict[str, int]
    funnel: dict[str, int]
    left_out: dict[str, int]


class DeviceProgressOut(Schema):
    """One participant, in its latest state."""

    n: int
    device_id: int
    dev_eui: str
    name: str
    stage: int
    stage_name: str
    step: str
    outcome: str
    talk: str
    facts: list[str]
    cause: str | None
    detail: str | None
    advice: str | None
    missing: int | None
    heard_at: Instant | None
    firmware_before: str | None
    firmware_after: str | None
    multicast_group_id: int | None
    changed_at: Instant


class LeftOutDeviceOut(Schema):
    """A device of the sets that takes no part."""

    device_id: int
    dev_eui: str
    name: str
    reason: str


class ExplanationOut(Schema):
    """What a device waits for, since when, until when, and what happens then."""

    text: str


class PartOut(Schema):
    """Some bits of a payload and what they are."""

    offset: int
    raw: str
    command: str
    field: str
    value: str
    note: str


class MessageOut(Schema):
    """One message, raw and explained."""

    id: int
    direction: str
    at: Instant
    f_port: int | None
    payload: str
    f_cnt: int | None
    outcome: str
    campaign_id: int | None
    multicast_group_id: int | None
    radio: dict[str, Any] | None
    package: str | None
    parts: list[PartOut]


@router.get("/campaigns/{id}/progress")
def of_campaign(parts: TheParts, who: Who, row_id: PathId) -> ProgressOut:
    """The stages, groups and counts of a campaign."""
    found = progress.progress(parts.database, who, row_id)
    return ProgressOut.model_validate(found, from_attributes=True, context={"stored": True})


@router.get("/campaigns/{id}/devices")
def devices(parts: TheParts, who: Who, row_id: PathId, request: Listed) -> PageOf[DeviceProgressOut]:
    """The participants with their latest state; `filter=stage=3` gives those at a stage."""
    return page_of(DeviceProgressOut, progress.devices(parts.database, who, row_id, request))


@router.get("/campaigns/{id}/left-out")
def left_out(parts: TheParts, who: Who, row_id: PathId, request: Listed) -> PageOf[LeftOutDeviceOut]:
    """The devices that take no part, each with its reason."""
    return page_of(LeftOutDeviceOut, progress.left_out(parts.database, who, row_id, request))


@router.get("/campaigns/{id}/devices/{device_id}/explanation")
def explain(parts: TheParts, who: Who, row_id: PathId, device_id: DeviceId) -> ExplanationOut:
    """What one participant waits for."""
    return ExplanationOut(text=progress.explain(parts.database, who, row_id, device_id, parts.now()))


@router.get("/devices/{id}/messages")
def of_device(parts: TheParts, who: Who, row_id: PathId, request: Listed) -> PageOf[MessageOut]:
    """What was said to and by a device, the newest first; raw, and explained bit by bit."""
    return page_of(MessageOut, messages.of_device(parts.database, who, row_id, request))
