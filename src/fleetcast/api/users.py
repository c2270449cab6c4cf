"""/users and /tokens: who may ask, and what programs ask with."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import SecretStr

from fleetcast.access import Right
from fleetcast.actions import users as actions
from fleetcast.actions.users import User
from fleetcast.api.fields import Instant, Kept, Name, PathId, Schema, example
from fleetcast.api.lists import Listed, PageOf, page_of
from fleetcast.api.objects import Patch, patched, shown
from fleetcast.api.parts import OnceOnly, Revision, TheParts, Who, mark
from fleetcast.queries import users as queries
from fleetcast.secret import Secret

router = APIRouter(tags=["users and tokens"])


class UserFields(Schema):
    """What an admin says of a user."""

    login: Name
    role: Literal["viewer", "operator", "approver", "admin", "system admin"]
    """`system admin` for system admins alone, who have no other."""
    may_read_keys: bool = False
    """A right given apart from the role."""


class UserIn(UserFields):
    """A user."""

    password: SecretStr

    model_config = example(login="ada", role="operator", password="a long sentence is best")  # noqa: S106 - an example


class UserOut(UserFields, Kept):
    """A user as it stands."""

    last_login_at: Instant | None = None


class PasswordIn(Schema):
    """A new password."""

    password: SecretStr
    current_password: SecretStr | None = None
    """The present one; needed for one's own."""

    model_config = example(password="the new password", current_password="the one before")  # noqa: S106 - none


class MeOut(Schema):
    """Who is asking."""

    user_id: int
    login: str
    role: str
    subscriber_id: int
    rights: list[Right]
    """What this user may do, through this token."""


class TokenIn(Schema):
    """A token to be made."""

    name: Name
    scope: list[Right] | None = None
    """Rights it is narrowed to; left out: all one's own."""
    expires_at: Instant | None = None

    model_config = example(name="nightly script", scope=["look"], expires_at="2027-01-01T00:00:00Z")


class TokenMade(Schema):
    """A token, shown this once."""

    id: int
    token: str


class TokenOut(Schema):
    """A token as it stands."""

    id: int
    user_id: int
    login: str
    name: str
    scope: list[Right] | None
    created_at: Instant
    last_used_at: Instant | None
    expires_at: Instant | None
    revoked_at: Instant | None


@router.get("/me")
def me(who: Who) -> MeOut:
    """Who is asking, and what that one may do."""
    return MeOut(
        user_id=who.user_id,
        login=who.login,
        role=who.role.value,
        subscriber_id=who.subscriber_id,
        rights=[right for right in Right if who.may(right)],
    )


@router.get("/users")
def listed(parts: TheParts, who: Who, request: Listed) -> PageOf[UserOut]:
    """The users of the subscriber."""
    page = queries.page(parts.database, who, request)
    items = [shown(UserOut, each.stored, **each.beside) for each in page.items]
    return PageOf(items=items, total=page.total, next_cursor=page.next_cursor)


@router.post("/users", status_code=201)
def create(parts: TheParts, who: Who, body: UserIn, once: OnceOnly, response: Response) -> UserOut:
    """Put a user in."""
    new = User(login=body.login, role=body.role, may_read_keys=body.may_read_keys)
    row_id = actions.create(parts.database, who, new, _secret(body.password), parts.real_now(), once)
    return one(parts, who, row_id, response)


@router.get("/users/{id}")
def one(parts: TheParts, who: Who, row_id: PathId, response: Response) -> UserOut:
    """One user."""
    view = queries.one(parts.database, who, row_id)
    mark(response, view.stored.revision)
    return shown(UserOut, view.stored, **view.beside)


@router.patch("/users/{id}")
def edit(parts: TheParts, who: Who, row_id: PathId, patch: Patch, revision: Revision, response: Response) -> UserOut:
    """Change a user; the last admin stays one."""
    stored = queries.one(parts.database, who, row_id).stored
    wanted = patched(UserFields, stored, patch)
    what = User(login=wanted.login, role=wanted.role, may_read_keys=wanted.may_read_keys)
    expected = stored.revision if revision is None else revision
    actions.edit(parts.database, who, row_id, what, expected, parts.real_now())
    return one(parts, who, row_id, response)


@router.put("/users/{id}/password", status_code=204)
def set_password(parts: TheParts, who: Who, row_id: PathId, body: PasswordIn) -> None:
    """Give oneself, or as an admin another user, a new password; the user's sessions end."""
    current = None if body.current_password is None else _secret(body.current_password)
    actions.set_password(parts.database, who, row_id, _secret(body.password), parts.real_now(), current)


@router.post("/users/{id}/archive")
def archive(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> UserOut:
    """Take a user's rights away."""
    actions.archive(parts.database, who, row_id, revision, parts.real_now())
    return one(parts, who, row_id, response)


@router.post("/users/{id}/restore")
def restore(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> UserOut:
    """Give a user's rights back."""
    actions.restore(parts.database, who, row_id, revision, parts.real_now())
    return one(parts, who, row_id, response)


@router.get("/tokens")
def tokens(parts: TheParts, who: Who, request: Listed) -> PageOf[TokenOut]:
    """One's own tokens; an admin sees those of all users."""
    return page_of(TokenOut, queries.tokens(parts.database, who, request))


@router.post("/tokens", status_code=201)
def create_token(parts: TheParts, who: Who, body: TokenIn, response: Response) -> TokenMade:
    """Make a token that carries one's own rights; it is shown this once."""
    response.headers["Cache-Control"] = "no-store"
    scope = None if body.scope is None else frozenset(body.scope)
    made = actions.create_token(parts.database, who, body.name, scope, body.expires_at, parts.real_now())
    return TokenMade(id=made.id, token=made.token.reveal().decode())


@router.delete("/tokens/{id}", status_code=204)
def revoke_token(parts: TheParts, who: Who, row_id: PathId) -> None:
    """Withdraw a token."""
    actions.revoke_token(parts.database, who, row_id, parts.real_now())


def _secret(password: SecretStr) -> Secret:
    return Secret(password.get_secret_value().encode(errors="replace"))
