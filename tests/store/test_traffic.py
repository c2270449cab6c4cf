"""What was heard, what is to be sent and what happened: once, in order, and by its owner."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace

import pytest

from fleetcast.campaign.effects import EnsureGroup, FlushQueue, SendFragment, SendMulticast, SendUnicast
from fleetcast.campaign.events import DownlinkSent, Event, Paused, Started, TimePassed, UplinkHeard
from fleetcast.protocol.packages import Package
from fleetcast.protocol.ts004_fragmentation.v1 import FragSessionStatusReq
from fleetcast.protocol.ts006_firmware.v1 import DevVersionReq
from fleetcast.store import file_contents, heard_keys, inbox, journal, outbox, tables
from fleetcast.store.database import BATCH, Database
from fleetcast.store.file_contents import PIECE_BYTES, ContentDamaged
from fleetcast.store.journal import Line
from tests.store import rows, running
from tests.store.rows import NOW

SOON_S = 20.0


@pytest.fixture
def campaign(database: Database) -> int:
    with database.write() as connection:
        return rows.campaign(connection, rows.subscriber(connection))


def _put(database: Database, campaign: int, *events: Event) -> None:
    with database.write() as connection:
        inbox.put(connection, [inbox.New(1, campaign, event) for event in events], NOW)


# Inbox


def test_events_come_out_as_they_went_in_and_in_order(database: Database, campaign: int) -> None:
    heard = UplinkHeard(running.dev_eui(1), 201, b"\x01\x02", NOW, 7, 5, ("g1", "g2"))
    events = (Started(), heard, DownlinkSent(9, NOW), Paused("me", "because"))
    _put(database, campaign, *events)
    _put(database, campaign, TimePassed())
    with database.read() as connection:
        found = inbox.waiting(connection, campaign, 100)
        assert [entry.event for entry in found] == [*events, TimePassed()]
        assert [entry.event for entry in inbox.waiting(connection, campaign, 2)] == list(events[:2])
    assert [entry.id for entry in found] == sorted(entry.id for entry in found)


def test_an_event_that_was_thought_about_is_gone_and_its_number_never_comes_again(
    database: Database, campaign: int
) -> None:
    _put(database, campaign, *[TimePassed()] * (BATCH + 2))
    with database.write() as connection:
        ids = [entry.id for entry in inbox.waiting(connection, campaign, 2 * BATCH)]
        inbox.done(connection, ids)
    _put(database, campaign, Started())
    with database.read() as connection:
        (left,) = inbox.waiting(connection, campaign, 100)
    assert left.id > max(ids)


def test_a_campaign_sees_its_own_events_alone(database: Database, campaign: int) -> None:
    with database.write() as connection:
        other = rows.campaign(connection, 1, "other")
    _put(database, other, Started())
    with database.write() as connection:
        assert inbox.waiting(connection, campaign, 100) == []
        inbox.clear(connection, campaign)
        assert len(inbox.waiting(connection, other, 100)) == 1
        inbox.clear(connection, other)
        assert inbox.waiting(connection, other, 100) == []


# Outbox

_UNICAST = SendUnicast(3, running.dev_eui(0), Package.FIRMWARE_MANAGEMENT, 203, (DevVersionReq(),), NOW + 5)
_MULTICAST = SendMulticast(4, running.GROUP, 201, (FragSessionStatusReq(frag_index=1, participants=1),), 17, NOW + 9)
_EFFECTS: tuple[outbox.Outward, ...] = (
    EnsureGroup(1, running.GROUP, (running.dev_eui(0),)),
    SendFragment(2, running.GROUP, 0, 12, 55, NOW + 7),
    _UNICAST,
    _MULTICAST,
    FlushQueue(5, running.GROUP),
)


def _outbox(database: Database, campaign: int, fence: int) -> None:
    with database.write() as connection:
        outbox.put(connection, 1, campaign, fence, _EFFECTS, NOW)


def test_effects_that_an_earlier_owner_left_are_taken_over_with_their_counters(
    database: Database, campaign: int
) -> None:
    _outbox(database, campaign, 1)
    with database.write() as connection:
        assert outbox.claim_all(connection, campaign, 2) == list(_EFFECTS)


def test_an_owner_reports_its_own_effects_once(database: Database, campaign: int) -> None:
    _outbox(database, campaign, 1)
    with database.write() as connection:
        assert outbox.done(connection, campaign, 1, [2, 3, 99]) == {2, 3}
        assert outbox.done(connection, campaign, 1, [2, 3]) == set()
        assert [each.effect_id for each in outbox.claim_all(connection, campaign, 1)] == [1, 4, 5]


def test_an_owner_that_was_replaced_reports_nothing_any_more(database: Database, campaign: int) -> None:
    _outbox(database, campaign, 1)
    with database.write() as connection:
        outbox.claim_all(connection, campaign, 2)
    with database.write() as connection:
        assert outbox.done(connection, campaign, 1, [1, 2, 3, 4, 5]) == set()
        assert outbox.done(connection, campaign, 2, [1, 2, 3, 4, 5]) == {1, 2, 3, 4, 5}


def test_a_stop_withdraws_what_was_to_be_sent_up_to_it_and_leaves_the_rest(database: Database, campaign: int) -> None:
    _outbox(database, campaign, 1)
    with database.write() as connection:
        outbox.withdraw(connection, campaign, 3)
        assert [each.effect_id for each in outbox.claim_all(connection, campaign, 1)] == [4, 5]
        outbox.withdraw(connection, campaign, 5)
        assert outbox.claim_all(connection, campaign, 1) == [FlushQueue(5, running.GROUP)]


def test_an_effect_number_is_used_once(database: Database, campaign: int) -> None:
    from fleetcast.store.clashes import Taken

    _outbox(database, campaign, 1)
    with pytest.raises(Taken):
        _outbox(database, campaign, 2)


# Heard keys


@pytest.fixture
def network(database: Database) -> int:
    with database.write() as connection:
        return rows.network(connection, rows.subscriber(connection))


def test_the_same_thing_enters_once(database: Database, network: int) -> None:
    with database.write() as connection:
        assert heard_keys.enter(connection, network, ["a", "b", "a"], NOW) == {"a", "b"}
    with database.write() as connection:
        assert heard_keys.enter(connection, network, ["b", "c"], NOW + 1) == {"c"}
        assert heard_keys.enter(connection, network, [], NOW) == set()


def test_each_connection_hears_for_itself(database: Database, network: int) -> None:
    with database.write() as connection:
        other = rows.network(connection, 1, "other")
        heard_keys.enter(connection, network, ["a"], NOW)
        assert heard_keys.enter(connection, other, ["a"], NOW) == {"a"}


def test_old_keys_are_forgotten(database: Database, network: int) -> None:
    with database.write() as connection:
        heard_keys.enter(connection, network, ["old"], NOW)
        heard_keys.enter(connection, network, ["new"], NOW + 10)
        assert heard_keys.prune(connection, NOW + 10) == 1
        assert heard_keys.enter(connection, network, ["old", "new"], NOW + 20) == {"old"}


def test_workers_that_hear_the_same_at_once_take_it_in_once(shared_url: str) -> None:
    database = Database.open(shared_url)
    with database.write() as connection:
        network = rows.network(connection, rows.subscriber(connection))
    keys = [f"uplink {n}" for n in range(700)]
    entered: list[set[str]] = []
    together = threading.Barrier(4)

    def hear(order: int) -> None:
        mine = keys if order % 2 else keys[::-1]
        together.wait(SOON_S)
        with database.write() as connection:
            entered.append(heard_keys.enter(connection, network, mine, NOW))

    threads = [threading.Thread(target=hear, args=(order,)) for order in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert sum(len(each) for each in entered) == len(keys)
    assert set().union(*entered) == set(keys)
    database.close()


# Journal


def test_the_journal_is_followed_without_gaps_or_repeats(database: Database) -> None:
    with database.write() as connection:
        tenant, other = rows.subscriber(connection), rows.subscriber(connection, "other")
        assert journal.last(connection, tenant) == 0
        line = Line(kind="campaign.status", text="started", who="ann", campaign_id=3, data={"status": "RUNNING"})
        journal.write(connection, tenant, [line, replace(line, text="paused")], NOW)
        journal.write(connection, other, [line], NOW)
        journal.write(connection, tenant, [], NOW)
    with database.read() as connection:
        first = journal.following(connection, tenant, 0, 1)
        rest = journal.following(connection, tenant, first[0].id, 10)
        assert [each.text for each in (*first, *rest)] == ["started", "paused"]
        assert journal.last(connection, tenant) == rest[0].id
    assert (first[0].who, first[0].campaign_id, first[0].data) == ("ann", 3, {"status": "RUNNING"})


def test_no_line_is_passed_over_that_another_writer_has_yet_to_commit(shared_url: str) -> None:
    database = Database.open(shared_url)
    with database.write() as connection:
        tenant = rows.subscriber(connection)
    with database.write() as slow:
        journal.write(slow, tenant, [Line(kind="test", text="written first, committed last")], NOW)
        with database.write() as quick:
            journal.write(quick, tenant, [Line(kind="test", text="written last, committed first")], NOW)
        with database.read() as reader:
            assert journal.following(reader, tenant, 0, 10) == []
            assert journal.last(reader, tenant) == 0
    with database.read() as reader:
        texts = [each.text for each in journal.following(reader, tenant, 0, 10)]
    assert texts == ["written first, committed last", "written last, committed first"]
    database.close()


# Contents of files


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, 2 * PIECE_BYTES + 5])
def test_a_content_comes_back_whole_and_in_pieces(database: Database, size: int) -> None:
    data = bytes(n * 7 % 251 for n in range(size))
    sha256 = hashlib.sha256(data).hexdigest()
    parts = [data[at : at + 100_000] for at in range(0, size, 100_000)]
    with database.write() as connection:
        tenant = rows.subscriber(connection)
        assert file_contents.put(connection, tenant, sha256, parts) == size
    with database.read() as connection:
        assert file_contents.whole(connection, tenant, sha256) == data
        pieces = list(file_contents.pieces(connection, tenant, sha256))
        assert file_contents.has(connection, tenant, sha256) is (size > 0)
    assert b"".join(pieces) == data
    assert all(len(piece) <= PIECE_BYTES for piece in pieces)


def test_the_same_content_is_kept_once_and_apart_for_each_subscriber(database: Database) -> None:
    sha256 = hashlib.sha256(b"image").hexdigest()
    with database.write() as connection:
        one, two = rows.subscriber(connection), rows.subscriber(connection, "other")
        assert file_contents.put(connection, one, sha256, [b"image"]) == 5
        assert file_contents.put(connection, one, sha256, [b"im", b"age"]) == 5
        assert file_contents.has(connection, two, sha256) is False
        assert file_contents.whole(connection, two, sha256) == b""


def test_other_bytes_than_those_announced_are_not_kept(database: Database) -> None:
    sha256 = hashlib.sha256(b"image").hexdigest()

    def upload() -> None:
        with database.write() as connection:
            file_contents.put(connection, rows.subscriber(connection), sha256, [b"imagf"])

    with pytest.raises(ContentDamaged, match="upload it again"):
        upload()
    with database.read() as connection:
        assert file_contents.has(connection, 1, sha256) is False


def test_a_content_that_was_altered_is_not_sent(database: Database) -> None:
    sha256 = hashlib.sha256(b"image").hexdigest()
    with database.write() as connection:
        tenant = rows.subscriber(connection)
        file_contents.put(connection, tenant, sha256, [b"image"])
        connection.execute(tables.file_content.update().values(data=b"imagf"))
    with database.read() as connection, pytest.raises(ContentDamaged):
        file_contents.whole(connection, tenant, sha256)
