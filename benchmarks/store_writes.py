"""How fast device states are written, beside the driver's own batched upserts of the same rows.

Both write the same rows of `campaign_device`, 500 a batch, a transaction for each batch, the rows there already:
`save` is what a campaign's owner does (states made into JSON and columns, then written under the proof of the fence),
`driver` is sqlite3's or psycopg's own `executemany` of `INSERT ... ON CONFLICT DO UPDATE` with finished rows, no
SQLAlchemy, no JSON made. They take turns, so that whatever else the machine does hits both alike.

    python -m benchmarks.store_writes [--devices 20000] [--rounds 5] [--database sqlite|postgresql]
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg

from fleetcast.campaign.states import DeviceState
from fleetcast.clock import stopwatch_s
from fleetcast.store import running_campaigns, schema, tables
from fleetcast.store.database import BATCH, Database
from fleetcast.store.running_campaigns import Parts
from tests.postgresql import PostgreSQL
from tests.store import running
from tests.store.rows import NOW


def _prepare(database: Database, devices: int) -> tuple[int, Parts]:
    campaign_id = running.start(database, devices)
    return campaign_id, running.load(database, campaign_id)


def _save(database: Database, campaign_id: int, parts: Parts, states: Sequence[DeviceState]) -> None:
    """What the owner of a campaign does, batch by batch."""
    for start in range(0, len(states), BATCH):
        changed = dict(enumerate(states[start : start + BATCH], start))
        with database.write() as connection:
            running_campaigns.prove(connection, campaign_id, 0, {})
            running_campaigns.save_devices(connection, campaign_id, parts, changed, NOW)


def _driver(url: str) -> tuple[Any, str]:
    """A connection of the driver itself, set as ours are, and how it writes a parameter."""
    if url.startswith("sqlite"):
        opened = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "cache_size = -65536"):
            opened.execute(f"PRAGMA {pragma}")
        return opened, "?"
    return psycopg.connect(url, autocommit=True), "%s"


def _driver_upserts(url: str, finished: Sequence[tuple[Any, ...]], columns: Sequence[str]) -> Callable[[], None]:
    connection, mark = _driver(url)
    others = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in ("campaign_id", "n"))
    statement = (
        f"INSERT INTO campaign_device ({', '.join(columns)}) VALUES ({', '.join([mark] * len(columns))}) "  # noqa: S608
        f"ON CONFLICT (campaign_id, n) DO UPDATE SET {others}"
    )

    def run() -> None:
        cursor = connection.cursor()
        for start in range(0, len(finished), BATCH):
            cursor.execute("BEGIN IMMEDIATE" if mark == "?" else "BEGIN")
            cursor.executemany(statement, finished[start : start + BATCH])
            cursor.execute("COMMIT")

    return run


def _rows_per_s(work: Callable[[], None], count: int) -> float:
    begun = stopwatch_s()
    work()
    return count / (stopwatch_s() - begun)


def measure(url: str, devices: int, rounds: int) -> tuple[float, float, float]:
    """Rows per second of ours and of the driver's (medians), and the median of their ratios."""
    database = Database.open(url)
    schema.migrate(database)
    campaign_id, parts = _prepare(database, devices)
    chance = random.Random(1)
    _save(database, campaign_id, parts, [running.busy(chance, 0) for _ in range(devices)])
    ours, drivers = [], []
    for turn in range(1, rounds + 1):
        states = [running.busy(chance, 2 * turn) for _ in range(devices)]
        ours.append(_rows_per_s(lambda states=states: _save(database, campaign_id, parts, states), devices))  # type: ignore[misc]
        with database.read() as connection:
            columns = [column.name for column in tables.campaign_device.columns]
            found = connection.execute(tables.campaign_device.select().order_by(tables.campaign_device.c.n)).all()
        # The same rows with other states and instants, so that the driver has as much to change.
        fresh = [running_campaigns.DEVICE.dump(running.busy(chance, 2 * turn + 1)) for _ in range(devices)]
        at = columns.index("state"), columns.index("step"), columns.index("heard_at"), columns.index("changed_at")
        finished = []
        for row, state in zip(found, fresh, strict=True):
            values = list(row)
            values[at[0]], values[at[1]] = state, chance.randrange(2, 7)
            values[at[2]], values[at[3]] = NOW + 2 * turn + 1, NOW + 2 * turn + 1
            finished.append(tuple(values))
        drivers.append(_rows_per_s(_driver_upserts(url, finished, columns), devices))
    database.close()
    ratios = [mine / theirs for mine, theirs in zip(ours, drivers, strict=True)]
    return statistics.median(ours), statistics.median(drivers), statistics.median(ratios)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--database", choices=("sqlite", "postgresql"))
    chosen = parser.parse_args()
    print(f"{'database':12}{'save, rows/s':>14}{'driver, rows/s':>16}{'ratio':>8}")
    for kind in [chosen.database] if chosen.database else ["sqlite", "postgresql"]:
        with tempfile.TemporaryDirectory() as directory:
            server = PostgreSQL(durable=True) if kind == "postgresql" else None
            url = server.url("postgres") if server else f"sqlite:///{Path(directory) / 'benchmark.db'}"
            try:
                ours, driver, ratio = measure(url, chosen.devices, chosen.rounds)
            finally:
                if server:
                    server.remove()
        print(f"{kind:12}{ours:14,.0f}{driver:16,.0f}{ratio:8.2f}")


if __name__ == "__main__":
    main()
