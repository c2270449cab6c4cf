"""Fragments as bytes, and fragments counted elsewhere: a device says and does the same."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from fleetcast.fec import Encoder, Scheme
from fleetcast.fec.naive_decoder import NaiveDecoder
from fleetcast.protocol.packages import Package
from fleetcast.simulator.device import Device
from fleetcast.simulator.device_spec import Defects
from fleetcast.simulator.packages.reception import Reception
from fleetcast.simulator.traits import Traits, stack
from tests.simulator.devices import (
    NOW,
    answers,
    device,
    fragment,
    fragment_setup,
    fragment_setup_v2,
    group_setup,
    model,
    payloads,
    traits,
)
from tests.vectors import generated_data

DATA = generated_data("two ways", 30 * 48 - 5)
M = 30
MINUTE = 60_000

STACKS = {
    "reference v1": traits(1),
    "reference v2": traits(2),
    "lost_until_complete": traits(1, missing_frag="lost_until_complete", missing_frag_before_first="zero"),
    "loramac-node": replace(stack("loramac-node-4.7.0"), max_nb_frag=100, max_block_bytes=None, done_uplink=None),
    "lora-basics-modem v1": stack("lora-basics-modem-4.8.0-v1"),
    "lora-basics-modem v2": stack("lora-basics-modem-4.8.0-v2"),
    "stm32wl v1": stack("stm32wl-v1"),
    "zephyr": replace(stack("zephyr-main"), setup_busy_s=0.0),
    "renesas v2": stack("renesas-rl78-ra-v2", without=["RECEIVED_REQ_ON_NEXT_FRAGMENT"]),
}


class Counted:
    """One listener, whose reception is worked out from the numbers it heard, plainly."""

    def __init__(self, encoder: Encoder, data: bytes, behaviour: Traits, memory: int | None) -> None:
        self._data = data
        self._traits = behaviour
        self._memory = memory
        self._decoder = NaiveDecoder(encoder.fragment_count, 1, encoder.scheme)
        self._taken: set[int] = set()
        self._received = self._last_n = self._highest_n = 0
        self._exceeded = False

    def hear(self, n: int) -> None:
        """A fragment reached the listener."""
        if self._exceeded or self._missing == 0:
            return
        repeated = n in self._taken
        self._received += not repeated or self._traits.fragment_repeated == "count"
        self._last_n, highest = n, self._highest_n
        self._highest_n = max(n, highest)
        habit = self._traits.fragment_out_of_order
        if repeated or (n < highest and (habit == "drop" or (habit == "drop_uncoded" and n <= M))):
            return
        unknown = M - sum(one <= M for one in self._taken)
        if n > M and self._memory is not None and unknown > self._memory:
            self._exceeded = True
            return
        self._taken.add(n)
        self._decoder.add(n, b"\0")

    @property
    def _missing(self) -> int:
        return self._decoder.missing if not self._exceeded else M - sum(one <= M for one in self._taken)

    def reception(self, position: int) -> Reception:
        """As `Listeners`."""
        assert position == 5
        uncoded = sum(one <= M for one in self._taken)
        return Reception(
            self._received, len(self._taken), uncoded, self._last_n, self._highest_n, self._missing, self._exceeded
        )

    def block(self, padding: int) -> bytes:
        """As `Listeners`."""
        assert padding == 5
        return self._data


def ready(one: Device, encoder: Encoder) -> None:
    """Group and block set up."""
    answers(one, group_setup(), 200, within_s=1)
    if one.spec.model.traits.version(Package.FRAGMENTATION) == 1:
        setup = fragment_setup(encoder, block_ack_delay=1)
    else:
        setup = fragment_setup_v2(encoder, DATA, one.spec, block_ack_delay=1, ack_reception=True)
    assert answers(one, setup, 201, within_s=5) == ["0200"]


def air(seed: int) -> list[int]:
    """The numbers that a device hears of 30 uncoded and 20 coded fragments, some twice, some late."""
    chance = random.Random(seed)
    loss = chance.choice([0.0, 0.05, 0.2, 0.4])
    heard = [n for n in range(1, M + 21) if chance.random() >= loss]
    for _ in range(chance.randrange(4)):
        heard.insert(chance.randrange(len(heard)), chance.choice(heard))
    return heard


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("memory", [None, 3])
def test_a_device_says_and_does_the_same_with_bytes_and_with_counts(name: str, memory: int | None) -> None:
    behaviour = STACKS[name]
    scheme: Scheme = "v1" if behaviour.version(Package.FRAGMENTATION) == 1 else "v2-relative"
    encoder = Encoder(DATA, 48, scheme)
    limits = [limit for limit in (memory, behaviour.max_lost_fragments) if limit is not None]
    outcomes = set()
    for seed in range(12):
        make = model(behaviour)
        with_bytes, with_counts = (device(make, seed=seed, defects=Defects(decoder_memory=memory)) for _ in range(2))
        ready(with_bytes, encoder)
        ready(with_counts, encoder)
        listeners = Counted(encoder, DATA, behaviour, min(limits, default=None))
        with_counts.follow(0, listeners, 5)
        at = NOW + MINUTE
        for place, n in enumerate(air(seed)):
            at += 2000
            with_bytes.receive(at, 201, fragment(encoder, n), 0)
            listeners.hear(n)
            with_counts.notice(at, 0)
            if place % 9 == 3:
                at += poll_alike(with_bytes, with_counts, at, place)
        poll_alike(with_bytes, with_counts, at, 0)
        assert with_bytes.rebuilt == with_counts.rebuilt
        assert with_bytes.packages.firmware.image_status == with_counts.packages.firmware.image_status
        assert with_bytes.next_wake == with_counts.next_wake
        outcomes.add(with_bytes.rebuilt)
    assert DATA in outcomes


def poll_alike(with_bytes: Device, with_counts: Device, at: int, place: int) -> int:
    """Both answer a status request alike; returns how long that took."""
    request = bytes([1, place % 2])
    said = []
    for one in (with_bytes, with_counts):
        one.receive(at, 201, request, 0)
        said.append(payloads(one, at + MINUTE))
    assert said[0] == said[1]
    return MINUTE


def test_a_new_session_on_the_index_follows_nobody_any_more() -> None:
    one = device()
    encoder = Encoder(DATA, 48)
    ready(one, encoder)
    listeners = Counted(encoder, DATA, one.spec.model.traits, None)
    one.follow(0, listeners, 5)
    listeners.hear(1)
    one.notice(NOW, 0)
    assert one.fragment_sessions[0].reception().received == 1
    ready(one, encoder)
    assert one.fragment_sessions[0].reception().received == 0
