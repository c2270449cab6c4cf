"""What a campaign that is over leaves in the facts of a device."""

from __future__ import annotations

from dataclasses import replace

from fleetcast.campaign.engine import begin
from fleetcast.campaign.states import DeviceState, Done, Undo
from fleetcast.identifiers import DevEui
from fleetcast.planning.plan import Plan
from fleetcast.planning.planner import make_plan
from fleetcast.runtime.learned import learn
from fleetcast.store.listening import Listened
from tests.planning.requests import request

NOW = 1_767_225_600_000


def plan() -> Plan:
    return make_plan(request(), NOW)


def learned(before: Listened | None = None, **changes: object) -> Listened:
    made = plan()
    device: DeviceState = begin(made).devices[0]
    for name, value in changes.items():
        setattr(device, name, value)
    facts = before or Listened(1, 1, DevEui(made.devices[0].dev_eui), 1, 9)
    learn(facts, 9, made, made.devices[0], device, NOW)
    return facts


def test_a_group_that_was_confirmed_stays_set_up() -> None:
    group = plan().groups[0]
    facts = learned(done=Done.GROUP_SAID | Done.GROUP_SET)
    assert facts.set_up_groups == {
        str(plan().devices[0].mc_group_id): {
            "group": str(group.dev_eui), "mc_addr": str(group.mc_addr), "first_f_cnt": group.first_f_cnt,
            "end_f_cnt": group.end_f_cnt, "last_used_at": NOW,
        }
    }  # fmt: skip


def test_a_group_whose_setup_was_not_confirmed_or_was_undone_is_not_known_to_stand() -> None:
    slot = str(plan().devices[0].mc_group_id)
    for done, undone in (
        (Done.GROUP_SAID, Undo.NOTHING),
        (Done.GROUP_SAID | Done.GROUP_SET, Undo.GROUP),
    ):
        facts = Listened(1, 1, DevEui("0000000000000001"), 1, 9, set_up_groups={slot: {"group": "old"}})
        assert learned(facts, done=done, undone=undone).set_up_groups == {}


def test_a_loss_is_learned_where_frames_were_counted() -> None:
    facts = learned(received=180, frames_asked=210, listening_from=10)
    assert facts.expected_loss == 1 - 180 / 200
    assert learned(received=9, frames_asked=12).expected_loss is None
    assert learned(received=-1, frames_asked=300).expected_loss is None


def test_a_fragmentation_session_that_may_stand_is_remembered() -> None:
    assert learned(done=Done.FRAG_SAID).frag_slots == {"0": {"campaign_id": 9, "descriptor": plan().file.version}}  # type: ignore[union-attr]
    assert learned(done=Done.FRAG_SAID | Done.FRAG_SET, undone=Undo.FRAG_SESSION).frag_slots == {}


def test_nothing_said_changes_nothing() -> None:
    before = Listened(1, 1, DevEui("0000000000000001"), 1, 9, set_up_groups={"1": {"group": "other"}})
    after = learned(replace(before))
    assert (after.set_up_groups, after.frag_slots, after.session_cnt) == ({"1": {"group": "other"}}, {}, {})
