"""How far a campaign is: its stages, its groups, and the state of every device, with the reason of those that wait.

Counts come from searched columns. The plan, which is large, is read only to explain one device, and then kept a while.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, case, func, select

from fleetcast.access import Identity, Right
from fleetcast.campaign.causes import ADVICE, Cause
from fleetcast.campaign.explanation import explain_device
from fleetcast.campaign.states import STAGE_OF_STEP, Done, Mode, Outcome, Stage, Step, Talk
from fleetcast.campaign.table import State
from fleetcast.instants import InstantMs
from fleetcast.planning.plan import CampaignType, Plan
from fleetcast.planning.stage_names import stage_names
from fleetcast.queries.devices import written_version
from fleetcast.queries.lists import BadList, Listing, ListRequest, Of, Page, Shown
from fleetcast.store import campaigns as store
from fleetcast.store import tables as t
from fleetcast.store.database import Database
from fleetcast.store.objects import Missing
from fleetcast.store.state_codec import CAMPAIGN, DEVICE, GROUP, load_plan

_PLANS_KEPT: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class StageView:
    """One stage as it went, goes, or will go."""

    number: int
    name: str
    status: str
    """waiting, running, done, or not needed."""
    started_at: InstantMs | None
    ended_at: InstantMs | None
    succeeded: int | None
    """Devices that had passed it and all before, when it ended."""
    open_devices: int
    """Devices whose next step belongs to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
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
    """Why nothing is sent; empty: nothing holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressView:
    """A campaign's progress as a whole."""

    status: str
    explanation: str
    stage: int
    stage_name: str
    stages: tuple[StageView, ...]
    groups: tuple[GroupView, ...]
    outcomes: Mapping[str, int]
    causes: Mapping[str, int]
    funnel: Mapping[str, int]
    """How many participants confirmed each fact."""
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceProgress:
    """One participant."""

    n: int
    device_id: int
    dev_eui: str
    name: str
    stage: int
    stage_name: str
    step: str
    outcome: str
    talk: str
    facts: tuple[str, ...]
    """What it confirmed."""
    cause: str | None
    detail: str | None
    advice: str | None
    missing: int | None
    heard_at: InstantMs | None
    firmware_before: str | None
    firmware_after: str | None
    multicast_group_id: int | None
    changed_at: InstantMs


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutView:
    """A device of the sets that takes no part."""

    device_id: int
    dev_eui: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Stages:
    """The stages of one campaign, by its type, reboot time and groups."""

    names: tuple[str, ...]
    kinds: tuple[Stage, ...]

    def number(self, stage: Stage) -> int:
        return self.kinds.index(stage) + 1 if stage in self.kinds else len(self.kinds)


_FACTS: Final = (
    ("group set", Done.GROUP_SET), ("reboot time set", Done.REBOOT_SET), ("fragment session set", Done.FRAG_SET),
    ("class session armed", Done.SESSION_SET), ("transferred", Done.TRANSFERRED), ("valid", Done.VALID),
    ("running", Done.RUNNING), ("healthy", Done.HEALTHY), ("late success", Done.LATE_SUCCESS),
)  # fmt: skip
_OUTCOMES: Final = {Outcome.OPEN: "open", Outcome.SUCCEEDED: "succeeded", Outcome.BEHIND: "behind",
                    Outcome.FAILED: "failed"}  # fmt: skip


def progress(database: Database, who: Identity, campaign_id: int) -> ProgressView:
    """How far a campaign is; raises Missing."""
    who.require(Right.LOOK)
    with database.read() as connection:
        store.KIND.get(connection, who.subscriber_id, campaign_id)
        row = connection.execute(select(t.campaign).where(t.campaign.c.id == campaign_id)).one()
        stages = _stages(connection, row)
        counted = _counted(connection, campaign_id)
        left_out = t.campaign_left_out
        reasons = connection.execute(
            select(left_out.c.reason, func.count())
            .where(left_out.c.campaign_id == campaign_id)
            .group_by(left_out.c.reason)
            .order_by(left_out.c.reason)
        )
        return ProgressView(
            status=row.status,
            explanation=row.explanation,
            stage=row.stage,
            stage_name=row.stage_name,
            stages=_stage_views(row, stages, counted),
            groups=_groups(connection, campaign_id),
            outcomes=_outcomes(counted),
            causes=_causes(connection, campaign_id),
            funnel=_funnel(connection, campaign_id),
            left_out={row[0]: row[1] for row in reasons},
        )


def devices(database: Database, who: Identity, campaign_id: int, request: ListRequest) -> Page[DeviceProgress]:
    """A page of the participants with their latest state; `stage` filters those at a stage. Raises Missing."""
    who.require(Right.LOOK)
    with database.read() as connection:
        store.KIND.get(connection, who.subscriber_id, campaign_id)
        row = connection.execute(select(t.campaign).where(t.campaign.c.id == campaign_id)).one()
        stages = _stages(connection, row)
        listing = _device_listing(campaign_id, stages)
        return listing.page(connection, _in_words(request), t.campaign_device.c.campaign_id == campaign_id)


def left_out(database: Database, who: Identity, campaign_id: int, request: ListRequest) -> Page[LeftOutView]:
    """A page of the devices that take no part, each with its reason; raises Missing."""
    who.require(Right.LOOK)
    table = t.campaign_left_out
    source = table.outerjoin(t.device, t.device.c.id == table.c.device_id)

    def read(connection: Connection, ids: Sequence[int]) -> Mapping[int, LeftOutView]:
        rows = connection.execute(
            select(table.c.device_id, t.device.c.dev_eui, t.device.c.name, table.c.reason)
            .select_from(source)
            .where(table.c.campaign_id == campaign_id, table.c.device_id.in_(ids))
        )
        return {row.device_id: LeftOutView(**dict(row._mapping)) for row in rows}

    listing = Listing(
        table=table,
        fields={
            "device_id": Shown(table.c.device_id, Of.NUMBER),
            "reason": Shown(table.c.reason),
            "dev_eui": Shown(t.device.c.dev_eui, elsewhere=True),
            "name": Shown(t.device.c.name, elsewhere=True),
        },
        read=read,
        source=source,
        key=table.c.device_id,
        sort="device_id",
    )
    with database.read() as connection:
        store.KIND.get(connection, who.subscriber_id, campaign_id)
        return listing.page(connection, request, table.c.campaign_id == campaign_id)


def explain(database: Database, who: Identity, campaign_id: int, device_id: int, now: InstantMs) -> str:
    """What one participant waits for, since when, until when, and what happens then; raises Missing."""
    who.require(Right.LOOK)
    with database.read() as connection:
        store.KIND.get(connection, who.subscriber_id, campaign_id)
        table = t.campaign_device
        row = connection.execute(
            select(table.c.n, table.c.state).where(table.c.campaign_id == campaign_id, table.c.device_id == device_id)
        ).first()
        campaign = connection.execute(select(t.campaign.c.state).where(t.campaign.c.id == campaign_id)).scalar_one()
        if row is None or campaign is None:
            raise Missing("participant", device_id)
        groups = connection.execute(
            select(t.campaign_group.c.state)
            .where(t.campaign_group.c.campaign_id == campaign_id)
            .order_by(t.campaign_group.c.n)
        ).scalars()
        plan = _plan(database, campaign_id)
        alone = replace(plan, devices=(plan.devices[row.n],))
        state = State(alone, CAMPAIGN.load(campaign), [DEVICE.load(row.state)], [GROUP.load(each) for each in groups])
    return explain_device(state, 0, now)


@lru_cache(maxsize=_PLANS_KEPT)
def _plan(database: Database, campaign_id: int) -> Plan:
    """The plan of a campaign, which never changes."""
    with database.read() as connection:
        data = connection.execute(
            select(t.campaign_plan.c.data).where(t.campaign_plan.c.campaign_id == campaign_id)
        ).scalar_one()
    return load_plan(data)


def _stages(connection: Connection, row: Any) -> _Stages:
    group, held = t.multicast_group, t.campaign_group
    classes = set(
        connection.execute(
            select(group.c.session_class)
            .join_from(held, group, group.c.id == held.c.multicast_group_id)
            .where(held.c.campaign_id == row.id)
        ).scalars()
    ) or set(
        connection.execute(
            select(group.c.session_class)
            .join_from(t.region_group, group, group.c.id == t.region_group.c.multicast_group_id)
            .where(t.region_group.c.region_id.in_(store.regions(connection, [row.id])[row.id]))
        ).scalars()
    )
    names = stage_names(CampaignType(row.type), reboot_time=row.reboot_at is not None, classes=classes)
    kinds: tuple[Stage, ...] = tuple(Stage)
    if row.type == CampaignType.MULTICAST_SETUP.value:
        kinds = (Stage.MC_GROUP_SETUP, Stage.MC_SESSION_SETUP)
    elif row.reboot_at is None:
        kinds = tuple(stage for stage in Stage if stage is not Stage.REBOOT_TIME_SETUP)
    return _Stages(names, kinds)


def _counted(connection: Connection, campaign_id: int) -> dict[tuple[int, int], int]:
    """Participants by outcome and step."""
    table = t.campaign_device
    rows = connection.execute(
        select(table.c.outcome, table.c.step, func.count())
        .where(table.c.campaign_id == campaign_id)
        .group_by(table.c.outcome, table.c.step)
    )
    return {(row[0], row[1]): row[2] for row in rows}


def _stage_views(row: Any, stages: _Stages, counted: Mapping[tuple[int, int], int]) -> tuple[StageView, ...]:
    records = {record.stage: record for record in CAMPAIGN.load(row.state).stages} if row.state is not None else {}
    still_open = [0] * (len(stages.kinds) + 1)
    for (outcome, step), count in counted.items():
        if outcome == Outcome.OPEN:
            still_open[stages.number(STAGE_OF_STEP[step])] += count
    over = row.status in ("STOPPED", "FAILED", "SUCCEEDED")
    views = []
    for number, (name, kind) in enumerate(zip(stages.names, stages.kinds, strict=True), 1):
        record = records.get(kind)
        if record is not None and record.not_needed:
            status = "not needed"
        elif record is not None and record.ended:
            status = "done"
        elif number == row.stage and not over:
            status = "running"
        else:
            status = "done" if record is not None and record.started and over else "waiting"
        views.append(
            StageView(
                number=number,
                name=name,
                status=status,
                started_at=record.started or None if record is not None else None,
                ended_at=record.ended or None if record is not None else None,
                succeeded=record.succeeded if record is not None and record.ended else None,
                open_devices=still_open[number],
            )
        )
    return tuple(views)


def _groups(connection: Connection, campaign_id: int) -> tuple[GroupView, ...]:
    held, group, member = t.campaign_group, t.multicast_group, t.campaign_device
    rows = connection.execute(
        select(
            held.c.n, held.c.multicast_group_id, held.c.mode, held.c.handed_over, held.c.first_pass,
            held.c.next_f_cnt, held.c.held, group.c.dev_eui, group.c.name,
        )
        .join_from(held, group, group.c.id == held.c.multicast_group_id)
        .where(held.c.campaign_id == campaign_id)
        .order_by(held.c.n)
    ).all()  # fmt: skip
    sizes = {
        row[0]: row[1]
        for row in connection.execute(
            select(member.c.group_n, func.count()).where(member.c.campaign_id == campaign_id).group_by(member.c.group_n)
        )
    }
    return tuple(
        GroupView(
            multicast_group_id=row.multicast_group_id,
            dev_eui=row.dev_eui,
            name=row.name,
            mode=Mode(row.mode).name.lower().replace("_", " "),
            devices=sizes.get(row.n, 0),
            handed_over=row.handed_over,
            first_pass=row.first_pass,
            next_f_cnt=row.next_f_cnt,
            held=row.held,
        )
        for row in rows
    )


def _outcomes(counted: Mapping[tuple[int, int], int]) -> dict[str, int]:
    found = dict.fromkeys(_OUTCOMES.values(), 0)
    for (outcome, _), count in counted.items():
        found[_OUTCOMES[Outcome(outcome)]] += count
    return found


def _causes(connection: Connection, campaign_id: int) -> dict[str, int]:
    table = t.campaign_device
    rows = connection.execute(
        select(table.c.cause, func.count())
        .where(table.c.campaign_id == campaign_id, table.c.cause.is_not(None))
        .group_by(table.c.cause)
        .order_by(func.count().desc(), table.c.cause)
    )
    return {row[0]: row[1] for row in rows}


def _funnel(connection: Connection, campaign_id: int) -> dict[str, int]:
    table = t.campaign_device
    counts = [func.coalesce(func.sum(case((table.c.done.op("&")(int(bit)) != 0, 1), else_=0)), 0) for _, bit in _FACTS]
    heard = func.coalesce(func.sum(case((table.c.heard_at.is_not(None), 1), else_=0)), 0)
    row = connection.execute(select(func.count(), heard, *counts).where(table.c.campaign_id == campaign_id)).one()
    names = ("participants", "heard", *(name for name, _ in _FACTS))
    return {name: int(count) for name, count in zip(names, row, strict=True)}


def _device_listing(campaign_id: int, stages: _Stages) -> Listing[DeviceProgress]:
    table = t.campaign_device
    source = table.outerjoin(t.device, t.device.c.id == table.c.device_id)
    stage = case(
        {int(step): stages.number(STAGE_OF_STEP[step]) for step in Step}, value=table.c.step, else_=len(stages.kinds)
    )

    def read(connection: Connection, ids: Sequence[int]) -> Mapping[int, DeviceProgress]:
        return _read_devices(connection, campaign_id, stages, ids)

    return Listing(
        table=table,
        fields={
            "n": Shown(table.c.n, Of.NUMBER),
            "device_id": Shown(table.c.device_id, Of.NUMBER),
            "stage": Shown(stage, Of.NUMBER),
            "step": Shown(table.c.step, Of.NUMBER),
            "outcome": Shown(table.c.outcome, Of.NUMBER),
            "talk": Shown(table.c.talk, Of.NUMBER),
            "cause": Shown(table.c.cause, optional=True),
            "detail": Shown(table.c.detail, optional=True),
            "missing": Shown(table.c.missing, Of.NUMBER, optional=True),
            "heard_at": Shown(table.c.heard_at, Of.INSTANT, optional=True),
            "firmware_before": Shown(table.c.firmware_before, Of.VERSION, optional=True),
            "firmware_after": Shown(table.c.firmware_after, Of.VERSION, optional=True),
            "changed_at": Shown(table.c.changed_at, Of.INSTANT),
            "dev_eui": Shown(t.device.c.dev_eui, elsewhere=True),
            "name": Shown(t.device.c.name, elsewhere=True),
        },
        read=read,
        source=source,
        key=table.c.n,
        sort="n",
    )


def _read_devices(
    connection: Connection, campaign_id: int, stages: _Stages, ids: Sequence[int]
) -> Mapping[int, DeviceProgress]:
    table, group = t.campaign_device, t.campaign_group
    names = (
        "n", "device_id", "step", "outcome", "talk", "done", "cause", "detail", "missing", "heard_at",
        "firmware_before", "firmware_after", "changed_at",
    )  # fmt: skip
    rows = connection.execute(
        select(
            *(table.c[name] for name in names),
            t.device.c.dev_eui,
            t.device.c.name,
            t.device_profile.c.version_format,
            group.c.multicast_group_id,
        )
        .select_from(
            table.join(t.device, t.device.c.id == table.c.device_id)
            .outerjoin(t.device_profile, t.device_profile.c.id == t.device.c.device_profile_id)
            .outerjoin(group, (group.c.campaign_id == table.c.campaign_id) & (group.c.n == table.c.group_n))
        )
        .where(table.c.campaign_id == campaign_id, table.c.n.in_(ids))
    )
    return {row.n: _device(dict(row._mapping), stages) for row in rows}


def _device(row: dict[str, Any], stages: _Stages) -> DeviceProgress:
    step, done, outcome = Step(row.pop("step")), Done(row.pop("done")), Outcome(row.pop("outcome"))
    version_format = row.pop("version_format")
    number = stages.number(STAGE_OF_STEP[step])
    cause = row["cause"]
    row |= {
        "firmware_before": written_version(row["firmware_before"], version_format),
        "firmware_after": written_version(row["firmware_after"], version_format),
        "talk": Talk(row["talk"]).name.lower(),
    }
    return DeviceProgress(
        **row,
        stage=number,
        stage_name=stages.names[number - 1],
        step=step.name.lower().replace("_", " "),
        outcome=_OUTCOMES[outcome],
        facts=tuple(name for name, bit in _FACTS if bit in done),
        advice=ADVICE[Cause(cause)] if cause is not None and outcome is not Outcome.SUCCEEDED else None,
    )


def _in_words(request: ListRequest) -> ListRequest:
    """Outcomes are filtered by their words: what is shown can be filtered by."""
    words = {word: int(outcome) for outcome, word in _OUTCOMES.items()}
    filters = []
    for text in request.filters:
        for sign in ("!=", "="):
            head = f"outcome{sign}"
            if text.startswith(head):
                word = text.removeprefix(head).strip()
                if word not in words:
                    raise BadList("filter", f"outcome: {word[:40]!r}: choose {', '.join(words)}")
                filters.append(f"{head}{words[word]}")
                break
        else:
            filters.append(text)
    return replace(request, filters=tuple(filters))
