"""`pipelined`: each device at its own pace, the session start common to all."""

from __future__ import annotations

from fleetcast.campaign.states import Mode
from fleetcast.planning.policy import Policy, Setup
from tests.campaign.direct import FRAG_OK, Hand, session_ok
from tests.campaign.toy_fleet import plan_for


def test_a_device_that_was_never_heard_does_not_hold_up_the_session_of_the_others() -> None:
    toy = Hand(plan_for(3, threshold=60, policy=Policy(setup=Setup.PIPELINED)))
    toy.start()
    start = toy.group().session_start
    toy.wait(1400)
    for i in (0, 1):
        toy.set_up(i)
        toy.hear(FRAG_OK, i=i, port=201)
        toy.hear(session_ok((start - toy.now) // 1000), i=i, port=200)
    assert toy.campaign.stage == 1, "the third one's grace goes on beyond the session start"
    toy.now = start - 1000
    toy.wait(30)
    assert toy.group().mode is Mode.SENDING
    assert toy.group().session == 1
    assert toy.multicasts(), "the stream begins in the session that was settled first"
