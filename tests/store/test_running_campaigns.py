"""A campaign that is kept comes back whole; and nobody writes it but its owner."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select, update

from fleetcast.campaign.causes import Cause, Failure
from fleetcast.campaign.effects import FlushQueue
from fleetcast.campaign.events import Started
from fleetcast.campaign.states import DeviceState, GroupState, Outcome, Status, Step
from fleetcast.errors import Conflict
from fleetcast.store import inbox, journal, outbox, ownership, running_campaigns
from fleetcast.store import tables as t
from fleetcast.store.database import BATCH, Database
from fleetcast.store.ownership import Claimed
from fleetcast.store.running_campaigns import NoPlan, OwnershipLost, Parts
from tests.store import engine_values, rows, running
from tests.store.rows import NOW

SOON_S = 20.0


def _claim(database: Database, *, lease_ms: int = 60_000) -> Claimed:
    with database.write() as connection:
        (claimed,) = ownership.claim(connection, rows.worker(connection), lease_ms, 10)
    return claimed


def _commit(database: Database, claimed: Claimed, parts: Parts, states: dict[int, DeviceState]) -> None:
    """All that an owner writes in one commit."""
    with database.write() as connection:
        running_campaigns.prove(connection, claimed.campaign_id, claimed.fence, {"why": "written"})
        running_campaigns.save_devices(connection, claimed.campaign_id, parts, states, NOW)
        effect = FlushQueue(len(states), running.GROUP)
        outbox.put(connection, claimed.subscriber_id, claimed.campaign_id, claimed.fence, [effect], NOW)
        journal.write(connection, claimed.subscriber_id, [journal.Line(kind="test", text="written")], NOW)


def test_a_campaign_that_starts_has_its_plan_and_no_state(database: Database) -> None:
    campaign_id = running.start(database, 3, left_out=2)
    parts = running.load(database, campaign_id)
    assert parts.plan == running.plan(3, left_out=(3, 4))
    assert parts.campaign is None
    assert len(parts.device_ids) == 3
    with database.read() as connection:
        left_out = connection.execute(select(t.campaign_left_out.c.reason)).scalars().all()
        row = connection.execute(select(t.campaign)).one()
    assert left_out == ["no device key", "no device key"]
    assert (row.participants, row.seed) == (3, 7)


def test_what_was_begun_is_loaded_whole_and_in_the_plans_order(database: Database) -> None:
    campaign_id = running.start(database, 5)
    claimed = _claim(database)
    parts, state = running.begun(database, campaign_id, claimed.fence)
    again = running.load(database, campaign_id)
    assert list(again.devices) == state.devices
    assert list(again.groups) == state.groups
    assert again.campaign == state.campaign
    assert (again.plan, again.device_ids, again.group_ids) == (parts.plan, parts.device_ids, parts.group_ids)


def test_more_devices_than_a_batch_come_back(database: Database) -> None:
    count = 2 * BATCH + 3
    campaign_id = running.start(database, count)
    claimed = _claim(database)
    parts, state = running.begun(database, campaign_id, claimed.fence)
    chance = random.Random(5)
    changed = {i: running.busy(chance, i) for i in range(0, count, 2)}
    _commit(database, claimed, parts, changed)
    expected = [changed.get(i, device) for i, device in enumerate(state.devices)]
    assert list(running.load(database, campaign_id).devices) == expected


def test_what_is_searched_stands_beside_the_state(database: Database) -> None:
    campaign_id = running.start(database, 2)
    claimed = _claim(database)
    parts, state = running.begun(database, campaign_id, claimed.fence)
    failed = replace(
        state.devices[1], step=Step.TRANSFER, outcome=Outcome.FAILED, missing=3, heard_at=NOW, firmware_before=7,
        failure=Failure(Cause.TOO_MANY_LOST, "missing 3 of 10"),
    )  # fmt: skip
    _commit(database, claimed, parts, {1: failed})
    with database.read() as connection:
        first, second = connection.execute(select(t.campaign_device).order_by(t.campaign_device.c.n)).all()
    assert (first.step, first.outcome, first.cause, first.missing, first.heard_at) == (0, 0, None, None, None)
    assert (second.step, second.outcome, second.cause) == (Step.TRANSFER, Outcome.FAILED, "too many fragments lost")
    assert (second.detail, second.missing, second.heard_at) == ("missing 3 of 10", 3, NOW)
    assert (second.firmware_before, second.firmware_after) == (7, None)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    changes=st.lists(st.dictionaries(st.integers(0, 3), engine_values.devices, min_size=1), min_size=1, max_size=3),
    group=engine_values.groups,
)
def test_saved_changes_are_what_is_loaded(
    database: Database, changes: list[dict[int, DeviceState]], group: GroupState
) -> None:
    # One database for all examples: each goes on where the last one ended.
    with database.read() as connection:
        campaign_id = connection.execute(select(t.campaign.c.id)).scalar()
    if campaign_id is None:
        campaign_id = running.start(database, 4)
        running.begun(database, campaign_id, _claim(database).fence)
    before = running.load(database, campaign_id)
    devices = list(before.devices)
    fits = replace(
        group, ledger=replace(group.ledger, uncoded=30, coded=7), next_f_cnt=abs(group.next_f_cnt) % 2**31, held="deaf"
    )
    for changed in map(_fitting, changes):
        with database.write() as connection:
            running_campaigns.prove(connection, campaign_id, 1, {})
            running_campaigns.save_devices(connection, campaign_id, before, changed, NOW)
            running_campaigns.save_groups(connection, campaign_id, before, {0: fits}, NOW)
        for i, device in changed.items():
            devices[i] = device
    again = running.load(database, campaign_id)
    assert list(again.devices) == devices
    assert again.groups == (fits,)


def _fitting(changed: dict[int, DeviceState]) -> dict[int, DeviceState]:
    """What text columns of PostgreSQL can't hold is in no cause that the engine gives."""
    return {
        i: replace(each, failure=each.failure and replace(each.failure, detail=each.failure.detail.replace("\0", "")))
        for i, each in changed.items()
    }


def test_a_campaign_without_a_plan_was_not_started(database: Database) -> None:
    with database.write() as connection:
        campaign_id = rows.campaign(connection, rows.subscriber(connection))
    with pytest.raises(NoPlan, match="start it"):
        running.load(database, campaign_id)


def test_a_device_or_group_serves_one_campaign_at_a_time(database: Database) -> None:
    running.start(database, 3)

    def second(of: running.Plan, name: str) -> None:
        with database.write() as connection:
            tenant, group = 1, 1
            running.attach(connection, tenant, group, of, name)

    with pytest.raises(Conflict, match="in use by another one"):
        second(running.plan(2), "second")
    with pytest.raises(Conflict, match="multicast group 0000000000000001"):
        second(running.plan(0), "third")
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(t.campaign)).scalar_one() == 1


def test_two_starts_at_the_same_instant_get_the_devices_once(shared_url: str) -> None:
    database = Database.open(shared_url)
    with database.write() as connection:
        tenant, group = running.populate(connection, 20)
    results: list[object] = []
    both_ready = threading.Barrier(2)

    def start(name: str) -> None:
        try:
            with database.write() as connection:
                both_ready.wait(SOON_S)
                results.append(running.attach(connection, tenant, group, running.plan(20), name))
        except Conflict as error:
            results.append(error)

    threads = [threading.Thread(target=start, args=(name,)) for name in ("one", "two")]
    for each in threads:
        each.start()
    for each in threads:
        each.join(SOON_S)
    assert sorted(isinstance(each, Conflict) for each in results) == [False, True]
    database.close()


# The fence


def test_whoever_lost_a_campaign_writes_nothing_of_it(database: Database) -> None:
    campaign_id = running.start(database, 3)
    old = _claim(database, lease_ms=-1)
    parts, state = running.begun(database, campaign_id, old.fence)
    new = _claim(database)
    assert new.fence == old.fence + 1
    with pytest.raises(OwnershipLost) as raised:
        _commit(database, old, parts, {0: running.busy(random.Random(1), 1)})
    assert (raised.value.campaign_id, raised.value.fence) == (campaign_id, old.fence)
    assert list(running.load(database, campaign_id).devices) == state.devices
    with database.read() as connection:
        assert connection.execute(select(t.campaign.c.why)).scalar_one() == ""
        for table in (t.outbox, t.journal):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0
    _commit(database, new, parts, {0: running.busy(random.Random(1), 1)})


def test_a_fence_never_falls_and_never_comes_twice(database: Database) -> None:
    running.start(database, 1)
    fences = [_claim(database, lease_ms=-1).fence for _ in range(5)]
    assert fences == [1, 2, 3, 4, 5]


def _write(connection: Connection, campaign_id: int, fence: int) -> None:
    running_campaigns.prove(connection, campaign_id, fence, {})


PROOFS = pytest.mark.parametrize("proof", [_write, running_campaigns.prove_owned])


@PROOFS
def test_a_commit_that_began_in_time_ends_before_a_new_owner_can_claim(
    shared_url: str, proof: Callable[[Connection, int, int], None]
) -> None:
    """The proof locks the campaign's row: a claim passes it over, or comes after; never in between."""
    database = Database.open(shared_url)
    campaign_id = running.start(database, 3)
    old = _claim(database, lease_ms=-1)
    parts, _ = running.begun(database, campaign_id, old.fence)
    with database.write() as connection:
        proof(connection, campaign_id, old.fence)
        with database.write() as other:
            assert ownership.claim(other, rows.worker(other), 60_000, 10) == []
        running_campaigns.save_devices(connection, campaign_id, parts, {0: running.busy(random.Random(1), 1)}, NOW)
    assert _claim(database).fence == old.fence + 1
    database.close()


@PROOFS
def test_a_proof_that_waits_for_a_claim_sees_the_new_fence(
    shared_url: str, proof: Callable[[Connection, int, int], None]
) -> None:
    database = Database.open(shared_url)
    campaign_id = running.start(database, 1)
    old = _claim(database, lease_ms=-1)
    outcome: list[object] = []

    def prove() -> None:
        try:
            with database.write() as connection:
                proof(connection, campaign_id, old.fence)
                outcome.append("written")
        except OwnershipLost as error:
            outcome.append(error)

    with database.write() as connection:
        assert ownership.claim(connection, rows.worker(connection), 60_000, 10)
        thread = threading.Thread(target=prove)
        thread.start()
        thread.join(0.2)
        assert outcome == []  # it waits: the claim may yet be thrown away
    thread.join(SOON_S)
    assert isinstance(outcome[0], OwnershipLost)
    database.close()


def test_a_proof_needs_the_very_fence(database: Database) -> None:
    campaign_id = running.start(database, 1)
    claimed = _claim(database)
    for wrong in (claimed.fence - 1, claimed.fence + 1):
        with database.write() as connection, pytest.raises(OwnershipLost):
            running_campaigns.prove(connection, campaign_id, wrong, {})
        with database.write() as connection, pytest.raises(OwnershipLost):
            running_campaigns.prove_owned(connection, campaign_id, wrong)
    with database.write() as connection:
        running_campaigns.prove(connection, campaign_id, claimed.fence, {"status": Status.PAUSED.value})
    with database.read() as connection:
        assert connection.execute(select(t.campaign.c.status)).scalar_one() == "PAUSED"


def test_a_counter_never_falls(database: Database) -> None:
    campaign_id = running.start(database, 1)
    parts, state = running.begun(database, campaign_id, _claim(database).fence)
    for value, expected in ((45, 45), (43, 45), (50, 50)):
        with database.write() as connection:
            later = {0: replace(state.groups[0], next_f_cnt=value)}
            running_campaigns.save_groups(connection, campaign_id, parts, later, NOW)
            counter = connection.execute(select(t.multicast_group.c.next_f_cnt)).scalar_one()
        assert counter == expected


def test_a_campaign_that_is_over_gives_its_devices_and_groups_back(database: Database) -> None:
    campaign_id = running.start(database, 3)
    with database.write() as connection:
        assert len(running_campaigns.still_in_use(connection, campaign_id, 2)) == 2
        running_campaigns.free_groups(connection, campaign_id, {1: {"data_rate": 2}})
        group = connection.execute(select(t.multicast_group)).one()
        assert (group.campaign_id, group.network_state) == (None, {"data_rate": 2})
        connection.execute(update(t.device_facts).values(campaign_id=None))
        assert running_campaigns.still_in_use(connection, campaign_id, 2) == []


def test_an_order_waits_in_the_inbox_of_a_campaign_that_nobody_owns(database: Database) -> None:
    campaign_id = running.start(database, 1)
    with database.write() as connection:
        inbox.put(connection, [inbox.New(1, campaign_id, Started())], NOW)
    with database.read() as connection:
        assert [entry.event for entry in inbox.waiting(connection, campaign_id, 10)] == [Started()]
