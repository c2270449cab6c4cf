"""Multicast groups as people describe them. The counter that only grows is the running campaigns' matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select, update

from fleetcast.store import tables
from fleetcast.store.objects import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class MulticastGroup:
    """What people say of a group. `periodicity`: exponent p of the ping slots, 0 to 7."""

    dev_eui: str
    name: str = ""
    tag: str = ""
    connection_id: int
    session_class: str
    band: str
    channel_plan: str | None = None
    country: str | None = None
    dwell_time: bool = False
    dev_addr: str
    frequency_hz: int
    data_rate: int
    redundancy: str
    periodicity: int = 0
    initial_f_cnt: int = 0
    gateways: tuple[str, ...] = ()
    gateway_tags: tuple[str, ...] = ()


KIND: Final = Kind(tables.multicast_group, MulticastGroup, "multicast group")
_table = tables.multicast_group


def active(connection: Connection, subscriber_id: int) -> int:
    """How many groups aren't archived."""
    count = select(func.count()).where(_table.c.subscriber_id == subscriber_id, _table.c.archived_at.is_(None))
    return int(connection.execute(count).scalar_one())


def begin_counting(connection: Connection, group_id: int, f_cnt: int) -> None:
    """With a new key the counter begins anew."""
    connection.execute(update(_table).where(_table.c.id == group_id).values(next_f_cnt=f_cnt, has_key=True))


def count_from(connection: Connection, group_id: int, f_cnt: int) -> None:
    """The counter is at least this; it never falls under one key."""
    connection.execute(
        update(_table).where(_table.c.id == group_id, _table.c.next_f_cnt < f_cnt).values(next_f_cnt=f_cnt)
    )


def addresses(connection: Connection, subscriber_id: int, connection_id: int) -> dict[str, str]:
    """Whose each DevAddr is at a network connection: DevEUI by DevAddr, of groups in use."""
    rows = connection.execute(
        select(_table.c.dev_addr, _table.c.dev_eui).where(
            _table.c.subscriber_id == subscriber_id,
            _table.c.connection_id == connection_id,
            _table.c.archived_at.is_(None),
        )
    )
    return {row.dev_addr: row.dev_eui for row in rows}
