"""/session: a browser logs in, is known by a cookie, and logs out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import SecretStr

from fleetcast.access import Right
from fleetcast.actions import sessions as actions
from fleetcast.actions.sessions import OpenSession
from fleetcast.api.fields import STORED, Instant, Name, Schema, example
from fleetcast.api.parts import COOKIE, SECURE_COOKIE, TheParts, TheSession, Where
from fleetcast.secret import Secret

router = APIRouter(prefix="/session", tags=["users and tokens"])


class LoginIn(Schema):
    """Who logs in."""

    login: Name
    password: SecretStr

    model_config = example(login="admin", password="what the first start showed")  # noqa: S106 - none


class SessionOut(Schema):
    """A session: who it is, and what changes must carry."""

    user_id: int
    login: str
    role: str
    subscriber_id: int
    rights: list[Right]
    csrf_token: str
    """Changes send it as X-CSRF-Token."""
    expires_at: Instant


@router.post("", status_code=201)
def log_in(parts: TheParts, where: Where, body: LoginIn, request: Request, response: Response) -> SessionOut:
    """Log in with a password: the answer sets a cookie that no script can read and no other site can send."""
    password = Secret(body.password.get_secret_value().encode(errors="replace"))
    made = actions.log_in(
        parts.database, parts.passwords, parts.sessions, body.login, password, where, parts.real_now()
    )
    secure = request.url.scheme == "https"
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        made.cookie.reveal().decode(),
        max_age=parts.sessions.longest_s,
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )
    return _shown(made.session)


@router.get("")
def one(session: TheSession) -> SessionOut:
    """The session that the cookie opens."""
    return _shown(session)


@router.delete("", status_code=204)
def log_out(parts: TheParts, session: TheSession, response: Response) -> None:
    """Log out."""
    actions.log_out(parts.database, session, parts.real_now())
    for name in (COOKIE, SECURE_COOKIE):
        response.delete_cookie(name, path="/", secure=name == SECURE_COOKIE, httponly=True, samesite="strict")


def _shown(session: OpenSession) -> SessionOut:
    who = session.who
    said = {
        "user_id": who.user_id,
        "login": who.login,
        "role": who.role.value,
        "subscriber_id": who.subscriber_id,
        "rights": [right for right in Right if who.may(right)],
        "csrf_token": session.csrf_token,
        "expires_at": session.expires_at,
    }
    return SessionOut.model_validate(said, context=STORED)
