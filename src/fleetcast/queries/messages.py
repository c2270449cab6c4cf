"""What a device and the server said to each other: bytes, and what they mean, explained when they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select

from fleetcast.access import Identity, Right
from fleetcast.instants import InstantMs
from fleetcast.protocol.explanation import explain
from fleetcast.protocol.packages import Direction, Package, versions
from fleetcast.queries.kept import columns
from fleetcast.queries.lists import Listing, ListRequest, Page
from fleetcast.store import tables as t
from fleetcast.store.database import Database
from fleetcast.store.devices import KIND as DEVICES

_PACKAGES: Final = {
    Package.CLOCK_SYNC: "clock_sync",
    Package.MULTICAST_SETUP: "multicast_setup",
    Package.FRAGMENTATION: "fragmentation",
    Package.FIRMWARE_MANAGEMENT: "firmware_management",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some bits of a payload and what they are."""

    offset: int
    raw: str
    command: str
    field: str
    value: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """One message; `package` None: an application's own, which nobody here can read."""

    id: int
    direction: str
    at: InstantMs
    f_port: int | None
    payload: str
    """Hex digits."""
    f_cnt: int | None
    outcome: str
    campaign_id: int | None
    multicast_group_id: int | None
    radio: Mapping[str, Any] | None
    package: str | None
    parts: tuple[Part, ...]


def of_device(database: Database, who: Identity, device_id: int, request: ListRequest) -> Page[MessageView]:
    """A page of the messages to and from a device, the newest first; raises Missing."""
    who.require(Right.LOOK)
    with database.read() as connection:
        DEVICES.get(connection, who.subscriber_id, device_id)
        ports = _ports(connection, device_id)

        def read(connection: Connection, ids: Sequence[int]) -> Mapping[int, MessageView]:
            rows = connection.execute(select(t.message).where(t.message.c.id.in_(ids)))
            return {row.id: _view(row, ports) for row in rows}

        listing = Listing(
            table=t.message, fields=columns(t.message, hidden=("payload", "effect_id")), read=read, sort="-id"
        )
        return listing.page(
            connection, request, t.message.c.device_id == device_id, t.message.c.subscriber_id == who.subscriber_id
        )


def _ports(connection: Connection, device_id: int) -> dict[int, tuple[Package, int]]:
    """Package and version by FPort: as the profile states, else as the device said, else version 1."""
    names = [f"{name}_{what}" for name in _PACKAGES.values() for what in ("f_port", "version")]
    row = connection.execute(
        select(*(t.device_profile.c[name] for name in names), t.device_facts.c.package_versions)
        .select_from(
            t.device.outerjoin(t.device_profile, t.device_profile.c.id == t.device.c.device_profile_id).outerjoin(
                t.device_facts, t.device_facts.c.device_id == t.device.c.id
            )
        )
        .where(t.device.c.id == device_id)
    ).one()
    learned = row.package_versions or {}
    found: dict[int, tuple[Package, int]] = {}
    for package, name in _PACKAGES.items():
        port, stated = row._mapping[f"{name}_f_port"], row._mapping[f"{name}_version"]
        version = int(stated) if stated in ("1", "2") else learned.get(str(int(package))) or 1
        if port is not None and version in versions(package):
            found[port] = (package, version)
    return found


def _view(row: Any, ports: Mapping[int, tuple[Package, int]]) -> MessageView:
    spoken = ports.get(row.f_port) if row.f_port is not None else None
    payload = bytes(row.payload)
    return MessageView(
        id=row.id,
        direction=row.direction,
        at=row.at,
        f_port=row.f_port,
        payload=payload.hex(),
        f_cnt=row.f_cnt,
        outcome=row.outcome,
        campaign_id=row.campaign_id,
        multicast_group_id=row.multicast_group_id,
        radio=row.radio,
        package=None if spoken is None else f"{spoken[0].label} v{spoken[1]}",
        parts=() if spoken is None else _parts(payload, *spoken, row.direction),
    )


def _parts(payload: bytes, package: Package, version: int, direction: str) -> tuple[Part, ...]:
    way = Direction.UP if direction == "up" else Direction.DOWN
    return tuple(
        Part(
            offset=span.offset, raw=span.raw.hex(), command=span.command, field=span.field, value=span.value,
            note=span.note,
        )
        for span in explain(payload, package, version, way)
    )  # fmt: skip
