"""Whole transfers in a small world, set up by hand."""

from __future__ import annotations

import random

from fleetcast.fec import Encoder
from fleetcast.protocol.ts004_fragmentation.v1 import FragSessionStatusReq
from fleetcast.simulator.heard import Uplink
from tests.simulator.devices import NOW
from tests.simulator.worlds import Hand, part, world

DATA = random.Random(7).randbytes(2_000)
SESSION = NOW + 2 * 3_600_000
STATUS_OF_ALL = FragSessionStatusReq(frag_index=0, participants=1).encode()


def test_one_device_is_set_up_receives_a_block_and_says_so() -> None:
    hand = Hand(world(part(1)))
    encoder = Encoder(DATA, 50)
    hand.set_up(encoder, SESSION)
    hand.run(SESSION + 3_000)
    hand.transfer(encoder, range(1, encoder.fragment_count + 1))
    hand.cast(STATUS_OF_ALL)
    heard = hand.run(hand.world.now + 60_000)

    answers = [each.payload for each in heard if isinstance(each, Uplink) and each.f_port == 201]
    assert answers == [bytes([1]) + encoder.fragment_count.to_bytes(2, "little") + bytes([0, 0])]
    assert hand.world.rebuilt(hand.world.fleet.dev_eui(0)) == DATA
    (stream,) = hand.world.streams()
    assert (stream.frames, stream.fragments_minimum, stream.complete) == (40, 40, 1)
    assert not any(each.violated for each in hand.world.airtime())
