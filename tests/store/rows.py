"""Rows for tests of the store: the least that a table asks for, through SQL alone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, insert

from fleetcast.store import tables as t

NOW = 1_790_000_000_000
_EDITED = {"created_at": NOW, "changed_at": NOW}


def add(connection: Connection, table: Table, **values: Any) -> int:
    """A row; its number."""
    made = connection.execute(insert(table).values(values).returning(table.c.id))
    return int(made.scalar_one())


def subscriber(connection: Connection, name: str = "tenant") -> int:
    return add(connection, t.subscriber, name=name, asks_versions=False, settings={}, **_EDITED)


def network(connection: Connection, subscriber_id: int, name: str = "simulated") -> int:
    return add(
        connection, t.connection, subscriber_id=subscriber_id, name=name, kind="simulated", settings={}, enabled=True,
        **_EDITED,
    )  # fmt: skip


def device(connection: Connection, subscriber_id: int, connection_id: int, dev_eui: str, **values: Any) -> int:
    return add(
        connection, t.device, subscriber_id=subscriber_id, connection_id=connection_id, dev_eui=dev_eui,
        session_classes="C", lorawan_version="1.0", has_key=True, **_EDITED, **values,
    )  # fmt: skip


def group(connection: Connection, subscriber_id: int, connection_id: int, dev_eui: str, dev_addr: str) -> int:
    return add(
        connection, t.multicast_group, subscriber_id=subscriber_id, connection_id=connection_id, dev_eui=dev_eui,
        session_class="C", band="EU868", dwell_time=False, dev_addr=dev_addr, frequency_hz=869_525_000, data_rate=2,
        redundancy="ONE_TO_TWO", gateways=[], gateway_tags=[], has_key=True, **_EDITED,
    )  # fmt: skip


def campaign(connection: Connection, subscriber_id: int, name: str = "update", **values: Any) -> int:
    return add(
        connection, t.campaign,
        **{"subscriber_id": subscriber_id, "name": name, "type": "binary", "max_duration_s": 86_400,
           "threshold_percent": 90, "settings": {}, "confirmed_downgrade": False, "override_already_running": False,
           "status": "RUNNING", **_EDITED, **values},
    )  # fmt: skip


def worker(connection: Connection, host: str = "one") -> int:
    return add(connection, t.worker, host=host, pid=1, parts="worker", version="0", started_at=NOW, heartbeat_at=NOW)
