"""Webhooks: addresses that are told what happens, each with a secret that its deliveries are signed with."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import Connection

from fleetcast.access import Identity, Right, webhook_signature
from fleetcast.actions.fields import Checks
from fleetcast.actions.history import note
from fleetcast.actions.objects import Editable
from fleetcast.instants import InstantMs
from fleetcast.secret import Secret
from fleetcast.store import journal, webhooks
from fleetcast.store.database import Database
from fleetcast.store.idempotency import Once
from fleetcast.store.key_vault import KeyKind, KeyVault
from fleetcast.store.objects import Stored
from fleetcast.store.webhooks import Webhook

__all__ = ["WEBHOOKS", "NewWebhook", "Webhook", "create", "deliver_again", "edit", "exchange_secret"]

URL_LONGEST: Final = 2000
MOST_KINDS: Final = 50
_KIND: Final = re.compile(r"[a-z][a-z-]*(\.[a-z-]+)*(\.\*)?|\*")


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook that was made."""

    id: int
    secret: Secret | None
    """Shown now, and never again; None: the same request made it before."""


def _check(what: Webhook) -> None:
    checks = Checks()
    checks.text("name", what.name, must=True)
    checks.text("url", what.url, must=True, longest=URL_LONGEST)
    if (wrong := _wrong_with(what.url)) is not None:
        checks.complain("url", wrong)
    checks.that(len(what.kinds) <= MOST_KINDS, "kinds", f"{len(what.kinds)}: at most {MOST_KINDS}")
    for kind in what.kinds[:MOST_KINDS]:
        checks.that(
            _KIND.fullmatch(kind) is not None, "kinds", f"{kind[:40]!r}: write campaign.status, or campaign.* for all"
        )
    checks.done()


def _wrong_with(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "is no URL"
    if parts.scheme not in ("http", "https"):
        return "write https://host/path, or http://"
    if not host or port == 0 or any(char.isspace() for char in url):
        return "names no host that could be asked"
    if parts.username is not None or parts.password is not None:
        return "leave login and password out: deliveries are signed"
    if parts.fragment:
        return "leave out what follows the #: it is never sent"
    return None


WEBHOOKS: Final = Editable(
    kind=webhooks.KIND,
    check=_check,
    free=frozenset(webhooks.KIND.names),
    right=Right.ADMINISTER,
    label=lambda what: what.name,
)


def create(
    database: Database, vault: KeyVault, who: Identity, new: Webhook, now: InstantMs, once: Once | None = None
) -> NewWebhook:
    """Put a webhook in; it is told what happens from now on. Raises InvalidFields and `clashes.Taken`."""
    made: list[Secret] = []

    def keep(connection: Connection, row_id: int) -> None:
        secret = Secret(secrets.token_bytes(webhook_signature.SECRET_BYTES))
        vault.put(connection, who.subscriber_id, KeyKind.WEBHOOK_SECRET, row_id, secret, now)
        webhooks.start_at(connection, row_id, journal.last(connection, who.subscriber_id))
        made[:] = [webhook_signature.written(secret)]

    row_id = WEBHOOKS.create(database, who, new, now, once, then=keep)
    return NewWebhook(row_id, made[0] if made else None)


def edit(database: Database, who: Identity, row_id: int, what: Webhook, revision: int | None, now: InstantMs) -> None:
    """Exchange what one says. Switched on again, it goes on where it was: it is told what it missed."""

    def begin_anew(connection: Connection, before: Stored[Webhook]) -> bool:
        if what.enabled and (not before.what.enabled or before.what.url != what.url):
            webhooks.begin_anew(connection, row_id)
        return False

    WEBHOOKS.edit(database, who, row_id, what, revision, now, then=begin_anew)


def exchange_secret(database: Database, vault: KeyVault, who: Identity, row_id: int, now: InstantMs) -> Secret:
    """A new secret in place of the old one, as it is shown this once; every attempt from now on is signed with it."""
    who.require(Right.ADMINISTER)
    secret = Secret(secrets.token_bytes(webhook_signature.SECRET_BYTES))
    with database.write() as connection:
        found = webhooks.KIND.get(connection, who.subscriber_id, row_id)
        vault.put(connection, who.subscriber_id, KeyKind.WEBHOOK_SECRET, row_id, secret, now)
        note(connection, who, "webhook", "secret exchanged", row_id, found.what.name, now)
    return webhook_signature.written(secret)


def deliver_again(database: Database, who: Identity, row_id: int, delivery_id: int, now: InstantMs) -> None:
    """Let a delivery wait anew, whatever became of it; it goes before what came later. Raises Missing."""
    who.require(Right.ADMINISTER)
    with database.write() as connection:
        found = webhooks.KIND.get(connection, who.subscriber_id, row_id)
        webhooks.deliver_again(connection, who.subscriber_id, row_id, delivery_id)
        name = found.what.name
        note(connection, who, "webhook", "asked to deliver again", row_id, name, now, delivery_id=delivery_id)
