"""An empty database gets its first subscriber and its first admin, with a password and a token that are shown once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from fleetcast.access import Role, passwords, tokens
from fleetcast.instants import InstantMs
from fleetcast.secret import Secret
from fleetcast.store import subscribers, users
from fleetcast.store.database import Database
from fleetcast.store.subscribers import Subscriber
from fleetcast.store.users import User

LOGIN: Final = "admin"
SUBSCRIBER: Final = "default"
_PASSWORD_BYTES: Final = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstStart:
    """What the first start made; the secrets are kept nowhere else."""

    subscriber_id: int
    user_id: int
    login: str
    password: Secret
    token: Secret


def first_start(database: Database, now: InstantMs) -> FirstStart | None:
    """Make the first subscriber and its admin; None where anybody is there already."""
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    token = tokens.written(secrets.token_bytes(tokens.RANDOM_BYTES))
    stored = passwords.hash_password(password, secrets.token_bytes(passwords.SALT_BYTES))
    with database.write() as connection:
        if users.any_there(connection):
            return None
        subscriber_id = subscribers.add(connection, Subscriber(name=SUBSCRIBER), now)
        admin = User(login=LOGIN, role=Role.ADMIN.value, may_read_keys=True)
        user_id = users.KIND.insert(connection, subscriber_id, admin, now, password_hash=stored)
        token_hash = tokens.hash_of(token)
        assert token_hash is not None  # noqa: S101 - it was written just now
        users.insert_token(connection, subscriber_id, user_id, "first start", token_hash, "", None, now)
    return FirstStart(
        subscriber_id=subscriber_id,
        user_id=user_id,
        login=LOGIN,
        password=Secret(password.encode()),
        token=Secret(token.encode()),
    )
