"""Who would take part in a campaign, why the others would not, and what it would take: asked before it starts.

Planning a large fleet takes seconds: it is done outside any transaction, on what was read in one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from sqlalchemy import Connection

from fleetcast.access import Identity, Right
from fleetcast.actions import campaigns
from fleetcast.actions.campaigns import Draft
from fleetcast.actions.subscriber import policy
from fleetcast.instants import InstantMs
from fleetcast.planning.plan import CampaignType, Estimate, LeftOut, Plan, PlannedGroup, StrategyName, SuccessMeans
from fleetcast.planning.planner import make_plan
from fleetcast.planning.refusals import DevicesBusy, GroupsBusy, NobodyTakesPart, PlanRefused
from fleetcast.planning.request import CampaignRequest
from fleetcast.store import planning_facts, subscribers
from fleetcast.store.database import Database
from fleetcast.store.planning_facts import Known

__all__ = ["Judgement", "Reason", "judge", "judge_saved", "planned", "request_of"]

NAMED: Final = 100
NO_PROFILE: Final = "no device profile"


@dataclass(frozen=True, slots=True)
class Reason:
    """Devices that are left out for one reason; the first hundred are named."""

    reason: str
    count: int
    dev_euis: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupShare:
    """What one multicast group would do."""

    group: PlannedGroup
    devices: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What would become of a campaign that started now. `refusal` says why it can't; then there is no plan."""

    refusal: str | None
    remedy: str | None
    about: str | None
    """The field that the refusal is about."""
    conflicts: tuple[str, ...]
    """Multicast groups and devices in use, each with the campaign that uses it."""
    devices: int
    """Distinct devices of the sets."""
    participants: int
    left_out: tuple[Reason, ...]
    groups: tuple[GroupShare, ...]
    stages: tuple[str, ...]
    warnings: tuple[str, ...]
    estimate: Estimate | None


def judge(database: Database, who: Identity, draft: Draft, now: InstantMs) -> Judgement:
    """What would become of a campaign that isn't saved; raises InvalidFields for fields that can't be right."""
    who.require(Right.LOOK)
    campaigns.check(draft)
    with database.read() as connection:
        campaigns.look_up(connection, who, draft)
        request, known = request_of(connection, who, draft, "0")
    return _judged(request, known, now)


def judge_saved(database: Database, who: Identity, campaign_id: int, now: InstantMs) -> Judgement:
    """The same for one that is saved; raises Missing."""
    who.require(Right.LOOK)
    with database.read() as connection:
        draft = campaigns.draft(connection, who, campaign_id)
        campaigns.look_up(connection, who, draft)
        request, known = request_of(connection, who, draft, str(campaign_id))
    return _judged(request, known, now)


def request_of(connection: Connection, who: Identity, draft: Draft, campaign: str) -> tuple[CampaignRequest, Known]:
    """What the planner is asked, and the numbers of the rows that its answer is about."""
    said = draft.campaign
    subscriber = subscribers.get(connection, who.subscriber_id).what
    known = planning_facts.read(connection, who.subscriber_id, draft.set_ids, draft.region_ids, said.file_id)
    request = CampaignRequest(
        campaign=campaign,
        type=CampaignType(said.type),
        devices=known.devices,
        profiles=known.profiles,
        groups=known.groups,
        file=known.file,
        policy=policy(subscriber.settings, said.settings),
        threshold_percent=said.threshold_percent,
        max_duration_s=said.max_duration_s,
        reboot_at=said.reboot_at,
        session_start=said.session_start_at,
        success_means=None if said.success_means is None else SuccessMeans(said.success_means),
        update_type="full" if said.update_type == "full" else "delta" if said.update_type == "delta" else None,
        strategy=cast("StrategyName | None", said.strategy),
        seed=int(campaign),
        confirmed_downgrade=said.confirmed_downgrade,
        override_already_running=said.override_already_running,
        max_version_age_s=subscriber.max_version_age_s,
    )
    return request, known


def planned(request: CampaignRequest, now: InstantMs) -> Plan:
    """The plan; raises PlanRefused, GroupsBusy and DevicesBusy."""
    return make_plan(request, now)


def _judged(request: CampaignRequest, known: Known, now: InstantMs) -> Judgement:
    try:
        plan = make_plan(request, now)
    except PlanRefused as refused:
        counts = refused.counts if isinstance(refused, NobodyTakesPart) else {}
        reasons = tuple(Reason(reason.value, count, ()) for reason, count in counts.items())
        return _refused(known, refused.reason, refused.remedy, refused.about, (), reasons)
    except (GroupsBusy, DevicesBusy) as refused:
        busy = tuple(f"{thing} is used by campaign {campaign}" for thing, campaign in refused.busy.items())
        about = "region_ids" if isinstance(refused, GroupsBusy) else "device_set_ids"
        return _refused(known, str(refused), None, about, busy, ())
    per_group = Counter(device.group for device in plan.devices)
    busy = tuple(
        f"{device.dev_eui} is used by campaign {device.busy_with}"
        for device in known.devices
        if device.busy_with is not None
    )
    return Judgement(
        refusal=None,
        remedy=None,
        about=None,
        conflicts=busy[:NAMED],
        devices=_count(known),
        participants=len(plan.devices),
        left_out=(*_without_profile(known), *_reasons(plan.left_out)),
        groups=tuple(GroupShare(group=group, devices=per_group[g]) for g, group in enumerate(plan.groups)),
        stages=plan.stage_names,
        warnings=plan.warnings,
        estimate=plan.estimate,
    )


def _refused(
    known: Known, refusal: str, remedy: str | None, about: str | None, conflicts: tuple[str, ...],
    left_out: tuple[Reason, ...],
) -> Judgement:  # fmt: skip
    return Judgement(
        refusal=refusal,
        remedy=remedy,
        about=about or None,
        conflicts=conflicts[:NAMED],
        devices=_count(known),
        participants=0,
        left_out=(*_without_profile(known), *left_out),
        groups=(),
        stages=(),
        warnings=(),
        estimate=None,
    )


def _count(known: Known) -> int:
    return len(known.devices) + len(known.without_profile)


def _without_profile(known: Known) -> tuple[Reason, ...]:
    without = known.without_profile
    if not without:
        return ()
    return (Reason(NO_PROFILE, len(without), tuple(str(each) for each in without[:NAMED])),)


def _reasons(left_out: Sequence[tuple[str, LeftOut]]) -> list[Reason]:
    found: dict[LeftOut, list[str]] = {}
    for dev_eui, reason in left_out:
        found.setdefault(reason, []).append(str(dev_eui))
    return [Reason(reason.value, len(those), tuple(those[:NAMED])) for reason, those in found.items()]
