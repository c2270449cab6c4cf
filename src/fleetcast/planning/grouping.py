"""Devices to the multicast group that serves each best.

One group is one stream of fragments with one parity scheme. A device gets exactly one of the campaign's groups, or
none: then it is left out, with the reason. Nothing here knows fragment sizes or times.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fleetcast.fec import Scheme
from fleetcast.identifiers import DevEui
from fleetcast.planning.eligibility import scheme_of
from fleetcast.planning.facts import Device, File, Group, Profile, SetUpGroup
from fleetcast.planning.group_air import GroupAir, link_speed
from fleetcast.planning.plan import LeftOut

FCNT16_FIRST = "FCNT16_FIRST"
"""Quirk: a window that begins at 65536 or above is never met, since the first frame is taken as its 16 bits."""


@dataclass(slots=True)
class Member:
    """A device placed in a group."""

    device: Device
    profile: Profile
    set_up: SetUpGroup | None
    """The group's record on the device, where it is set up already."""

    @property
    def uplink_period_s(self) -> int:
        """As learned, else its profile's (in which the file's stands already)."""
        learned = self.device.uplink_period_s
        return max(self.profile.uplink_period_s if learned is None else learned, 1)


@dataclass(slots=True)
class Placement:
    """Who is served by which group."""

    members: list[list[Member]]
    """By index of the group, each in rising DevEUI."""
    schemes: list[Scheme | None]
    """By index of the group; None: nobody is in it."""
    left_out: dict[DevEui, LeftOut] = field(default_factory=dict)
    guessed_gateways: list[DevEui] = field(default_factory=list)
    """Placed in a group with named gateways though nobody knows who hears them."""
    guessed_link: list[DevEui] = field(default_factory=list)
    """Placed in the slowest of several groups since their link is unknown."""
    weak_link: list[DevEui] = field(default_factory=list)
    """No group is as slow as their link asks for."""
    assumed_scheme: list[DevEui] = field(default_factory=list)
    reassigned: list[DevEui] = field(default_factory=list)
    """They can't use the group that the operator chose for them."""


def place(
    devices: Sequence[Device], profiles: Mapping[str, Profile], airs: Sequence[GroupAir], file: File | None
) -> Placement:
    """Place every device, in rising DevEUI, so that the same request gives the same plan."""
    placed = Placement([[] for _ in airs], [None] * len(airs))
    judge = _Judge(airs, file)
    wanting: dict[tuple[str, str, Scheme], list[tuple[Device, list[int]]]] = defaultdict(list)
    for device in sorted(devices, key=lambda each: each.dev_eui):
        profile = profiles[device.profile]
        usable = judge.usable(device, profile)
        if isinstance(usable, LeftOut):
            placed.left_out[device.dev_eui] = usable
            continue
        scheme, assumed = scheme_of(device, profile) if file is not None else ("v1", False)
        if assumed:
            placed.assumed_scheme.append(device.dev_eui)
        wanting[device.connection, device.band, scheme].append((device, usable))
    reserved = _reserve(wanting, airs)
    # The largest company first: what stays open after the reservations is its to take.
    for key in sorted(wanting, key=lambda each: (-len(wanting[each]), each)):
        scheme = key[2]
        for device, usable in wanting[key]:
            open_to = [g for g in usable if reserved.get(g, scheme) == scheme]
            if not open_to:
                placed.left_out[device.dev_eui] = LeftOut.NO_GROUP
                continue
            g, set_up = _choose(device, open_to, airs, placed)
            reserved.setdefault(g, scheme)
            placed.schemes[g] = scheme
            placed.members[g].append(Member(device, profiles[device.profile], set_up))
    for members in placed.members:
        members.sort(key=lambda member: member.device.dev_eui)
    return placed


class _Judge:
    """Which groups a device can use at all; what profiles decide is worked out once."""

    def __init__(self, airs: Sequence[GroupAir], file: File | None) -> None:
        self._airs = airs
        self._file_bytes = None if file is None else file.size_bytes
        self._by_place: dict[tuple[str, str], list[int]] = defaultdict(list)
        for g, air in enumerate(airs):
            self._by_place[air.group.connection, air.group.band].append(g)
        self._of_profile: dict[tuple[str, int], LeftOut | None] = {}

    def usable(self, device: Device, profile: Profile) -> list[int] | LeftOut:
        """Indexes of the groups, or why there is none."""
        found, reason = [], LeftOut.NO_GROUP
        for g in self._by_place.get((device.connection, device.band), ()):
            group = self._airs[g].group
            if group.session_class not in device.session_classes:
                continue
            if group.session_class == "B" and device.own_class == "C":
                continue  # a device in class C for good doesn't do class B sessions
            if not _has_slot(device, profile, group.dev_eui):
                continue
            if not (_hears(device, group.gateways) or device.group == group.dev_eui or _is_set_up(device, group)):
                continue
            key = (profile.name, g)
            if key not in self._of_profile:
                self._of_profile[key] = self._judge_profile(profile, g)
            refusal = self._of_profile[key]
            if refusal is None:
                found.append(g)
            elif refusal is LeftOut.BEYOND_LIMITS:
                reason = refusal
        return found or reason

    def _judge_profile(self, profile: Profile, g: int) -> LeftOut | None:
        air = self._airs[g]
        if FCNT16_FIRST in profile.quirks and air.group.next_f_cnt >= 65_536:
            return LeftOut.NO_GROUP
        step = profile.fragment_multiple_of
        largest = air.largest_fragment_bytes(profile) // step * step
        if largest < max(profile.min_fragment_bytes, 1):
            return LeftOut.NO_GROUP
        if self._file_bytes is None:
            return None
        return LeftOut.BEYOND_LIMITS if -(-self._file_bytes // largest) > profile.max_fragments else None


def _hears(device: Device, gateways: frozenset[str]) -> bool:
    return not gateways or not device.gateways or not gateways.isdisjoint(device.gateways)


def _is_set_up(device: Device, group: Group) -> bool:
    return any(record.group == group.dev_eui and record.mc_addr == group.mc_addr for record in device.groups_set_up)


def _has_slot(device: Device, profile: Profile, group: DevEui) -> bool:
    """A slot that holds this group already, or one that no running campaign uses."""
    in_use = 0
    for record in device.groups_set_up:
        if record.group == group:
            return True
        in_use += record.in_use
    return in_use < profile.mc_groups


def _reserve(
    wanting: Mapping[tuple[str, str, Scheme], Sequence[tuple[Device, Sequence[int]]]], airs: Sequence[GroupAir]
) -> dict[int, Scheme]:
    """One group for each parity scheme, so that a large company doesn't take every group from a small one.

    A maximum matching by augmenting paths, the largest company first; within a company the group that the operator
    chose for most comes first, then the one that most can use.
    """
    votes: dict[tuple[str, str, Scheme], dict[int, tuple[int, int]]] = {}
    for key, company in wanting.items():
        chosen: Counter[int] = Counter()
        possible: Counter[int] = Counter()
        for device, usable in company:
            possible.update(usable)
            chosen.update(g for g in usable if device.group == airs[g].group.dev_eui)
        votes[key] = {g: (chosen[g], possible[g]) for g in possible}
    taken: dict[int, tuple[str, str, Scheme]] = {}

    def settle(key: tuple[str, str, Scheme], tried: set[int]) -> bool:
        for g, _ in sorted(votes[key].items(), key=_most_wanted):
            if g in tried:
                continue
            tried.add(g)
            if g not in taken or settle(taken[g], tried):
                taken[g] = key
                return True
        return False

    for key in sorted(wanting, key=lambda each: (-len(wanting[each]), each)):
        settle(key, set())
    return {g: key[2] for g, key in taken.items()}


def _most_wanted(vote: tuple[int, tuple[int, int]]) -> tuple[int, int, int]:
    g, (chosen, possible) = vote
    return -chosen, -possible, g


def _choose(
    device: Device, usable: Sequence[int], airs: Sequence[GroupAir], placed: Placement
) -> tuple[int, SetUpGroup | None]:
    """The operator's choice, else where it is set up, else by link, load and DevEUI."""
    records = {(record.group, record.mc_addr): record for record in device.groups_set_up}

    def record_of(g: int) -> SetUpGroup | None:
        return records.get((airs[g].group.dev_eui, airs[g].group.mc_addr))

    if device.group is not None:
        for g in usable:
            if airs[g].group.dev_eui == device.group:
                return g, record_of(g)
        placed.reassigned.append(device.dev_eui)
    known = [g for g in usable if record_of(g) is not None]
    if known:
        g = max(known, key=lambda each: (_last_used(record_of(each)), -each))
        return g, record_of(g)
    if not device.gateways and any(airs[g].group.gateways for g in usable):
        placed.guessed_gateways.append(device.dev_eui)
    g = min(
        _fitting(device, usable, airs, placed), key=lambda each: (len(placed.members[each]), airs[each].group.dev_eui)
    )
    return g, None


def _fitting(device: Device, usable: Sequence[int], airs: Sequence[GroupAir], placed: Placement) -> list[int]:
    """Of these groups those at the fastest data rate the link allows; the slowest where that is unknown or too fast."""
    speeds = {airs[g].speed for g in usable}
    link = link_speed(airs[usable[0]].band, device.data_rate)
    allowed = [speed for speed in speeds if link is not None and speed <= link]
    if allowed:
        best = max(allowed)
    else:
        best = min(speeds)
        if link is not None:
            placed.weak_link.append(device.dev_eui)
        elif len(speeds) > 1:
            placed.guessed_link.append(device.dev_eui)
    return [g for g in usable if airs[g].speed == best]


def _last_used(record: SetUpGroup | None) -> int:
    return 0 if record is None else record.last_used
