"""Campaigns before they start: draft, edit, copy, schedule, archive. Starting and steering is in `campaign_orders`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection

from fleetcast.access import Identity, Right
from fleetcast.actions import approvals
from fleetcast.actions.creation import create_once
from fleetcast.actions.fields import TEXT_LONGEST, Checks
from fleetcast.actions.history import difference, note, said
from fleetcast.actions.references import require_active, require_all_active
from fleetcast.actions.subscriber import policy, settings_problems
from fleetcast.errors import Conflict
from fleetcast.instants import InstantMs
from fleetcast.planning.plan import CampaignType, SuccessMeans
from fleetcast.store import approvals as approval_marks
from fleetcast.store import campaigns, device_sets, files, regions, subscribers
from fleetcast.store.campaigns import KIND, Campaign
from fleetcast.store.database import Database, wake
from fleetcast.store.idempotency import Once
from fleetcast.store.objects import Stored

__all__ = ["Campaign", "Draft", "archive", "copy", "create", "edit", "get", "restore", "schedule", "unschedule"]

STRATEGIES: Final = ("adaptive", "fixed", "carousel")
_FINAL: Final = ("STOPPED", "FAILED", "SUCCEEDED")
LONGEST_S: Final = 366 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A campaign with the sets and regions it is for."""

    campaign: Campaign
    set_ids: tuple[int, ...]
    region_ids: tuple[int, ...]


def create(database: Database, who: Identity, new: Draft, now: InstantMs, once: Once | None = None) -> int:
    """Put a campaign in, CONFIGURED; gives its number. Raises InvalidFields and `clashes.Taken`."""
    who.require(Right.EDIT)
    check(new)

    def make(connection: Connection) -> int:
        return _put_in(connection, who, new, now, "created")

    return create_once(database, who, once, now, make)


def edit(database: Database, who: Identity, row_id: int, what: Draft, revision: int | None, now: InstantMs) -> None:
    """Exchange what a campaign says, while it is configured; a scheduled one is unscheduled first."""
    who.require(Right.EDIT)
    check(what)
    with database.write() as connection:
        campaigns.require(connection, KIND.get(connection, who.subscriber_id, row_id).id, "edited", "CONFIGURED")
        before = draft(connection, who, row_id)
        look_up(connection, who, what)
        KIND.replace(
            connection, who.subscriber_id, row_id, what.campaign, revision, now, approved_by_id=None, approved_at=None,
            approved_content=None, made_by_id=who.user_id,
        )  # fmt: skip
        _choose(connection, who, row_id, what)
        old, new = difference(_said(before), _said(what))
        note(
            connection, who, "campaign", "edited", row_id, what.campaign.name, now, campaign_id=row_id, before=old,
            after=new,
        )  # fmt: skip


def copy(database: Database, who: Identity, row_id: int, name: str, now: InstantMs, once: Once | None = None) -> int:
    """A new campaign with the same settings; times that were set are left out, for they belong to that run."""
    who.require(Right.EDIT)

    def make(connection: Connection) -> int:
        return copied(connection, who, row_id, name, now)

    return create_once(database, who, once, now, make)


def copied(
    connection: Connection, who: Identity, row_id: int, name: str, now: InstantMs, set_ids: Sequence[int] | None = None
) -> int:
    """The copy, within a transaction; for other sets where they are given."""
    before = draft(connection, who, row_id)
    campaign = replace(before.campaign, name=name, reboot_at=None, session_start_at=None)
    new = replace(before, campaign=campaign, set_ids=before.set_ids if set_ids is None else tuple(set_ids))
    check(new)
    return _put_in(connection, who, new, now, "copied", copied_from_id=row_id)


def archive(database: Database, who: Identity, row_id: int, revision: int | None, now: InstantMs) -> None:
    """Take a campaign that is over, or never began, out of the lists."""
    who.require(Right.EDIT)
    with database.write() as connection:
        found = KIND.get(connection, who.subscriber_id, row_id)
        campaigns.require(connection, row_id, "archived", "CONFIGURED", *_FINAL)
        KIND.archive(connection, who.subscriber_id, row_id, revision, now)
        note(connection, who, "campaign", "archived", row_id, found.what.name, now, campaign_id=row_id)


def restore(database: Database, who: Identity, row_id: int, revision: int | None, now: InstantMs) -> None:
    """Take a campaign back into the lists."""
    who.require(Right.EDIT)
    with database.write() as connection:
        found = KIND.get(connection, who.subscriber_id, row_id)
        KIND.restore(connection, who.subscriber_id, row_id, revision, now)
        note(connection, who, "campaign", "restored", row_id, found.what.name, now, campaign_id=row_id)


def schedule(database: Database, who: Identity, row_id: int, at: InstantMs, now: InstantMs) -> None:
    """Let a campaign start by itself."""
    who.require(Right.RUN)
    checks = Checks()
    checks.that(at > now, "at", "lies in the past: choose a later time, or start it now")
    checks.done()
    with database.write() as connection:
        found = KIND.get(connection, who.subscriber_id, row_id)
        require_not_archived(found)
        campaigns.require(connection, row_id, "scheduled", "CONFIGURED", "SCHEDULED")
        look_up(connection, who, draft(connection, who, row_id))
        approvals.require(connection, who, row_id)
        campaigns.move(connection, row_id, now, status="SCHEDULED", scheduled_at=at, why="")
        note(connection, who, "campaign", "scheduled", row_id, found.what.name, now, campaign_id=row_id, at=at)
        wake(connection, campaigns.SCHEDULE)


def unschedule(database: Database, who: Identity, row_id: int, now: InstantMs) -> None:
    """Let it wait for somebody again; it may then be edited."""
    who.require(Right.RUN)
    with database.write() as connection:
        found = KIND.get(connection, who.subscriber_id, row_id)
        campaigns.require(connection, row_id, "unscheduled", "SCHEDULED")
        campaigns.move(connection, row_id, now, status="CONFIGURED", scheduled_at=None)
        note(connection, who, "campaign", "unscheduled", row_id, found.what.name, now, campaign_id=row_id)


def get(database: Database, who: Identity, row_id: int) -> tuple[Stored[Campaign], Draft]:
    """A campaign as it may be edited; raises Missing."""
    who.require(Right.LOOK)
    with database.read() as connection:
        return KIND.get(connection, who.subscriber_id, row_id), draft(connection, who, row_id)


def draft(connection: Connection, who: Identity, row_id: int) -> Draft:
    """A campaign with its sets and regions."""
    found = KIND.get(connection, who.subscriber_id, row_id)
    return Draft(
        campaign=found.what,
        set_ids=campaigns.sets(connection, [row_id])[row_id],
        region_ids=campaigns.regions(connection, [row_id])[row_id],
    )


class Archived(Conflict):
    """An archived campaign does nothing."""

    def __init__(self, row_id: int) -> None:
        super().__init__(f"campaign {row_id} is archived: restore it first")


def require_not_archived(found: Stored[Campaign]) -> None:
    """Raises Archived."""
    if found.archived:
        raise Archived(found.id)


def check(what: Draft) -> None:
    """Raises InvalidFields for what can't be right whatever else is there."""
    asked, checks = what.campaign, Checks()
    checks.text("name", asked.name, must=True)
    checks.text("description", asked.description, longest=TEXT_LONGEST)
    checks.one_of("type", asked.type, [each.value for each in CampaignType])
    checks.one_of("update_type", asked.update_type, ("full", "delta"))
    checks.one_of("strategy", asked.strategy, STRATEGIES)
    checks.one_of("success_means", asked.success_means, [each.value for each in SuccessMeans])
    checks.number("max_duration_minutes", asked.max_duration_s / 60, 1, LONGEST_S / 60)
    checks.number("threshold_percent", asked.threshold_percent, 1, 100)
    setup_alone = asked.type == CampaignType.MULTICAST_SETUP.value
    checks.that(bool(what.set_ids), "device_set_ids", "name a device set at least")
    checks.that(bool(what.region_ids), "region_ids", "name a region at least")
    checks.that(setup_alone or asked.file_id is not None, "file_id", f"{asked.type} needs a file")
    checks.that(not setup_alone or asked.file_id is None, "file_id", "multicast setup sends no file")
    checks.that(not setup_alone or asked.reboot_at is None, "reboot_at", "multicast setup reboots nothing")
    for problem in settings_problems(asked.settings):
        checks.complain(problem.field, problem.message)
    checks.done()


def look_up(connection: Connection, who: Identity, what: Draft) -> None:
    """Raises InvalidFields for sets, regions and a file that aren't there, and settings that don't go together."""
    checks = Checks()
    require_active(connection, who, checks, "file_id", files.KIND, what.campaign.file_id)
    require_all_active(connection, who, checks, "device_set_ids", device_sets.KIND, what.set_ids)
    require_all_active(connection, who, checks, "region_ids", regions.KIND, what.region_ids)
    checks.done()
    policy(subscribers.get(connection, who.subscriber_id).what.settings, what.campaign.settings)


def _put_in(
    connection: Connection, who: Identity, new: Draft, now: InstantMs, verb: str, copied_from_id: int | None = None
) -> int:
    look_up(connection, who, new)
    row_id = KIND.insert(
        connection, who.subscriber_id, new.campaign, now, status="CONFIGURED", copied_from_id=copied_from_id
    )
    approval_marks.set_maker(connection, row_id, who.user_id)
    _choose(connection, who, row_id, new)
    note(
        connection, who, "campaign", verb, row_id, new.campaign.name, now, campaign_id=row_id, after=_said(new)
    )  # fmt: skip
    return row_id


def _said(what: Draft) -> dict[str, Any]:
    return said(what.campaign) | {"device_set_ids": what.set_ids, "region_ids": what.region_ids}


def _choose(connection: Connection, who: Identity, row_id: int, what: Draft) -> None:
    campaigns.choose_sets(connection, who.subscriber_id, row_id, what.set_ids)
    campaigns.choose_regions(connection, who.subscriber_id, row_id, what.region_ids)
