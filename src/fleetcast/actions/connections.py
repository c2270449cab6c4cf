"""Connections: which network servers there are, and the secrets they are reached with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection

from fleetcast.access import Identity, Right
from fleetcast.actions.fields import TEXT_LONGEST, Checks
from fleetcast.actions.history import CHANGED
from fleetcast.actions.objects import Editable
from fleetcast.connectors import catalog
from fleetcast.connectors.catalog import Kind
from fleetcast.connectors.connection import Field, FieldWrong
from fleetcast.connectors.connection import check as check_settings
from fleetcast.errors import Conflict
from fleetcast.instants import InstantMs
from fleetcast.secret import Secret
from fleetcast.store import connections, open_connections
from fleetcast.store.connections import NetworkConnection
from fleetcast.store.database import Database, wake
from fleetcast.store.idempotency import Once
from fleetcast.store.key_vault import KeyKind, KeyVault
from fleetcast.store.objects import Stored

__all__ = ["CONNECTIONS", "Field", "Kind", "NetworkConnection", "archive", "create", "edit", "restore"]


class HasDevices(Conflict):
    """Devices or groups are reached through it."""

    def __init__(self, connection_id: int, devices: int, groups: int) -> None:
        self.devices, self.groups = devices, groups
        super().__init__(
            f"connection {connection_id} has {devices} devices and {groups} multicast groups: archive them, or move "
            "them to another connection"
        )


def _check(what: NetworkConnection) -> None:
    checks = Checks()
    checks.text("name", what.name, must=True)
    checks.text("description", what.description, longest=TEXT_LONGEST)
    for name, value in what.settings.items():
        if isinstance(value, str):
            checks.text(f"settings.{name}", value, longest=TEXT_LONGEST)
    checks.done()


def _may_archive(connection: Connection, _who: Identity, connection_id: int) -> None:
    devices, groups = connections.in_use_by(connection, connection_id)
    if devices or groups:
        raise HasDevices(connection_id, devices, groups)
    wake(connection, open_connections.CHANNEL)


CONNECTIONS: Final = Editable(
    kind=connections.KIND,
    check=_check,
    may_archive=_may_archive,
    free=frozenset({"name", "description"}),
    right=Right.ADMINISTER,
    label=lambda what: what.name,
)


def create(
    database: Database,
    vault: KeyVault,
    kinds: Mapping[str, Kind],
    who: Identity,
    new: NetworkConnection,
    secrets: Mapping[str, Secret],
    now: InstantMs,
    once: Once | None = None,
) -> int:
    """Put a connection in; gives its number. Raises FieldWrong and UnknownKind besides what every creation raises."""
    _check_fields(kinds, new, secrets)

    def keep(connection: Connection, row_id: int) -> None:
        _keep_secrets(connection, vault, who, row_id, secrets, now)
        wake(connection, open_connections.CHANNEL)

    return CONNECTIONS.create(database, who, new, now, once, then=keep, told=_told(secrets))


def edit(
    database: Database,
    vault: KeyVault,
    kinds: Mapping[str, Kind],
    who: Identity,
    row_id: int,
    what: NetworkConnection,
    secrets: Mapping[str, Secret],
    revision: int | None,
    now: InstantMs,
) -> None:
    """Exchange what a connection says; secrets that aren't given stay as they are."""

    def keep(connection: Connection, before: Stored[NetworkConnection]) -> bool:
        kept = vault.named(connection, KeyKind.CONNECTION_SECRET, row_id)
        _check_fields(kinds, what, {**kept, **secrets})
        if before.what.kind != what.kind:
            raise FieldWrong("kind", f"{before.what.kind} can't become {what.kind}: make a new connection")
        _keep_secrets(connection, vault, who, row_id, secrets, now)
        wake(connection, open_connections.CHANNEL)
        return bool(secrets)

    CONNECTIONS.edit(database, who, row_id, what, revision, now, then=keep, told=_told(secrets))


def archive(database: Database, who: Identity, row_id: int, revision: int | None, now: InstantMs) -> None:
    """Take a connection out of use; raises HasDevices while anything is reached through it."""
    CONNECTIONS.archive(database, who, row_id, revision, now)


def restore(database: Database, who: Identity, row_id: int, revision: int | None, now: InstantMs) -> None:
    """Take a connection back into use."""
    CONNECTIONS.restore(database, who, row_id, revision, now)
    with database.write() as connection:
        wake(connection, open_connections.CHANNEL)


def _told(secrets: Mapping[str, Secret]) -> dict[str, dict[str, str]]:
    return {"secrets": dict.fromkeys(secrets, CHANGED)} if secrets else {}


def _check_fields(kinds: Mapping[str, Kind], what: NetworkConnection, secrets: Mapping[str, Secret]) -> None:
    try:
        check_settings(catalog.kind(what.kind, kinds).fields, what.settings, secrets)
    except FieldWrong as error:
        secret = error.field in secrets
        raise FieldWrong(f"{'secrets' if secret else 'settings'}.{error.field}", error.message) from None


def _keep_secrets(
    connection: Connection,
    vault: KeyVault,
    who: Identity,
    row_id: int,
    secrets: Mapping[str, Secret],
    now: InstantMs,
) -> None:
    for name, secret in secrets.items():
        vault.put(connection, who.subscriber_id, KeyKind.CONNECTION_SECRET, row_id, secret, now, name=name)
