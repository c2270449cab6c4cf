"""Device sets and which devices they hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select

from fleetcast.identifiers import DevEui
from fleetcast.store import tables
from fleetcast.store.database import BATCH
from fleetcast.store.objects import Kind, batches

_members = tables.device_set_member


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSet:
    """What people say of a set."""

    name: str
    description: str = ""


KIND: Final = Kind(tables.device_set, DeviceSet, "device set")


def members(connection: Connection, set_id: int) -> set[int]:
    """Numbers of the devices in a set, archived ones too."""
    return set(connection.execute(select(_members.c.device_id).where(_members.c.device_set_id == set_id)).scalars())


def add(connection: Connection, subscriber_id: int, set_id: int, device_ids: Collection[int]) -> None:
    """Put devices in that aren't in it yet."""
    rows = [{"device_set_id": set_id, "device_id": each, "subscriber_id": subscriber_id} for each in device_ids]
    for start in range(0, len(rows), BATCH):
        connection.execute(insert(_members), rows[start : start + BATCH])


def remove(connection: Connection, set_id: int, device_ids: Iterable[int]) -> None:
    """Take devices out."""
    for part in batches(device_ids):
        connection.execute(delete(_members).where(_members.c.device_set_id == set_id, _members.c.device_id.in_(part)))


def sizes(connection: Connection, set_ids: Collection[int]) -> dict[int, int]:
    """How many devices sets hold, archived ones among them."""
    rows = connection.execute(
        select(_members.c.device_set_id, func.count())
        .where(_members.c.device_set_id.in_(set_ids))
        .group_by(_members.c.device_set_id)
    )
    return {row[0]: row[1] for row in rows}


def member_euis(connection: Connection, set_id: int) -> tuple[DevEui, ...]:
    """DevEUIs of the devices in a set that are in use, in their order."""
    device = tables.device
    rows = connection.execute(
        select(device.c.dev_eui)
        .join_from(_members, device, device.c.id == _members.c.device_id)
        .where(_members.c.device_set_id == set_id, device.c.archived_at.is_(None))
        .order_by(device.c.dev_eui)
    ).scalars()
    return tuple(DevEui(each) for each in rows)
