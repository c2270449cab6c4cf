"""Completion without payloads, and the tracker of many devices: both must say what a decoder says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetcast.errors import Invalid
from fleetcast.fec import (
    SCHEMES,
    Decoder,
    FragmentNumberOutOfRange,
    Implementation,
    RankTracker,
    Scheme,
    available,
    completion,
)
from tests.vectors import load

CASES = load("recovery.json")["cases"]


def heard_numbers(case: dict[str, Any]) -> list[int]:
    return [n for first, last in case["received"] for n in range(first, last + 1)]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_completion_is_where_the_published_receptions_have_it(scheme: Scheme, implementation: Implementation) -> None:
    judged = 0
    for case in CASES:
        numbers = heard_numbers(case)
        if case["scheme"] != scheme or not case["in_order"] or not numbers or max(numbers) <= case["m"]:
            continue
        m = case["m"]
        heard = np.zeros((1, max(numbers)), np.bool_)
        heard[0, np.array(numbers) - 1] = True
        when = completion(m, heard[:, :m], heard[:, m:], scheme=scheme, implementation=implementation)[0]
        at = case["completes_at_fragment"]
        assert when == (-1 if at is None else max(0, at - m)), case["id"]
        judged += 1
    assert judged > 60


@given(
    m=st.one_of(st.integers(1, 70), st.integers(100, 300)),
    sent=st.integers(0, 600),
    loss=st.floats(0.0, 1.0),
    scheme=st.sampled_from(SCHEMES),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=40, deadline=None)
def test_the_implementations_agree_and_a_decoder_judges_one_device(
    m: int, sent: int, loss: float, scheme: Scheme, seed: int
) -> None:
    dice = np.random.default_rng(seed)
    uncoded, coded = dice.random((9, m)) >= loss, dice.random((9, sent)) >= loss
    results = [completion(m, uncoded, coded, scheme=scheme, implementation=one) for one in available()]
    assert all(np.array_equal(results[0], other) for other in results)
    decoder, at = Decoder(m, 1, scheme), -1
    for column in np.flatnonzero(uncoded[0]):
        decoder.add(int(column) + 1, b"\0")
    if decoder.complete:
        at = 0
    for slot in np.flatnonzero(coded[0]):
        if not decoder.complete:
            decoder.add(m + 1 + int(slot), b"\0")
            at = int(slot) + 1 if decoder.complete else at
    assert results[0][0] == at


def test_many_devices_of_a_long_block_agree_between_implementations() -> None:
    dice = np.random.default_rng(3)
    loss = np.linspace(0.0, 0.6, 60)[:, np.newaxis]
    uncoded, coded = dice.random((60, 1000)) >= loss, dice.random((60, 1300)) >= loss
    results = [completion(1000, uncoded, coded, implementation=one) for one in available()]
    assert all(np.array_equal(results[0], other) for other in results)
    assert results[0][0] == 0
    lost, heard = 1000 - uncoded.sum(axis=1), np.cumsum(coded, axis=1)
    done = np.flatnonzero(results[0] > 0)
    assert len(done) > 40
    assert (heard[done, results[0][done] - 1] >= lost[done]).all()


def test_coded_fragments_may_be_sent_in_any_order_of_numbers(implementation: Implementation) -> None:
    dice = np.random.default_rng(4)
    numbers = dice.permutation(np.arange(51, 151))[:40]
    uncoded, coded = dice.random((20, 50)) >= 0.2, dice.random((20, 40)) >= 0.2
    when = completion(50, uncoded, coded, numbers=numbers, implementation=implementation)
    for device in range(20):
        decoder = Decoder(50, 1)
        for column in np.flatnonzero(uncoded[device]):
            decoder.add(int(column) + 1, b"\0")
        for slot, number in enumerate(numbers):
            if coded[device, slot]:
                decoder.add(int(number), b"\0")
            assert decoder.complete == (0 <= when[device] <= slot + 1)


def test_memory_keeps_those_from_completing_that_lost_more(implementation: Implementation) -> None:
    uncoded = np.ones((3, 100), np.bool_)
    uncoded[1, :5] = uncoded[2, :6] = False
    coded = np.ones((3, 60), np.bool_)
    when = completion(100, uncoded, coded, memory=5, implementation=implementation)
    assert when[0] == 0
    assert when[1] > 0
    assert when[2] == -1
    each = completion(100, uncoded, coded, memory=np.array([0, 4, 6], np.int32), implementation=implementation)
    assert (each[0], each[1]) == (0, -1)
    assert each[2] > 0


def test_flags_and_numbers_that_do_not_fit_are_refused() -> None:
    flags = np.ones((2, 10), np.bool_)
    with pytest.raises(Invalid, match="2 rows of 11"):
        completion(11, flags, flags)
    with pytest.raises(Invalid, match="10 coded fragments were sent, but 2"):
        completion(10, flags, flags, numbers=[11, 12])
    with pytest.raises(FragmentNumberOutOfRange):
        completion(10, flags, flags, numbers=range(1, 11))


@given(
    m=st.integers(1, 60),
    scheme=st.sampled_from(SCHEMES),
    memory=st.one_of(st.none(), st.integers(0, 20)),
    seed=st.integers(0, 2**32),
    carousel=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_the_tracker_says_what_each_devices_decoder_says(
    m: int, scheme: Scheme, memory: int | None, seed: int, carousel: bool
) -> None:
    dice = np.random.default_rng(seed)
    devices = 6
    rising = dice.random(devices) < 0.3
    loss = dice.uniform(0, 0.7, devices)
    trackers = [
        RankTracker(m, devices, scheme, memory=memory, rising_only=rising, implementation=one) for one in available()
    ]
    decoders = [Decoder(m, 1, scheme, memory, rising_only=bool(rising[d])) for d in range(devices)]
    numbers = list(range(1, 2 * m + 8))
    if carousel:
        numbers = [int(dice.integers(1, 2 * m + 8)) for _ in range(4 * m + 8)]
    for n in numbers:
        heard = dice.random(devices) >= loss
        before = [decoder.complete for decoder in decoders]
        for device in np.flatnonzero(heard):
            decoders[device].add(n, b"\0")
        now = [decoder.complete for decoder in decoders]
        for tracker in trackers:
            assert tracker.hear(n, heard).tolist() == [d for d in range(devices) if now[d] and not before[d]]
            assert tracker.complete.tolist() == now
            assert tracker.memory_exceeded.tolist() == [decoder.memory_exceeded for decoder in decoders]
            assert tracker.received.tolist() == [decoder.received for decoder in decoders]
        if dice.random() < 0.2:
            some = np.flatnonzero(dice.random(devices) < 0.5)
            for tracker in trackers:
                assert tracker.missing(some).tolist() == [decoders[d].missing for d in some]
    for tracker in trackers:
        assert tracker.missing().tolist() == [decoder.missing for decoder in decoders]


def test_the_tracker_agrees_with_completion_over_more_coded_fragments_than_one_lane(
    implementation: Implementation,
) -> None:
    dice = np.random.default_rng(5)
    m, sent, devices = 300, 700, 40
    loss = np.linspace(0, 0.75, devices)
    flags = dice.random((m + sent, devices)) >= loss
    tracker = RankTracker(m, devices, implementation=implementation)
    completed_at = np.full(devices, -1)
    for n in range(1, m + sent + 1):
        completed_at[tracker.hear(n, flags[n - 1])] = n
    when = completion(m, flags[:m].T, flags[m:].T, implementation=implementation)
    assert np.array_equal(np.where(when < 0, -1, np.maximum(completed_at - m, 0)), when)
    assert np.array_equal(tracker.complete, when >= 0)
    assert ((when > 256) & tracker.complete).any()


def test_a_tracker_refuses_what_cannot_be() -> None:
    tracker = RankTracker(10, 3)
    for n in (0, 16384):
        with pytest.raises(FragmentNumberOutOfRange):
            tracker.hear(n, np.ones(3, np.bool_))
    with pytest.raises(Invalid, match="3 flags"):
        tracker.hear(1, np.ones(2, np.bool_))
    with pytest.raises(Invalid, match="devices"):
        RankTracker(10, -1)


def test_a_fleet_of_nobody_is_tracked_all_the_same() -> None:
    tracker = RankTracker(10, 0)
    assert tracker.hear(1, np.zeros(0, np.bool_)).size == 0
    assert tracker.missing().size == 0
