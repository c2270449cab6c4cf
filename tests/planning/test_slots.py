"""Which slots of a device a campaign takes."""

from __future__ import annotations

from fleetcast.planning.facts import Device, SetUpGroup
from fleetcast.planning.grouping import Member
from fleetcast.planning.slots import frag_index, mc_group_id, next_session_cnt
from tests.planning.requests import device, group, group_eui, profile


def holding(*records: tuple[int, int, int, bool]) -> Device:
    """A device with groups as (slot, number of the group, last used, in use)."""
    return device(
        groups_set_up=tuple(
            SetUpGroup(slot, group_eui(number), group(number).mc_addr, 0, 100, in_use, last_used)
            for slot, number, last_used, in_use in records
        )
    )


def test_the_lowest_free_slot_is_taken() -> None:
    assert mc_group_id(device(), profile(), group_eui(1)) == (0, None)
    assert mc_group_id(holding((0, 8, 1, True), (2, 9, 1, True)), profile(mc_groups=4), group_eui(1)) == (1, None)


def test_a_group_keeps_its_slot() -> None:
    assert mc_group_id(holding((2, 1, 1, False)), profile(mc_groups=4), group_eui(1)) == (2, None)


def test_with_none_free_the_group_used_longest_ago_by_no_running_campaign_leaves() -> None:
    full = holding((0, 7, 5, True), (1, 8, 30, False), (2, 9, 20, False))
    assert mc_group_id(full, profile(mc_groups=3), group_eui(1)) == (2, group_eui(9))


def members(*devices: Device, sessions: int = 4) -> list[Member]:
    return [Member(each, profile(frag_sessions=sessions), None) for each in devices]


def test_the_frag_index_is_common_to_the_group_and_free_where_it_can_be() -> None:
    busy = [device(1, frag_indexes_in_use=frozenset({0})), device(2, frag_indexes_in_use=frozenset({0, 1})), device(3)]
    assert frag_index(members(*busy)) == 2
    assert frag_index(members(*busy, sessions=2)) == 1, "used by one device only"
    assert frag_index(members(*busy, sessions=1)) == 0


def test_an_index_whose_counter_is_at_its_end_is_avoided() -> None:
    spent = device(session_cnt=((0, 65_535),), frag_indexes_in_use=frozenset({1}))
    assert frag_index(members(spent, sessions=2)) == 1


def test_the_next_session_cnt_follows_the_last_one_of_the_same_index() -> None:
    used = device(session_cnt=((0, 4), (1, 9)))
    assert [next_session_cnt(used, index) for index in range(3)] == [5, 10, 0]
