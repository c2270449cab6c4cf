"""Connections as people edit them: which network server, and what was filled in, secrets aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, func, select

from fleetcast.store import tables
from fleetcast.store.objects import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConnection:
    """One configured network server."""

    name: str
    kind: str
    description: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    enabled: bool = True


KIND: Final = Kind(tables.connection, NetworkConnection, "connection")


def in_use_by(connection: Connection, connection_id: int) -> tuple[int, int]:
    """How many active devices and multicast groups it has."""
    counts = [
        connection.execute(
            select(func.count()).where(table.c.connection_id == connection_id, table.c.archived_at.is_(None))
        ).scalar_one()
        for table in (tables.device, tables.multicast_group)
    ]
    return int(counts[0]), int(counts[1])
