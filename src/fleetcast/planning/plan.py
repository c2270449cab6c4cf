"""The plan: who gets what, when and at what cost. Made before the start, kept with the campaign, never changed.

The engine's first state is made from it. Every instant is UTC in milliseconds, every duration wears its unit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from fleetcast.fec import Scheme
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.instants import InstantMs
from fleetcast.planning.facts import File, Profile, SessionClass
from fleetcast.planning.policy import Policy
from fleetcast.protocol.packages import Package

StrategyName = Literal["carousel", "fixed", "adaptive"]


class CampaignType(StrEnum):
    """What a campaign does."""

    MULTICAST_SETUP = "multicast setup"
    BINARY = "binary"
    FIRMWARE = "firmware"


class SuccessMeans(StrEnum):
    """What counts as success of a device. `SET_UP` belongs to multicast setup alone."""

    SET_UP = "set up"
    TRANSFERRED = "transferred"
    VALID = "valid"
    RUNNING = "running"


class LeftOut(StrEnum):
    """Why a device of the sets takes no part."""

    ARCHIVED = "archived"
    OTHER_PROFILE = "profile isn't the file's"
    OTHER_HARDWARE = "hardware version differs"
    NO_KEY = "no device key"
    PACKAGE_ABSENT = "a package that the campaign needs is absent"
    NO_GROUP = "no multicast group it can use"
    BEYOND_LIMITS = "file beyond its limits"
    ALREADY_RUNNING = "already runs the target version"
    OTHER_BASE = "base version differs"
    BASE_UNKNOWN = "base version unknown and not to be asked"
    BUSY = "in another running campaign"


@dataclass(frozen=True, slots=True)
class PlannedDevice:
    """One participant."""

    dev_eui: DevEui
    group: int
    """Index into `Plan.groups`."""
    profile: int
    """Index into `Plan.profiles`."""
    lorawan_1_1: bool
    class_c_for_good: bool
    uplink_period_s: int
    mc_group_id: int
    session_cnt: int
    """The SessionCnt its first v2 FragSessionSetupReq carries."""
    versions: tuple[tuple[Package, int | None], ...]
    """Package versions known already (None: absent); the others are asked."""
    group_set_up: bool
    """Set up already, as engine.md section 3 says: McGroupSetup needs no request."""
    ask_version: bool
    """DevVersionReq before McGroupSetup."""
    must_know_version: bool
    """Delta: wait for that answer; another base fails the device."""
    expected_loss: float
    data_rate: int | None
    known_version: int | None = None
    """The firmware it ran when last known, however long ago."""
    replaces_group: DevEui | None = None
    """The group that must be deleted from its slot first: one of ours, used longest ago."""
    clear_frag_session: bool = False
    """Its FragIndex holds a session of an earlier campaign, which is deleted before the setup."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedGroup:
    """One stream of fragments."""

    dev_eui: DevEui
    name: str
    connection: str
    band: str
    session_class: SessionClass
    mc_addr: DevAddr
    frequency_hz: int
    data_rate: int
    periodicity: int
    sub_band: str
    """The gateway sub-band its frequency lies in; groups of one connection and sub-band share its airtime."""
    duty_cycle: float
    """Of that sub-band by regulation; 1.0 where there is no limit."""
    network_counts: bool
    max_under_way: int
    gateways: frozenset[str]
    first_f_cnt: int
    """minMcFCnt: the next unused value."""
    end_f_cnt: int
    """maxMcFCnt, exclusive."""
    # What follows is 0 for multicast setup, which sends no fragments.
    scheme: Scheme = "v1"
    frag_index: int = 0
    fragment_bytes: int = 0
    fragments: int = 0
    padding: int = 0
    strategy: StrategyName = "adaptive"
    coded_first: int = 0
    """Coded fragments of the first batch (adaptive), or in all (fixed)."""
    coded_max: int = 0
    """Most coded fragments the plan may send (counter, setting, time)."""
    passes_max: int = 1
    """Most passes of uncoded fragments (carousel)."""
    airtime_us: int = 0
    """Time on air of one fragment."""
    request_airtime_us: int = 0
    """Time on air of a FragSessionStatusReq."""
    min_gap_ms: int = 0
    """Start to start, from airtime, settings and the devices' time to store; without duty cycle."""
    block_ack_delay: int = 0
    """BlockAckDelay: status answers are spread over 2^(this + 4) s."""
    session_start: InstantMs | None = None
    """Given by the operator; None: computed when the setup stages are done."""
    session_timeout_exp: int = 0
    """SessionTimeOut exponent: class C 2^n s, class B 2^n beacon periods."""
    transfer_s: int = 0
    """Planned length of the transfer with its reserve and status answers."""
    sessions: int = 1
    """Class sessions the transfer is spread over."""


@dataclass(frozen=True, slots=True)
class Band90:
    """A median with the band that holds nine of ten runs."""

    low: float
    median: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What the campaign is expected to take."""

    duration_s: Band90
    airtime_s: Band90
    """Data fragments on the air, all groups."""
    success_share: Band90
    energy_mah: Band90
    """Charge of an ordinary device."""
    duty_cycle: tuple[tuple[str, float], ...]
    """Busiest hour by sub-band, 0 to 1 of an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that is settled before anything is sent."""

    campaign: str
    """The campaign's identifier, also the seed of everything that is spread."""
    type: CampaignType
    file: File | None
    success_means: SuccessMeans
    threshold_percent: int
    policy: Policy
    profiles: tuple[Profile, ...]
    devices: tuple[PlannedDevice, ...]
    groups: tuple[PlannedGroup, ...]
    left_out: tuple[tuple[DevEui, LeftOut], ...]
    start: InstantMs
    max_duration_s: int
    reboot_at: InstantMs | None
    stage_latest_ends: tuple[InstantMs, ...]
    """By stage number - 1."""
    confirmed_downgrade: bool = False
    warnings: tuple[str, ...] = ()
    estimate: Estimate | None = None
    seed: int = 0
    stage_names: tuple[str, ...] = field(default=())

    @property
    def end(self) -> InstantMs:
        """Start + maximum duration."""
        return self.start + self.max_duration_s * 1000

    @property
    def needed(self) -> int:
        """How many participants must succeed for the threshold."""
        return -(-self.threshold_percent * len(self.devices) // 100)
