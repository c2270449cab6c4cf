"""Devices: register, edit, archive. Their root keys go into the vault and are read nowhere here but by right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection

from fleetcast.access import Identity, Right
from fleetcast.actions import quotas
from fleetcast.actions.fields import Checks
from fleetcast.actions.history import CHANGED, note
from fleetcast.actions.objects import Editable
from fleetcast.actions.references import require_active
from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs
from fleetcast.radio.bands import catalog as bands
from fleetcast.secret import Secret
from fleetcast.store import connections, device_profiles, devices, files, multicast_groups, open_connections
from fleetcast.store.database import Database, wake
from fleetcast.store.devices import Device
from fleetcast.store.idempotency import Once
from fleetcast.store.key_vault import KeyKind, KeyVault
from fleetcast.store.objects import Stored

__all__ = ["DEVICES", "Device", "archive", "create", "edit", "read_key", "restore"]

KEY_BYTES: Final = 16


def _check(what: Device) -> None:
    checks = Checks()
    checks.parsed("dev_eui", lambda: DevEui(what.dev_eui))
    checks.text("name", what.name)
    checks.text("tag", what.tag)
    checks.one_of("session_classes", what.session_classes, ("B", "C", "BC"))
    checks.one_of("lorawan_version", what.lorawan_version, ("1.0", "1.1"))
    checks.one_of("own_class", what.own_class, ("A", "B", "C"))
    checks.one_of("band", what.band, bands.names())
    checks.number("firmware_version", what.firmware_version, 0, 0xFFFFFFFF)
    checks.done()


def _look_up(connection: Connection, who: Identity, what: Device) -> None:
    checks = Checks()
    require_active(connection, who, checks, "connection_id", connections.KIND, what.connection_id)
    require_active(connection, who, checks, "device_profile_id", device_profiles.KIND, what.device_profile_id)
    require_active(connection, who, checks, "multicast_group_id", multicast_groups.KIND, what.multicast_group_id)
    require_active(connection, who, checks, "firmware_file_id", files.KIND, what.firmware_file_id)
    taken = devices.group_euis(connection, who.subscriber_id, [what.dev_eui])
    checks.that(not taken, "dev_eui", f"{what.dev_eui} is a multicast group's: choose another one")
    if what.multicast_group_id is not None:
        checks.done()
        group = multicast_groups.KIND.get(connection, who.subscriber_id, what.multicast_group_id).what
        same = group.connection_id == what.connection_id
        checks.that(same, "multicast_group_id", f"group {group.dev_eui} lives at another connection")
    checks.done()


DEVICES: Final = Editable(
    kind=devices.KIND,
    check=_check,
    look_up=_look_up,
    free=frozenset({"name", "tag"}),
    label=lambda what: what.dev_eui,
)


def create(
    database: Database,
    vault: KeyVault,
    who: Identity,
    new: Device,
    key: Secret | None,
    now: InstantMs,
    once: Once | None = None,
) -> int:
    """Register a device; without its key it takes part in nothing. Gives its number."""
    _check_key(key)

    def keep(connection: Connection, row_id: int) -> None:
        quotas.keep_devices(connection, who.subscriber_id)
        _keep(connection, vault, who, row_id, new, None, key, now)

    return DEVICES.create(database, who, _tidy(new), now, once, then=keep, told=_told(key), has_key=key is not None)


def edit(
    database: Database,
    vault: KeyVault,
    who: Identity,
    row_id: int,
    what: Device,
    key: Secret | None,
    revision: int | None,
    now: InstantMs,
) -> None:
    """Exchange what is said of a device; without a key given, it keeps the one it has."""
    _check_key(key)

    def keep(connection: Connection, before: Stored[Device]) -> bool:
        _keep(connection, vault, who, row_id, what, before.what, key, now)
        return key is not None

    others: dict[str, Any] = {} if key is None else {"has_key": True}
    DEVICES.edit(database, who, row_id, _tidy(what), revision, now, then=keep, told=_told(key), **others)


def archive(database: Database, who: Identity, row_id: int, revision: int | None, now: InstantMs) -> None:
    """Take a device out of use; it stays in its sets and takes no part."""
    DEVICES.archive(database, who, row_id, revision, now)
    _tell(database)


def restore(database: Database, who: Identity, row_id: int, revision: int | None, now: InstantMs) -> None:
    """Take a device back into use, within the quota."""
    who.require(Right.EDIT)
    with database.write() as connection:
        found = devices.KIND.get(connection, who.subscriber_id, row_id)
        _look_up(connection, who, found.what)
        devices.KIND.restore(connection, who.subscriber_id, row_id, revision, now)
        quotas.keep_devices(connection, who.subscriber_id)
        note(connection, who, "device", "restored", row_id, found.what.dev_eui, now, device_id=row_id)
        wake(connection, open_connections.CHANNEL)


def read_key(database: Database, vault: KeyVault, who: Identity, row_id: int, now: InstantMs) -> Secret:
    """The root key of a device; takes the right to read keys, and leaves a line in the journal."""
    who.require(Right.READ_KEYS)
    with database.write() as connection:
        found = devices.KIND.get(connection, who.subscriber_id, row_id)
        key = vault.get(connection, KeyKind.ROOT_KEY, row_id)
        note(connection, who, "device", "key read", row_id, found.what.dev_eui, now, device_id=row_id)
    return key


def _told(key: Secret | None) -> dict[str, str]:
    return {} if key is None else {"key": CHANGED}


def _tell(database: Database) -> None:
    with database.write() as connection:
        wake(connection, open_connections.CHANNEL)


def _tidy(what: Device) -> Device:
    return replace(what, dev_eui=str(DevEui(what.dev_eui)))


def _check_key(key: Secret | None) -> None:
    checks = Checks()
    checks.that(key is None or len(key) == KEY_BYTES, "key", f"a device key has {KEY_BYTES} bytes, 32 hex digits")
    checks.done()


def _keep(
    connection: Connection,
    vault: KeyVault,
    who: Identity,
    row_id: int,
    what: Device,
    before: Device | None,
    key: Secret | None,
    now: InstantMs,
) -> None:
    if key is not None:
        vault.put(connection, who.subscriber_id, KeyKind.ROOT_KEY, row_id, key, now)
    said = what.firmware_version, what.firmware_file_id
    if before is None or said != (before.firmware_version, before.firmware_file_id):
        _link_firmware(connection, who, row_id, what, now)
    wake(connection, open_connections.CHANNEL)


def _link_firmware(connection: Connection, who: Identity, row_id: int, what: Device, now: InstantMs) -> None:
    """A version that somebody states is as good as one that was learned now; its file is found, or names it."""
    version, file_id = what.firmware_version, what.firmware_file_id
    if file_id is not None:
        file = files.KIND.get(connection, who.subscriber_id, file_id).what
        checks = Checks()
        checks.that(file.version is not None, "firmware_file_id", f"file {file.name} names no version")
        checks.that(version in (None, file.version), "firmware_version", f"file {file.name} stands for another version")
        checks.done()
        version = file.version
    elif version is not None and what.device_profile_id is not None:
        file_id = devices.first_file(connection, who.subscriber_id, what.device_profile_id, version)
    devices.state_firmware(connection, row_id, version, file_id, now if version is not None else None)
