"""Receptions counted for many devices are what each device would find by itself."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetcast.errors import Conflict
from fleetcast.fec import Encoder
from fleetcast.simulator.fragment_stream import FragmentStream, StreamKey
from fleetcast.simulator.packages.reception import Collected
from fleetcast.simulator.traits import Traits
from tests.simulator.devices import traits

M, SIZE = 24, 8
BLOCK = random.Random(3).randbytes(M * SIZE - 3)
ENCODER = Encoder(BLOCK, SIZE)
KEY = StreamKey(0, M, SIZE, "v1", bytes(4))


def stream_of(habits: list[tuple[Traits, int | None]]) -> FragmentStream:
    stream = FragmentStream(KEY, 0)
    for device, (behaviour, memory) in enumerate(habits):
        assert stream.join(device, behaviour, memory, 0) == device
    return stream


@st.composite
def _habits(draw: st.DrawFn) -> tuple[Traits, int | None]:
    behaviour = replace(
        traits(),
        fragment_repeated=draw(st.sampled_from(["count", "drop", "no_effect"])),
        fragment_out_of_order=draw(st.sampled_from(["use", "drop", "drop_uncoded"])),
    )
    return behaviour, draw(st.none() | st.integers(0, 12))


@given(
    habits=st.lists(_habits(), min_size=1, max_size=6),
    numbers=st.lists(st.integers(1, M + 30), min_size=1, max_size=90),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
def test_counting_for_many_gives_what_each_device_finds_with_real_bytes(
    habits: list[tuple[Traits, int | None]], numbers: list[int], seed: int
) -> None:
    dice = random.Random(seed)
    stream = stream_of(habits)
    alone = [Collected(M, SIZE, "v1", memory) for _, memory in habits]
    over: set[int] = set()
    for moment, n in enumerate([*range(1, M + 1), *numbers]):
        data = ENCODER.fragment(n)
        stream.on_air(n, data)
        hearing = [device for device in range(len(habits)) if dice.random() < 0.75]
        for device in hearing:
            if device not in over:
                alone[device].take(n, data, habits[device][0])
        progress = stream.hear(n, np.array(hearing, np.intp), moment)
        over |= set(progress.over.tolist())
        if dice.random() < 0.3:
            asked = dice.randrange(len(habits))
            assert stream.reception(asked) == alone[asked].reception()
    for device, one in enumerate(alone):
        got = stream.reception(device)
        assert got == one.reception()
        assert (device in over) == (got.complete or got.memory_exceeded)
        if got.complete:
            assert stream.block(3) == one.block(3) == BLOCK


def test_more_listeners_than_one_tracker_holds_are_counted_each_for_itself() -> None:
    stream = stream_of([(traits(), None)] * 300)
    for n in range(1, M + 1):
        stream.on_air(n, ENCODER.fragment(n))
        stream.hear(n, np.flatnonzero(np.arange(300) % M != n - 1), n)
    assert {stream.reception(device).missing for device in range(300)} == {1}
    stream.on_air(M + 1, ENCODER.fragment(M + 1))
    helped = stream.hear(M + 1, np.arange(300), M + 1).over
    assert 0 < len(helped) < 300
    assert [device for device in range(300) if stream.reception(device).complete] == helped.tolist()


def test_the_limit_is_the_frame_with_which_the_last_complete_device_had_received_any_m() -> None:
    stream = stream_of([(traits(), None), (traits(), None), (traits(), None)])
    for n in range(1, M + 9):
        stream.on_air(n, ENCODER.fragment(n))
        stream.hear(n, np.flatnonzero([n != 5, n > 4, n < 10]), n)
    assert stream.frames == M + 8
    assert stream.held_enough_at[:2].tolist() == [M + 1, M + 4]
    complete = [device for device in range(2) if stream.reception(device).complete]
    assert complete
    assert stream.fragments_minimum == max(int(stream.held_enough_at[device]) for device in complete)


def test_a_device_that_is_storing_loses_what_comes_too_soon() -> None:
    stream = stream_of([(replace(traits(), min_fragment_interval_s=0.5), None)])
    alone = np.array([0], np.intp)
    for n, now in ((1, 0), (2, 499), (3, 500), (4, 1100)):
        stream.hear(n, alone, now)
    assert stream.reception(0).uncoded == 3
    assert stream.any_received[0] == 4


def test_nobody_gets_a_block_that_was_not_on_the_air() -> None:
    stream = stream_of([(traits(), None)])
    stream.on_air(1, ENCODER.fragment(1))
    with pytest.raises(Conflict):
        stream.block(3)


def test_a_fragment_of_another_length_is_not_what_the_stream_carries() -> None:
    stream = stream_of([(traits(), None)])
    stream.on_air(1, b"short")
    assert stream.frames == 1
