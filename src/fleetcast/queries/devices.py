"""Devices as they are shown: what people say, what is learned, and the names of what they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select

from fleetcast.access import Identity, Right
from fleetcast.identifiers import FirmwareVersion
from fleetcast.instants import InstantMs
from fleetcast.queries.kept import columns
from fleetcast.queries.lists import Listing, ListRequest, Of, Page, Shown
from fleetcast.store import tables as t
from fleetcast.store.database import Database
from fleetcast.store.device_sets import KIND as SETS
from fleetcast.store.objects import Missing

_FACTS: Final = (
    "last_uplink_at", "uplinks", "uplink_period_s", "f_cnt_up", "data_rate", "margin_db", "clock_offset_s",
    "clock_checked_at", "hw_version", "package_versions", "gateways", "set_up_groups", "frag_slots", "session_cnt",
    "expected_loss", "expected_uplink_loss", "rejoined_at", "campaign_id",
)  # fmt: skip
_OWN: Final = (
    "id", "revision", "created_at", "changed_at", "archived_at", "dev_eui", "name", "tag", "connection_id",
    "device_profile_id", "multicast_group_id", "session_classes", "lorawan_version", "own_class", "band", "has_key",
    "firmware_version", "firmware_file_id", "firmware_learned_at",
)  # fmt: skip
_PACKAGES: Final = {"1": "clock_sync", "2": "multicast_setup", "3": "fragmentation", "4": "firmware_management"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView:
    """One device. `firmware_version` is written as its profile's devices write versions."""

    id: int
    revision: int
    created_at: InstantMs
    changed_at: InstantMs
    archived_at: InstantMs | None
    dev_eui: str
    name: str
    tag: str
    connection_id: int
    connection_name: str
    device_profile_id: int | None
    device_profile_name: str | None
    multicast_group_id: int | None
    session_classes: str
    lorawan_version: str
    own_class: str
    band: str | None
    heard_band: str | None
    has_key: bool
    firmware_version: str | None
    firmware_file_id: int | None
    firmware_learned_at: InstantMs | None
    last_uplink_at: InstantMs | None
    uplinks: int
    uplink_period_s: int | None
    f_cnt_up: int | None
    data_rate: int | None
    margin_db: float | None
    clock_offset_s: float | None
    clock_checked_at: InstantMs | None
    hw_version: int | None
    package_versions: Mapping[str, Any]
    gateways: Mapping[str, Any]
    set_up_groups: Mapping[str, Any]
    frag_slots: Mapping[str, Any]
    session_cnt: Mapping[str, Any]
    expected_loss: float | None
    expected_uplink_loss: float | None
    rejoined_at: InstantMs | None
    campaign_id: int | None
    """The running campaign that uses it."""


def written_version(version: int | None, version_format: str | None) -> str | None:
    """A firmware version as the devices of a profile write it."""
    if version is None:
        return None
    known = FirmwareVersion(version)
    return known.opaque() if version_format == "opaque" else known.dotted()


_SOURCE: Final = (
    t.device.outerjoin(t.device_facts, t.device_facts.c.device_id == t.device.c.id)
    .outerjoin(t.device_profile, t.device_profile.c.id == t.device.c.device_profile_id)
    .outerjoin(t.connection, t.connection.c.id == t.device.c.connection_id)
)


def _read(connection: Connection, ids: Sequence[int]) -> Mapping[int, DeviceView]:
    rows = connection.execute(
        select(
            *(t.device.c[name] for name in _OWN),
            *(t.device_facts.c[name] for name in _FACTS),
            t.device_facts.c.band.label("heard_band"),
            t.connection.c.name.label("connection_name"),
            t.device_profile.c.name.label("device_profile_name"),
            t.device_profile.c.version_format,
        )
        .select_from(_SOURCE)
        .where(t.device.c.id.in_(ids))
    )
    return {row.id: _view(dict(row._mapping)) for row in rows}


def _view(row: dict[str, Any]) -> DeviceView:
    row["firmware_version"] = written_version(row["firmware_version"], row.pop("version_format"))
    row["uplinks"] = row["uplinks"] or 0
    for name in ("package_versions", "gateways", "set_up_groups", "frag_slots", "session_cnt"):
        row[name] = row[name] or {}
    row["package_versions"] = {_PACKAGES.get(key, key): value for key, value in row["package_versions"].items()}
    return DeviceView(**row)


def _learned(name: str) -> Shown:
    of = Of.INSTANT if name.endswith("_at") else Of.NUMBER
    return Shown(t.device_facts.c[name], of, optional=True, elsewhere=True)


FIELDS: Final = {
    **columns(t.device, versions=("firmware_version",)),
    **{
        name: _learned(name)
        for name in _FACTS
        if name not in ("package_versions", "gateways", "set_up_groups", "frag_slots", "session_cnt")
    },
    "heard_band": Shown(t.device_facts.c.band, optional=True, elsewhere=True),
    "device_profile_name": Shown(t.device_profile.c.name, optional=True, elsewhere=True),
    "connection_name": Shown(t.connection.c.name, elsewhere=True),
}
DEVICES: Final = Listing(table=t.device, fields=FIELDS, read=_read, sort="dev_eui", source=_SOURCE)


def page(database: Database, who: Identity, request: ListRequest, *, set_id: int | None = None) -> Page[DeviceView]:
    """A page of the devices, of one set where it is named; raises Missing for a set that isn't there."""
    who.require(Right.LOOK)
    with database.read() as connection:
        conditions = [t.device.c.subscriber_id == who.subscriber_id]
        if set_id is not None:
            SETS.get(connection, who.subscriber_id, set_id)
            member = t.device_set_member
            conditions.append(t.device.c.id.in_(select(member.c.device_id).where(member.c.device_set_id == set_id)))
        return DEVICES.page(connection, request, *conditions)


def one(database: Database, who: Identity, device_id: int) -> DeviceView:
    """One device; raises Missing."""
    who.require(Right.LOOK)
    with database.read() as connection:
        owner = connection.execute(select(t.device.c.subscriber_id).where(t.device.c.id == device_id)).scalar()
        if owner != who.subscriber_id:
            raise Missing("device", device_id)
        return _read(connection, [device_id])[device_id]
