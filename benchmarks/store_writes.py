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
from sqlalchemy import insert

from fleetcast.campaign.states import CampaignState, DeviceState, Done, Outcome, Step, Talk
from fleetcast.clock import stopwatch_s
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.planning.facts import Profile
from fleetcast.planning.plan import CampaignType, Plan, PlannedDevice, PlannedGroup, SuccessMeans
from fleetcast.planning.policy import Policy
from fleetcast.store import running_campaigns, schema, tables
from fleetcast.store.database import BATCH, Database
from fleetcast.store.running_campaigns import Parts
from tests.postgresql import PostgreSQL
from tests.store import rows

NOW = rows.NOW


def _plan(devices: int) -> Plan:
    planned = tuple(
        PlannedDevice(
            dev_eui=DevEui.from_int(0x70B3D50000000000 + i), group=0, profile=0, lorawan_1_1=False,
            class_c_for_good=False, uplink_period_s=3600, mc_group_id=0, session_cnt=0, versions=(),
            group_set_up=False, ask_version=False, must_know_version=False, expected_loss=0.1, data_rate=5,
        )
        for i in range(devices)
    )  # fmt: skip
    group = PlannedGroup(
        dev_eui=DevEui.from_int(1), name="group", connection="simulated", band="EU868", session_class="C",
        mc_addr=DevAddr.from_int(1), frequency_hz=869_525_000, data_rate=2, periodicity=0, sub_band="P",
        duty_cycle=0.1, network_counts=False, max_under_way=1, gateways=frozenset(), first_f_cnt=0, end_f_cnt=8000,
    )  # fmt: skip
    return Plan(
        campaign="benchmark", type=CampaignType.BINARY, file=None, success_means=SuccessMeans.TRANSFERRED,
        threshold_percent=90, policy=Policy(), profiles=(Profile(name="any"),), devices=planned, groups=(group,),
        left_out=(), start=NOW, max_duration_s=86_400, reboot_at=None, stage_latest_ends=(),
    )  # fmt: skip


def _state(chance: random.Random, moved: int) -> DeviceState:
    """A device in the middle of its setup, as busy states are."""
    now = NOW + 1000 * moved
    return DeviceState(
        period_s=3600, step=Step(chance.randrange(2, 7)), outcome=Outcome.OPEN, talk=Talk.SENT, tries=1,
        effect=chance.randrange(1_000_000), since=now, due=now + 60_000, heard_at=now + moved, heard=True,
        f_cnt=chance.randrange(60_000), seen=chance.getrandbits(32), gaps=chance.randbytes(64), versions=85,
        done=Done.GROUP_SAID | Done.GROUP_SET, session=1, session_start_asked=now,
    )  # fmt: skip


def _prepare(database: Database, devices: int) -> tuple[int, Parts]:
    plan = _plan(devices)
    with database.write() as connection:
        tenant = rows.subscriber(connection)
        network = rows.network(connection, tenant)
        group = rows.group(connection, tenant, network, "0000000000000001", "00000001")
        campaign_id = rows.campaign(connection, tenant)
        edited = {"created_at": NOW, "changed_at": NOW}
        connection.execute(
            insert(tables.device),
            [
                {"id": i + 1, "subscriber_id": tenant, "connection_id": network, "dev_eui": planned.dev_eui,
                 "session_classes": "C", "lorawan_version": "1.0", "has_key": True, **edited}
                for i, planned in enumerate(plan.devices)
            ],
        )  # fmt: skip
    return campaign_id, Parts(
        subscriber_id=tenant, plan=plan, campaign=CampaignState(), devices=(), groups=(),
        device_ids=tuple(range(1, devices + 1)), group_ids=(group,), connection_ids=(network,), file_id=None,
        started_by="",
    )  # fmt: skip


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
    _save(database, campaign_id, parts, [_state(chance, 0) for _ in range(devices)])
    ours, drivers = [], []
    for turn in range(1, rounds + 1):
        states = [_state(chance, 2 * turn) for _ in range(devices)]
        ours.append(_rows_per_s(lambda states=states: _save(database, campaign_id, parts, states), devices))  # type: ignore[misc]
        with database.read() as connection:
            columns = [column.name for column in tables.campaign_device.columns]
            found = connection.execute(tables.campaign_device.select().order_by(tables.campaign_device.c.n)).all()
        # The same rows with other states and instants, so that the driver has as much to change.
        fresh = [running_campaigns.DEVICE.dump(_state(chance, 2 * turn + 1)) for _ in range(devices)]
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
