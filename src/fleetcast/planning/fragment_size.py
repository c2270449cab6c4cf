"""The fragment size of a group: least airtime for the whole file within what air, devices and settings allow.

Sizes whose number of fragments is weak for the parity code are avoided; how many coded fragments follow is
`redundancy`'s matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fleetcast.errors import Invalid
from fleetcast.fec import MAX_FRAGMENT_NUMBER, Scheme, weak
from fleetcast.planning.facts import File, Profile
from fleetcast.planning.group_air import GroupAir
from fleetcast.planning.policy import Policy
from fleetcast.planning.refusals import PlanRefused
from fleetcast.radio.fragments import FragmentOption, fragment_options


@dataclass(frozen=True, slots=True)
class FragmentChoice:
    """How a file is cut for one group."""

    fragment_bytes: int
    fragments: int
    """M, the uncoded fragments."""
    padding: int
    """Zeros at the end of the last one."""
    airtime_us: int
    """Of one fragment's frame."""
    weak: bool = False
    """No other size was possible, though the parity code does badly with this number of fragments."""


def choose(
    air: GroupAir,
    profiles: Sequence[Profile],
    file: File,
    policy: Policy,
    *,
    scheme: Scheme = "v1",
    coded_share: float = 0.0,
) -> FragmentChoice:
    """The best size for these profiles together; `coded_share` coded fragments per uncoded one must fit beside.

    Raises PlanRefused, naming the group and what to change, when there is none. A carousel (share 0) may use a number
    of fragments that is weak for the parity code, since it has none.
    """
    options = _options(air, profiles, file, policy)
    most = min(profile.max_fragments for profile in profiles)
    fitting = [each for each in options if each.fragment_count <= most]
    numbered = [each for each in fitting if _last_number(each.fragment_count, coded_share) <= MAX_FRAGMENT_NUMBER]
    if not numbered:
        fewest = min(options, key=lambda each: each.fragment_count)
        by_number = fitting or most >= MAX_FRAGMENT_NUMBER
        limit = f"fragment numbers end at {MAX_FRAGMENT_NUMBER}" if by_number else f"devices take {most}"
        raise PlanRefused(
            f"{file.name} ({file.size_bytes} bytes) needs {fewest.fragment_count} fragments of {fewest.size_bytes} "
            f"bytes in group {air.group.dev_eui}, with {coded_share:.0%} coded ones besides, but {limit}",
            "send a smaller file, or use a group with a faster data rate",
            "file" if policy.fsize is None else "policy.fsize",
        )
    for option in numbered:
        if not coded_share or not weak(option.fragment_count, scheme):
            return _choice(option, file)
    return _choice(numbered[0], file, is_weak=True)


def _options(air: GroupAir, profiles: Sequence[Profile], file: File, policy: Policy) -> tuple[FragmentOption, ...]:
    """Cheapest first: multiples of what flash and settings like; were all of those weak, of what flash needs."""
    needed = math.lcm(*(profile.fragment_multiple_of for profile in profiles))
    largest = min(air.largest_fragment_bytes(profile) for profile in profiles)
    smallest = max(profile.min_fragment_bytes for profile in profiles)
    if policy.fsize is not None:
        if not smallest <= policy.fsize <= largest or policy.fsize % needed:
            raise PlanRefused(
                f"fsize {policy.fsize} does not suit group {air.group.dev_eui} ({air.band} DR{air.group.data_rate})",
                f"choose {smallest} to {largest} bytes, a multiple of {needed}, or leave it to the plan",
                "policy.fsize",
            )
        smallest = largest = needed = policy.fsize
    liked = math.lcm(needed, 1 if policy.fsize is not None else policy.fsize_optimization)
    preferred = tuple(_in_steps(air, file, smallest, largest, liked))
    liked_sizes = {each.size_bytes for each in preferred}
    every = _in_steps(air, file, smallest, largest, needed)
    others = tuple(each for each in every if each.size_bytes not in liked_sizes)
    if not preferred and not others:
        names = ", ".join(sorted({profile.name for profile in profiles}))
        raise PlanRefused(
            f"profiles {names} have no fragment size in common in group {air.group.dev_eui}: "
            f"{smallest} to {largest} bytes, a multiple of {needed}",
            "give them groups of their own",
        )
    return (*preferred, *others)


def _in_steps(air: GroupAir, file: File, smallest: int, largest: int, step: int) -> Iterator[FragmentOption]:
    try:
        yield from fragment_options(
            air.band,
            air.group.data_rate,
            file.size_bytes,
            dwell_limited=air.group.dwell_time,
            smallest_bytes=smallest,
            largest_bytes=largest,
            multiple_of=step,
        )
    except Invalid:
        return  # no multiple of the step lies within the bounds


def _last_number(fragments: int, coded_share: float) -> int:
    return fragments + math.ceil(fragments * coded_share)


def _choice(option: FragmentOption, file: File, *, is_weak: bool = False) -> FragmentChoice:
    padding = option.fragment_count * option.size_bytes - file.size_bytes
    return FragmentChoice(option.size_bytes, option.fragment_count, padding, option.frame_airtime_us, is_weak)
