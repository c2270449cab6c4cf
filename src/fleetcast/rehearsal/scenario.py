"""What a rehearsal is about: fleet, network, campaign and file, as values. `scenario_file` reads them from TOML.

Nothing is drawn here: distributions stay distributions until `population` draws the devices.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from fleetcast.instants import InstantMs
from fleetcast.planning.facts import FileKind, SessionClass
from fleetcast.planning.plan import CampaignType, StrategyName, SuccessMeans
from fleetcast.planning.policy import Policy
from fleetcast.rehearsal.reading import Source
from fleetcast.simulator.air import Bursts
from fleetcast.simulator.device_spec import Defects
from fleetcast.simulator.fleet import Distribution, Fixed, Steps
from fleetcast.simulator.network_settings import NetworkSettings
from fleetcast.simulator.traits import Traits

CONNECTION = "simulated"
DEFAULT_START: InstantMs = 1_772_438_400_000
"""2026-03-02 08:00 UTC, a Monday: any day would do, but every run the same."""


_NONE, _TENTH, _TWENTIETH, _HOURLY, _CRYSTAL = Fixed(0.0), Fixed(0.1), Fixed(0.05), Fixed(3600.0), Fixed(20.0)
_WELL_BEHAVED = NetworkSettings(connection=CONNECTION)
_DR5 = Steps(((5, 1.0),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Make:
    """Devices of one make: how they behave, and what the server knows of them."""

    name: str
    traits: Traits = field(default_factory=Traits)
    lorawan_1_1: bool = False
    hw_version: int = 1
    uplink_bytes: int = 12
    uplink_period_s: int = 3600
    """What the profile says; a part of the fleet may differ."""
    time_tolerance_s: int = 2
    flash_time_s: float = 20.0
    boot_time_s: float = 3.0
    reports_version_s: tuple[float, float] | None = None
    joins_after_reboot: bool = True
    commands_per_downlink: int = 1
    version_uplink_port: int | None = None
    """FPort on which an application uplink tells the running version, for devices without TS006."""
    quirks: frozenset[str] = frozenset()
    """Names of deviations that the server knows of."""
    versions_known: bool = True
    """Package versions are in the profile; else each device is asked."""
    decoder_known: bool = True
    """The profile says how many lost fragments a decoder can repair."""


class DefectName(StrEnum):
    """What can be wrong with some devices."""

    NEVER_HEARD = "never_heard"
    WRONG_ROOT_KEY = "wrong_root_key"
    REFUSES_GROUP = "refuses_group"
    REFUSES_SESSION = "refuses_session"
    REFUSES_FRAGMENTATION = "refuses_fragmentation"
    REFUSES_REBOOT = "refuses_reboot"
    TOO_LITTLE_MEMORY = "too_little_memory"
    REBOOTS_IN_THE_MIDDLE = "reboots_in_the_middle"
    ANSWERS_TWICE = "answers_twice"
    CLOCK_NEVER_SET = "clock_never_set"
    CORRUPT_IMAGE = "corrupt_image"
    OTHER_HARDWARE = "other_hardware"
    DOES_NOT_REBOOT = "does_not_reboot"
    WRONG_VERSION = "wrong_version"


@dataclass(frozen=True, slots=True)
class SomeDefective:
    """So many devices (`count`), or this share of them, have this wrong."""

    name: DefectName
    count: int
    defects: Defects


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPart:
    """Devices of one make that are alike in distribution."""

    make: str
    count: int
    own_class: Literal["A", "C"] = "A"
    loss: Distribution = _TENTH
    uplink_loss: Distribution = _TWENTIETH
    uplink_period_s: Distribution = _HOURLY
    data_rate: Distribution = _DR5
    """Of uplinks."""
    clock_offset_s: Distribution = _NONE
    clock_unknown: float = 0.0
    """Share that doesn't know the time at the start."""
    drift_ppm: Distribution = _CRYSTAL
    firmware_version: int = 1
    gateways_in_range: int = 1
    farther_loss: float = 0.3
    known: bool = True
    """The server has seen these devices before: period, data rate, losses."""
    defects: tuple[SomeDefective, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The air, the gateways and the network server."""

    band: str = "EU868"
    channel_plan: str | None = None
    country: str | None = None
    gateways: int = 1
    uplink_channels: int = 8
    network_counts: bool = False
    max_under_way: int = 1
    bursts: Bursts | None = None
    server: NetworkSettings = _WELL_BEHAVED


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSpec:
    """A multicast group."""

    name: str
    session_class: SessionClass
    data_rate: int
    frequency_hz: int
    redundancy: float | None = None
    """Coded fragments per uncoded one; 0: FEC inactive; None: adaptive."""
    periodicity: int = 4
    next_f_cnt: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignSpec:
    """What the campaign is to do."""

    type: CampaignType = CampaignType.FIRMWARE
    threshold_percent: int = 90
    max_duration_s: int = 172_800
    strategy: StrategyName | None = None
    success_means: SuccessMeans | None = None
    session_start_after_s: int | None = None
    reboot_after_s: int | None = None
    confirmed_downgrade: bool = False
    settings: Policy = field(default_factory=Policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSpec:
    """The file and its bytes."""

    name: str
    kind: FileKind
    data: bytes = field(repr=False)
    make: str | None
    version: int | None
    base_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A rehearsal's whole subject."""

    name: str
    seed: int
    start: InstantMs
    makes: tuple[Make, ...]
    fleet: tuple[FleetPart, ...]
    network: Network
    groups: tuple[GroupSpec, ...]
    campaign: CampaignSpec
    file: FileSpec | None
    source: Source | None = field(default=None, compare=False, repr=False)
    """The text it was read from, so that a later complaint can point into it."""

    @property
    def size(self) -> int:
        """Devices in the fleet."""
        return sum(part.count for part in self.fleet)
