"""Users, their passwords and tokens. The last admin of a subscriber can't be removed, nor the last system admin."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection

from fleetcast.access import NO_SUBSCRIBER, Identity, Right, Role, passwords, tokens
from fleetcast.actions.authentication import is_login, scope_text
from fleetcast.actions.creation import create_once
from fleetcast.actions.fields import Checks
from fleetcast.actions.history import CHANGED, note
from fleetcast.actions.objects import Editable
from fleetcast.errors import Conflict, Forbidden
from fleetcast.instants import InstantMs
from fleetcast.secret import Secret
from fleetcast.store import sessions, users
from fleetcast.store.database import Database
from fleetcast.store.idempotency import Once
from fleetcast.store.users import User

__all__ = [
    "USERS",
    "NewToken",
    "User",
    "archive",
    "create",
    "create_token",
    "edit",
    "editable",
    "restore",
    "revoke_token",
    "set_password",
]

_ROLES: Final = tuple(role.value for role in Role)


class LastAdmin(Conflict):
    """A subscriber keeps one admin, the deployment one system admin."""

    def __init__(self, login: str, role: Role) -> None:
        super().__init__(f"{login} is the last {role.value}: make another one first")


class WrongPassword(Forbidden):
    """Whoever changes the own password must know it."""

    def __init__(self) -> None:
        super().__init__("the present password is wrong or missing: send it as current_password")


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was made: shown now, and never again."""

    id: int
    token: Secret


def _check(what: User) -> None:
    checks = Checks()
    checks.that(is_login(what.login), "login", "write 1 to 100 characters without blanks")
    checks.one_of("role", what.role, _ROLES)
    checks.done()


def _look_up(connection: Connection, who: Identity, what: User) -> None:
    """A subscriber has no system admins, the deployment has no others; and no two change the admins at once."""
    checks = Checks()
    fits = (what.role == Role.SYSTEM_ADMIN.value) == (who.subscriber_id == NO_SUBSCRIBER)
    checks.that(fits, "role", f"{what.role}: this role is not given here")
    checks.that(not what.may_read_keys or fits, "may_read_keys", "there are no keys to be read")
    checks.done()
    users.lock_role(connection, who.subscriber_id, _kept_role(who).value)


USERS: Final = Editable(
    kind=users.KIND, check=_check, look_up=_look_up, right=Right.ADMINISTER, label=lambda what: what.login
)
"""Users of a subscriber, as its admins see them. System admins: the same, by the right to the system."""
_SYSTEM_ADMINS: Final = replace(USERS, right=Right.SYSTEM)


def editable(who: Identity) -> Editable[User]:
    """The users that somebody may edit."""
    return _SYSTEM_ADMINS if who.subscriber_id == NO_SUBSCRIBER else USERS


def create(
    database: Database, who: Identity, new: User, password: Secret, now: InstantMs, once: Once | None = None
) -> int:
    """Put a user in; gives the number. Raises InvalidFields, and `clashes.Taken` for a login in use."""
    users_of = editable(who)
    who.require(users_of.right)
    stored = _hashed(password, new.login)
    told = {"password": CHANGED}
    return users_of.create(database, who, _tidy(new), now, once, told=told, password_hash=stored)


def edit(database: Database, who: Identity, row_id: int, what: User, revision: int | None, now: InstantMs) -> None:
    """Exchange login, role and the right to read keys; raises LastAdmin."""

    def keep_an_admin(connection: Connection, _before: object) -> bool:
        _keep_an_admin(connection, who, what.login)
        return False

    editable(who).edit(database, who, row_id, _tidy(what), revision, now, then=keep_an_admin)


def archive(database: Database, who: Identity, row_id: int, revision: int | None, now: InstantMs) -> None:
    """Take a user's rights away, with all tokens, and end the sessions; raises LastAdmin."""
    who.require(editable(who).right)
    with database.write() as connection:
        users.lock_role(connection, who.subscriber_id, _kept_role(who).value)
        found = users.KIND.get(connection, who.subscriber_id, row_id)
        sessions.end(connection, now, user_id=row_id)
        users.KIND.archive(connection, who.subscriber_id, row_id, revision, now)
        _keep_an_admin(connection, who, found.what.login)
        note(connection, who, "user", "archived", row_id, found.what.login, now)


def restore(database: Database, who: Identity, row_id: int, revision: int | None, now: InstantMs) -> None:
    """Give a user's rights back; raises Missing, Stale, and `clashes.Taken` where the login is another's by now."""
    editable(who).restore(database, who, row_id, revision, now)


def set_password(
    database: Database, who: Identity, row_id: int, password: Secret, now: InstantMs, current: Secret | None = None
) -> None:
    """Give a user a new password: one's own, knowing the present one, or another's by the right to administer.

    Ends the user's sessions; tokens go on. Raises WrongPassword, InvalidFields and Missing.
    """
    if row_id != who.user_id:
        who.require(editable(who).right)
    with database.read() as connection:
        found = users.KIND.get(connection, who.subscriber_id, row_id)
        known = users.by_id(connection, row_id)
    if row_id == who.user_id and (known is None or not _is(current, known.password_hash)):
        raise WrongPassword
    stored = _hashed(password, found.what.login)
    with database.write() as connection:
        users.set_password(connection, row_id, stored)
        sessions.end(connection, now, user_id=row_id)
        note(connection, who, "user", "password changed", row_id, found.what.login, now)


def create_token(
    database: Database,
    who: Identity,
    name: str,
    scope: frozenset[Right] | None,
    expires_at: InstantMs | None,
    now: InstantMs,
) -> NewToken:
    """Make a token that carries one's own rights, narrowed to a scope; it is shown this once.

    Through a token that ends, none is made that lasts longer: left out, it ends at the same time.
    """
    expires_at = who.ends_at if expires_at is None else expires_at
    checks = Checks()
    checks.text("name", name, must=True)
    checks.that(expires_at is None or expires_at > now, "expires_at", "lies in the past")
    outlives = expires_at is not None and who.ends_at is not None and expires_at > who.ends_at
    checks.that(not outlives, "expires_at", "lies after the end of the token that asks for it")
    for right in scope or ():
        checks.that(who.may(right), "scope", f"you don't have the right to {right.value} yourself")
    checks.that(scope is None or bool(scope), "scope", "name a right at least, or leave it out for all you may")
    checks.done()
    narrowed = scope if scope is not None else who.scope
    token = tokens.written(secrets.token_bytes(tokens.RANDOM_BYTES))
    token_hash = tokens.hash_of(token)
    assert token_hash is not None  # noqa: S101 - it was written just now

    def make(connection: Connection) -> int:
        row_id = users.insert_token(
            connection, who.subscriber_id, who.user_id, name, token_hash, scope_text(narrowed), expires_at, now
        )
        after = {"scope": None if narrowed is None else sorted(narrowed), "expires_at": expires_at}
        note(connection, who, "token", "created", row_id, name, now, after=after)
        return row_id

    return NewToken(create_once(database, who, None, now, make), Secret(token.encode()))


def revoke_token(database: Database, who: Identity, token_id: int, now: InstantMs) -> None:
    """Withdraw a token: one's own, or another's by the right to administer. Raises Missing."""
    own = None if who.may(editable(who).right) else who.user_id
    with database.write() as connection:
        users.revoke_token(connection, who.subscriber_id, token_id, now, user_id=own)
        note(connection, who, "token", "revoked", token_id, "", now)


def _tidy(what: User) -> User:
    return replace(what, login=what.login.strip().lower())


def _is(password: Secret | None, stored: str) -> bool:
    return password is not None and passwords.matches(password.reveal().decode(errors="replace"), stored)


def _hashed(password: Secret, login: str) -> str:
    text, checks = password.reveal().decode(errors="replace"), Checks()
    for complaint in passwords.complaints(text, login.strip().lower()):
        checks.complain("password", complaint)
    checks.done()
    return passwords.hash_password(text, secrets.token_bytes(passwords.SALT_BYTES))


def _kept_role(who: Identity) -> Role:
    return Role.SYSTEM_ADMIN if who.subscriber_id == NO_SUBSCRIBER else Role.ADMIN


def _keep_an_admin(connection: Connection, who: Identity, login: str) -> None:
    role = _kept_role(who)
    if not users.active_with_role(connection, who.subscriber_id, role.value):
        raise LastAdmin(login, role)
