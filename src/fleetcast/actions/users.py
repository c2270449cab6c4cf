"""Users of a subscriber, their passwords and tokens. The last admin can't be removed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection

from fleetcast.access import Identity, Right, Role, passwords, tokens
from fleetcast.actions.authentication import is_login, scope_text
from fleetcast.actions.creation import create_once
from fleetcast.actions.fields import Checks, InvalidField, InvalidFields
from fleetcast.actions.history import note
from fleetcast.actions.objects import Editable
from fleetcast.errors import Conflict
from fleetcast.instants import InstantMs
from fleetcast.secret import Secret
from fleetcast.store import users
from fleetcast.store.database import Database
from fleetcast.store.idempotency import Once
from fleetcast.store.users import User

__all__ = ["USERS", "NewToken", "User", "archive", "create", "create_token", "edit", "revoke_token", "set_password"]

_ROLES: Final = tuple(role.value for role in Role if role is not Role.SYSTEM_ADMIN)


class LastAdmin(Conflict):
    """A subscriber keeps one admin."""

    def __init__(self, login: str) -> None:
        super().__init__(f"{login} is the last admin: make another one first")


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


USERS: Final = Editable(kind=users.KIND, check=_check, right=Right.ADMINISTER, label=lambda what: what.login)


def create(
    database: Database, who: Identity, new: User, password: Secret, now: InstantMs, once: Once | None = None
) -> int:
    """Put a user in; gives the number. Raises InvalidFields, and `clashes.Taken` for a login in use."""
    who.require(Right.ADMINISTER)
    stored = _hashed(password)
    return USERS.create(database, who, _tidy(new), now, once, password_hash=stored)


def edit(database: Database, who: Identity, row_id: int, what: User, revision: int | None, now: InstantMs) -> None:
    """Exchange login, role and the right to read keys; raises LastAdmin."""

    def keep_an_admin(connection: Connection, _before: object) -> bool:
        _keep_an_admin(connection, who, what.login)
        return False

    USERS.edit(database, who, row_id, _tidy(what), revision, now, then=keep_an_admin)


def archive(database: Database, who: Identity, row_id: int, revision: int | None, now: InstantMs) -> None:
    """Take a user's rights away, with all tokens; raises LastAdmin."""
    who.require(Right.ADMINISTER)
    with database.write() as connection:
        found = users.KIND.get(connection, who.subscriber_id, row_id)
        users.KIND.archive(connection, who.subscriber_id, row_id, revision, now)
        _keep_an_admin(connection, who, found.what.login)
        note(connection, who, "user", "archived", row_id, found.what.login, now)


def set_password(database: Database, who: Identity, row_id: int, password: Secret, now: InstantMs) -> None:
    """Give a user a new password: one's own, or another's by the right to administer."""
    if row_id != who.user_id:
        who.require(Right.ADMINISTER)
    stored = _hashed(password)
    with database.write() as connection:
        found = users.KIND.get(connection, who.subscriber_id, row_id)
        users.set_password(connection, row_id, stored)
        note(connection, who, "user", "password changed", row_id, found.what.login, now)


def create_token(
    database: Database,
    who: Identity,
    name: str,
    scope: frozenset[Right] | None,
    expires_at: InstantMs | None,
    now: InstantMs,
) -> NewToken:
    """Make a token that carries one's own rights, narrowed to a scope; it is shown this once."""
    checks = Checks()
    checks.text("name", name, must=True)
    checks.that(expires_at is None or expires_at > now, "expires_at", "lies in the past")
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
        note(connection, who, "token", "created", row_id, name, now)
        return row_id

    return NewToken(create_once(database, who, None, now, make), Secret(token.encode()))


def revoke_token(database: Database, who: Identity, token_id: int, now: InstantMs) -> None:
    """Withdraw a token: one's own, or another's by the right to administer. Raises Missing."""
    own = None if who.may(Right.ADMINISTER) else who.user_id
    with database.write() as connection:
        users.revoke_token(connection, who.subscriber_id, token_id, now, user_id=own)
        note(connection, who, "token", "revoked", token_id, "", now)


def _tidy(what: User) -> User:
    return replace(what, login=what.login.strip().lower())


def _hashed(password: Secret) -> str:
    try:
        return passwords.hash_password(password.reveal().decode(), secrets.token_bytes(passwords.SALT_BYTES))
    except passwords.WeakPassword as error:
        raise InvalidFields(InvalidField("password", str(error))) from None


def _keep_an_admin(connection: Connection, who: Identity, login: str) -> None:
    if not users.active_with_role(connection, who.subscriber_id, Role.ADMIN.value):
        raise LastAdmin(login)
