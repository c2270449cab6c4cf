"""A campaign is held in memory whole, with all its devices: what one of them costs there."""

from __future__ import annotations

import gc
import tracemalloc

from fleetcast.campaign.effects import SendUnicast
from fleetcast.campaign.engine import begin, next_deadline, react
from fleetcast.campaign.events import DownlinkSent, Event, GroupReady, Started, UplinkHeard
from fleetcast.campaign.states import Status
from fleetcast.campaign.table import State
from fleetcast.instants import InstantMs
from fleetcast.planning.policy import Policy
from tests.campaign.toy_fleet import GROUP, START, plan_for

FEW, MANY = 100, 300
UPLINKS = 20
MOST_BYTES = 1000


def take(state: State, event: Event, now: InstantMs) -> None:
    changes, effects = react(state, event, now)
    state.apply(changes)
    next_deadline(state)
    for effect in effects:
        if isinstance(effect, SendUnicast):
            take(state, DownlinkSent(effect.effect_id, now), now + 1)


def under_way(devices: int) -> State:
    """A campaign whose devices were heard many times, and have an exchange under way."""
    state = begin(plan_for(devices, policy=Policy(msg_retries=2 * UPLINKS)))
    take(state, Started(), START)
    take(state, GroupReady(GROUP, 0, 869_525_000, 5, created_by_us=True), START + 1)
    for n in range(UPLINKS):
        for i in range(devices):
            at = START + (n * devices + i) * 1500 + 1000
            uplink = UplinkHeard(state.plan.devices[i].dev_eui, 10, b"\x01", at, 1000 + n, 5, ())
            take(state, uplink, at + 100)
    assert len(state.devices[0].gaps) == 4 * 16
    return state


def bytes_of(devices: int) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        state = under_way(devices)
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert state.campaign.status is Status.RUNNING
    return taken


def test_a_device_with_a_long_past_takes_less_than_a_kilobyte_with_its_part_of_the_plan() -> None:
    under_way(MANY)  # what is kept once for all campaigns is not a device's
    assert bytes_of(MANY) - bytes_of(FEW) < MOST_BYTES * (MANY - FEW)


def test_the_index_of_deadlines_does_not_grow_with_what_happens() -> None:
    state = begin(plan_for(4))
    take(state, Started(), START)
    take(state, GroupReady(GROUP, 0, 869_525_000, 5, created_by_us=True), START + 1)
    for n in range(50):
        for planned in state.plan.devices:
            at = START + (n + 1) * 60_000
            changes, _ = react(state, UplinkHeard(planned.dev_eui, 10, b"\x01", at, n, 5, ()), at)
            state.apply(changes)
    assert len(state.deadlines) < 4 * len(state.plan.devices)
