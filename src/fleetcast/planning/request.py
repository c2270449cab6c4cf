"""What somebody asks for: a campaign with its devices, groups and file, as it stands before it is planned.

`check` refuses what no plan could carry out, whatever the devices; the rest is found out on the way to the plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from fleetcast.instants import InstantMs, rfc3339
from fleetcast.planning.facts import Device, File, FileKind, Group, Profile
from fleetcast.planning.plan import CampaignType, StrategyName, SuccessMeans
from fleetcast.planning.policy import Policy
from fleetcast.planning.refusals import PlanRefused

DEFAULT_VERSION_AGE_S: Final = 30 * 86400
"""Older than this, a known firmware version is asked again."""

_KINDS: Final[dict[CampaignType, frozenset[FileKind]]] = {
    CampaignType.MULTICAST_SETUP: frozenset(),
    CampaignType.BINARY: frozenset({FileKind.BINARY}),
    CampaignType.FIRMWARE: frozenset({FileKind.FIRMWARE, FileKind.DELTA}),
}

_MEANS: Final[dict[CampaignType, tuple[SuccessMeans, ...]]] = {
    CampaignType.MULTICAST_SETUP: (SuccessMeans.SET_UP,),
    CampaignType.BINARY: (SuccessMeans.TRANSFERRED,),
    CampaignType.FIRMWARE: (SuccessMeans.RUNNING, SuccessMeans.VALID, SuccessMeans.TRANSFERRED),
}
"""What may count as success; the first is the default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRequest:
    """A campaign to be planned. Instants are milliseconds UTC."""

    campaign: str
    """The campaign's identifier."""
    type: CampaignType
    devices: Sequence[Device]
    """Of all sets together; a device named twice counts once."""
    profiles: Mapping[str, Profile]
    """By the name that devices and files use."""
    groups: Sequence[Group]
    """The multicast groups of the campaign's regions."""
    file: File | None = None
    policy: Policy = field(default_factory=Policy)
    threshold_percent: int = 90
    max_duration_s: int = 86400
    reboot_at: InstantMs | None = None
    session_start: InstantMs | None = None
    success_means: SuccessMeans | None = None
    """None: what the type says."""
    update_type: Literal["full", "delta"] | None = None
    """Must agree with the file's kind, where given."""
    strategy: StrategyName | None = None
    """None: adaptive for groups with FEC, carousel for the others."""
    coded_share: float | None = None
    """Coded fragments per uncoded one, in place of each group's own."""
    seed: int = 0
    confirmed_downgrade: bool = False
    override_already_running: bool = False
    max_version_age_s: int = DEFAULT_VERSION_AGE_S

    @property
    def means(self) -> SuccessMeans:
        """What counts as success, as said or by type."""
        return self.success_means or _MEANS[self.type][0]

    @property
    def delta(self) -> bool:
        """Whether the file changes a base version that devices must run."""
        return self.file is not None and self.file.kind is FileKind.DELTA


def check(request: CampaignRequest, now: InstantMs) -> None:
    """Raises PlanRefused for what can't be right whatever the devices are."""
    if not 1 <= request.threshold_percent <= 100:
        raise PlanRefused(f"success threshold {request.threshold_percent} %", "choose 1 to 100", "threshold_percent")
    if request.max_duration_s < 1:
        raise PlanRefused(f"maximum duration {request.max_duration_s} s", "choose at least a minute", "max_duration_s")
    if request.coded_share is not None and not 0 <= request.coded_share <= 100:
        raise PlanRefused(
            f"redundancy {request.coded_share:g}", "choose coded fragments per uncoded one, 0 to 100", "coded_share"
        )
    if not request.groups:
        raise PlanRefused("the regions hold no multicast group", "add one that the devices can use", "groups")
    if request.means not in _MEANS[request.type]:
        allowed = ", ".join(each.value for each in _MEANS[request.type])
        raise PlanRefused(
            f"success can't mean {request.means.value} for {request.type.value}", f"choose {allowed}", "success_means"
        )
    _check_file(request)
    _check_times(request, now)


def _check_file(request: CampaignRequest) -> None:
    file, kinds = request.file, _KINDS[request.type]
    if not kinds:
        if file is not None:
            raise PlanRefused(f"{request.type.value} sends no file", f"leave {file.name} out", "file")
        return
    if file is None:
        raise PlanRefused(f"{request.type.value} needs a file", "choose one", "file")
    if file.kind not in kinds:
        allowed = " or ".join(sorted(kind.value for kind in kinds))
        raise PlanRefused(
            f"{file.name} is a {file.kind.value}, not for {request.type.value}", f"choose a {allowed}", "file"
        )
    if file.size_bytes < 1:
        raise PlanRefused(f"{file.name} holds no bytes", "upload its content, or choose another file", "file")
    if request.type is CampaignType.FIRMWARE and (file.version is None or file.profile is None):
        missing = "version" if file.version is None else "device profile"
        raise PlanRefused(f"{file.name} names no {missing}", "complete the file", "file")
    if request.delta and file.base_version is None:
        raise PlanRefused(f"{file.name} names no base version", "complete the file", "file")
    if request.update_type is not None and (request.update_type == "delta") is not request.delta:
        raise PlanRefused(
            f"update type {request.update_type}, but {file.name} is {file.kind.value}", "make them agree", "update_type"
        )
    if file.profile is not None and file.profile not in request.profiles:
        raise PlanRefused(
            f"{file.name} is for profile {file.profile}, which no device has", "choose other device sets", "file"
        )


def _check_times(request: CampaignRequest, now: InstantMs) -> None:
    end = now + request.max_duration_s * 1000
    if request.reboot_at is not None:
        if request.type is CampaignType.MULTICAST_SETUP:
            raise PlanRefused("multicast setup reboots nothing", "leave the reboot time out", "reboot_at")
        back = request.reboot_at + request.policy.reboot_spread_s * 1000
        back += request.policy.fuota_process_max_time_s * 1000
        if back > end:
            raise PlanRefused(
                f"reboot at {rfc3339(request.reboot_at)} and {request.policy.fuota_process_max_time_s} s to be back "
                f"lie beyond the maximum duration, which ends at {rfc3339(end)}",
                "reboot earlier, or allow a longer duration",
                "reboot_at",
            )
    if request.session_start is not None:
        if request.session_start <= now:
            raise PlanRefused(
                f"session start {rfc3339(request.session_start)} has passed", "choose a later one", "session_start"
            )
        if request.session_start >= end:
            raise PlanRefused(
                f"session start {rfc3339(request.session_start)} lies beyond the end at {rfc3339(end)}",
                "start earlier, or allow a longer duration",
                "session_start",
            )
