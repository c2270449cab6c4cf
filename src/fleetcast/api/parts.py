"""What the routes work with, and who is asking: put together once, handed to each request."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import Depends, Header, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBasic, HTTPBasicCredentials, HTTPBearer

from fleetcast.access import Identity
from fleetcast.actions import sessions
from fleetcast.actions.authentication import PasswordCheck, Unauthenticated, by_token
from fleetcast.actions.connections import Kind
from fleetcast.actions.seen import Database, KeyVault, Once
from fleetcast.actions.sessions import OpenSession, SessionLimits
from fleetcast.api.upload_rate import UploadRate
from fleetcast.clock import Clock, SystemClock
from fleetcast.errors import Invalid
from fleetcast.instants import InstantMs, from_datetime

MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything the routes need."""

    database: Database
    vault: KeyVault
    clock: Clock
    """The fleet's time: campaigns, devices, files."""
    wall: Clock = field(default_factory=SystemClock)
    """Real time: tokens and sessions, whatever the fleet's time does."""
    kinds: Mapping[str, Kind]
    """Connectors by name."""
    most_body_bytes: int = 2 * MEGABYTE
    most_upload_bytes: int = 64 * MEGABYTE
    uploads: UploadRate = field(default_factory=lambda: UploadRate(most_upload_bytes=64 * MEGABYTE))
    passwords: PasswordCheck = field(default_factory=PasswordCheck)
    sessions: SessionLimits = field(default_factory=SessionLimits)

    def now(self) -> InstantMs:
        """The fleet's time."""
        return from_datetime(self.clock.now())

    def real_now(self) -> InstantMs:
        """Real time."""
        return from_datetime(self.wall.now())


def _parts(request: Request) -> Parts:
    parts = request.app.state.parts
    assert isinstance(parts, Parts)  # noqa: S101 - `app.build` puts them there
    return parts


TheParts = Annotated[Parts, Depends(_parts)]
_BEARER: Final = HTTPBearer(auto_error=False, description="An API token.")
_BASIC: Final = HTTPBasic(auto_error=False, description="Login and password of a user.")


COOKIE: Final = "fleetcast"
"""The session's cookie where the server is reached in clear: on the machine itself, or in a test."""
SECURE_COOKIE: Final = "__Host-fleetcast"
"""The session's cookie under TLS; the prefix has browsers refuse it from anybody else."""
_LOOKING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def _where(request: Request) -> str:
    return "" if request.client is None else request.client.host


Where = Annotated[str, Depends(_where)]
"""Where the request came from, as far as trusted proxies tell."""


def _session(
    parts: TheParts,
    where: Where,
    request: Request,
    token: Annotated[
        str | None, Header(alias="X-CSRF-Token", description="For changes through a session: GET /session tells it.")
    ] = None,
) -> OpenSession:
    cookie = request.cookies.get(SECURE_COOKIE if request.url.scheme == "https" else COOKIE)
    if cookie is None:
        raise Unauthenticated("no session came with the request")
    session = sessions.by_cookie(parts.database, parts.sessions, cookie, where, parts.real_now())
    if request.method not in _LOOKING:
        sessions.require_token(session, token)
    return session


TheSession = Annotated[OpenSession, Depends(_session)]


def _who(
    parts: TheParts,
    where: Where,
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    basic: Annotated[HTTPBasicCredentials | None, Depends(_BASIC)],
) -> Identity:
    if bearer is not None:
        return by_token(parts.database, bearer.credentials, parts.real_now(), where)
    if basic is not None:
        return parts.passwords.by_password(parts.database, basic.username, basic.password, parts.real_now(), where)
    if COOKIE in request.cookies or SECURE_COOKIE in request.cookies:
        return _session(parts, where, request, request.headers.get("X-CSRF-Token")).who
    raise Unauthenticated("no token and no login came with the request")


Who = Annotated[Identity, Depends(_who)]


def _still(
    parts: TheParts,
    where: Where,
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    basic: Annotated[HTTPBasicCredentials | None, Depends(_BASIC)],
) -> Callable[[], bool]:
    def known() -> bool:
        try:
            _who(parts, where, request, bearer, basic)
        except Unauthenticated:
            return False
        return True

    return known


Still = Annotated[Callable[[], bool], Depends(_still)]
"""Asks again whether whoever sent the request is known: for answers that take longer than a token may live."""


class BadHeader(Invalid):
    """A header says something that can't be read."""

    def __init__(self, name: str, message: str) -> None:
        self.field = name
        super().__init__(f"{name}: {message}")


def _revision(
    if_match: Annotated[
        str | None, Header(description='Revision that is being changed, as the ETag says it: `"3"`.')
    ] = None,
) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise BadHeader("If-Match", "send the ETag of what you read")
    return int(text)


Revision = Annotated[int | None, Depends(_revision)]


async def _once(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(min_length=1, max_length=200, description="Makes the request safe to repeat within a day."),
    ] = None,
) -> Once | None:
    if idempotency_key is None:
        return None
    if not (idempotency_key.isascii() and idempotency_key.isprintable()):
        raise BadHeader("Idempotency-Key", "use printable ASCII characters")
    said = b"\0".join((request.method.encode(), request.url.path.encode(), await request.body()))
    return Once(idempotency_key, hashlib.sha256(said).digest())


OnceOnly = Annotated[Once | None, Depends(_once)]


def mark(response: Response, revision: int) -> None:
    """Say the revision of what is answered."""
    response.headers["ETag"] = f'"{revision}"'
