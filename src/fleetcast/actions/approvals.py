"""Approval: what a subscriber names needs a second person before it starts or is scheduled.

It is a mark on a configured campaign. Whoever made or starts a campaign can't be the one who approved it, and whatever
is changed afterwards, of its file and sets too, takes the mark away.
"""

from __future__ import annotations

from sqlalchemy import Connection

from fleetcast.access import Identity, Right, Role, may
from fleetcast.actions.fields import TEXT_LONGEST, Checks
from fleetcast.actions.history import note
from fleetcast.errors import Conflict, Forbidden
from fleetcast.instants import InstantMs
from fleetcast.store import approvals, campaigns, use, users
from fleetcast.store.approvals import WAITING
from fleetcast.store.campaigns import KIND
from fleetcast.store.database import Database

__all__ = ["approve", "lapse", "require", "withdraw"]

_CONCERNED = ("file", "device set", "region", "multicast group")


class NotApproved(Conflict):
    """It needs a second person's approval first."""

    def __init__(self, campaign_id: int, why: str) -> None:
        super().__init__(f"campaign {campaign_id} needs an approval: {why}")


class OwnWork(Forbidden):
    """Four eyes are two people."""

    def __init__(self, campaign_id: int, why: str) -> None:
        super().__init__(f"campaign {campaign_id}: {why}: the approval must be somebody else's")


def approve(database: Database, who: Identity, campaign_id: int, remark: str, now: InstantMs) -> None:
    """Approve a configured campaign as it is now; raises OwnWork, WrongStatus and Missing."""
    who.require(Right.APPROVE)
    _check(remark)
    with database.write() as connection:
        found = KIND.get(connection, who.subscriber_id, campaign_id)
        campaigns.require(connection, campaign_id, "approved", "CONFIGURED")
        if who.user_id in approvals.makers(connection, who.subscriber_id, campaign_id):
            raise OwnWork(campaign_id, f"{who.login} made it, or changed it")
        content = approvals.fingerprint(connection, who.subscriber_id, campaign_id)
        approvals.give(connection, campaign_id, who.user_id, content, now)
        note(
            connection, who, "campaign", "approved", campaign_id, found.what.name, now, campaign_id=campaign_id,
            remark=remark, content=content,
        )  # fmt: skip


def withdraw(database: Database, who: Identity, campaign_id: int, remark: str, now: InstantMs) -> None:
    """Take an approval back while the campaign hasn't started; raises WrongStatus and Missing."""
    who.require(Right.APPROVE)
    _check(remark)
    with database.write() as connection:
        found = KIND.get(connection, who.subscriber_id, campaign_id)
        campaigns.require(connection, campaign_id, "deprived of its approval", *WAITING)
        if approvals.given(connection, campaign_id) is None:
            return
        approvals.take(connection, campaign_id, now)
        note(
            connection, who, "campaign", "approval withdrawn", campaign_id, found.what.name, now,
            campaign_id=campaign_id, remark=remark,
        )  # fmt: skip


def require(connection: Connection, who: Identity, campaign_id: int) -> None:
    """Raises NotApproved, and OwnWork where who starts or schedules it approved it."""
    why = approvals.needed(connection, who.subscriber_id, campaign_id)
    if why is None:
        return
    given = approvals.given(connection, campaign_id)
    if given is None:
        raise NotApproved(campaign_id, why)
    if given.content != approvals.fingerprint(connection, who.subscriber_id, campaign_id):
        raise NotApproved(campaign_id, f"it was changed since {given.login} approved it")
    if given.user_id == who.user_id:
        raise OwnWork(campaign_id, f"{who.login} approved it and can't start it too")
    if given.user_id in approvals.makers(connection, who.subscriber_id, campaign_id):
        raise OwnWork(campaign_id, f"{given.login} made it, or changed it")
    approver = users.by_id(connection, given.user_id)
    if approver is None or approver.subscriber_id != who.subscriber_id or not may(Role(approver.role), Right.APPROVE):
        raise NotApproved(campaign_id, f"{given.login}, who approved it, may not approve any more")


def lapse(connection: Connection, who: Identity, noun: str, row_id: int, now: InstantMs) -> None:
    """Something was changed: campaigns with it that wait for their start lose their approvals."""
    if noun not in _CONCERNED:
        return
    for campaign_id, name in use.campaigns_using(connection, who.subscriber_id, noun, row_id, WAITING):
        if approvals.given(connection, campaign_id) is not None:
            approvals.take(connection, campaign_id, now)
            why = f"{noun} {row_id} was changed"
            note(
                connection, who, "campaign", "approval lapsed", campaign_id, name, now, campaign_id=campaign_id, why=why
            )  # fmt: skip


def _check(remark: str) -> None:
    checks = Checks()
    checks.text("why", remark, longest=TEXT_LONGEST)
    checks.done()
