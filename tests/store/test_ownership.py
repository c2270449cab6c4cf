"""One owner at a time, by the database's own means."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select, update

from fleetcast.store import ownership
from fleetcast.store import tables as t
from fleetcast.store.database import Database
from tests.store import rows

LEASE_MS = 60_000


@pytest.fixture
def tenant(database: Database) -> int:
    with database.write() as connection:
        return rows.subscriber(connection)


def _campaigns(database: Database, tenant: int, count: int, **values: object) -> list[int]:
    with database.write() as connection:
        return [rows.campaign(connection, tenant, f"update {n}", **values) for n in range(count)]


def _claim(database: Database, worker: int, most: int = 100, lease_ms: int = LEASE_MS) -> list[int]:
    with database.write() as connection:
        return [each.campaign_id for each in ownership.claim(connection, worker, lease_ms, most)]


def _workers(database: Database) -> tuple[int, int]:
    with database.write() as connection:
        return rows.worker(connection, "one"), rows.worker(connection, "two")


def test_what_one_claimed_the_other_does_not_get(database: Database, tenant: int) -> None:
    wanted = _campaigns(database, tenant, 3)
    one, two = _workers(database)
    assert _claim(database, one, most=2) == wanted[:2]
    assert _claim(database, two) == wanted[2:]
    assert _claim(database, one) == []


def test_a_lease_that_ran_out_frees_a_campaign(database: Database, tenant: int) -> None:
    wanted = _campaigns(database, tenant, 1)
    one, two = _workers(database)
    assert _claim(database, one, lease_ms=-1) == wanted
    assert _claim(database, two) == wanted


@pytest.mark.parametrize("status", ["CONFIGURED", "SCHEDULED", "STOPPED", "FAILED", "SUCCEEDED"])
def test_only_what_is_under_way_is_claimed(database: Database, tenant: int, status: str) -> None:
    _campaigns(database, tenant, 1, status=status)
    assert _claim(database, _workers(database)[0]) == []


@pytest.mark.parametrize("status", ["RUNNING", "PAUSED", "STOPPING"])
def test_paused_and_stopping_campaigns_need_an_owner_too(database: Database, tenant: int, status: str) -> None:
    assert _claim(database, _workers(database)[0]) == []
    wanted = _campaigns(database, tenant, 1, status=status)
    assert _claim(database, _workers(database)[0]) == wanted


def test_a_campaign_that_is_over_and_still_holds_its_group_is_claimed_to_give_it_back(
    database: Database, tenant: int
) -> None:
    (campaign_id,) = _campaigns(database, tenant, 1, status="SUCCEEDED")
    one, _ = _workers(database)
    with database.write() as connection:
        group = rows.group(connection, tenant, rows.network(connection, tenant), "00" * 8, "00000001")
        connection.execute(
            update(t.multicast_group).where(t.multicast_group.c.id == group).values(campaign_id=campaign_id)
        )
    assert _claim(database, one) == [campaign_id]


def test_a_lease_is_prolonged_for_its_owner_alone(database: Database, tenant: int) -> None:
    first, second = _campaigns(database, tenant, 2)
    one, two = _workers(database)
    assert _claim(database, one, lease_ms=-1) == [first, second]
    with database.write() as connection:
        # `second` goes to another one, `first` is still free to be prolonged though its lease ran out.
        connection.execute(update(t.campaign).where(t.campaign.c.id == second).values(fence=2, owner_worker_id=two))
        assert ownership.renew(connection, one, {first: 1, second: 1}, LEASE_MS) == {first}
        assert ownership.renew(connection, one, {}, LEASE_MS) == set()
    assert _claim(database, two) == [second]


def test_what_is_let_go_is_free_at_once_and_only_by_its_owner(database: Database, tenant: int) -> None:
    (campaign_id,) = _campaigns(database, tenant, 1)
    one, two = _workers(database)
    _claim(database, one)
    with database.write() as connection:
        ownership.release(connection, two, {campaign_id: 1})
        ownership.release(connection, one, {campaign_id: 99})
    assert _claim(database, two) == []
    with database.write() as connection:
        ownership.release(connection, one, {campaign_id: 1})
    assert _claim(database, two) == [campaign_id]


def test_leases_go_by_the_databases_clock(database: Database, tenant: int) -> None:
    _campaigns(database, tenant, 1)
    one, _ = _workers(database)
    _claim(database, one)
    with database.read() as connection:
        from fleetcast.store.database import now_ms

        until = connection.execute(select(t.campaign.c.owner_until)).scalar_one()
        assert 0 < until - now_ms(connection) <= LEASE_MS


def test_many_who_claim_at_once_share_and_none_gets_what_another_has(shared_url: str) -> None:
    database = Database.open(shared_url, connections=12)
    with database.write() as connection:
        tenant = rows.subscriber(connection)
        workers = [rows.worker(connection, f"host {n}") for n in range(8)]
    wanted = _campaigns(database, tenant, 40)
    got: dict[int, list[int]] = {worker: [] for worker in workers}
    together = threading.Barrier(len(workers))

    def claim_until_none(worker: int) -> None:
        together.wait(20)
        while some := _claim(database, worker, most=3):
            got[worker] += some

    threads = [threading.Thread(target=claim_until_none, args=(worker,)) for worker in workers]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    # Rows that another one held just then were passed over; they are free or taken, never taken twice.
    rest = _claim(database, workers[0])
    assert sorted([number for some in got.values() for number in some] + rest) == wanted
    with database.read() as connection:
        assert set(connection.execute(select(t.campaign.c.fence)).scalars()) == {1}
    database.close()
