"""Lists of users and tokens: for admins all of the subscriber's, for others what is their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select

from fleetcast.access import NO_SUBSCRIBER, Identity, Right
from fleetcast.instants import InstantMs
from fleetcast.queries.fleet import View, of_rows
from fleetcast.queries.kept import columns
from fleetcast.queries.lists import Listing, ListRequest, Page, Shown
from fleetcast.store import tables as t
from fleetcast.store.database import Database
from fleetcast.store.objects import Missing
from fleetcast.store.users import KIND, tokens_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """A token, without what opens anything."""

    id: int
    user_id: int
    login: str
    name: str
    scope: tuple[Right, ...] | None
    created_at: InstantMs
    last_used_at: InstantMs | None
    expires_at: InstantMs | None
    revoked_at: InstantMs | None


_USERS: Final = of_rows(KIND, "last_login_at", sort="login", hidden=("password_hash",))
_TOKENS_FROM: Final = t.token.join(t.user, t.user.c.id == t.token.c.user_id)


def _read_tokens(connection: Connection, ids: Sequence[int]) -> Mapping[int, TokenView]:
    names = ("id", "user_id", "name", "scope", "created_at", "last_used_at", "expires_at", "revoked_at")
    rows = connection.execute(
        select(*(t.token.c[name] for name in names), t.user.c.login)
        .select_from(_TOKENS_FROM)
        .where(t.token.c.id.in_(ids))
    )
    return {row.id: _token(dict(row._mapping)) for row in rows}


def _token(row: dict[str, Any]) -> TokenView:
    scope = row.pop("scope")
    return TokenView(**row, scope=tuple(Right(word) for word in scope.split(",")) if scope else None)


_TOKENS: Final = Listing(
    table=t.token,
    fields={**columns(t.token, hidden=("hash", "scope")), "login": Shown(t.user.c.login, elsewhere=True)},
    read=_read_tokens,
    source=_TOKENS_FROM,
)


def page(database: Database, who: Identity, request: ListRequest) -> Page[View[Any]]:
    """The users: all for an admin, oneself for others."""
    with database.read() as connection:
        scope = [KIND.of(who.subscriber_id)]
        if not _all(who):
            scope.append(t.user.c.id == who.user_id)
        return _USERS.page(connection, request, *scope)


def one(database: Database, who: Identity, user_id: int) -> View[Any]:
    """One user; raises Missing."""
    if user_id != who.user_id and not _all(who):
        raise Missing("user", user_id)
    with database.read() as connection:
        KIND.get(connection, who.subscriber_id, user_id)
        return _USERS.read(connection, [user_id])[user_id]


def tokens(database: Database, who: Identity, request: ListRequest) -> Page[TokenView]:
    """The tokens: all for an admin, one's own for others; withdrawn ones too."""
    with database.read() as connection:
        scope = [tokens_of(who.subscriber_id)]
        if not _all(who):
            scope.append(t.token.c.user_id == who.user_id)
        return _TOKENS.page(connection, request, *scope)


def _all(who: Identity) -> bool:
    return who.may(Right.SYSTEM if who.subscriber_id == NO_SUBSCRIBER else Right.ADMINISTER)
