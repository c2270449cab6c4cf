"""Device profiles: a make of device and what it can do. Empty is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from fleetcast.store import tables
from fleetcast.store.objects import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceProfile:
    """What people say about a make of device; columns of the same names tell the meaning of each."""

    name: str
    description: str = ""
    producer_id: str
    module_id: str
    hw_revision: int
    hw_version: int | None = None
    time_tolerance_s: int = 2
    uplink_period_s: int = 3600
    mcu_type: str = ""
    fuota_library: str = "other"
    delta_signing_key_id: int | None = None
    clock_sync_f_port: int = 202
    clock_sync_version: str = "ask"
    multicast_setup_f_port: int = 200
    multicast_setup_version: str = "ask"
    fragmentation_f_port: int = 201
    fragmentation_version: str = "ask"
    firmware_management_f_port: int = 203
    firmware_management_version: str = "ask"
    scheme: str | None = None
    mc_groups: int | None = None
    frag_sessions: int | None = None
    max_fragment_bytes: int | None = None
    min_fragment_bytes: int | None = None
    fragment_multiple_of: int | None = None
    max_image_bytes: int | None = None
    max_fragments: int | None = None
    max_lost_fragments: int | None = None
    takes_any_order: bool | None = None
    commands_per_downlink: int | None = None
    store_time_ms: int | None = None
    firmware_commands: tuple[str, ...] | None = None
    reboots: str | None = None
    version_format: str = "dotted"
    descriptor: int | None = None
    regional_revision: str | None = None
    repeater: bool | None = None
    running_f_port: int | None = None
    running_prefix: bytes | None = None
    quirks: tuple[str, ...] = ()
    receive_ma: float | None = None
    transmit_ma: float | None = None
    idle_ma: float | None = None
    battery_mah: float | None = None


KIND: Final = Kind(tables.device_profile, DeviceProfile, "device profile")
_table = tables.device_profile
_TRIPLES: Final = select(_table.c.producer_id, _table.c.module_id, _table.c.hw_revision, _table.c.id)


def by_triple(connection: Connection, subscriber_id: int) -> dict[tuple[str, str, int], int]:
    """Numbers of the profiles in use by producer id, module id and HW revision, which tell them apart."""
    rows = connection.execute(_TRIPLES.where(_table.c.subscriber_id == subscriber_id, _table.c.archived_at.is_(None)))
    return {(row.producer_id, row.module_id, row.hw_revision): row.id for row in rows}


def triples(connection: Connection, subscriber_id: int) -> dict[int, tuple[str, str, int]]:
    """The other way round, archived ones too."""
    rows = connection.execute(_TRIPLES.where(_table.c.subscriber_id == subscriber_id))
    return {row.id: (row.producer_id, row.module_id, row.hw_revision) for row in rows}
