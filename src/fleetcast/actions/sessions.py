"""Sessions: a browser logs in with a password and is known by a cookie from then on, until it logs out or time is over.

What changes something through a cookie must carry the session's CSRF token, which a page of another site can't read. It
follows from the cookie, so that nothing more is kept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from fleetcast.access import Identity
from fleetcast.actions.authentication import PasswordCheck, Unauthenticated, identity
from fleetcast.actions.history import note
from fleetcast.errors import Forbidden
from fleetcast.instants import InstantMs
from fleetcast.secret import Secret
from fleetcast.store import sessions, users
from fleetcast.store.database import Database

_COOKIE_BYTES: Final = 32


class NoCsrfToken(Forbidden):
    """A change came with a cookie alone."""

    def __init__(self) -> None:
        super().__init__("a change through a session needs its token: send it as X-CSRF-Token, GET /session tells it")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """How long sessions last."""

    idle_s: int = 3600
    longest_s: int = 12 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """A session, and whose it is."""

    who: Identity
    id: int
    csrf_token: str
    expires_at: InstantMs


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """A session that began: the cookie is shown to the browser and kept nowhere."""

    session: OpenSession
    cookie: Secret


def log_in(
    database: Database,
    check: PasswordCheck,
    limits: SessionLimits,
    login: str,
    password: Secret,
    address: str,
    now: InstantMs,
) -> NewSession:
    """Begin a session; raises Unauthenticated and TooManyAttempts."""
    who = check.by_password(database, login, password.reveal().decode(errors="replace"), now, address)
    cookie = secrets.token_bytes(_COOKIE_BYTES)
    expires_at = now + limits.longest_s * 1000
    with database.write() as connection:
        number = sessions.add(
            connection, who.subscriber_id, who.user_id, hashlib.sha256(cookie).digest(), address, now, expires_at
        )
        note(connection, who, "user", "logged in", who.user_id, who.login, now, session=number)
    opened = OpenSession(who=who, id=number, csrf_token=_csrf_token(cookie), expires_at=expires_at)
    return NewSession(session=opened, cookie=Secret(base64.urlsafe_b64encode(cookie).rstrip(b"=")))


def by_cookie(database: Database, limits: SessionLimits, cookie: str, address: str, now: InstantMs) -> OpenSession:
    """Whose session it is; raises Unauthenticated for one that is unknown, was ended, or is over."""
    raw = _read(cookie)
    if raw is None:
        raise Unauthenticated("this is no session")
    with database.read() as connection:
        found = sessions.find(connection, hashlib.sha256(raw).digest(), now, limits.idle_s * 1000)
        credentials = None if found is None else users.by_id(connection, found.user_id)
    if found is None or credentials is None:
        raise Unauthenticated("this session is over: log in again")
    if now - found.seen_at >= sessions.TOUCHED_MS:
        with database.write() as connection:
            sessions.touch(connection, found.id, now)
    who = identity(credentials, through=f"session {found.id}", address=address)
    return OpenSession(who=who, id=found.id, csrf_token=_csrf_token(raw), expires_at=found.expires_at)


def require_token(session: OpenSession, given: str | None) -> None:
    """Raises NoCsrfToken unless the session's own was sent."""
    if given is None or not hmac.compare_digest(given.encode(errors="replace"), session.csrf_token.encode()):
        raise NoCsrfToken


def log_out(database: Database, session: OpenSession, now: InstantMs) -> None:
    """End a session."""
    with database.write() as connection:
        sessions.end(connection, now, session_id=session.id)
        who = session.who
        note(connection, who, "user", "logged out", who.user_id, who.login, now, session=session.id)


def _read(cookie: str) -> bytes | None:
    try:
        raw = base64.b64decode(cookie + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == _COOKIE_BYTES else None


def _csrf_token(cookie: bytes) -> str:
    return hmac.new(cookie, b"fleetcast csrf token", hashlib.sha256).hexdigest()
