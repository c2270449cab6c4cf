"""What a device can tell, whatever version it speaks. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from fleetcast.protocol.packages import Package


@dataclass(frozen=True, slots=True)
class VersionTold:
    """A package and its version (PackageVersionAns)."""

    package: Package
    version: int


@dataclass(frozen=True, slots=True)
class GroupAnswered:
    """McGroupSetupAns."""

    mc_group_id: int
    refused: str


@dataclass(frozen=True, slots=True)
class FragSessionAnswered:
    """FragSessionSetupAns."""

    frag_index: int
    refused: str
    replay: bool = False


@dataclass(frozen=True, slots=True)
class SessionAnswered:
    """McClassCSessionAns or McClassBSessionAns."""

    mc_group_id: int
    refused: str
    start_missed: bool
    group_undefined: bool
    time_to_start_s: int | None


@dataclass(frozen=True, slots=True)
class StatusTold:
    """FragSessionStatusAns; `frag_index` is None in the form without a session."""

    frag_index: int | None
    received: int
    missing: int
    memory_error: bool
    mic_error: bool
    no_session: bool


@dataclass(frozen=True, slots=True)
class BlockReceived:
    """FragDataBlockReceivedReq: complete, and its MIC right or wrong."""

    frag_index: int
    mic_error: bool


@dataclass(frozen=True, slots=True)
class RebootAnswered:
    """DevRebootTimeAns or DevRebootCountdownAns; None: refused, -1: cancelled, else seconds left."""

    seconds_left: int | None
    by_countdown: bool = False
    """A countdown says nothing of the device's clock."""


@dataclass(frozen=True, slots=True)
class ImageTold:
    """DevUpgradeImageAns."""

    status: int
    version: int | None


@dataclass(frozen=True, slots=True)
class ImageDeleted:
    """DevDeleteImageAns; `refused` is empty when the image is gone."""

    refused: str


@dataclass(frozen=True, slots=True)
class RunningTold:
    """DevVersionAns."""

    firmware: int
    hardware: int


@dataclass(frozen=True, slots=True)
class NewFirmwareSeen:
    """The application uplink that the profile names for the new firmware."""


@dataclass(frozen=True, slots=True)
class FragSessionDeleted:
    """FragSessionDeleteAns; a session that was not there is gone, too."""

    frag_index: int


@dataclass(frozen=True, slots=True)
class GroupDeleted:
    """McGroupDeleteAns; a group that was not there is gone, too."""

    mc_group_id: int


@dataclass(frozen=True, slots=True)
class TimeAsked:
    """AppTimeReq."""


Meaning = (
    VersionTold | GroupAnswered | FragSessionAnswered | SessionAnswered | StatusTold | BlockReceived | RebootAnswered
    | ImageTold | ImageDeleted | RunningTold | NewFirmwareSeen | FragSessionDeleted | GroupDeleted | TimeAsked
)  # fmt: skip
