"""Who is asking: a token, a session, or a login with its password, becomes an `Identity`.

Wrong is wrong: the refusal doesn't say whether a login exists, and takes as long when it doesn't. Whoever guesses is
slowed down, for each login and each address, by all processes together; tokens and sessions go on meanwhile.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import threading
from typing import Final

from fleetcast.access import NO_SUBSCRIBER, Identity, Right, Role, passwords, tokens
from fleetcast.errors import Forbidden
from fleetcast.instants import InstantMs
from fleetcast.store import audit, login_failures, users
from fleetcast.store.database import Database
from fleetcast.store.login_failures import Counted
from fleetcast.store.users import Credentials

REMEMBERED_MS: Final = 60_000
_MOST_REMEMBERED: Final = 1000
_LANES: Final = 32
_FREE_OF_LOGIN: Final = 10
_FREE_OF_ADDRESS: Final = 20
_LONGEST_FOR_LOGIN_MS: Final = 60_000
"""Short, for others can bring it about: it is to slow guessing down, not to keep somebody out."""
_LONGEST_FOR_ADDRESS_MS: Final = 15 * 60_000


class Unauthenticated(Forbidden):
    """Nobody knows who is asking."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}: send a token (Authorization: Bearer) or a login and password (Authorization: Basic)")


class TooManyAttempts(Forbidden):
    """Too many logins failed, from this address or with this login: none is looked at for a while."""

    def __init__(self, wait_ms: int) -> None:
        self.wait_s = max(1, -(-wait_ms // 1000))
        super().__init__(f"too many failed logins: wait {self.wait_s} s; tokens and open sessions go on meanwhile")


def by_token(database: Database, token: str, now: InstantMs, address: str = "") -> Identity:
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
    return identity(found, through=f"token {found.token_id}", address=address)


class PasswordCheck:
    """Checks passwords, and remembers for a minute which were right: scripts send theirs with every request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lanes = tuple(threading.Lock() for _ in range(_LANES))
        self._salt = secrets.token_bytes(32)
        self._right: dict[bytes, InstantMs] = {}

    def by_password(self, database: Database, login: str, password: str, now: InstantMs, address: str = "") -> Identity:
        """Whose login it is; raises Unauthenticated, and TooManyAttempts without having looked."""
        login = login.strip().lower()
        with database.read() as connection:
            found = users.by_login(connection, login) if is_login(login) else None
        stored = passwords.NOBODY if found is None else found.password_hash
        # The stored hash is part of it: a new password ends what was remembered of the old one.
        proof = hashlib.sha256(b"\0".join((self._salt, stored.encode(), password.encode(errors="replace")))).digest()
        if found is not None and self._is_remembered(proof, now):
            return identity(found, through="password", address=address)
        # One after another: of many requests with the same right password only the first is an attempt.
        with self._lanes[proof[0] % _LANES]:
            if found is not None and self._is_remembered(proof, now):
                return identity(found, through="password", address=address)
            of_login, of_address = _counted(login, address)
            with database.write() as connection:
                wait_ms = login_failures.begin(connection, [of_login, of_address], now)
            if wait_ms:
                raise TooManyAttempts(wait_ms)
            if not passwords.matches(password, stored) or found is None:
                _note_failure(database, found, address)
                raise Unauthenticated("login or password is wrong")
            self._remember(proof, now)
            with database.write() as connection:
                login_failures.succeeded(connection, of_login, [of_address], now)
                users.logged_in(connection, found.user_id, now)
                if passwords.is_outdated(stored):
                    renewed = passwords.hash_password(password, secrets.token_bytes(passwords.SALT_BYTES))
                    users.set_password(connection, found.user_id, renewed)
        return identity(found, through="password", address=address)

    def _is_remembered(self, proof: bytes, now: InstantMs) -> bool:
        with self._lock:
            return now - self._right.get(proof, now - REMEMBERED_MS) < REMEMBERED_MS

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


def identity(found: Credentials, *, through: str, address: str) -> Identity:
    """Who somebody is, and what that was known by."""
    return Identity(
        subscriber_id=NO_SUBSCRIBER if found.subscriber_id is None else found.subscriber_id,
        user_id=found.user_id,
        login=found.login,
        role=Role(found.role),
        may_read_keys=found.may_read_keys,
        scope=frozenset(Right(word) for word in found.scope.split(",")) if found.scope else None,
        through=through,
        address=address,
        ends_at=found.expires_at,
    )


def _counted(login: str, address: str) -> tuple[Counted, Counted]:
    def key(kind: str, text: str) -> str:
        return hashlib.sha256(f"{kind}\0{text}".encode(errors="replace")).hexdigest()[:32]

    return (
        Counted(key("login", login), _FREE_OF_LOGIN, _LONGEST_FOR_LOGIN_MS),
        Counted(key("address", neighbourhood(address)), _FREE_OF_ADDRESS, _LONGEST_FOR_ADDRESS_MS),
    )


def neighbourhood(address: str) -> str:
    """What is counted as one address: in IPv6 a /64, for one machine has them all."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.IPv6Network((found, 64), strict=False))
    return str(found)


def _note_failure(database: Database, found: Credentials | None, address: str) -> None:
    """Into the journal of whoever's login it is. An unknown one isn't repeated: it may be a password, typed there."""
    whose = NO_SUBSCRIBER if found is None or found.subscriber_id is None else found.subscriber_id
    note = audit.Note(
        kind="user.login-failed",
        address=address,
        object_id=None if found is None else found.user_id,
        name="" if found is None else found.login,
        more={"login": "unknown" if found is None else "known"},
    )
    with database.write() as connection:
        audit.note(connection, whose, note)
