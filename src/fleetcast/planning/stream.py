"""One group's stream of fragments: strategy, how much is sent at most, how long it takes, and its session."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fleetcast.fec import MAX_FRAGMENT_NUMBER, Scheme
from fleetcast.planning import redundancy
from fleetcast.planning.counter_window import CounterWindow, counter_window, still_covers, within
from fleetcast.planning.facts import File, Group
from fleetcast.planning.fragment_size import FragmentChoice, choose
from fleetcast.planning.group_air import CHANNELS, GroupAir
from fleetcast.planning.grouping import FCNT16_FIRST, Member
from fleetcast.planning.pacing import Pacing, pacing
from fleetcast.planning.plan import StrategyName
from fleetcast.planning.policy import Policy
from fleetcast.planning.refusals import PlanRefused
from fleetcast.planning.request import CampaignRequest
from fleetcast.planning.session_window import first_fragment_delay_s, sessions_needed
from fleetcast.planning.status_answers import block_ack_delay, spread_of, spread_s
from fleetcast.planning.timetable import TransferNeed

STATUS_ROUNDS = 3
"""Status rounds over multicast for which `adaptive` keeps session time."""

STATUS_REQUESTS = 32
"""Most multicast status requests a counter window has room for, besides what a carousel's passes need."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What is sent to one group, and in which time."""

    scheme: Scheme
    choice: FragmentChoice
    pacing: Pacing
    strategy: StrategyName
    coded_first: int
    coded_max: int
    passes_max: int
    block_ack_delay: int
    window: CounterWindow
    need: TransferNeed
    session_s: float
    """From a session's start to the end of the last status round that the plan keeps time for."""
    sessions: int

    @property
    def first_pass(self) -> int:
        """Frames of the first pass: uncoded, and the first batch of coded ones."""
        return self.choice.fragments + self.coded_first

    @property
    def status_round_s(self) -> int:
        """Spread of the answers; what is waited for besides is the policy's."""
        return spread_of(self.block_ack_delay)


def strategy_of(group: Group, request: CampaignRequest) -> tuple[StrategyName, float | None]:
    """The strategy of a group, and its share of coded fragments (None: found from the losses).

    Groups without FEC always run the carousel. Raises PlanRefused for `fixed` without a share.
    """
    share = group.coded_per_uncoded if request.coded_share is None else request.coded_share
    if request.strategy == "carousel" or share == 0:
        return "carousel", 0.0
    if request.strategy == "fixed" and share is None:
        raise PlanRefused(
            f"strategy fixed, but the redundancy of group {group.dev_eui} is ADAPTIVE",
            "give the group, or the campaign, a share of coded fragments, or choose adaptive",
            "strategy",
        )
    return request.strategy or "adaptive", share


def plan_stream(
    air: GroupAir,
    members: Sequence[Member],
    scheme: Scheme,
    request: CampaignRequest,
    file: File,
    *,
    sharers: int,
    time_s: float,
) -> Stream:
    """The stream of a group whose sub-band `sharers` groups of its connection share, itself included.

    `time_s` is the longest that the transfer may take. Raises PlanRefused where it can't be sent at all.
    """
    policy, group = request.policy, air.group
    strategy, share = strategy_of(group, request)
    profiles = list({member.profile.name: member.profile for member in members}.values())
    losses = [loss_of(member) for member in members]
    wished = share if share is not None else redundancy.first_batch(1000, losses) / 1000
    choice = choose(air, profiles, file, policy, scheme=scheme, coded_share=wished)
    if choice.fragments == 1:
        strategy = "carousel"  # with one fragment every coded one is zero: fragment 1 is sent again
    gateways = group.gateways or frozenset[str]().union(*(member.device.gateways for member in members))
    rhythm = pacing(air, choice.airtime_us, profiles, policy, sharers, len(gateways))
    data_rates = [member.device.data_rate for member in members]
    delay = block_ack_delay(
        policy.fsession_status_spread_s
        if policy.fsession_status_spread_s is not None
        else spread_s(air.band, data_rates, CHANNELS)
    )
    coded_first, coded_max, passes = _amounts(choice, strategy, share, losses, policy, rhythm.frames_in(time_s))
    frames = _most_frames(choice, strategy, coded_max, passes)
    window = window_for(air, members, frames, policy)
    if window.frames < choice.fragments + min(coded_first, coded_max):
        raise PlanRefused(
            f"group {group.dev_eui} has counter values for {window.frames} frames, and the first pass needs "
            f"{choice.fragments + coded_first}",
            "give the group a new key and counter, or send a smaller file",
            "groups",
        )
    if strategy == "carousel":
        passes = max(1, min(passes, (window.frames - STATUS_REQUESTS) // choice.fragments))
    else:
        coded_max = max(0, min(coded_max, window.frames - STATUS_REQUESTS - choice.fragments))
        coded_first = min(coded_first, coded_max)
    first_pass = choice.fragments + coded_first
    planned = _reserve(choice, strategy, losses, coded_max, passes, len(members))
    status_s = spread_of(delay) + policy.fsession_status_timeout_s
    delay_s = first_fragment_delay_s(policy, max(profile.time_tolerance_s for profile in profiles))
    rounds = 1 if strategy == "fixed" else STATUS_ROUNDS
    session_s = delay_s + rhythm.duration_s(max(planned, first_pass)) + rounds * status_s
    # Whoever stays silent is asked by unicast, at its next opportunity.
    ask_s = max(member.uplink_period_s for member in members)
    more_s = rhythm.duration_s(planned) - rhythm.duration_s(first_pass) if planned > first_pass else 0.0
    need = TransferNeed(
        first_pass_s=delay_s + rhythm.duration_s(first_pass),
        answers_s=status_s,
        ask_s=ask_s,
        rounds_s=0.0 if strategy == "fixed" else more_s + (rounds - 1) * status_s + ask_s,
    )
    return Stream(
        scheme=scheme,
        choice=choice,
        pacing=rhythm,
        strategy=strategy,
        coded_first=coded_first,
        coded_max=coded_max,
        passes_max=passes,
        block_ack_delay=delay,
        window=window,
        need=need,
        session_s=session_s,
        sessions=sessions_needed(session_s, group.session_class),
    )


def loss_of(member: Member) -> float:
    """The downlink loss to expect of a device."""
    loss = member.device.expected_loss
    return redundancy.DEFAULT_LOSS if loss is None else loss


def _amounts(
    choice: FragmentChoice,
    strategy: StrategyName,
    share: float | None,
    losses: Sequence[float],
    policy: Policy,
    frames_in_time: int,
) -> tuple[int, int, int]:
    """Coded fragments at first and at most, and passes at most."""
    m = choice.fragments
    if strategy == "carousel":
        return 0, 0, max(1, min(policy.datafrag_loops_max, max(frames_in_time, m) // m))
    most = MAX_FRAGMENT_NUMBER - m
    if policy.frag_redundancy_max is not None:
        most = min(most, policy.frag_redundancy_max)
    first = redundancy.first_batch(m, losses) if share is None else math.ceil(m * share)
    first = min(first, most)
    if strategy == "fixed":
        return first, first, 1
    # More than the time allows is never sent; the window needn't be wider for it.
    return first, max(first, min(most, frames_in_time - m)), 1


def _most_frames(choice: FragmentChoice, strategy: StrategyName, coded_max: int, passes: int) -> int:
    """The most frames the plan may send, status requests included."""
    data = choice.fragments * passes if strategy == "carousel" else choice.fragments + coded_max
    return data + STATUS_REQUESTS


def _reserve(
    choice: FragmentChoice, strategy: StrategyName, losses: Sequence[float], coded_max: int, passes: int, devices: int
) -> int:
    """Frames for which the session keeps time."""
    m = choice.fragments
    if strategy == "carousel":
        return m * redundancy.passes_for(m, devices, max(losses, default=0.0), passes)
    if strategy == "fixed":
        return m + coded_max
    return min(m + coded_max, redundancy.reserve(m, losses))


def window_for(air: GroupAir, members: Sequence[Member], frames: int, policy: Policy) -> CounterWindow:
    """The counter window for new setups, cut to those earlier windows that still do."""
    window = counter_window(
        air.group.next_f_cnt,
        frames,
        coeff=policy.mcgroup_validity_coeff,
        network_counts=air.group.network_counts,
        below_65536=any(FCNT16_FIRST in member.profile.quirks for member in members),
    )
    kept = [member.set_up for member in members if member.set_up is not None and still_covers(member.set_up, window)]
    return within(window, kept)
