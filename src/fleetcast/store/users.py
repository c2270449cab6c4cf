"""People who may log in, and the tokens that carry their rights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, func, insert, or_, select, update

from fleetcast.instants import InstantMs
from fleetcast.store import tables
from fleetcast.store.objects import Kind, Missing

TOUCHED_MS: Final = 60_000
"""When a token was last used is noted to the minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """What an admin says of a user."""

    login: str
    role: str
    may_read_keys: bool = False


class _Users(Kind[User]):
    """Users of subscribers, and under number 0 those who belong to none."""

    def of(self, subscriber_id: int) -> ColumnElement[bool]:
        """The users of this subscriber; 0: system admins."""
        return _of(tables.user, subscriber_id)

    def _row(self, subscriber_id: int, what: User, now: InstantMs, others: Mapping[str, Any]) -> dict[str, Any]:
        return super()._row(subscriber_id, what, now, others) | {"subscriber_id": subscriber_id or None}


def _of(table: Table, subscriber_id: int) -> ColumnElement[bool]:
    column = table.c.subscriber_id
    return column == subscriber_id if subscriber_id else column.is_(None)


KIND: Final = _Users(tables.user, User, "user")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What tells who is asking."""

    user_id: int
    subscriber_id: int | None
    login: str
    role: str
    may_read_keys: bool
    password_hash: str
    scope: str | None = None
    token_id: int | None = None
    last_used_at: InstantMs | None = None
    expires_at: InstantMs | None = None


_WHO = [tables.user.c[name] for name in ("subscriber_id", "login", "role", "may_read_keys", "password_hash")]


def tokens_of(subscriber_id: int) -> ColumnElement[bool]:
    """The tokens of this subscriber's users; 0: of system admins."""
    return _of(tables.token, subscriber_id)


# Whose subscriber is archived is nobody: logins and tokens of all its users rest with it.
_WITH_SUBSCRIBER = tables.user.outerjoin(tables.subscriber, tables.subscriber.c.id == tables.user.c.subscriber_id)
_ACTIVE: Final = (tables.user.c.archived_at.is_(None), tables.subscriber.c.archived_at.is_(None))


def by_login(connection: Connection, login: str) -> Credentials | None:
    """The active user with this login, in lower case."""
    user = tables.user
    row = connection.execute(
        select(user.c.id.label("user_id"), *_WHO).select_from(_WITH_SUBSCRIBER).where(user.c.login == login, *_ACTIVE)
    ).first()
    return None if row is None else _credentials(row._mapping)


def by_token(connection: Connection, token_hash: bytes, now: InstantMs) -> Credentials | None:
    """Whose token this is, while it is neither withdrawn nor over."""
    user, token = tables.user, tables.token
    row = connection.execute(
        select(
            user.c.id.label("user_id"),
            *_WHO,
            token.c.scope,
            token.c.id.label("token_id"),
            token.c.last_used_at,
            token.c.expires_at,
        )
        .select_from(_WITH_SUBSCRIBER.join(token, token.c.user_id == user.c.id))
        .where(
            token.c.hash == token_hash,
            token.c.revoked_at.is_(None),
            or_(token.c.expires_at.is_(None), token.c.expires_at > now),
            *_ACTIVE,
        )
    ).first()
    return None if row is None else _credentials(row._mapping)


def _credentials(row: RowMapping) -> Credentials:
    return Credentials(**dict(row))


def by_id(connection: Connection, user_id: int) -> Credentials | None:
    """The active user with this number."""
    user = tables.user
    row = connection.execute(
        select(user.c.id.label("user_id"), *_WHO).select_from(_WITH_SUBSCRIBER).where(user.c.id == user_id, *_ACTIVE)
    ).first()
    return None if row is None else _credentials(row._mapping)


def set_password(connection: Connection, user_id: int, password_hash: str) -> None:
    """Exchange the hash."""
    connection.execute(update(tables.user).where(tables.user.c.id == user_id).values(password_hash=password_hash))


def logged_in(connection: Connection, user_id: int, now: InstantMs) -> None:
    """Note a login."""
    connection.execute(update(tables.user).where(tables.user.c.id == user_id).values(last_login_at=now))


def lock_role(connection: Connection, subscriber_id: int, role: str) -> None:
    """Let nobody else change who has this role until the transaction ends."""
    user = tables.user
    connection.execute(
        select(user.c.id)
        .where(_of(user, subscriber_id), user.c.role == role, user.c.archived_at.is_(None))
        .order_by(user.c.id)
        .with_for_update(key_share=True)
    ).all()


def active_with_role(connection: Connection, subscriber_id: int, role: str) -> int:
    """How many active users have a role."""
    user = tables.user
    conditions = [_of(user, subscriber_id), user.c.role == role, user.c.archived_at.is_(None)]
    return int(connection.execute(select(func.count()).select_from(user).where(*conditions)).scalar_one())


def any_there(connection: Connection) -> bool:
    """Whether there is any user at all, archived or not."""
    return connection.execute(select(tables.user.c.id).limit(1)).first() is not None


def insert_token(
    connection: Connection,
    subscriber_id: int,
    user_id: int,
    name: str,
    token_hash: bytes,
    scope: str,
    expires_at: InstantMs | None,
    now: InstantMs,
) -> int:
    """Keep the hash of a new token; gives its number."""
    key = connection.execute(
        insert(tables.token).values(
            subscriber_id=subscriber_id or None,
            user_id=user_id,
            name=name,
            hash=token_hash,
            scope=scope,
            expires_at=expires_at,
            created_at=now,
        )
    ).inserted_primary_key
    return int(key[0]) if key is not None else 0


def touch_token(connection: Connection, token_id: int, now: InstantMs) -> None:
    """Note that a token was used."""
    connection.execute(update(tables.token).where(tables.token.c.id == token_id).values(last_used_at=now))


def revoke_token(
    connection: Connection, subscriber_id: int, token_id: int, now: InstantMs, *, user_id: int | None = None
) -> None:
    """Withdraw a token, of this user only where one is named; raises Missing."""
    token = tables.token
    conditions: list[ColumnElement[bool]] = [token.c.id == token_id, _of(token, subscriber_id)]
    if user_id is not None:
        conditions.append(token.c.user_id == user_id)
    if connection.execute(select(token.c.id).where(*conditions)).first() is None:
        raise Missing("token", token_id)
    connection.execute(update(token).where(*conditions, token.c.revoked_at.is_(None)).values(revoked_at=now))
