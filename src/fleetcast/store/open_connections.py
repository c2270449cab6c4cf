"""Network connections as the workers that hold them open need them: which to open, how they stand, who is on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select, update

from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.instants import InstantMs
from fleetcast.store.tables import connection as table
from fleetcast.store.tables import device, device_profile, multicast_group, subscriber

CHANNEL: Final = "connections"
"""Woken when connections, or the devices and groups on them, may have changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enabled:
    """A connection that is to be open."""

    id: int
    subscriber_id: int
    name: str
    kind: str
    settings: Mapping[str, Any]
    revision: int


@dataclass(frozen=True, slots=True)
class OnConnection:
    """A registered device with what its profile says, as far as a network for practice needs it."""

    device_id: int
    dev_eui: DevEui
    lorawan_version: str
    own_class: str
    session_classes: str
    firmware_version: int | None
    changed_at: InstantMs
    profile: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class GroupOn:
    """A registered multicast group."""

    group_id: int
    dev_eui: DevEui
    mc_addr: DevAddr
    changed_at: InstantMs


@dataclass(frozen=True, slots=True)
class GroupInUse:
    """A multicast group that a campaign uses, and where its frames go out."""

    campaign_id: int
    dev_eui: DevEui
    mc_addr: DevAddr
    connection_id: int
    session_class: str
    band: str
    channel_plan: str | None
    country: str | None
    dwell_time: bool
    frequency_hz: int
    data_rate: int


def enabled(connection: Connection) -> list[Enabled]:
    """All connections that are to be open."""
    columns = [table.c[name] for name in Enabled.__dataclass_fields__]
    rows = connection.execute(
        select(*columns)
        .join(subscriber, subscriber.c.id == table.c.subscriber_id)
        .where(table.c.enabled.is_(True), table.c.archived_at.is_(None), subscriber.c.archived_at.is_(None))
    )
    return [Enabled(**dict(row._mapping)) for row in rows]


def note_state(
    connection: Connection,
    connection_id: int,
    state: str,
    detail: str,
    capabilities: Mapping[str, Any] | None,
    now: InstantMs,
) -> None:
    """How a connection stands, and what it can do if that was just learned."""
    values: dict[str, Any] = {"state": state, "state_detail": detail, "state_at": now}
    if capabilities is not None:
        values["capabilities"] = dict(capabilities)
    connection.execute(update(table).where(table.c.id == connection_id).values(values))


_PROFILE = (
    "clock_sync_f_port", "clock_sync_version", "multicast_setup_f_port", "multicast_setup_version",
    "fragmentation_f_port", "fragmentation_version", "firmware_management_f_port", "firmware_management_version",
    "mc_groups", "frag_sessions", "max_fragment_bytes", "max_image_bytes", "max_fragments", "max_lost_fragments",
    "takes_any_order", "reboots", "hw_version", "uplink_period_s", "quirks",
)  # fmt: skip


def devices_on(connection: Connection, connection_id: int, after: int, most: int) -> list[OnConnection]:
    """Active devices with a profile and a key on a connection, by number after `after`, at most so many."""
    own = [
        device.c[name]
        for name in (
            "id", "dev_eui", "lorawan_version", "own_class", "session_classes", "firmware_version", "changed_at"
        )
    ]  # fmt: skip
    rows = connection.execute(
        select(*own, *[device_profile.c[name] for name in _PROFILE])
        .join(device_profile, device_profile.c.id == device.c.device_profile_id)
        .where(
            device.c.connection_id == connection_id,
            device.c.archived_at.is_(None),
            device.c.has_key.is_(True),
            device.c.id > after,
        )
        .order_by(device.c.id)
        .limit(most)
    )
    return [
        OnConnection(
            row[0], DevEui(row[1]), row[2], row[3], row[4], row[5], row[6],
            dict(zip(_PROFILE, tuple(row)[7:], strict=True)),
        )
        for row in rows
    ]  # fmt: skip


def groups_on(connection: Connection, connection_id: int) -> list[GroupOn]:
    """Active multicast groups with a key on a connection."""
    rows = connection.execute(
        select(
            multicast_group.c.id, multicast_group.c.dev_eui, multicast_group.c.dev_addr, multicast_group.c.changed_at
        ).where(
            multicast_group.c.connection_id == connection_id,
            multicast_group.c.archived_at.is_(None),
            multicast_group.c.has_key.is_(True),
        )
    )
    return [GroupOn(row[0], DevEui(row[1]), DevAddr(row[2]), row[3]) for row in rows]


def groups_in_use(connection: Connection) -> Sequence[GroupInUse]:
    """Every multicast group that a campaign uses."""
    names = list(GroupInUse.__dataclass_fields__)
    columns = [multicast_group.c["dev_addr" if name == "mc_addr" else name] for name in names]
    rows = connection.execute(select(*columns).where(multicast_group.c.campaign_id.is_not(None)))
    found = []
    for row in rows:
        values = dict(zip(names, row, strict=True))
        values |= {"dev_eui": DevEui(values["dev_eui"]), "mc_addr": DevAddr(values["mc_addr"])}
        found.append(GroupInUse(**values))
    return found
