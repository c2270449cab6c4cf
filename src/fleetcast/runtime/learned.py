"""What a campaign that is over has taught about its devices: set up groups, sessions, versions, losses."""

from __future__ import annotations

from typing import Final

from fleetcast.campaign import requests
from fleetcast.campaign.states import DeviceState, Done, Undo
from fleetcast.instants import InstantMs
from fleetcast.planning.plan import Plan, PlannedDevice
from fleetcast.protocol.packages import Package
from fleetcast.store.listening import Listened

_LEAST_FRAMES: Final = 20
"""A loss counted over fewer frames says little."""


def learn(
    facts: Listened, campaign_id: int, plan: Plan, planned: PlannedDevice, device: DeviceState, now: InstantMs
) -> None:  # fmt: skip
    """Put into a device's facts what its part of the campaign says."""
    _versions(facts, device)
    _set_up_group(facts, plan, planned, device, now)
    _session(facts, campaign_id, plan, planned, device)
    _loss(facts, device)


def _versions(facts: Listened, device: DeviceState) -> None:
    known = dict(facts.package_versions)
    for package in requests.TRACKED:
        version = requests.version(device, package)
        if version != 0:
            known[str(int(package))] = version
    facts.package_versions = known


def _set_up_group(
    facts: Listened, plan: Plan, planned: PlannedDevice, device: DeviceState, now: InstantMs
) -> None:  # fmt: skip
    said = device.done & (Done.GROUP_SAID | Done.GROUP_SET | Done.SAID_BEFORE)
    if not said:
        return
    slots, name = dict(facts.set_up_groups), str(planned.mc_group_id)
    if planned.replaces_group is not None:
        slots.pop(name, None)
    group = plan.groups[planned.group]
    if Done.GROUP_SET in device.done and Undo.GROUP not in device.undone:
        before = slots.get(name)
        first, end = group.first_f_cnt, group.end_f_cnt
        if planned.group_set_up and before is not None:
            first, end = before["first_f_cnt"], before["end_f_cnt"]  # it was not told anew
        slots[name] = {
            "group": str(group.dev_eui), "mc_addr": str(group.mc_addr), "first_f_cnt": first, "end_f_cnt": end,
            "last_used_at": now,
        }  # fmt: skip
    else:
        slots.pop(name, None)  # told and not confirmed, or deleted: nothing is known to stand there
    facts.set_up_groups = slots


def _session(facts: Listened, campaign_id: int, plan: Plan, planned: PlannedDevice, device: DeviceState) -> None:
    if not device.done & (Done.FRAG_SAID | Done.FRAG_SET | Done.SAID_BEFORE):
        return
    group = plan.groups[planned.group]
    name = str(group.frag_index)
    slots = dict(facts.frag_slots)
    if Undo.FRAG_SESSION in device.undone:
        slots.pop(name, None)
    else:  # also where its answer never came: it may stand
        descriptor = plan.profiles[planned.profile].descriptor
        if descriptor is None:
            descriptor = 0 if plan.file is None or plan.file.version is None else plan.file.version
        slots[name] = {"campaign_id": campaign_id, "descriptor": descriptor}
    facts.frag_slots = slots
    if requests.version(device, Package.FRAGMENTATION) == 2:
        facts.session_cnt = dict(facts.session_cnt) | {name: device.session_cnt}


def _loss(facts: Listened, device: DeviceState) -> None:
    frames = device.frames_asked - device.listening_from
    if device.received >= 0 and frames >= _LEAST_FRAMES and device.received <= frames:
        facts.expected_loss = 1 - device.received / frames
