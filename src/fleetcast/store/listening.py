"""Devices as those who listen to them need them: who a DevEUI is, what is known of it, and what was learned."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Connection, Select, Update, bindparam, select, update

from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs
from fleetcast.store.database import BATCH, upsert
from fleetcast.store.tables import campaign, device, device_facts, device_profile, file, multicast_group

_FACTS = (
    "last_uplink_at", "uplinks", "gaps", "uplink_period_s", "f_cnt_up", "data_rate", "band", "gateways", "margin_db",
    "clock_offset_s", "clock_checked_at", "hw_version", "package_versions", "set_up_groups", "frag_slots",
    "session_cnt", "expected_loss", "expected_uplink_loss", "rejoined_at",
)  # fmt: skip

BY_UPLINKS: Final[tuple[str, ...]] = (
    "last_uplink_at", "uplinks", "gaps", "uplink_period_s", "f_cnt_up", "data_rate", "band", "gateways",
    "clock_offset_s", "clock_checked_at", "hw_version", "expected_uplink_loss",
)  # fmt: skip
"""What an uplink alone can change; the rest needs neither be read nor written then."""
ALL: Final[tuple[str, ...]] = _FACTS
_DOCUMENTS: Final = frozenset({"gateways", "package_versions", "set_up_groups", "frag_slots", "session_cnt"})


@dataclass(slots=True)
class Listened:
    """One device: who it is, and its facts, to be altered in place and saved."""

    device_id: int
    subscriber_id: int
    dev_eui: DevEui
    profile_id: int | None
    campaign_id: int | None
    last_uplink_at: InstantMs | None = None
    uplinks: int = 0
    gaps: bytes = b""
    uplink_period_s: int | None = None
    f_cnt_up: int | None = None
    data_rate: int | None = None
    band: str | None = None
    gateways: dict[str, Any] = field(default_factory=dict)
    margin_db: float | None = None
    clock_offset_s: float | None = None
    clock_checked_at: InstantMs | None = None
    hw_version: int | None = None
    package_versions: dict[str, Any] = field(default_factory=dict)
    set_up_groups: dict[str, Any] = field(default_factory=dict)
    frag_slots: dict[str, Any] = field(default_factory=dict)
    session_cnt: dict[str, Any] = field(default_factory=dict)
    expected_loss: float | None = None
    expected_uplink_loss: float | None = None
    rejoined_at: InstantMs | None = None
    is_kept: bool = False
    """Whether there is a row with its facts."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a profile's packages for clock and firmware listen, and their versions as it states them."""

    clock_f_port: int
    clock_version: str
    firmware_f_port: int
    firmware_version: str


def find(
    connection: Connection,
    connection_id: int,
    dev_euis: Iterable[str],
    *,
    to_save: bool = False,
    facts: tuple[str, ...] = ALL,
) -> dict[DevEui, Listened]:
    """Those of these devices that are registered on a network connection and active.

    `to_save`: whoever else would learn something about them at the same time waits until this transaction is over.
    `facts`: those that are read; the others have their defaults.
    """
    wanted = list(dev_euis)
    if to_save and connection.dialect.name == "postgresql":
        registered = select(device.c.id).where(
            device.c.connection_id == connection_id,
            device.c.archived_at.is_(None),
            device.c.dev_eui.in_(bindparam("named", expanding=True)),
        )
        _lock(connection, registered, wanted)
    columns = [device_facts.c[name] for name in facts]
    statement = (
        select(
            device.c.id, device.c.subscriber_id, device.c.dev_eui, device.c.device_profile_id,
            device_facts.c.campaign_id, device_facts.c.device_id, *columns,
        )
        .select_from(device.outerjoin(device_facts, device_facts.c.device_id == device.c.id))
        .where(
            device.c.connection_id == connection_id,
            device.c.archived_at.is_(None),
            device.c.dev_eui.in_(bindparam("named", expanding=True)),
        )
    )  # fmt: skip
    return _listened(connection, statement, wanted, facts)


def find_by_id(connection: Connection, device_ids: Sequence[int]) -> dict[int, Listened]:
    """Devices by their number, archived or not, to be saved: nobody else learns about them meanwhile."""
    if connection.dialect.name == "postgresql":
        _lock(connection, select(device.c.id).where(device.c.id.in_(bindparam("named", expanding=True))), device_ids)
    columns = [device_facts.c[name] for name in _FACTS]
    statement = (
        select(
            device.c.id, device.c.subscriber_id, device.c.dev_eui, device.c.device_profile_id,
            device_facts.c.campaign_id, device_facts.c.device_id, *columns,
        )
        .select_from(device.outerjoin(device_facts, device_facts.c.device_id == device.c.id))
        .where(device.c.id.in_(bindparam("named", expanding=True)))
    )  # fmt: skip
    return {each.device_id: each for each in _listened(connection, statement, device_ids, ALL).values()}


def _lock(connection: Connection, registered: Select[tuple[int]], names: Sequence[object]) -> None:
    """Facts are read, altered and written whole: two writers at once would undo each other's work."""
    statement = (
        select(device_facts.c.device_id)
        .where(device_facts.c.device_id.in_(registered))
        .order_by(device_facts.c.device_id)  # all in one order, so that nobody waits in a circle
        .with_for_update()
    )
    connection.execute(statement, {"named": list(names)})


def _listened(
    connection: Connection, statement: Any, names: Iterable[object], facts: tuple[str, ...]
) -> dict[DevEui, Listened]:
    wanted = list(names)
    found: dict[DevEui, Listened] = {}
    for start in range(0, len(wanted), BATCH):
        for row in connection.execute(statement, {"named": wanted[start : start + BATCH]}):
            each = _from_row(row, facts)
            found[each.dev_eui] = each
    return found


def _from_row(row: Any, facts: tuple[str, ...]) -> Listened:
    known = Listened(row[0], row[1], DevEui(row[2]), row[3], row[4], is_kept=row[5] is not None)
    for name, value in zip(facts, row[6:], strict=True):
        if value is not None:
            setattr(known, name, value)
    return known


def save(connection: Connection, devices: Sequence[Listened], facts: tuple[str, ...] = ALL) -> None:
    """Write what was learned of devices, the same `facts` as were read; which campaign they are in is left as it is."""
    ordered = sorted(devices, key=lambda each: each.device_id)
    kept = [] if facts == ALL else [each for each in ordered if each.is_kept]
    if kept:
        _change(connection, kept, facts)
    new = [each for each in ordered if facts == ALL or not each.is_kept]
    rows = [
        {
            "device_id": each.device_id,
            "subscriber_id": each.subscriber_id,
            **{name: getattr(each, name) for name in ALL},
        }
        for each in new
    ]
    upsert(connection, device_facts, rows, key=("device_id",))


def _change(connection: Connection, devices: Sequence[Listened], facts: tuple[str, ...]) -> None:
    values, statements = attrgetter(*facts, "device_id"), _changing(facts)
    for start in range(0, len(devices), BATCH):
        batch = devices[start : start + BATCH]
        if connection.dialect.name == "sqlite":
            # Thousands of rows a second: the driver takes them as they are, documents written by us.
            documents = [i for i, name in enumerate(facts) if name in _DOCUMENTS]
            rows: Any = []
            for each in batch:
                row = list(values(each))
                for i in documents:
                    row[i] = json.dumps(row[i])
                rows.append(tuple(row))
            connection.exec_driver_sql(statements[0], rows)
        else:
            names = (*facts, "number")
            connection.execute(statements[1], [dict(zip(names, values(each), strict=True)) for each in batch])


@lru_cache(maxsize=4)
def _changing(facts: tuple[str, ...]) -> tuple[str, Update]:
    plain = f"UPDATE device_facts SET {', '.join(f'{name} = ?' for name in facts)} WHERE device_id = ?"  # noqa: S608 - names of the schema
    general = (
        update(device_facts)
        .where(device_facts.c.device_id == bindparam("number"))
        .values({name: bindparam(name) for name in facts})
    )
    return plain, general


def free(connection: Connection, campaign_id: int, device_ids: Sequence[int]) -> None:
    """These devices are no longer in use by a campaign."""
    for start in range(0, len(device_ids), BATCH):
        connection.execute(
            update(device_facts)
            .where(
                device_facts.c.campaign_id == campaign_id,
                device_facts.c.device_id.in_(device_ids[start : start + BATCH]),
            )
            .values(campaign_id=None)
        )


def ports(connection: Connection, profile_ids: Iterable[int]) -> dict[int, Ports]:
    """Where the packages of these profiles listen."""
    columns = (
        device_profile.c.id, device_profile.c.clock_sync_f_port, device_profile.c.clock_sync_version,
        device_profile.c.firmware_management_f_port, device_profile.c.firmware_management_version,
    )  # fmt: skip
    rows = connection.execute(select(*columns).where(device_profile.c.id.in_(list(profile_ids))))
    return {row[0]: Ports(*row[1:]) for row in rows}


def learn_firmware(connection: Connection, versions: Mapping[int, tuple[int | None, int]], now: InstantMs) -> None:
    """Devices said which version they run: profile and version by device; the first such file is linked."""
    if not versions:
        return
    wanted = set(versions.values())
    files: dict[tuple[int | None, int], int] = {}
    rows = connection.execute(
        select(file.c.id, file.c.device_profile_id, file.c.version)
        .where(
            file.c.device_profile_id.in_({profile for profile, _ in wanted if profile is not None}),
            file.c.version.in_({version for _, version in wanted}),
            file.c.kind == "firmware",
            file.c.archived_at.is_(None),
        )
        .order_by(file.c.id)
    )
    for file_id, profile_id, version in rows:
        files.setdefault((profile_id, version), file_id)
    connection.execute(
        update(device)
        .where(device.c.id == bindparam("number"))
        .values(
            firmware_version=bindparam("version"), firmware_learned_at=now, firmware_file_id=bindparam("stands_for")
        ),
        [
            {"number": number, "version": what[1], "stands_for": files.get(what)}
            for number, what in sorted(versions.items())
        ],
    )  # fmt: skip


def campaigns_under_way(connection: Connection, campaign_ids: Iterable[int]) -> dict[int, int]:
    """Of these campaigns those that still have to be thought about, with their subscribers."""
    rows = connection.execute(
        select(campaign.c.id, campaign.c.subscriber_id).where(
            campaign.c.id.in_(list(campaign_ids)), campaign.c.status.in_(("RUNNING", "PAUSED", "STOPPING"))
        )
    )
    return {row[0]: row[1] for row in rows}


def campaigns_on(connection: Connection, connection_id: int) -> dict[int, int]:
    """The campaigns under way that use a network connection, with their subscribers."""
    rows = connection.execute(
        select(campaign.c.id, campaign.c.subscriber_id)
        .join(multicast_group, multicast_group.c.campaign_id == campaign.c.id)
        .where(
            multicast_group.c.connection_id == connection_id,
            campaign.c.status.in_(("RUNNING", "PAUSED", "STOPPING")),
        )
        .distinct()
    )
    return {row[0]: row[1] for row in rows}
