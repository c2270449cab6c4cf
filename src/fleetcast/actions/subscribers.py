"""Subscribers as a system admin sees them: made, limited, archived. Nothing of their fleets is looked at."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from fleetcast.access import Identity, Right, Role, passwords
from fleetcast.actions.authentication import is_login
from fleetcast.actions.fields import Checks
from fleetcast.actions.history import CHANGED, difference, note, said
from fleetcast.errors import Conflict
from fleetcast.instants import InstantMs
from fleetcast.secret import Secret
from fleetcast.store import open_connections, subscribers, users
from fleetcast.store.database import Database, wake
from fleetcast.store.subscribers import Subscriber
from fleetcast.store.users import User

__all__ = ["FirstAdmin", "Subscriber", "archive", "create", "edit", "restore"]


class StillBusy(Conflict):
    """Campaigns of the subscriber aren't over."""

    def __init__(self, name: str, campaigns: int) -> None:
        super().__init__(
            f"subscriber {name} has {campaigns} campaigns that are scheduled or under way: stop them first"
        )


@dataclass(frozen=True, slots=True)
class FirstAdmin:
    """The first user of a subscriber."""

    login: str
    password: Secret


def create(database: Database, who: Identity, new: Subscriber, admin: FirstAdmin, now: InstantMs) -> int:
    """Make a subscriber and its admin; gives its number. Raises InvalidFields and `clashes.Taken`."""
    who.require(Right.SYSTEM)
    login = admin.login.strip().lower()
    checks = _checks(new)
    checks.that(is_login(login), "admin_login", "write 1 to 100 characters without blanks")
    for complaint in passwords.complaints(admin.password.reveal().decode(errors="replace"), login):
        checks.complain("admin_password", complaint)
    checks.done()
    stored = passwords.hash_password(admin.password.reveal().decode(), secrets.token_bytes(passwords.SALT_BYTES))
    with database.write() as connection:
        row_id = subscribers.add(connection, new, now)
        user = User(login=login, role=Role.ADMIN.value)
        user_id = users.KIND.insert(connection, row_id, user, now, password_hash=stored)
        note(connection, who, "subscriber", "created", row_id, new.name, now, after=said(new), admin=login)
        inside = replace(who, subscriber_id=row_id)
        note(connection, inside, "user", "created", user_id, login, now, after=said(user), password=CHANGED)
    return row_id


def edit(
    database: Database, who: Identity, row_id: int, what: Subscriber, revision: int | None, now: InstantMs
) -> None:
    """Change name and quotas; what its own admins set stays as it is. Raises InvalidFields, Missing and Stale."""
    who.require(Right.SYSTEM)
    _checks(what).done()
    with database.write() as connection:
        before = subscribers.get(connection, row_id).what
        kept = replace(
            before, name=what.name, max_devices=what.max_devices, max_multicast_groups=what.max_multicast_groups
        )
        subscribers.replace(connection, row_id, kept, revision, now)
        _note(connection, who, "edited", row_id, before, kept, now)


def archive(database: Database, who: Identity, row_id: int, revision: int | None, now: InstantMs) -> None:
    """Close a subscriber: nobody of it may log in, its connections rest. Raises StillBusy, Missing and Stale."""
    who.require(Right.SYSTEM)
    with database.write() as connection:
        found = subscribers.get(connection, row_id)
        if busy := subscribers.campaigns_not_over(connection, row_id):
            raise StillBusy(found.what.name, busy)
        subscribers.put_away(connection, row_id, revision, now, archived_at=now)
        _note(connection, who, "archived", row_id, found.what, found.what, now)
        wake(connection, open_connections.CHANNEL)


def restore(database: Database, who: Identity, row_id: int, revision: int | None, now: InstantMs) -> None:
    """Open it again; raises Missing, Stale, and `clashes.Taken` where another one has its name by now."""
    who.require(Right.SYSTEM)
    with database.write() as connection:
        found = subscribers.get(connection, row_id)
        subscribers.put_away(connection, row_id, revision, now, archived_at=None)
        _note(connection, who, "restored", row_id, found.what, found.what, now)
        wake(connection, open_connections.CHANNEL)


def _checks(what: Subscriber) -> Checks:
    checks = Checks()
    checks.text("name", what.name, must=True)
    checks.number("max_devices", what.max_devices, 0)
    checks.number("max_multicast_groups", what.max_multicast_groups, 0)
    return checks


def _note(
    connection: Connection, who: Identity, verb: str, row_id: int, before: Subscriber, after: Subscriber, now: InstantMs
) -> None:
    """Into both journals: the deployment's, and that of the subscriber, whose admins are to know."""
    old, new = difference(said(before), said(after))
    for each in (who, replace(who, subscriber_id=row_id)):
        note(connection, each, "subscriber", verb, row_id, after.name, now, before=old, after=new)
