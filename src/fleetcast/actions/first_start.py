"""An empty database gets its first subscriber with its admin, and a system admin; what is secret is shown once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from fleetcast.access import NO_SUBSCRIBER, Role, passwords, tokens
from fleetcast.actions.history import said
from fleetcast.instants import InstantMs
from fleetcast.secret import Secret
from fleetcast.store import audit, subscribers, users
from fleetcast.store.database import Database
from fleetcast.store.subscribers import Subscriber
from fleetcast.store.users import User

LOGIN: Final = "admin"
SYSTEM_LOGIN: Final = "system"
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
    """The admin's."""
    system_login: str
    system_password: Secret


def first_start(database: Database, now: InstantMs) -> FirstStart | None:
    """Make the first subscriber, its admin and a system admin; None where anybody is there already."""
    password, system_password = (secrets.token_urlsafe(_PASSWORD_BYTES) for _ in range(2))
    token = tokens.written(secrets.token_bytes(tokens.RANDOM_BYTES))
    stored, system_stored = (
        passwords.hash_password(each, secrets.token_bytes(passwords.SALT_BYTES)) for each in (password, system_password)
    )
    with database.write() as connection:
        if users.any_there(connection):
            return None
        subscriber_id = subscribers.add(connection, Subscriber(name=SUBSCRIBER), now)
        admin = User(login=LOGIN, role=Role.ADMIN.value, may_read_keys=True)
        user_id = users.KIND.insert(connection, subscriber_id, admin, now, password_hash=stored)
        token_hash = tokens.hash_of(token)
        assert token_hash is not None  # noqa: S101 - it was written just now
        users.insert_token(connection, subscriber_id, user_id, "first start", token_hash, "", None, now)
        system_admin = User(login=SYSTEM_LOGIN, role=Role.SYSTEM_ADMIN.value)
        system_id = users.KIND.insert(connection, NO_SUBSCRIBER, system_admin, now, password_hash=system_stored)
        for whose, number, user in ((subscriber_id, user_id, admin), (NO_SUBSCRIBER, system_id, system_admin)):
            made = audit.Note(kind="user.created", object_id=number, name=user.login, after=said(user))
            audit.note(connection, whose, made)
    return FirstStart(
        subscriber_id=subscriber_id,
        user_id=user_id,
        login=LOGIN,
        password=Secret(password.encode()),
        token=Secret(token.encode()),
        system_login=SYSTEM_LOGIN,
        system_password=Secret(system_password.encode()),
    )
