"""Devices as people describe them; what is learned of them is in `listening`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, Text, any_, func, literal, or_, select, update
from sqlalchemy.dialects import postgresql

from fleetcast.instants import InstantMs
from fleetcast.store import tables
from fleetcast.store.objects import Kind, batches


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What people say of a device. `session_classes`: B, C or BC; `lorawan_version`: 1.0 or 1.1."""

    dev_eui: str
    name: str = ""
    tag: str = ""
    connection_id: int
    device_profile_id: int | None = None
    multicast_group_id: int | None = None
    session_classes: str = "C"
    lorawan_version: str
    own_class: str = "A"
    band: str | None = None
    firmware_version: int | None = None
    firmware_file_id: int | None = None


KIND: Final = Kind(tables.device, Device, "device")


def active(connection: Connection, subscriber_id: int) -> int:
    """How many devices aren't archived."""
    table = tables.device
    count = select(func.count()).where(table.c.subscriber_id == subscriber_id, table.c.archived_at.is_(None))
    return int(connection.execute(count).scalar_one())


def ids_by_eui(
    connection: Connection, subscriber_id: int, dev_euis: Collection[str], *, archived: bool = False
) -> dict[str, int]:
    """Numbers of the devices with these DevEUIs; with `archived`, also of those that only an archived one has."""
    table, found = tables.device, dict[str, int]()
    for among in _among(connection, table.c.dev_eui, dev_euis):
        conditions: list[ColumnElement[bool]] = [table.c.subscriber_id == subscriber_id, among]
        if not archived:
            conditions.append(table.c.archived_at.is_(None))
        rows = connection.execute(
            select(table.c.dev_eui, table.c.id, table.c.archived_at).where(*conditions).order_by(table.c.id)
        ).all()
        # The active one has the last word; of archived ones the newest.
        for row in sorted(rows, key=lambda each: each.archived_at is None):
            found[row.dev_eui] = row.id
    return found


def group_euis(connection: Connection, subscriber_id: int, dev_euis: Collection[str]) -> set[str]:
    """Of these DevEUIs those that an active multicast group has."""
    table, found = tables.multicast_group, set[str]()
    for among in _among(connection, table.c.dev_eui, dev_euis):
        own = table.c.subscriber_id == subscriber_id
        found |= set(
            connection.execute(select(table.c.dev_eui).where(own, among, table.c.archived_at.is_(None))).scalars()
        )
    return found


def _among(
    connection: Connection, column: ColumnElement[str], values: Collection[str]
) -> Iterator[ColumnElement[bool]]:
    """Conditions that together find all rows with one of the values.

    PostgreSQL looks them all up at once: of a table that has just been filled it knows too little to use the index for
    some hundred at a time, and would read it whole for each of them.
    """
    if connection.dialect.name == "postgresql":
        yield column == any_(literal(list(values), postgresql.ARRAY(Text)))
    else:
        for part in batches(values):
            yield column.in_(part)


def have_key(connection: Connection, device_ids: Iterable[int]) -> None:
    """Note that these devices have their root key in the vault."""
    for part in batches(device_ids):
        connection.execute(update(tables.device).where(tables.device.c.id.in_(part)).values(has_key=True))


def first_file(connection: Connection, subscriber_id: int, profile_id: int, version: int) -> int | None:
    """The file of a profile and version that was put in first, whatever its kind."""
    table = tables.file
    found = connection.execute(
        select(table.c.id)
        .where(
            table.c.subscriber_id == subscriber_id,
            table.c.device_profile_id == profile_id,
            table.c.version == version,
            or_(table.c.kind == "firmware", table.c.kind == "delta firmware"),
            table.c.archived_at.is_(None),
        )
        .order_by(table.c.kind.desc(), table.c.id)
        .limit(1)
    ).scalar()
    return None if found is None else int(found)


def in_campaigns(connection: Connection, device_ids: Collection[int]) -> dict[int, int]:
    """Of these devices those that a running campaign uses: campaign by device."""
    table, found = tables.device_facts, dict[int, int]()
    for part in batches(device_ids):
        rows = connection.execute(
            select(table.c.device_id, table.c.campaign_id).where(
                table.c.device_id.in_(part), table.c.campaign_id.is_not(None)
            )
        )
        found |= {row.device_id: row.campaign_id for row in rows}
    return found


def state_firmware(
    connection: Connection, device_id: int, version: int | None, file_id: int | None, learned_at: InstantMs | None
) -> None:
    """What a device runs, as somebody says."""
    connection.execute(
        update(tables.device)
        .where(tables.device.c.id == device_id)
        .values(firmware_version=version, firmware_file_id=file_id, firmware_learned_at=learned_at)
    )


def learned_firmware(connection: Connection, device_ids: Iterable[int], learned_at: InstantMs) -> None:
    """Note when the version that stands at these devices was stated."""
    for part in batches(device_ids):
        statement = update(tables.device).where(tables.device.c.id.in_(part))
        connection.execute(statement.values(firmware_learned_at=learned_at))
