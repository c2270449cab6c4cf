"""Which multicast slot and which fragmentation session of a device a campaign takes."""

from __future__ import annotations

from collections.abc import Sequence

from fleetcast.identifiers import DevEui
from fleetcast.planning.facts import Device, Profile
from fleetcast.planning.grouping import Member

LAST_SESSION_CNT = 65_535
"""After it the index is used up for good (TS004-2.0.0, SessionCnt)."""


def mc_group_id(device: Device, profile: Profile, group: DevEui) -> tuple[int, DevEui | None]:
    """The slot for a group, and the group that must leave it first.

    Its own where it has one, else the lowest free one, else that of ours used longest ago by no running campaign.
    """
    for record in device.groups_set_up:
        if record.group == group:
            return record.mc_group_id, None
    taken = {record.mc_group_id for record in device.groups_set_up}
    free = [slot for slot in range(profile.mc_groups) if slot not in taken]
    if free:
        return free[0], None
    idle = [record for record in device.groups_set_up if not record.in_use and record.mc_group_id < profile.mc_groups]
    oldest = min(idle, key=lambda record: (record.last_used, record.mc_group_id))
    return oldest.mc_group_id, oldest.group


def frag_index(members: Sequence[Member]) -> int:
    """The FragIndex for a whole group: free at most of its devices, then the lowest; never one used up at a device."""
    indexes = range(min(member.profile.frag_sessions for member in members))

    def price(index: int) -> tuple[int, int, int]:
        used_up = sum(next_session_cnt(member.device, index) > LAST_SESSION_CNT for member in members)
        return used_up, sum(index in member.device.frag_indexes_in_use for member in members), index

    return min(indexes, key=price)


def next_session_cnt(device: Device, index: int) -> int:
    """The SessionCnt after the last one used on this index; 0 for the first."""
    return dict(device.session_cnt).get(index, -1) + 1
