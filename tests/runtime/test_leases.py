"""A campaign has one owner: by lease for sending, by fence for writing."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from fleetcast.campaign.effects import FlushQueue
from fleetcast.runtime.leases import Leases
from fleetcast.store import outbox, ownership, running_campaigns, tables, workers
from fleetcast.store.database import Database
from fleetcast.store.running_campaigns import OwnershipLost
from tests.runtime.deployment import FILE, GROUP, START, populate, start_campaign


def deployed(database: Database, lease_s: float = 8.0) -> tuple[int, Leases, Leases]:
    """A campaign that waits for an owner, and two workers."""
    campaign = start_campaign(database, populate(database, 1, data=FILE[:100]), START, data=FILE[:100])
    with database.write() as link:
        numbers = [workers.begin(link, "host", pid, "worker", "0") for pid in (1, 2)]
    return campaign, Leases(database, numbers[0], lease_s), Leases(database, numbers[1], lease_s)


def run_out(database: Database) -> None:
    with database.write() as link:
        link.execute(update(tables.campaign).values(owner_until=1))


def test_a_campaign_is_claimed_by_one(database: Database) -> None:
    campaign, first, second = deployed(database)
    (claimed,) = first.claim(10)
    assert (claimed.campaign_id, claimed.fence) == (campaign, 1)
    assert second.claim(10) == []
    assert first.held(campaign, 1)
    assert first.renew() == set()


def test_a_lease_that_ran_out_can_be_claimed_and_the_old_owner_can_neither_send_nor_write(database: Database) -> None:
    campaign, first, second = deployed(database)
    first.claim(10)
    with database.write() as link:
        outbox.put(link, 1, campaign, 1, [FlushQueue(5, GROUP)], START)
    run_out(database)
    (claimed,) = second.claim(10)
    assert claimed.fence == 2
    with database.write() as link:
        assert outbox.claim_all(link, campaign, 2) == [FlushQueue(5, GROUP)]
    with database.write() as link:
        assert outbox.done(link, campaign, 1, [5]) == set()
    with pytest.raises(OwnershipLost), database.write() as link:
        running_campaigns.prove(link, campaign, 1, {"why": "stale"})
    assert first.renew() == {campaign}
    assert not first.held(campaign, 1)
    assert second.held(campaign, 2)


def test_a_lease_is_not_held_once_its_time_has_passed_here(database: Database) -> None:
    campaign, first, _ = deployed(database, lease_s=0.0)
    first.claim(10)
    assert not first.held(campaign, 1)


def test_what_is_let_go_can_be_claimed_at_once(database: Database) -> None:
    campaign, first, second = deployed(database)
    first.claim(10)
    first.release(campaign, 1)
    assert [each.fence for each in second.claim(10)] == [2]
    assert first.owned() == {}


def test_a_restarted_process_takes_its_embedded_database_back_at_once(database: Database) -> None:
    _, first, second = deployed(database)
    first.claim(10)
    with database.write() as link:
        ownership.release_all(link)
    assert [each.fence for each in second.claim(10)] == [2]
