"""Who is asking: a token, or a login with its password, becomes an `Identity`.

Wrong is wrong: the refusal doesn't say whether a login exists, and takes as long when it doesn't.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from typing import Final

from fleetcast.access import NO_SUBSCRIBER, Identity, Right, Role, passwords, tokens
from fleetcast.errors import Forbidden
from fleetcast.instants import InstantMs
from fleetcast.store import users
from fleetcast.store.database import Database
from fleetcast.store.users import Credentials

REMEMBERED_MS: Final = 60_000
_MOST_REMEMBERED: Final = 1000


class Unauthenticated(Forbidden):
    """Nobody knows who is asking."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}: send a token (Authorization: Bearer) or a login and password (Authorization: Basic)")


def by_token(database: Database, token: str, now: InstantMs) -> Identity:
    """Whose token it is; raises Unauthenticated for one that is unknown, withdrawn or over."""
    token_hash = tokens.hash_of(token)
    if token_hash is None:
        raise Unauthenticated("this is no token")
    with database.read() as connection:
        found = users.by_token(connection, token_hash, now)
    if found is None:
        raise Unauthenticated("this token is not known, was withdrawn, or is over")
    if found.token_id is not None and now - (found.last_used_at or 0) >= users.TOUCHED_MS:
        with database.write() as connection:
            users.touch_token(connection, found.token_id, now)
    return _identity(found)


class PasswordCheck:
    """Checks passwords, and remembers for a minute which were right: scripts send theirs with every request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._salt = secrets.token_bytes(32)
        self._right: dict[bytes, InstantMs] = {}

    def by_password(self, database: Database, login: str, password: str, now: InstantMs) -> Identity:
        """Whose login it is; raises Unauthenticated."""
        with database.read() as connection:
            found = users.by_login(connection, login.strip().lower()) if is_login(login) else None
        stored = passwords.NOBODY if found is None else found.password_hash
        # The stored hash is part of it: a new password ends what was remembered of the old one.
        proof = hashlib.sha256(b"\0".join((self._salt, stored.encode(), password.encode(errors="replace")))).digest()
        if found is None or not self._is_remembered(proof, now):
            if not passwords.matches(password, stored) or found is None:
                raise Unauthenticated("login or password is wrong")
            self._remember(proof, now)
            with database.write() as connection:
                users.logged_in(connection, found.user_id, now)
                if passwords.is_outdated(stored):
                    renewed = passwords.hash_password(password, secrets.token_bytes(passwords.SALT_BYTES))
                    users.set_password(connection, found.user_id, renewed)
        return _identity(found)

    def _is_remembered(self, proof: bytes, now: InstantMs) -> bool:
        with self._lock:
            return now - self._right.get(proof, -REMEMBERED_MS) < REMEMBERED_MS

    def _remember(self, proof: bytes, now: InstantMs) -> None:
        with self._lock:
            if len(self._right) >= _MOST_REMEMBERED:
                self._right.clear()
            self._right[proof] = now


def is_login(text: str) -> bool:
    """Whether a login can be this: 1 to 100 printable characters without blanks."""
    return 0 < len(text.strip()) <= 100 and all(char.isprintable() and char != " " for char in text.strip())


def scope_text(scope: frozenset[Right] | None) -> str:
    """A token's scope as it is kept: rights with commas between them; empty: all that the user may."""
    return "" if scope is None else ",".join(sorted(right.value for right in scope))


def _identity(found: Credentials) -> Identity:
    return Identity(
        subscriber_id=NO_SUBSCRIBER if found.subscriber_id is None else found.subscriber_id,
        user_id=found.user_id,
        login=found.login,
        role=Role(found.role),
        may_read_keys=found.may_read_keys,
        scope=frozenset(Right(word) for word in found.scope.split(",")) if found.scope else None,
    )
