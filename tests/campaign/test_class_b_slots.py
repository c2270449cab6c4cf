"""Class B: a frame must be at the gateway when its ping slot comes."""

from __future__ import annotations

from dataclasses import replace

from fleetcast.campaign.draft import Draft
from fleetcast.campaign.effects import SendFragment
from fleetcast.campaign.engine import begin
from fleetcast.campaign.frames import SLOT_LEAD_MS, Gate, gate, send_fragment
from fleetcast.campaign.transfer.ping_slots import next_slot
from fleetcast.planning.plan import Plan
from tests.campaign.toy_fleet import START, plan_for


def class_b() -> Plan:
    plan = plan_for(1)
    return replace(plan, groups=(replace(plan.groups[0], session_class="B", periodicity=4),))


def test_a_frame_is_handed_over_shortly_before_the_slot_it_names() -> None:
    plan = class_b()
    planned, state = plan.groups[0], begin(plan)
    state.groups[0].session_end = START + 86_400_000
    slot = next_slot(planned.mc_addr, planned.periodicity, START + SLOT_LEAD_MS + 1, planned.airtime_us)
    early = Draft(state, slot - SLOT_LEAD_MS - 1)
    assert gate(early, 0, planned.airtime_us) is Gate.LATER
    assert early.group(0).due == slot - SLOT_LEAD_MS
    in_time = Draft(state, slot - SLOT_LEAD_MS)
    assert gate(in_time, 0, planned.airtime_us) is Gate.OPEN
    send_fragment(in_time, 0, 1)
    (sent,) = [effect for effect in in_time.effects if isinstance(effect, SendFragment)]
    assert sent.not_before == slot
    assert in_time.group(0).pace.last_start == slot
