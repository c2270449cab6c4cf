"""What an operator should know before the start: guesses, limits that may bite, and who may not make it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fleetcast.instants import InstantMs, rfc3339
from fleetcast.planning import redundancy
from fleetcast.planning.eligibility import can_prove_running, knows
from fleetcast.planning.facts import Currents, FirmwareCommand, Reboots
from fleetcast.planning.group_air import GroupAir
from fleetcast.planning.grouping import Member, Placement
from fleetcast.planning.plan import CampaignType, SuccessMeans
from fleetcast.planning.policy import DutyCycleUse
from fleetcast.planning.refusals import named
from fleetcast.planning.request import CampaignRequest
from fleetcast.planning.session_window import longest_wait_s, timeout_exponent, timeout_s
from fleetcast.planning.stream import Stream, loss_of
from fleetcast.planning.timetable import SetupNeed

_BATTERY_SHARE = 0.05
"""A session that can cost more of a battery than this is named."""

_SILENT_PERIODS = 3
_CANT_SAY_COMPLETE = frozenset({"MISSING_NEVER_FALLS", "SILENT_AFTER_DONE"})
"""Quirks of stacks whose status tells the fragments lost, repaired or not, or nothing once all are there."""


def concerns(
    request: CampaignRequest,
    placed: Placement,
    airs: Sequence[GroupAir],
    used: Sequence[int],
    streams: Sequence[Stream],
    setup: SetupNeed,
    ends: Sequence[InstantMs],
    now: InstantMs,
) -> tuple[str, ...]:
    """One sentence each, the most general first; `streams` by place in `used`, empty for multicast setup."""
    members = [member for g in used for member in placed.members[g]]
    return (
        *_of_placement(placed),
        *_of_devices(request, members, now),
        *_of_time(request, members, setup, ends, now),
        *(
            sentence
            for g, stream in zip(used, streams, strict=False)
            for sentence in _of_stream(request, airs[g], placed.members[g], stream)
        ),
    )


def _of_placement(placed: Placement) -> Iterator[str]:
    for devices, verb, what in (
        (placed.guessed_gateways, "is", "placed by guess, for nobody knows which gateways hear them"),
        (placed.guessed_link, "is", "placed in the slowest group, for nobody knows how good their link is"),
        (placed.weak_link, "has", "a weaker link than any group they can use asks for"),
        (placed.reassigned, "is", "placed in another group than the one chosen for them, which they can't use"),
        (placed.assumed_scheme, "is", "taken to use parity scheme v1 until their package version is known"),
    ):
        if devices:
            yield f"{_who(devices, verb)} {what} ({named(devices)})"


def _who(devices: Sequence[object], verb: str = "") -> str:
    """`1 device speaks`, `12 devices speak`: how many, and what they do; `verb` as of one."""
    several = {"is": "are", "has": "have"}.get(verb, verb.removesuffix("s"))
    counted = f"1 device {verb}" if len(devices) == 1 else f"{len(devices)} devices {several}"
    return counted.rstrip()


def _of_devices(request: CampaignRequest, members: Sequence[Member], now: InstantMs) -> Iterator[str]:
    long_silent = [
        member.device.dev_eui
        for member in members
        if member.device.last_uplink is not None
        and now - member.device.last_uplink > _SILENT_PERIODS * member.uplink_period_s * 1000
    ]
    if long_silent:
        yield f"{_who(long_silent, 'has')} been silent for more than three uplink periods ({named(long_silent)})"
    if request.type is CampaignType.MULTICAST_SETUP:
        return
    if request.means is SuccessMeans.TRANSFERRED:
        yield from _of_completion(request, members)
    if request.type is not CampaignType.FIRMWARE:
        return
    if request.means is SuccessMeans.RUNNING:
        mute = [each.device.dev_eui for each in members if not can_prove_running(each.device, each.profile)]
        if mute:
            yield (
                f"{_who(mute)} can't prove that they run the new version ({named(mute)}): name the uplink that "
                "tells it in their profile, or set success lower"
            )
    checks = FirmwareCommand.UPGRADE_IMAGE
    if request.means is SuccessMeans.VALID:
        mute = [each.device.dev_eui for each in members if not knows(each.device, each.profile, checks)]
        if mute:
            yield f"{_who(mute)} can't report a valid image ({named(mute)})"
    reboots = {FirmwareCommand.REBOOT_TIME, FirmwareCommand.REBOOT_COUNTDOWN}
    stuck = [
        each.device.dev_eui
        for each in members
        if each.profile.reboots is Reboots.COMMAND
        and not any(knows(each.device, each.profile, command) for command in reboots)
    ]
    if stuck:
        yield f"{_who(stuck, 'waits')} for a command to reboot, and no such command is known ({named(stuck)})"


def _of_completion(request: CampaignRequest, members: Sequence[Member]) -> Iterator[str]:
    """Who may be complete without being able to say so."""
    firmware = request.type is CampaignType.FIRMWARE
    silent, gone = [], []
    for each in members:
        device, profile = each.device, each.profile
        if firmware and (can_prove_running(device, profile) or knows(device, profile, FirmwareCommand.UPGRADE_IMAGE)):
            continue
        if _CANT_SAY_COMPLETE & profile.quirks:
            silent.append(device.dev_eui)
        elif firmware and profile.reboots is Reboots.ITSELF:
            gone.append(device.dev_eui)
    if silent:
        yield f"{_who(silent)} can't say that their block is complete once a fragment was lost ({named(silent)})"
    if gone:
        yield (
            f"{_who(gone, 'installs')} a complete block unasked, mostly before its status was asked for, and "
            f"can't say later that they have it ({named(gone)})"
        )


def _of_time(
    request: CampaignRequest, members: Sequence[Member], setup: SetupNeed, ends: Sequence[InstantMs], now: InstantMs
) -> Iterator[str]:
    session_end = ends[setup.stages - 1]
    share_s = (session_end - now) / 1000 - setup.arm_s
    if not setup.pipelined:
        share_s /= setup.stages
    late = [member.device.dev_eui for member in members if member.uplink_period_s > share_s]
    if late:
        yield (
            f"{_who(late, 'speaks')} too rarely to be told before the session starts, at the latest at "
            f"{rfc3339(session_end)} ({named(late)}): allow a longer duration"
        )
    wait_s = longest_wait_s((member.uplink_period_s for member in members), request.policy)
    if not late and wait_s > share_s:
        yield f"the slowest devices won't have all {request.policy.msg_retries} retries before the session starts"


def _of_stream(request: CampaignRequest, air: GroupAir, members: Sequence[Member], stream: Stream) -> Iterator[str]:
    group, m = air.group.dev_eui, stream.choice.fragments
    losses = [loss_of(member) for member in members]
    memories = [member.profile.max_lost_fragments for member in members]
    if stream.choice.weak:
        yield f"group {group}: {m} fragments suit the parity code badly; another fsize would need fewer coded fragments"
    overrun = [
        member.device.dev_eui
        for member, loss, memory in zip(members, losses, memories, strict=True)
        if memory is not None and stream.strategy != "carousel" and m * loss > memory
    ]
    if overrun:
        yield f"group {group}: {_who(overrun, 'is')} expected to lose more than they can repair ({named(overrun)})"
    if stream.strategy == "carousel" and m > 1:
        rising = [member.device.dev_eui for member in members if not member.profile.takes_any_order]
        if rising:
            yield (
                f"group {group}: {_who(rising, 'takes')} only rising fragment numbers, so further passes don't help "
                f"them ({named(rising)}): use a group with FEC"
            )
    if stream.strategy == "fixed":
        yield from _of_fixed(request, group, stream, losses, memories)
    if stream.sessions > 1:
        yield f"group {group}: the transfer is spread over {stream.sessions} class sessions"
    if stream.window.end > 65_536:
        yield f"group {group}: its counter goes beyond 65535, which some device stacks don't follow: give it a new key"
    if stream.pacing.use is DutyCycleUse.BURST and stream.pacing.duty_cycle < 1:
        yield f"group {group}: while frames go out back to back its gateways hear next to no uplinks"
    yield from _of_battery(air, members, stream)


def _of_fixed(
    request: CampaignRequest, group: str, stream: Stream, losses: Sequence[float], memories: Sequence[int | None]
) -> Iterator[str]:
    wanted = request.threshold_percent / 100
    m, coded = stream.choice.fragments, stream.coded_first
    share = redundancy.expected_share(m, coded, losses, stream.scheme, memories)
    if share >= wanted:
        return
    needed = redundancy.coded_for_share(m, losses, wanted, stream.scheme, memories)
    advice = "no number of coded fragments would do" if needed is None else f"{needed} would do ({needed / m:.0%})"
    yield (
        f"group {group}: with {coded} coded fragments about {share:.0%} of the devices complete, fewer than the "
        f"threshold of {wanted:.0%}; {advice}"
    )


def _of_battery(air: GroupAir, members: Sequence[Member], stream: Stream) -> Iterator[str]:
    """A device that loses the group listens until the time-out."""
    if air.group.session_class != "C":
        return
    sleepers = [member.profile.currents for member in members if member.device.own_class != "C"]
    if not sleepers:
        return
    session_s = timeout_s(timeout_exponent(stream.session_s, "C"), "C") * stream.sessions
    share = max(_listening_share(session_s, currents) for currents in sleepers)
    if share > _BATTERY_SHARE:
        yield (
            f"group {air.group.dev_eui}: {session_s} s of class C sessions can cost {share:.0%} of a battery; a faster "
            "data rate, burst, or class B costs less"
        )


def _listening_share(session_s: float, currents: Currents) -> float:
    return session_s * currents.receive_ma / 3600 / currents.battery_mah if currents.battery_mah > 0 else 1.0
