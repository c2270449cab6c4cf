"""Lists: whatever they are asked, they say what a plain walk over all rows would say."""

from __future__ import annotations

import itertools
import operator
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from fleetcast.access import Identity, Role
from fleetcast.actions.first_start import first_start
from fleetcast.queries import devices
from fleetcast.queries.lists import MOST, MOST_FILTERS, BadList, ListRequest, Of, Shown
from fleetcast.store import tables as t
from fleetcast.store.database import Database
from tests.conftest import Databases

NOW = 1_767_225_600_000
ROWS = 40
SIGNS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
NUMBERS = itertools.count(1000, 2)
WHO = Identity(subscriber_id=1, user_id=1, login="admin", role=Role.ADMIN)


def put(database: Database, numbers: range, seed: int = 5) -> None:
    """Devices that differ in everything, some with what is learned of them, some archived."""
    chance = random.Random(seed)
    own = {"subscriber_id": 1, "created_at": NOW, "changed_at": NOW, "revision": 1}
    with database.write() as connection:
        for number in numbers:
            name = chance.choice(["a", "B", "b_%", "", "é"])
            device = {
                "dev_eui": f"{chance.getrandbits(40):010X}{number:06X}", "name": name,
                "tag": chance.choice(["x", "y"]), "connection_id": 1, "device_profile_id": chance.choice([None, 1]),
                "session_classes": chance.choice(["B", "C"]), "lorawan_version": "1.0", "own_class": "A",
                "has_key": chance.random() < 0.5, "firmware_version": chance.choice([None, 1, 0x01000000, 0xFFFFFFFF]),
                "created_at": NOW + chance.randrange(3),
            }  # fmt: skip
            made = connection.execute(insert(t.device).values(own | device)).inserted_primary_key
            assert made is not None
            if chance.random() < 0.7:
                facts = {
                    "device_id": made[0], "subscriber_id": 1, "gaps": b"", "uplinks": chance.randrange(4),
                    "last_uplink_at": chance.choice([None, NOW, NOW + 5]), "data_rate": chance.choice([None, 0, 5]),
                    "margin_db": chance.choice([None, -1.5, 2.25]), "gateways": {}, "package_versions": {},
                    "set_up_groups": {}, "frag_slots": {}, "session_cnt": {},
                }  # fmt: skip
                connection.execute(insert(t.device_facts).values(facts))


@pytest.fixture(scope="module")
def fleet(databases: Databases) -> Iterator[Database]:
    """Filled once: no test changes what the others look at."""
    url = databases.new()
    opened = Database.open(url)
    fill(opened)
    yield opened
    opened.close()
    databases.drop(url)


@pytest.fixture
def moving(database: Database) -> Database:
    """One of its own, for a test that changes it."""
    fill(database)
    return database


def fill(database: Database) -> None:
    assert first_start(database, NOW) is not None
    own = {"subscriber_id": 1, "created_at": NOW, "changed_at": NOW, "revision": 1}
    with database.write() as connection:
        connection.execute(
            insert(t.connection).values(own | {"name": "n", "kind": "simulated", "settings": {}, "enabled": True})
        )
        profile = {"name": "make", "producer_id": "p", "module_id": "m", "hw_revision": 1, "quirks": []}
        connection.execute(insert(t.device_profile).values(own | profile))
    put(database, range(ROWS))
    with database.write() as connection:
        connection.execute(update(t.device).where(t.device.c.id % 7 == 3).values(archived_at=NOW))


def truth(database: Database, *, archived: bool | None = False) -> list[dict[str, Any]]:
    """All rows, with every field as it is stored; `archived` None: whether or not."""
    columns = [shown.column.label(name) for name, shown in devices.FIELDS.items()]
    with database.read() as connection:
        rows = connection.execute(select(t.device.c.id.label("number"), *columns).select_from(devices.DEVICES.source))
        found = [dict(row._mapping) for row in rows]
    return [row for row in found if archived is None or (row["archived_at"] is not None) == archived]


def ids(database: Database, **how: Any) -> list[int]:
    return [each.id for each in devices.page(database, WHO, ListRequest(**how)).items]


def key(row: Mapping[str, Any], field: str) -> tuple[bool, Any]:
    """Empty values are the smallest."""
    value = row[field]
    return value is not None, 0 if value is None else value


def sorts_alike(name: str) -> bool:
    """Texts are sorted as the database's language sorts them; all the rest is the same everywhere."""
    return devices.FIELDS[name].of is not Of.TEXT


@pytest.mark.parametrize("field", sorted(devices.FIELDS))
def test_every_field_sorts_both_ways_and_pages_hold_every_row_once(fleet: Database, field: str) -> None:
    rows = {row["number"]: row for row in truth(fleet)}
    for sign in ("", "-"):
        whole = ids(fleet, sort=f"{sign}{field}", limit=MOST)
        assert sorted(whole) == sorted(rows)
        if sorts_alike(field):
            values = [key(rows[each], field) for each in whole]
            assert values == sorted(values, reverse=bool(sign))
        by_offset = [
            each
            for start in range(0, len(rows), 7)
            for each in ids(fleet, sort=f"{sign}{field}", offset=start, limit=7)
        ]
        assert by_offset == whole
        assert walked(fleet, f"{sign}{field}", 6) == whole


def walked(database: Database, sort: str, limit: int, between: Callable[[], None] = lambda: None) -> list[int]:
    """All pages by cursor."""
    found: list[int] = []
    cursor: str | None = None
    while True:
        page = devices.page(database, WHO, ListRequest(sort=sort, limit=limit, cursor=cursor))
        found += [each.id for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found
        between()


def written(shown: Shown, value: Any) -> str:
    match shown.of:
        case Of.FLAG:
            return "true" if value else "false"
        case Of.VERSION:
            return f"0x{value:08X}"
        case Of.INSTANT:
            return f"2026-01-01T00:00:00.{value - NOW:03}Z"
        case _:
            return str(value)


@pytest.mark.parametrize("field", sorted(devices.FIELDS))
def test_every_field_can_be_filtered_by_every_comparison(fleet: Database, field: str) -> None:
    shown = devices.FIELDS[field]
    rows = truth(fleet, archived=None)
    values = {row[field] for row in rows if row[field] is not None}
    for value in sorted(values, key=repr)[:4]:
        text = written(shown, value)
        for sign, holds in SIGNS.items():
            if shown.of in (Of.FLAG, Of.TEXT) and sign not in ("=", "!="):
                continue
            expected = {
                row["number"]
                for row in rows
                if (sign == "!=" if row[field] is None else holds(row[field], value))
                and (row[field] is not None or shown.optional)
            }
            assert set(ids(fleet, filters=(f"{field}{sign}{text}",), archived="all", limit=MOST)) == expected, (
                sign,
                text,
            )
    if shown.optional:
        empty = {row["number"] for row in rows if row[field] is None}
        assert set(ids(fleet, filters=(f"{field}=",), archived="all", limit=MOST)) == empty
    if shown.of is Of.TEXT:
        for part in ("b", "_%", "É"):
            expected = {row["number"] for row in rows if row[field] is not None and part.lower() in row[field].lower()}
            found = set(ids(fleet, filters=(f"{field}~{part}",), archived="all", limit=MOST))
            # SQLite folds the case of ASCII letters alone.
            assert found == expected or not part.isascii()


def test_conditions_all_hold_and_the_total_counts_them(fleet: Database) -> None:
    rows = [row for row in truth(fleet) if row["session_classes"] == "B" and row["uplinks"] not in (None, 0)]
    request = ListRequest(filters=("session_classes=B", "uplinks>0"), limit=3, sort="dev_eui")
    page = devices.page(fleet, WHO, request)
    assert page.total == len(rows)
    assert len(page.items) == min(3, len(rows))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sort=st.sampled_from(["name", "-name", "uplinks", "-last_uplink_at", "data_rate,-name", "has_key", "created_at"]),
    limit=st.integers(1, 9),
    seed=st.integers(0, 1000),
)
def test_a_cursor_passes_over_nothing_while_rows_come_and_go(
    moving: Database, sort: str, limit: int, seed: int
) -> None:
    chance = random.Random(seed)

    def change() -> None:
        start = next(NUMBERS)
        put(moving, range(start, start + 2), seed=start)
        active = [row["number"] for row in truth(moving)]
        with moving.write() as connection:
            gone = chance.sample(active, min(2, len(active)))
            connection.execute(update(t.device).where(t.device.c.id.in_(gone)).values(archived_at=NOW))

    before = {row["number"] for row in truth(moving)}
    found = walked(moving, sort, limit, change)
    stayed = before & {row["number"] for row in truth(moving)}
    assert len(found) == len(set(found))
    assert stayed <= set(found)


def test_what_others_have_is_neither_listed_nor_counted(fleet: Database) -> None:
    other = Identity(subscriber_id=2, user_id=2, login="other", role=Role.ADMIN)
    page = devices.page(fleet, other, ListRequest(archived="all"))
    assert (page.items, page.total) == ((), 0)


@pytest.mark.parametrize(
    ("how", "parameter"),
    [
        ({"filters": ("nothing=1",)}, "filter"), ({"filters": ("dev_eui",)}, "filter"),
        ({"filters": ("uplinks~1",)}, "filter"),
        ({"filters": ("uplinks=many",)}, "filter"), ({"filters": ("uplinks=nan",)}, "filter"),
        ({"filters": ("uplinks=1e999",)}, "filter"), ({"filters": ("has_key>true",)}, "filter"),
        ({"filters": ("has_key=maybe",)}, "filter"), ({"filters": ("created_at=yesterday",)}, "filter"),
        ({"filters": ("created_at=2026-01-01T00:00:00",)}, "filter"),
        ({"filters": ("firmware_version=1.2",)}, "filter"),
        ({"filters": ("name=\0",)}, "filter"), ({"filters": ("name=\ud800",)}, "filter"),
        ({"filters": ("name=x",) * (MOST_FILTERS + 1)}, "filter"), ({"sort": "nothing"}, "sort"),
        ({"limit": 0}, "limit"), ({"limit": MOST + 1}, "limit"), ({"offset": -1}, "offset"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "bm9uc2Vuc2U"}, "cursor"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_names_the_parameter(fleet: Database, how: dict[str, Any], parameter: str) -> None:
    with pytest.raises(BadList) as refused:
        devices.page(fleet, WHO, ListRequest(**how))
    assert refused.value.field == parameter


def test_a_cursor_belongs_to_its_order(fleet: Database) -> None:
    cursor = devices.page(fleet, WHO, ListRequest(sort="name", limit=2)).next_cursor
    with pytest.raises(BadList):
        devices.page(fleet, WHO, ListRequest(sort="-name", limit=2, cursor=cursor))
