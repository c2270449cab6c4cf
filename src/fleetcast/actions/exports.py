"""Devices, sets and groups as the CSV that imports take; keys only by the right to read them, which is journalled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, cast

from fleetcast.access import Identity, Right
from fleetcast.actions.history import note
from fleetcast.actions.multicast_groups import derived
from fleetcast.identifiers import DevAddr, DevEui, FirmwareVersion
from fleetcast.instants import InstantMs
from fleetcast.interchange.device_sets import DeviceSetRow, write_device_sets
from fleetcast.interchange.devices import DeviceRow, write_devices
from fleetcast.interchange.fields import SessionClasses
from fleetcast.interchange.multicast_groups import MulticastGroupRow, write_multicast_groups
from fleetcast.secret import Secret
from fleetcast.store import device_profiles, device_sets, multicast_groups
from fleetcast.store.database import Database
from fleetcast.store.devices import KIND as DEVICES
from fleetcast.store.key_vault import KeyKind, KeyVault


def export_devices(
    database: Database, vault: KeyVault, who: Identity, now: InstantMs, *, keys: bool = False
) -> Iterator[str]:
    """The devices in use, line by line, by number. `keys`: takes the right to read keys, and is journalled."""
    _allow(database, who, "device", now, keys=keys)

    def lines() -> Iterator[str]:
        with database.read() as connection:
            profiles = device_profiles.triples(connection, who.subscriber_id)
            for ids in DEVICES.numbers(connection, who.subscriber_id):
                held = vault.get_many(connection, KeyKind.ROOT_KEY, ids) if keys else {}
                stored = DEVICES.read(connection, ids)
                yield from write_devices(_device(stored[each], profiles, held.get(each)) for each in ids)

    return lines()


def export_device_sets(database: Database, who: Identity, now: InstantMs) -> Iterator[str]:
    """The sets in use with their devices in use; sets that hold none are left out, since no import takes them."""
    _allow(database, who, "device set", now, keys=False)

    def lines() -> Iterator[str]:
        with database.read() as connection:
            for ids in device_sets.KIND.numbers(connection, who.subscriber_id):
                stored = device_sets.KIND.read(connection, ids)
                for each in ids:
                    what, euis = stored[each].what, device_sets.member_euis(connection, each)
                    if euis:
                        yield from write_device_sets([DeviceSetRow(what.name, what.description, euis)])

    return lines()


def export_groups(
    database: Database, vault: KeyVault, who: Identity, now: InstantMs, *, keys: bool = False
) -> Iterator[str]:
    """The groups in use; with `keys` McKey, AppSKey and NwkSKey, as `export_devices` says."""
    _allow(database, who, "multicast group", now, keys=keys)

    def lines() -> Iterator[str]:
        with database.read() as connection:
            for ids in multicast_groups.KIND.numbers(connection, who.subscriber_id):
                held = vault.get_many(connection, KeyKind.MC_KEY, ids) if keys else {}
                stored = multicast_groups.KIND.read(connection, ids)
                yield from write_multicast_groups(_group(stored[each].what, held.get(each)) for each in ids)

    return lines()


def _allow(database: Database, who: Identity, noun: str, now: InstantMs, *, keys: bool) -> None:
    who.require(Right.LOOK)
    if keys:
        who.require(Right.READ_KEYS)
    with database.write() as connection:
        note(connection, who, noun, "exported with keys" if keys else "exported", None, "", now)


def _device(stored: Any, profiles: dict[int, tuple[str, str, int]], key: Secret | None) -> DeviceRow:
    what = stored.what
    newer = what.lorawan_version == "1.1"
    producer_id, module_id, hw_revision = profiles.get(what.device_profile_id, ("", "", None))
    return DeviceRow(
        dev_eui=DevEui(what.dev_eui), name=what.name, tag=what.tag, lorawan_1_1=newer,
        app_key=key if newer else None, gen_app_key=None if newer else key,
        session_classes=cast(SessionClasses, what.session_classes),
        firmware_version=None if what.firmware_version is None else FirmwareVersion(what.firmware_version),
        producer_id=producer_id, module_id=module_id, hw_revision=hw_revision,
    )  # fmt: skip


def _group(what: multicast_groups.MulticastGroup, mc_key: Secret | None) -> MulticastGroupRow:
    keys = None if mc_key is None else derived(mc_key, what.dev_addr)
    return MulticastGroupRow(
        dev_eui=DevEui(what.dev_eui), session_class=cast(Literal["B", "C"], what.session_class), mc_key=mc_key,
        mc_addr=DevAddr(what.dev_addr), frequency_hz=what.frequency_hz, data_rate=what.data_rate, band=what.band,
        redundancy=what.redundancy, dwell_time=what.dwell_time,
        periodicity=what.periodicity if what.session_class == "B" else None, name=what.name, tag=what.tag,
        initial_f_cnt=what.initial_f_cnt, mc_app_s_key=None if keys is None else keys.mc_app_s_key,
        mc_nwk_s_key=None if keys is None else keys.mc_nwk_s_key,
    )  # fmt: skip
