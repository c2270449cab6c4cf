"""The processes of a deployment: each says from time to time that it is alive, and what it has done."""

from __future__ import annotations

from sqlalchemy import Connection, insert, update

from fleetcast.store.database import clock_ms
from fleetcast.store.tables import worker as table


def begin(connection: Connection, host: str, pid: int, parts: str, version: str) -> int:
    """A worker starts; its number."""
    now = clock_ms(connection)
    made = connection.execute(
        insert(table)
        .values(host=host, pid=pid, parts=parts, version=version, started_at=now, heartbeat_at=now)
        .returning(table.c.id)
    )
    return int(made.scalar_one())


def beat(connection: Connection, worker_id: int, uplinks: int, downlinks: int) -> None:
    """The worker is alive, and has handled so much in all."""
    connection.execute(
        update(table)
        .where(table.c.id == worker_id)
        .values(heartbeat_at=clock_ms(connection), uplinks=uplinks, downlinks=downlinks)
    )


def end(connection: Connection, worker_id: int) -> None:
    """The worker ended cleanly."""
    connection.execute(update(table).where(table.c.id == worker_id).values(stopped_at=clock_ms(connection)))
