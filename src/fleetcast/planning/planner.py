"""Makes the plan of a campaign, or refuses with what to change, before anything is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs, rfc3339
from fleetcast.planning import slots
from fleetcast.planning.concerns import concerns
from fleetcast.planning.counter_window import SETUP_FRAMES
from fleetcast.planning.eligibility import left_out, package_version, version_question
from fleetcast.planning.estimate import estimate
from fleetcast.planning.facts import ASK, Device, Profile, SetUpGroup, VersionFormat
from fleetcast.planning.group_air import GroupAir, group_air
from fleetcast.planning.grouping import Member, Placement, place
from fleetcast.planning.plan import LeftOut, Plan, PlannedDevice, PlannedGroup, SuccessMeans
from fleetcast.planning.policy import Conflicts
from fleetcast.planning.refusals import DevicesBusy, GroupsBusy, NobodyTakesPart, PlanRefused, named
from fleetcast.planning.request import CampaignRequest, check
from fleetcast.planning.session_window import aligned_start, timeout_exponent, timeout_s
from fleetcast.planning.stage_names import stage_names
from fleetcast.planning.stream import Stream, loss_of, plan_stream, window_for
from fleetcast.planning.timetable import (
    ClosingNeed,
    SetupNeed,
    TransferNeed,
    closing_need,
    latest_ends,
    longest,
    setup_need,
)
from fleetcast.protocol.packages import Package

_BEACON_PERIOD_S = 128


def make_plan(request: CampaignRequest, now: InstantMs) -> Plan:
    """The plan for a campaign that starts now.

    Raises PlanRefused (also as NobodyTakesPart) where the campaign can't be carried out as asked, GroupsBusy and
    DevicesBusy where a running one is in the way; each says what to change.
    """
    check(request, now)
    _check_free(request)
    airs = [group_air(group) for group in sorted(request.groups, key=lambda each: each.dev_eui)]
    devices, refused = _eligible(request, now)
    placed = place(devices, _profiles(request), airs, request.file)
    refused |= placed.left_out
    used = [g for g, members in enumerate(placed.members) if members]
    if not used:
        raise NobodyTakesPart(Counter(refused.values()), _remedy(refused, _profiles(request), airs))
    _check_downgrade(request, placed)
    plan = _Draft(request, now, airs, placed, used).plan(tuple(sorted(refused.items())))
    return replace(plan, estimate=estimate(plan, request.devices, [airs[g] for g in used]))


def _check_free(request: CampaignRequest) -> None:
    groups = {group.dev_eui: group.busy_with for group in request.groups if group.busy_with is not None}
    if groups:
        raise GroupsBusy(groups)
    devices = {device.dev_eui: device.busy_with for device in request.devices if device.busy_with is not None}
    if devices and request.policy.conflicts is Conflicts.REFUSE:
        raise DevicesBusy(devices)


def _eligible(request: CampaignRequest, now: InstantMs) -> tuple[list[Device], dict[DevEui, LeftOut]]:
    """Distinct devices that can take part as far as they alone decide, and the reasons of the others."""
    profiles = _profiles(request)
    eligible: list[Device] = []
    refused: dict[DevEui, LeftOut] = {}
    for device in {each.dev_eui: each for each in request.devices}.values():
        if device.profile not in profiles:
            raise PlanRefused(f"device {device.dev_eui} has profile {device.profile!r}, which is not there", "add it")
        reason = left_out(device, profiles[device.profile], request, now)
        if reason is None:
            eligible.append(device)
        else:
            refused[device.dev_eui] = reason
    return eligible, refused


def _profiles(request: CampaignRequest) -> dict[str, Profile]:
    """By name, with what the file says in place of the profile's own."""
    file = request.file
    if file is None or (file.time_tolerance_s is None and file.uplink_period_s is None):
        return dict(request.profiles)
    return {
        name: replace(
            profile,
            time_tolerance_s=profile.time_tolerance_s if file.time_tolerance_s is None else file.time_tolerance_s,
            uplink_period_s=profile.uplink_period_s if file.uplink_period_s is None else file.uplink_period_s,
        )
        for name, profile in request.profiles.items()
    }


def _remedy(refused: dict[DevEui, LeftOut], profiles: dict[str, Profile], airs: Sequence[GroupAir]) -> str:
    reasons = Counter(refused.values())
    if not reasons:
        return "add devices to the sets"
    first = reasons.most_common(1)[0][0]
    if first is LeftOut.BEYOND_LIMITS:
        takes = max(_largest_file_bytes(profile, air) for profile in profiles.values() for air in airs)
        return f"{_REMEDIES[first]}; at most {takes} bytes go through these groups to these devices"
    return _REMEDIES[first]


def _largest_file_bytes(profile: Profile, air: GroupAir) -> int:
    step = profile.fragment_multiple_of
    through = air.largest_fragment_bytes(profile) // step * step * profile.max_fragments
    return through if profile.max_image_bytes is None else min(through, profile.max_image_bytes)


_REMEDIES = {
    LeftOut.ARCHIVED: "restore the devices",
    LeftOut.OTHER_PROFILE: "choose device sets of the file's profile",
    LeftOut.OTHER_HARDWARE: "choose a file for this hardware",
    LeftOut.NO_KEY: "give the devices their keys (GenAppKey for LoRaWAN 1.0.x, AppKey for 1.1)",
    LeftOut.PACKAGE_ABSENT: "see the packages that the profile states",
    LeftOut.NO_GROUP: "add multicast groups of the devices' connection, band, class and data rate, with a slot free",
    LeftOut.BEYOND_LIMITS: "send a smaller file, or use a group with a faster data rate",
    LeftOut.ALREADY_RUNNING: "nothing is to be done, unless you override what is known of their versions",
    LeftOut.OTHER_BASE: "choose the delta for the version they run, or the full firmware",
    LeftOut.BASE_UNKNOWN: "learn their versions first, or send the full firmware",
    LeftOut.BUSY: "wait for the other campaign",
}


def _check_downgrade(request: CampaignRequest, placed: Placement) -> None:
    """Newer versions that would be overwritten must be confirmed, where newer can be told."""
    file = request.file
    if file is None or file.version is None or request.confirmed_downgrade:
        return
    newer = [
        member.device.dev_eui
        for members in placed.members
        for member in members
        if member.profile.version_format is VersionFormat.DOTTED
        and member.device.firmware_version is not None
        and member.device.firmware_version > file.version
    ]
    if newer:
        raise PlanRefused(
            f"{file.name} is older than what {len(newer)} devices run ({named(newer)})",
            "confirm the downgrade, or leave these devices out",
            "confirmed_downgrade",
        )


KnownVersions = tuple[tuple[Package, int | None], ...]


@dataclass(slots=True)
class _Draft:
    """A plan in the making: what was found out so far, and the steps that use it."""

    request: CampaignRequest
    now: InstantMs
    airs: Sequence[GroupAir]
    placed: Placement
    used: Sequence[int]
    known_versions: dict[KnownVersions, KnownVersions] = field(default_factory=dict)
    periods_s: dict[int, int] = field(default_factory=dict)
    losses: dict[float, float] = field(default_factory=dict)

    def plan(self, refused: tuple[tuple[DevEui, LeftOut], ...]) -> Plan:
        request = self.request
        profiles = {member.profile.name: member.profile for member in self._members()}
        names = sorted(profiles)
        setup, closing = self._needs()
        streams = self._streams(setup, closing)
        transfer = longest([stream.need for stream in streams]) if streams else None
        self._check_time(setup, transfer, closing)
        groups = tuple(self._group(g, streams[n] if streams else None) for n, g in enumerate(self.used))
        ends = latest_ends(
            self.now,
            request.max_duration_s,
            setup,
            transfer,
            closing,
            reboot_at=request.reboot_at,
            session_start=max((group.session_start for group in groups if group.session_start), default=None),
        )
        return Plan(
            campaign=request.campaign,
            type=request.type,
            file=request.file,
            success_means=request.means,
            threshold_percent=request.threshold_percent,
            policy=request.policy,
            profiles=tuple(profiles[name] for name in names),
            devices=tuple(
                self._device(number, member, groups[number], names.index(member.profile.name))
                for number, g in enumerate(self.used)
                for member in self.placed.members[g]
            ),
            groups=groups,
            left_out=refused,
            start=self.now,
            max_duration_s=request.max_duration_s,
            reboot_at=request.reboot_at,
            stage_latest_ends=ends,
            confirmed_downgrade=request.confirmed_downgrade,
            warnings=concerns(request, self.placed, self.airs, self.used, streams, setup, ends, self.now),
            seed=request.seed,
            stage_names=stage_names(
                request.type,
                reboot_time=request.reboot_at is not None,
                classes={group.session_class for group in groups},
            ),
        )

    def _members(self) -> list[Member]:
        return [member for g in self.used for member in self.placed.members[g]]

    def _needs(self) -> tuple[SetupNeed, ClosingNeed]:
        request, policy, members = self.request, self.request.policy, self._members()
        periods = [member.uplink_period_s for member in members]
        needed = -(-request.threshold_percent * len(members) // 100)
        arm_s: float = policy.mcsession_delay_s + max(member.profile.time_tolerance_s for member in members)
        if any(self.airs[g].group.session_class == "B" for g in self.used):
            arm_s += (policy.classb_start_beacons_delay + 1) * _BEACON_PERIOD_S
        reboot = request.reboot_at is not None
        setup = setup_need(request.type, periods, needed, policy, reboot=reboot, arm_s=arm_s)
        image, prove = request.means is not SuccessMeans.TRANSFERRED, request.means is SuccessMeans.RUNNING
        return setup, closing_need(request.type, periods, needed, policy, image=image, prove=prove)

    def _streams(self, setup: SetupNeed, closing: ClosingNeed) -> list[Stream]:
        """By place in `used`; empty for multicast setup."""
        request = self.request
        if request.file is None:
            return []
        time_s = request.max_duration_s - setup.least_s - closing.least_s
        sharing = Counter(self._budget(g) for g in self.used)
        return [
            plan_stream(
                self.airs[g],
                self.placed.members[g],
                self.placed.schemes[g] or "v1",
                request,
                request.file,
                sharers=sharing[self._budget(g)],
                time_s=max(time_s, 0.0),
            )
            for g in self.used
        ]

    def _budget(self, g: int) -> tuple[str, str, str]:
        """Groups with the same answer share the airtime of one sub-band."""
        air = self.airs[g]
        return air.group.connection, str(air.band), air.sub_band_label

    def _check_time(self, setup: SetupNeed, transfer: TransferNeed | None, closing: ClosingNeed) -> None:
        """The setup at its least, the first pass with its answers, and what follows must fit the maximum duration."""
        request = self.request
        earliest = self.now + round(setup.least_s * 1000)
        begin = earliest if request.session_start is None else request.session_start
        if begin < earliest:
            raise PlanRefused(
                f"session start {rfc3339(begin)} is too early: {setup.stages} setup stages come before it, and enough "
                f"devices are heard only every {setup.least_stage_s:g} s",
                f"choose {rfc3339(earliest)} or later, or leave it to the plan",
                "session_start",
            )
        transfer_s = 0.0 if transfer is None else transfer.least_s
        over = begin + round(transfer_s * 1000)
        if request.reboot_at is not None and request.reboot_at <= over:
            raise PlanRefused(
                f"reboot at {rfc3339(request.reboot_at)} comes before the planned end of the transfer",
                f"choose a time after {rfc3339(over)}",
                "reboot_at",
            )
        needs_s = -(-(over - self.now) // 1000) + closing.least_s
        if needs_s > request.max_duration_s:
            raise PlanRefused(
                f"maximum duration {request.max_duration_s} s is too short: the session starts after "
                f"{(begin - self.now) / 1000:.0f} s at the earliest, the transfer and its answers take "
                f"{transfer_s:.0f} s, what follows {closing.least_s:.0f} s",
                f"allow {needs_s:.0f} s or more ({-(-needs_s // 60):.0f} minutes)",
                "max_duration_s",
            )

    def _group(self, g: int, stream: Stream | None) -> PlannedGroup:
        air, members = self.airs[g], self.placed.members[g]
        group, request = air.group, self.request
        window = stream.window if stream else window_for(air, members, SETUP_FRAMES, request.policy)
        plain = PlannedGroup(
            dev_eui=group.dev_eui,
            name=group.name,
            connection=group.connection,
            band=group.band,
            session_class=group.session_class,
            mc_addr=group.mc_addr,
            frequency_hz=group.frequency_hz,
            data_rate=group.data_rate,
            periodicity=group.periodicity,
            sub_band=air.sub_band_label,
            duty_cycle=air.sub_band.duty_cycle,
            network_counts=group.network_counts,
            max_under_way=group.max_under_way,
            gateways=group.gateways,
            first_f_cnt=window.first,
            end_f_cnt=window.end,
            session_start=(
                None if request.session_start is None else aligned_start(request.session_start, group.session_class)
            ),
            session_timeout_exp=timeout_exponent(request.max_duration_s, group.session_class),
            request_airtime_us=air.status_request_airtime_us,
        )
        if stream is None:
            return plain
        index = slots.frag_index(members)
        self._check_session_cnt(members, stream, index)
        end_s = (self.now + request.max_duration_s * 1000 - (plain.session_start or self.now)) / 1000
        exponent = timeout_exponent(min(stream.session_s, end_s), group.session_class)
        return replace(
            plain,
            scheme=stream.scheme,
            frag_index=index,
            fragment_bytes=stream.choice.fragment_bytes,
            fragments=stream.choice.fragments,
            padding=stream.choice.padding,
            strategy=stream.strategy,
            coded_first=stream.coded_first,
            coded_max=stream.coded_max,
            passes_max=stream.passes_max,
            airtime_us=stream.choice.airtime_us,
            min_gap_ms=stream.pacing.min_gap_ms,
            block_ack_delay=stream.block_ack_delay,
            session_timeout_exp=exponent,
            transfer_s=round(stream.session_s),
            sessions=stream.sessions if stream.session_s > timeout_s(exponent, group.session_class) else 1,
        )

    def _check_session_cnt(self, members: Sequence[Member], stream: Stream, index: int) -> None:
        """A device of package version 2 takes no session on an index whose counter is at its end."""
        if stream.scheme == "v1":
            return
        spent = [
            member.device.dev_eui
            for member in members
            if slots.next_session_cnt(member.device, index) > slots.LAST_SESSION_CNT
        ]
        if spent:
            raise PlanRefused(
                f"FragIndex {index}: the SessionCnt of {len(spent)} devices is used up ({named(spent)})",
                "place them in a group of their own, or leave them out",
            )

    def _device(self, number: int, member: Member, group: PlannedGroup, profile: int) -> PlannedDevice:
        device, request = member.device, self.request
        mc_group_id, replaces = slots.mc_group_id(device, member.profile, group.dev_eui)
        question = version_question(device, member.profile, request, self.now)
        versions = tuple(
            (package, version)
            for package in (Package.MULTICAST_SETUP, Package.FRAGMENTATION, Package.FIRMWARE_MANAGEMENT)
            if (version := package_version(device, member.profile, package)) != ASK
        )
        return PlannedDevice(
            dev_eui=device.dev_eui,
            group=number,
            profile=profile,
            lorawan_1_1=device.lorawan_1_1,
            class_c_for_good=device.own_class == "C",
            uplink_period_s=self.periods_s.setdefault(member.uplink_period_s, member.uplink_period_s),
            mc_group_id=mc_group_id,
            session_cnt=slots.next_session_cnt(device, group.frag_index),
            # Devices are many, and what they have in common is one object.
            versions=self.known_versions.setdefault(versions, versions),
            group_set_up=member.set_up is not None and covers(member.set_up, group),
            ask_version=question != "no",
            must_know_version=question == "must know",
            expected_loss=self.losses.setdefault(loss := loss_of(member), loss),
            data_rate=device.data_rate,
            known_version=device.firmware_version,
            replaces_group=replaces,
            clear_frag_session=bool(group.fragments) and group.frag_index in device.frag_indexes_in_use,
        )


def covers(record: SetUpGroup, group: PlannedGroup) -> bool:
    """Whether a device that confirmed this window accepts every value the plan may use."""
    return record.first_f_cnt <= group.first_f_cnt and record.end_f_cnt >= group.end_f_cnt
