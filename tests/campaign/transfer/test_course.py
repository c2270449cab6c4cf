from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetcast.campaign.transfer import course
from fleetcast.campaign.transfer.ledger import Ledger
from fleetcast.campaign.transfer.strategy import Finish, PollMulticast, PollUnicast, Reason, Receiver, SendMore, Tally
from fleetcast.planning.policy import Policy, TransferUntil
from tests.campaign.transfer.group import Crowd, group

ONE = (Receiver(index=0, expected_loss=0.1),)
TALLY = Tally(devices=1, complete=0, wanted=1)


def sent(ledger: Ledger, n: int) -> Ledger:
    return ledger.hand_over(n, 1).was_sent(n)


def test_the_first_batch_is_all_uncoded_fragments_then_the_planned_coded_ones():
    transfer, ledger = course.begin(group(5, coded_first=2), Policy()), Ledger.of(5)
    numbers = []
    while (n := course.next_number(transfer, ledger)) is not None:
        numbers.append(n)
        ledger = sent(ledger, n)
    assert numbers == [1, 2, 3, 4, 5, 6, 7]


def test_a_block_of_one_fragment_is_sent_again_and_nothing_is_coded():
    crowd = Crowd([0.3] * 20, planned=group(1, coded_first=2, coded_max=0))
    _, ledger, finish = crowd.play()
    assert set(crowd.numbers) == {1}
    assert ledger.coded == 0
    assert finish.reason is Reason.COMPLETE


def test_the_subscribers_limit_on_coded_fragments_holds():
    crowd = Crowd([0.6] * 5, policy=Policy(frag_redundancy_max=12))
    _, ledger, finish = crowd.play()
    assert ledger.coded <= 12
    assert finish.reason is Reason.USED_UP
    assert finish.given_up


def test_an_unfinished_batch_goes_on_however_often_it_is_asked():
    transfer = course.begin(group(5), Policy())
    transfer, decision = course.decide(transfer, sent(Ledger.of(5), 1), ONE, TALLY, 100)
    assert decision == SendMore(5)


def test_all_complete_by_other_evidence_ends_it_without_a_question():
    transfer, decision = course.decide(course.begin(group(5), Policy()), Ledger.of(5), (), TALLY, 100)
    assert decision == Finish(Reason.COMPLETE)
    with pytest.raises(course.TransferOver):
        course.decide(transfer, Ledger.of(5), (), TALLY, 100)


def test_when_the_time_is_over_the_open_devices_are_asked_before_the_end():
    crowd = Crowd([0.5] * 4, frames_left=60)
    _, _, finish = crowd.play()
    assert crowd.decisions[0] == PollMulticast(everyone=True)
    assert not any(isinstance(one, SendMore) for one in crowd.decisions)
    assert finish.reason is Reason.USED_UP


@pytest.mark.parametrize("strategy", ["fixed", "carousel", "adaptive"])
def test_the_first_question_goes_to_everyone_over_multicast(strategy: str):
    crowd = Crowd([0.2] * 30, planned=group(strategy=strategy))
    crowd.play()
    assert crowd.decisions[0] == PollMulticast(everyone=True)


@pytest.mark.parametrize("strategy", ["fixed", "carousel", "adaptive"])
def test_the_threshold_ends_carousel_and_adaptive_where_that_is_wanted(strategy: str):
    losses = [0.02] * 18 + [0.8] * 2
    crowd = Crowd(
        losses, wanted=18, answering=1.0, planned=group(strategy=strategy),
        policy=Policy(transfer_until=TransferUntil.THRESHOLD),
    )  # fmt: skip
    _, _, finish = crowd.play()
    assert finish.reason is (Reason.USED_UP if strategy == "fixed" else Reason.THRESHOLD)


def test_the_threshold_costs_less_air_than_everyone():
    losses = [0.05] * 45 + [0.5] * 5
    everyone, threshold = Crowd(losses), Crowd(losses, wanted=45, policy=Policy(transfer_until=TransferUntil.THRESHOLD))
    everyone.play()
    threshold.play()
    assert len(threshold.numbers) < 0.8 * len(everyone.numbers)


def test_fixed_sends_its_share_asks_the_silent_by_unicast_and_ends():
    crowd = Crowd([0.3] * 40, planned=group(50, strategy="fixed", coded_first=15))
    _, _, finish = crowd.play()
    assert crowd.numbers == list(range(1, 66))
    assert isinstance(crowd.decisions[1], PollUnicast)
    assert finish.reason is Reason.USED_UP
    assert set(finish.given_up) == set(range(40)) - crowd.complete


def test_carousel_repeats_all_uncoded_fragments_until_everyone_has_them():
    crowd = Crowd([0.3] * 10, planned=group(20, strategy="carousel", coded_first=5))
    _, ledger, finish = crowd.play()
    assert finish.reason is Reason.COMPLETE
    assert ledger.coded == 0
    assert len(crowd.batches) > 2
    assert all(batch == list(range(1, 21)) for batch in crowd.batches)


def test_carousel_ends_with_its_last_pass():
    crowd = Crowd([0.7] * 10, planned=group(20, strategy="carousel", passes_max=3))
    _, _, finish = crowd.play()
    assert len(crowd.batches) == 3
    assert finish.reason is Reason.PASSES_USED_UP
    assert set(finish.given_up) == set(range(10)) - crowd.complete


@pytest.mark.parametrize("strategy", ["fixed", "carousel", "adaptive"])
def test_dead_devices_keep_nobody_from_an_end(strategy: str):
    crowd = Crowd([0.1] * 10, dead=frozenset({3}), planned=group(strategy=strategy, coded_first=20))
    _, _, finish = crowd.play()
    assert finish.given_up == (3,)
    assert crowd.complete == set(range(10)) - {3}


@pytest.mark.parametrize("strategy", ["carousel", "adaptive"])
def test_a_fleet_without_one_answer_counts_nobody(strategy: str):
    crowd = Crowd([0.1] * 3, dead=frozenset(range(3)), planned=group(strategy=strategy))
    _, _, finish = crowd.play()
    assert finish.reason is Reason.NOBODY_COUNTS


crowds = st.builds(
    Crowd,
    losses=st.lists(st.floats(0, 0.97), min_size=1, max_size=12),
    seed=st.integers(0, 2**32),
    answering=st.sampled_from([0.2, 0.85, 1.0]),
    dead=st.frozensets(st.integers(0, 11), max_size=4),
    refused=st.sampled_from([0.0, 0.1, 0.6]),
    planned=st.builds(
        group,
        st.sampled_from([1, 2, 5, 24, 60]),
        strategy=st.sampled_from(["fixed", "carousel", "adaptive"]),
        scheme=st.sampled_from(["v1", "v2-relative"]),
        coded_first=st.integers(0, 30),
        coded_max=st.sampled_from([0, 10, 200, 16000]),
        passes_max=st.integers(1, 5),
    ),
    frames_left=st.sampled_from([0, 7, 90, 100_000]),
    policy=st.builds(Policy, transfer_until=st.sampled_from(list(TransferUntil))),
    wanted=st.sampled_from([0, 1, None]),
    traits=st.dictionaries(
        st.integers(0, 11),
        st.fixed_dictionaries({}, optional={
            "takes_any_order": st.booleans(), "memory_limit": st.integers(0, 60),
            "memory_exhausted": st.booleans(), "missing_falls": st.booleans(), "listening_from": st.integers(0, 80),
        }),
        max_size=3,
    ),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(crowds)
def test_every_transfer_ends_and_never_orders_a_coded_number_twice(crowd: Crowd):
    _, ledger, finish = crowd.play()
    m = crowd.planned.fragments
    first_time = set()
    for batch in crowd.batches:
        for earlier, later in pairwise(batch):
            assert later > earlier or (crowd.refused and later == earlier) or m == 1, "numbers rise within a batch"
        assert all(n <= m or n not in first_time or crowd.refused for n in batch)
        first_time.update(batch)
    assert max(crowd.numbers, default=0) <= 16383
    assert ledger.handed_over == len(crowd.numbers) <= crowd.frames_left
    assert ledger.airtime_us == 1000 * ledger.handed_over
    assert not set(finish.given_up) & crowd.complete


@settings(max_examples=40, deadline=None)
@given(crowds)
def test_the_same_answers_lead_to_the_same_decisions(crowd: Crowd):
    twin = Crowd(
        crowd.losses, crowd.seed, crowd.answering, crowd.dead, crowd.refused, crowd.planned, crowd.policy,
        crowd.wanted, crowd.frames_left, crowd.traits,
    )  # fmt: skip
    crowd.play()
    twin.play()
    assert crowd.decisions == twin.decisions
    assert crowd.numbers == twin.numbers
