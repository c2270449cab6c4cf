"""How long lists of 100 000 rows take: every list, by every field that it can be sorted and filtered by, on every page.

    python -m benchmarks.list_pages [--rows 100000] [--database sqlite|postgresql] [--slowest 10]

Fills a database (devices with what is learned of them, a set of all of them, a campaign over all of them, its journal,
messages of one device), then asks each list as the API does: sorted by each field both ways, at the first, a middle and
the last page by offset, and by the cursor of a page; and filtered by each field, by a value that many rows have and by
one that few have, contained text among it. Times are of the query with the rows that are shown, transaction included.
Target: 100 ms in the median and 250 ms at worst.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update

from fleetcast.access import Identity, Role
from fleetcast.actions.first_start import first_start
from fleetcast.clock import stopwatch_s
from fleetcast.queries import activity, campaigns, devices, fleet, messages, progress, reports
from fleetcast.queries.kept import columns
from fleetcast.queries.kept import page as kept_page
from fleetcast.queries.lists import ListRequest, Of, Page
from fleetcast.store import schema
from fleetcast.store import tables as t
from fleetcast.store.database import Database
from tests.postgresql import PostgreSQL

NOW = 1_767_225_600_000
LIMIT = 50
MEDIAN_S, WORST_S = 0.100, 0.250
Ask = Callable[[ListRequest], Page[Any]]


def fill(database: Database, rows: int) -> tuple[Identity, int]:
    """A subscriber with so much of everything; who asks, and the campaign."""
    chance = random.Random(7)
    first = first_start(database, NOW)
    assert first is not None
    own = {"subscriber_id": first.subscriber_id, "created_at": NOW, "changed_at": NOW, "revision": 1}
    with database.write() as connection:
        at = _put(connection, t.connection, own | {"name": "network", "kind": "simulated", "settings": {}})
        makes = [
            _put(connection, t.device_profile, own | {"name": f"make {n}", "producer_id": "p", "module_id": str(n),
                                                      "hw_revision": 1})
            for n in range(20)
        ]  # fmt: skip
        everything = _put(connection, t.device_set, own | {"name": "all"})
        group = _put(connection, t.multicast_group, own | {
            "dev_eui": "FF00000000000000", "connection_id": at, "session_class": "C", "band": "EU868",
            "dev_addr": "01000000", "frequency_hz": 869_525_000, "data_rate": 5, "redundancy": "ADAPTIVE",
        })  # fmt: skip
        campaign = _put(connection, t.campaign, own | {
            "name": "large", "type": "firmware", "max_duration_s": 86_400, "threshold_percent": 90, "status": "RUNNING",
            "stages": 6, "stage": 1, "participants": rows, "started_at": NOW,
        })  # fmt: skip
        _many(connection, t.device, rows, lambda n: own | {
            "dev_eui": f"{0x0200_0000_0000_0000 + n * 7919 % rows:016X}", "name": f"Meter {chance.randrange(10**6)}",
            "tag": chance.choice(["north", "south", "cellar", ""]), "connection_id": at,
            "device_profile_id": chance.choice(makes), "session_classes": chance.choice(["B", "C", "BC"]),
            "lorawan_version": chance.choice(["1.0", "1.1"]), "has_key": chance.random() < 0.99,
            "firmware_version": chance.choice([None, 0x01000000, 0x01020000, 0x02000000]),
            "archived_at": NOW if chance.random() < 0.01 else None, "created_at": NOW - chance.randrange(10**9),
        })  # fmt: skip
        _many(connection, t.device_facts, rows, lambda n: {
            "device_id": n + 1, "subscriber_id": first.subscriber_id, "gaps": b"", "uplinks": chance.randrange(1000),
            "last_uplink_at": NOW - chance.randrange(10**8), "uplink_period_s": chance.choice([600, 3600, 86400]),
            "data_rate": chance.randrange(6), "margin_db": chance.gauss(8, 4), "expected_loss": chance.random() / 3,
            "band": "EU868", "f_cnt_up": chance.randrange(10**5), "gateways": {}, "package_versions": {},
            "set_up_groups": {}, "frag_slots": {}, "session_cnt": {},
        })  # fmt: skip
        _many(connection, t.device_set_member, rows, lambda n: {
            "device_set_id": everything, "device_id": n + 1, "subscriber_id": first.subscriber_id,
        })  # fmt: skip
        _put(connection, t.campaign_group, {
            "campaign_id": campaign, "n": 0, "multicast_group_id": group, "subscriber_id": first.subscriber_id,
        })  # fmt: skip
        _many(connection, t.campaign_device, rows, lambda n: {
            "campaign_id": campaign, "n": n, "device_id": n + 1, "subscriber_id": first.subscriber_id, "state": "[]",
            "outcome": chance.choice([0, 0, 0, 1, 2, 3]), "step": chance.randrange(8), "talk": chance.randrange(3),
            "done": chance.randrange(64), "cause": chance.choice([None, None, "never heard", "no answer"]),
            "missing": chance.choice([None, chance.randrange(40)]), "heard_at": NOW - chance.randrange(10**7),
            "changed_at": NOW - chance.randrange(10**7), "group_n": 0,
        })  # fmt: skip
        _many(connection, t.campaign_left_out, rows // 10, lambda n: {
            "campaign_id": campaign, "device_id": n + 1, "subscriber_id": first.subscriber_id,
            "reason": chance.choice(["no device key", "archived"]),
        })  # fmt: skip
        _many(connection, t.journal, rows, lambda n: {
            "subscriber_id": first.subscriber_id, "campaign_id": campaign, "device_id": n % rows + 1,
            "kind": chance.choice(["campaign.device", "campaign.stage"]), "who": "", "text": f"line {n}", "at": NOW + n,
        })  # fmt: skip
        _many(connection, t.message, rows, lambda n: {
            "subscriber_id": first.subscriber_id, "device_id": 1, "direction": chance.choice(["up", "down"]),
            "at": NOW + n, "f_port": chance.choice([200, 201, 202, 203]), "payload": bytes([1, n % 256]),
        })  # fmt: skip
        connection.execute(update(t.campaign).values(archived_at=None))
    with database.write() as connection:
        connection.exec_driver_sql("ANALYZE")
    who = Identity(subscriber_id=first.subscriber_id, user_id=1, login="admin", role=Role.ADMIN)
    return who, campaign


def _put(connection: Any, table: Any, row: dict[str, Any]) -> int:
    key = connection.execute(insert(table).values(_given(table, row))).inserted_primary_key
    return int(key[0])


def _many(connection: Any, table: Any, rows: int, make: Callable[[int], dict[str, Any]]) -> None:
    for start in range(0, rows, 5000):
        connection.execute(insert(table), [_given(table, make(n)) for n in range(start, min(start + 5000, rows))])


def _given(table: Any, row: dict[str, Any]) -> dict[str, Any]:
    """The row, with something in every column that needs it."""
    for column in table.columns:
        if not (column.nullable or column.name in row or column.server_default or column.default or column.primary_key):
            kind = column.type.python_type
            row[column.name] = {} if kind is object else kind()
    return row


def lists(database: Database, who: Identity, campaign: int) -> Iterator[tuple[str, Any, Ask]]:
    """Every list: its name, the fields it can be asked by, and how."""
    for name, listing in (
        ("device sets", fleet.SET_LIST), ("groups", fleet.GROUP_LIST), ("regions", fleet.REGION_LIST),
        ("files", fleet.FILE_LIST), ("connections", fleet.CONNECTION_LIST), ("campaigns", campaigns.CAMPAIGNS),
    ):  # fmt: skip
        yield name, listing.fields, lambda request, of=listing: kept_page(database, who, of, request)
    yield "devices", devices.FIELDS, lambda request: devices.page(database, who, request)
    yield "devices of a set", devices.FIELDS, lambda request: devices.page(database, who, request, set_id=1)
    yield "journal", activity._FIELDS, lambda request: activity.page(database, who, request)
    yield "journal of a campaign", activity._FIELDS, lambda r: activity.page(database, who, r, campaign_id=campaign)
    yield (
        "messages",
        columns(t.message, hidden=("payload", "effect_id")),
        lambda request: messages.of_device(database, who, 1, request),
    )
    with database.read() as connection:
        row = connection.execute(t.campaign.select()).one()
        fields = progress._device_listing(campaign, progress._stages(connection, row)).fields
    yield "devices of a campaign", fields, lambda request: progress.devices(database, who, campaign, request)
    left_out = {name: fields[name] for name in ("device_id", "dev_eui", "name")}
    yield "left out", left_out, lambda request: progress.left_out(database, who, campaign, request)
    yield "usage reports", {}, lambda request: reports.page(database, who, request)


def requests(fields: Any, ask: Ask) -> Iterator[tuple[str, ListRequest]]:
    """Everything that a list is asked."""
    first = ask(ListRequest(limit=LIMIT))
    for name, shown in fields.items():
        for sign in ("", "-"):
            base = ListRequest(sort=f"{sign}{name}", limit=LIMIT)
            for where, offset in (("first", 0), ("middle", first.total // 2), ("last", max(0, first.total - LIMIT))):
                yield f"sort {sign}{name}, {where} page", replace(base, offset=offset)
            cursor = ask(replace(base, offset=first.total // 3)).next_cursor
            if cursor:
                yield f"sort {sign}{name}, cursor", replace(base, cursor=cursor)
        for text in _values(name, shown.of):
            yield f"filter {text}", ListRequest(filters=(text,), limit=LIMIT)
            yield (
                f"filter {text}, last page",
                ListRequest(filters=(text,), limit=LIMIT, offset=max(0, first.total // 4)),
            )


def _values(name: str, of: Of) -> list[str]:
    match of:
        case Of.TEXT:
            words = ["no such"] if name == "outcome" else ["e", "Meter 12", "no such"]
            return [f"{name}~{word}" for word in words] + [f"{name}=never heard"]
        case Of.FLAG:
            return [f"{name}=true", f"{name}=false"]
        case Of.INSTANT:
            return [f"{name}>2025-12-31T00:00:00Z", f"{name}<2001-01-01T00:00:00Z"]
        case Of.VERSION:
            return [f"{name}=1.0.0.0", f"{name}!=1.0.0.0"]
        case _:
            return [] if name == "outcome" else [f"{name}=1", f"{name}>3"]


def measure(name: str, fields: Any, ask: Ask) -> list[tuple[float, str]]:
    """Seconds of each request, the better of two."""
    found = []
    for what, request in requests(fields, ask):
        times = []
        for _ in range(2):
            began = stopwatch_s()
            ask(request)
            times.append(stopwatch_s() - began)
        found.append((min(times), f"{name}: {what}"))
    return found


def run(database: Database, rows: int, slowest: int) -> None:
    """Fill, measure, print."""
    schema.migrate(database)
    began = stopwatch_s()
    who, campaign = fill(database, rows)
    print(f"  filled in {stopwatch_s() - began:.0f} s")
    everything: list[tuple[float, str]] = []
    for name, fields, ask in lists(database, who, campaign):
        found = measure(name, fields, ask)
        everything += found
        if found:
            times = [each[0] for each in found]
            print(
                f"  {name:24} {len(times):4} requests  median {1000 * statistics.median(times):6.1f} ms  "
                f"worst {1000 * max(times):6.1f} ms",
                flush=True,
            )
    for name, look in (
        ("progress of a campaign", lambda: progress.progress(database, who, campaign)),
        ("counters", lambda: reports.counters(database, who)),
    ):
        began = stopwatch_s()
        look()
        seconds = stopwatch_s() - began
        everything.append((seconds, name))
        print(f"  {name:24}                {1000 * seconds:6.1f} ms")
    times = [each[0] for each in everything]
    above = sum(seconds > WORST_S for seconds in times)
    print(
        f"  all: median {1000 * statistics.median(times):.1f} ms (target {1000 * MEDIAN_S:.0f}), worst "
        f"{1000 * max(times):.1f} ms (target {1000 * WORST_S:.0f}), {above} of {len(times)} above"
    )
    for seconds, what in sorted(everything, reverse=True)[:slowest]:
        print(f"    {1000 * seconds:7.1f} ms  {what}")


def main() -> None:
    """Both databases, one after the other."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=100_000)
    arguments.add_argument("--database", choices=("sqlite", "postgresql"))
    arguments.add_argument("--slowest", type=int, default=10)
    asked = arguments.parse_args()
    if asked.database in (None, "sqlite"):
        with tempfile.TemporaryDirectory() as folder:
            print("SQLite")
            database = Database.open(f"sqlite:///{Path(folder) / 'lists.db'}")
            run(database, asked.rows, asked.slowest)
            database.close()
    if asked.database in (None, "postgresql"):
        server = PostgreSQL()
        try:
            print("PostgreSQL")
            database = Database.open(server.url("postgres"))
            run(database, asked.rows, asked.slowest)
            database.close()
        finally:
            server.remove()


if __name__ == "__main__":
    main()
