"""Devices from a CSV file: all or nothing, and every bad row named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from sqlalchemy import Connection

from fleetcast.access import Identity, Right
from fleetcast.actions import quotas
from fleetcast.actions.fields import NAME_LONGEST, TEXT_LONGEST, Checks
from fleetcast.actions.history import note
from fleetcast.actions.imports import ARCHIVED, EXISTS, Imported
from fleetcast.actions.references import require_active
from fleetcast.instants import InstantMs
from fleetcast.interchange.devices import MUST_BE_GIVEN, DeviceRow, read_devices
from fleetcast.interchange.table import Sheet
from fleetcast.secret import Secret
from fleetcast.store import connections, device_profiles, devices, open_connections
from fleetcast.store.database import Database, wake
from fleetcast.store.devices import Device
from fleetcast.store.key_vault import KeyKind, KeyVault
from fleetcast.store.objects import Stored

_IN_CAMPAIGN: Final = "campaign {} is running with it: only its name and tag may change until that is over"


@dataclass(slots=True)
class _Intake:
    """What the rows come to, by DevEUI."""

    existing: Mapping[str, Stored[Device]]
    whats: dict[str, Device] = field(default_factory=dict)
    keys: dict[str, Secret] = field(default_factory=dict)
    stated: set[str] = field(default_factory=set)
    """Devices whose firmware version is said anew."""


def import_devices(
    database: Database,
    vault: KeyVault,
    who: Identity,
    data: bytes,
    connection_id: int,
    now: InstantMs,
    *,
    update_existing: bool = False,
    dry_run: bool = False,
) -> Imported:
    """Register the devices of a file at a connection; with `dry_run` only look whether that would be possible.

    A device that exists already is a bad row unless `update_existing`: then what is given replaces what is there.
    Raises BadRows with every complaint, InvalidFields for the connection, QuotaReached.
    """
    who.require(Right.EDIT)
    sheet = read_devices(data, update_existing=update_existing)
    with database.read() if dry_run else database.write() as connection:
        checks = Checks()
        require_active(connection, who, checks, "connection_id", connections.KIND, connection_id)
        checks.done()
        intake = _judge(connection, who, sheet, connection_id, update_existing=update_existing)
        sheet.refuse()
        new = [eui for eui in intake.whats if eui not in intake.existing]
        restored = sum(intake.existing[eui].archived for eui in intake.whats if eui in intake.existing)
        done = Imported(created=len(new), updated=len(intake.whats) - len(new), restored=restored)
        if dry_run:
            quotas.keep_devices(connection, who.subscriber_id, more=len(new) + restored)
        else:
            _put(connection, vault, who, intake, now)
            quotas.keep_devices(connection, who.subscriber_id)
            note(
                connection, who, "device", "imported", None, "", now, connection_id=connection_id,
                created=done.created, updated=done.updated, restored=done.restored,
            )  # fmt: skip
            wake(connection, open_connections.CHANNEL)
    return done


def _judge(
    connection: Connection, who: Identity, sheet: Sheet[DeviceRow], connection_id: int, *, update_existing: bool
) -> _Intake:
    """Hold every row against what is there; complains in the sheet."""
    euis = list({str(row.dev_eui) for _, row in sheet.rows})
    subscriber_id = who.subscriber_id
    numbers = devices.ids_by_eui(connection, subscriber_id, euis, archived=True)
    stored = devices.KIND.read_many(connection, numbers.values())
    existing = {eui: stored[number] for eui, number in numbers.items()}
    groups = devices.group_euis(connection, subscriber_id, euis)
    busy = devices.in_campaigns(connection, numbers.values())
    profiles = device_profiles.by_triple(connection, subscriber_id)
    first_files: dict[tuple[int, int], int | None] = {}
    intake = _Intake(existing)
    for line, row in sheet.rows:
        eui = str(row.dev_eui)
        there = existing.get(eui)
        if eui in groups:
            sheet.complain(line, "B", f"{eui} is a multicast group's DevEUI")
        if there is not None and not update_existing:
            sheet.complain(line, "B", f"device {eui}: {ARCHIVED if there.archived else EXISTS}")
            continue
        before = intake.whats.get(eui) or (there.what if there is not None else None)
        if before is None and (missing := row.missing()):
            for column in missing:
                sheet.complain(line, column, MUST_BE_GIVEN[column])
            continue
        what = _merged(sheet, line, row, before, connection_id, profiles)
        if what is None:
            continue
        if row.firmware_version is not None and what.device_profile_id is not None:
            sought = what.device_profile_id, int(row.firmware_version)
            if sought not in first_files:
                first_files[sought] = devices.first_file(connection, subscriber_id, *sought)
            what = replace(what, firmware_version=sought[1], firmware_file_id=first_files[sought])
            intake.stated.add(eui)
        key = row.key(lorawan_1_1=what.lorawan_version == "1.1")
        if there is not None and there.id in busy and (key is not None or _of_the_run(what) != _of_the_run(there.what)):
            sheet.complain(line, None, f"device {eui}: {_IN_CAMPAIGN.format(busy[there.id])}")
        intake.whats[eui] = what
        if key is not None:
            intake.keys[eui] = key
    return intake


def _merged(
    sheet: Sheet[DeviceRow],
    line: int,
    row: DeviceRow,
    before: Device | None,
    connection_id: int,
    profiles: Mapping[tuple[str, str, int], int],
) -> Device | None:
    """The device with what the row gives; None after a complaint."""
    given = len(sheet.complaints)
    for column, text, longest in (("K", row.name, NAME_LONGEST), ("AB", row.tag, TEXT_LONGEST)):
        if len(text) > longest:
            sheet.complain(line, column, f"{len(text)} characters: at most {longest}")
    profile_id = None if before is None else before.device_profile_id
    triple = row.producer_id, row.module_id, row.hw_revision
    if any(each not in ("", None) for each in triple):
        profile_id = None if row.hw_revision is None else profiles.get((*triple[:2], row.hw_revision))
        if profile_id is None:
            named = ", ".join("nothing" if each in ("", None) else str(each) for each in triple)
            sheet.complain(line, "AD", f"no device profile has producer id, module id and HW revision {named}")
    if len(sheet.complaints) > given:
        return None
    lorawan = None if row.lorawan_1_1 is None else ("1.1" if row.lorawan_1_1 else "1.0")
    if before is None:
        return Device(
            dev_eui=str(row.dev_eui), name=row.name, tag=row.tag, connection_id=connection_id,
            device_profile_id=profile_id, session_classes=row.session_classes or "C", lorawan_version=lorawan or "1.0",
        )  # fmt: skip
    return replace(
        before,
        name=row.name or before.name,
        tag=row.tag or before.tag,
        connection_id=connection_id,
        device_profile_id=profile_id,
        session_classes=row.session_classes or before.session_classes,
        lorawan_version=lorawan or before.lorawan_version,
    )


def _of_the_run(what: Device) -> Device:
    """What a running campaign goes by."""
    return replace(what, name="", tag="")


def _put(connection: Connection, vault: KeyVault, who: Identity, intake: _Intake, now: InstantMs) -> None:
    subscriber_id = who.subscriber_id
    kinds: dict[tuple[bool, bool], list[Device]] = {}
    changed: dict[int, Device] = {}
    for eui, what in intake.whats.items():
        there = intake.existing.get(eui)
        if there is None:
            kinds.setdefault((eui in intake.keys, eui in intake.stated), []).append(what)
        elif what != there.what or there.archived:
            changed[there.id] = what
    for (has_key, stated), whats in kinds.items():
        learned_at = now if stated else None
        devices.KIND.insert_many(
            connection, subscriber_id, whats, now, has_key=has_key, firmware_learned_at=learned_at
        )  # fmt: skip
    devices.KIND.replace_many(connection, subscriber_id, changed, now)
    numbers = devices.ids_by_eui(connection, subscriber_id, list(intake.whats))
    keys = {numbers[eui]: key for eui, key in intake.keys.items()}
    vault.put_many(connection, subscriber_id, KeyKind.ROOT_KEY, keys, now)
    devices.have_key(connection, (numbers[eui] for eui in intake.keys if eui in intake.existing))
    devices.learned_firmware(connection, (numbers[eui] for eui in intake.stated if eui in intake.existing), now)
