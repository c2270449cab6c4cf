"""Orders to campaigns: start, pause, resume, stop, and what is made of devices that failed.

A start is planned here, and the plan kept; every other order goes into the inbox of whoever owns the campaign.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection

from fleetcast import __version__
from fleetcast.access import Identity, Right, Role
from fleetcast.actions import approvals, campaigns
from fleetcast.actions.campaign_plans import planned, request_of
from fleetcast.actions.campaigns import require_not_archived
from fleetcast.actions.creation import create_once
from fleetcast.actions.fields import Checks, InvalidField, InvalidFields
from fleetcast.actions.history import note
from fleetcast.campaign.causes import Cause
from fleetcast.campaign.events import Event, Paused, Resumed, Started, Stopped
from fleetcast.errors import Conflict, Damaged, Invalid, NotFound, Unavailable
from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs
from fleetcast.store import campaigns as store
from fleetcast.store import device_sets, files, inbox, journal, running_campaigns, subscribers
from fleetcast.store.campaigns import SCHEDULE
from fleetcast.store.database import Database
from fleetcast.store.device_sets import DeviceSet
from fleetcast.store.idempotency import Once

__all__ = ["SCHEDULE", "failed_devices", "next_due", "pause", "resume", "retry_failed", "start", "start_due", "stop"]

AT_ONCE: Final = 10
_RUNNING: Final = ("RUNNING", "PAUSED")


class ChangedMeanwhile(Conflict):
    """A campaign was changed while it was being planned."""

    def __init__(self, campaign_id: int) -> None:
        super().__init__(f"campaign {campaign_id} was changed while its plan was made: start it again")


def start(database: Database, who: Identity, campaign_id: int, now: InstantMs) -> None:
    """Plan the campaign and let it run.

    Raises PlanRefused, GroupsBusy and DevicesBusy where it can't be carried out as asked, WrongStatus, Missing.
    """
    who.require(Right.RUN)
    _start(database, who, campaign_id, now)


def start_due(database: Database, now: InstantMs) -> int:
    """Start what was scheduled for now; how many were looked at. One that can't be started is configured again.

    However many workers ask, each starts once. What goes wrong with one keeps no other from its start: it is configured
    again, too, and what was raised is raised together at the end. Raises Unavailable.
    """
    with database.read() as connection:
        due = store.due(connection, now, AT_ONCE)
    wrong: list[Exception] = []
    for campaign_id, subscriber_id in due:
        itself = Identity(subscriber_id=subscriber_id, user_id=0, login="", role=Role.OPERATOR)
        try:
            _start(database, itself, campaign_id, now, scheduled=True)
        except Unavailable:
            raise
        except (ChangedMeanwhile, store.WrongStatus):
            continue  # somebody else was faster: another worker, or whoever changed the schedule
        except (Invalid, Conflict, NotFound, Damaged) as refused:
            _give_back(database, itself, campaign_id, str(refused), now)
        except Exception as error:  # noqa: BLE001 - whatever it was: told to the operator, and raised below
            _give_back(database, itself, campaign_id, f"Fleetcast failed at it ({type(error).__name__}: {error})", now)
            wrong.append(error)
    if wrong:
        raise ExceptionGroup("scheduled campaigns could not be started", wrong)
    return len(due)


def next_due(database: Database) -> InstantMs | None:
    """When the next scheduled campaign is to start; None: none is scheduled."""
    with database.read() as connection:
        return store.next_due(connection)


def pause(database: Database, who: Identity, campaign_id: int, why: str, now: InstantMs) -> None:
    """Hold everything that would be sent; time goes on."""
    _order(database, who, campaign_id, "paused", Paused(who.login, why), why, now, "RUNNING")


def resume(database: Database, who: Identity, campaign_id: int, why: str, now: InstantMs) -> None:
    """Let it go on."""
    _order(database, who, campaign_id, "resumed", Resumed(who.login, why), why, now, *_RUNNING)


def stop(database: Database, who: Identity, campaign_id: int, why: str, now: InstantMs) -> None:
    """End it, and clean up behind it."""
    _order(database, who, campaign_id, "stopped", Stopped(who.login, why), why, now, *_RUNNING)


def failed_devices(
    database: Database,
    who: Identity,
    campaign_id: int,
    name: str,
    causes: Collection[str],
    now: InstantMs,
    once: Once | None = None,
    *,
    left_out: bool = False,
) -> int:
    """A device set of those that did not succeed, of some causes only if named; gives its number."""
    who.require(Right.EDIT)
    _check_causes(name, causes)

    def make(connection: Connection) -> int:
        return _set_of_failed(connection, who, campaign_id, name, causes, now, left_out=left_out)

    return create_once(database, who, once, now, make)


def retry_failed(
    database: Database,
    who: Identity,
    campaign_id: int,
    name: str,
    causes: Collection[str],
    now: InstantMs,
    once: Once | None = None,
    *,
    left_out: bool = False,
) -> int:
    """A copy of the campaign for the devices that did not succeed; gives its number. The set has the same name."""
    who.require(Right.EDIT)
    _check_causes(name, causes)

    def make(connection: Connection) -> int:
        set_id = _set_of_failed(connection, who, campaign_id, name, causes, now, left_out=left_out)
        return campaigns.copied(connection, who, campaign_id, name, now, [set_id])

    return create_once(database, who, once, now, make)


def _start(database: Database, who: Identity, campaign_id: int, now: InstantMs, *, scheduled: bool = False) -> None:
    allowed = ("SCHEDULED",) if scheduled else ("CONFIGURED", "SCHEDULED")
    with database.read() as connection:
        before = store.KIND.get(connection, who.subscriber_id, campaign_id)
        require_not_archived(before)
        found = store.status(connection, campaign_id)
        if found not in allowed:
            raise store.WrongStatus(campaign_id, found, "started", allowed)
        draft = campaigns.draft(connection, who, campaign_id)
        campaigns.look_up(connection, who, draft)
        approvals.require(connection, who, campaign_id)
        request, known = request_of(connection, who, draft, str(campaign_id))
        _check_content(connection, who, draft.campaign.file_id)
    plan = planned(request, now)
    with database.write() as connection:
        store.require(connection, campaign_id, "started", *allowed)
        approvals.require(connection, who, campaign_id)
        if store.KIND.get(connection, who.subscriber_id, campaign_id).revision != before.revision:
            raise ChangedMeanwhile(campaign_id)
        device_ids: dict[DevEui, int] = dict(known.device_ids)
        running_campaigns.attach(
            connection, who.subscriber_id, campaign_id, plan, device_ids, dict(known.group_ids), now, __version__
        )
        store.move(
            connection, campaign_id, now, status="RUNNING", why="", started_by=who.login, started_at=now,
            ended_at=None, scheduled_at=None, stages=len(plan.stage_names), stage=1,
            stage_name=next(iter(plan.stage_names), ""),
        )  # fmt: skip
        inbox.put(connection, [inbox.New(who.subscriber_id, campaign_id, Started())], now)
        note(
            connection, who, "campaign", "started", campaign_id, draft.campaign.name, now, campaign_id=campaign_id,
            status="RUNNING", participants=len(plan.devices), left_out=len(plan.left_out),
        )  # fmt: skip


def _check_content(connection: Connection, who: Identity, file_id: int | None) -> None:
    if file_id is None:
        return
    if files.content_of(connection, file_id) is None:
        raise InvalidFields(InvalidField("file_id", "the file is metadata only: upload its content first"))
    required = subscribers.get(connection, who.subscriber_id).what.requires_signature
    if required and not files.is_vouched_for(connection, file_id):
        why = "this subscriber sends signed files only, and no trusted key signed it: upload it anew with a signature"
        raise InvalidFields(InvalidField("file_id", why))


def _give_back(database: Database, who: Identity, campaign_id: int, why: str, now: InstantMs) -> None:
    with database.write() as connection:
        try:
            store.require(connection, campaign_id, "given back", "SCHEDULED")
        except store.WrongStatus:
            return
        store.move(connection, campaign_id, now, status="CONFIGURED", scheduled_at=None, why=why)
        line = journal.Line(
            kind="campaign.not-started", text=f"could not start by itself: {why}", campaign_id=campaign_id,
            data={"status": "CONFIGURED"},
        )  # fmt: skip
        journal.write(connection, who.subscriber_id, [line], now)


def _order(
    database: Database, who: Identity, campaign_id: int, verb: str, event: Event, why: str, now: InstantMs,
    *allowed: str,
) -> None:  # fmt: skip
    who.require(Right.RUN)
    checks = Checks()
    checks.text("why", why, longest=1000)
    checks.done()
    with database.write() as connection:
        found = store.KIND.get(connection, who.subscriber_id, campaign_id)
        store.require(connection, campaign_id, verb, *allowed)
        inbox.put(connection, [inbox.New(who.subscriber_id, campaign_id, event)], now)
        note(
            connection, who, "campaign", f"ordered to be {verb}", campaign_id, found.what.name, now,
            campaign_id=campaign_id, why=why,
        )  # fmt: skip


def _check_causes(name: str, causes: Collection[str]) -> None:
    checks = Checks()
    checks.text("name", name, must=True)
    for cause in causes:
        checks.one_of("causes", cause, [each.value for each in Cause])
    checks.done()


def _set_of_failed(
    connection: Connection, who: Identity, campaign_id: int, name: str, causes: Collection[str], now: InstantMs,
    *, left_out: bool,
) -> int:  # fmt: skip
    campaign = store.KIND.get(connection, who.subscriber_id, campaign_id)
    store.require(connection, campaign_id, "asked for its failed devices", "STOPPED", "FAILED", "SUCCEEDED")
    chosen = store.failed_devices(connection, campaign_id, causes)
    if left_out:
        chosen += [each for each in store.left_out(connection, campaign_id) if each not in set(chosen)]
    if not chosen:
        raise InvalidFields(InvalidField("causes", "no device of this campaign failed in this way"))
    described = DeviceSet(name=name, description=f"Devices of campaign {campaign.what.name} that did not succeed.")
    set_id = device_sets.KIND.insert(connection, who.subscriber_id, described, now)
    device_sets.add(connection, who.subscriber_id, set_id, chosen)
    note(connection, who, "device set", "created", set_id, name, now, campaign_id=campaign_id, devices=len(chosen))
    return set_id
