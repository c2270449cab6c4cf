"""What is known before a campaign starts: profiles, devices, groups and the file. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from fleetcast.fec import Scheme
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.instants import InstantMs
from fleetcast.protocol.packages import Package
from fleetcast.radio.payload_sizes import Revision

ASK: Final = "ask"
"""A package version that must be asked from the device (PackageVersionReq)."""

PackageVersion = int | None | Literal["ask"]
"""1, 2, None (the device doesn't have the package) or `ASK`."""

SessionClass = Literal["B", "C"]


class VersionFormat(StrEnum):
    """How a firmware version is written, and so whether newer and older can be told."""

    DOTTED = "dotted"
    OPAQUE = "opaque"


class Reboots(StrEnum):
    """Who makes a device start a new image."""

    COMMAND = "command"
    ITSELF = "itself"


class FirmwareCommand(StrEnum):
    """The TS006 requests; a device may know only some."""

    DEV_VERSION = "DevVersionReq"
    REBOOT_TIME = "DevRebootTimeReq"
    REBOOT_COUNTDOWN = "DevRebootCountdownReq"
    UPGRADE_IMAGE = "DevUpgradeImageReq"
    DELETE_IMAGE = "DevDeleteImageReq"


@dataclass(frozen=True, slots=True)
class PackageAbility:
    """One package of a device: where it listens and which version it speaks."""

    f_port: int
    version: PackageVersion = ASK


@dataclass(frozen=True, slots=True)
class RunningUplink:
    """How "running" is learned without TS006: an application uplink on `f_port` that starts with `prefix`."""

    f_port: int
    prefix: bytes


@dataclass(frozen=True, slots=True)
class Currents:
    """What a device draws, for the energy estimate (SX127x type by default)."""

    receive_ma: float = 11.0
    transmit_ma: float = 44.0
    idle_ma: float = 0.006
    battery_mah: float = 2400.0


def default_packages() -> dict[Package, PackageAbility]:
    """All four packages on their recommended FPorts, versions to be asked."""
    return {
        Package.CLOCK_SYNC: PackageAbility(202),
        Package.MULTICAST_SETUP: PackageAbility(200),
        Package.FRAGMENTATION: PackageAbility(201),
        Package.FIRMWARE_MANAGEMENT: PackageAbility(203),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What devices of one make can do. Unknown limits keep their cautious defaults."""

    name: str
    packages: dict[Package, PackageAbility] = field(default_factory=default_packages)
    scheme: Scheme | None = None
    """Parity scheme; None: v1 for package version 1, v2-relative for version 2."""
    mc_groups: int = 1
    frag_sessions: int = 1
    max_fragment_bytes: int = 255
    min_fragment_bytes: int = 1
    fragment_multiple_of: int = 1
    """Fragment sizes must be a multiple of this (flash writes)."""
    max_image_bytes: int | None = None
    max_fragments: int = 16383
    max_lost_fragments: int | None = None
    """Decoder memory: most lost uncoded fragments it can repair; None: unknown."""
    takes_any_order: bool = False
    commands_per_downlink: int = 1
    store_time_ms: int = 100
    firmware_commands: frozenset[FirmwareCommand] = frozenset(FirmwareCommand)
    reboots: Reboots = Reboots.COMMAND
    version_format: VersionFormat = VersionFormat.DOTTED
    descriptor: int | None = None
    """FragSession Descriptor; None: the file's version (0 for a binary)."""
    repeater: bool = False
    revision: Revision | None = None
    """Edition of the regional parameters it was built for; None: unknown, so what every edition allows."""
    running_uplink: RunningUplink | None = None
    reports_version: bool = False
    """It sends DevVersionAns by itself after a start."""
    time_tolerance_s: int = 2
    uplink_period_s: int = 3600
    hw_version: int | None = None
    quirks: frozenset[str] = frozenset()
    currents: Currents = Currents()


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device as the server knows it at the start of a campaign."""

    dev_eui: DevEui
    profile: str
    """The profile's name."""
    lorawan_1_1: bool = False
    has_key: bool = True
    session_classes: frozenset[SessionClass] = frozenset({"C"})
    own_class: Literal["A", "B", "C"] = "A"
    connection: str = "simulated"
    band: str = "EU868"
    group: DevEui | None = None
    """The multicast group the operator chose, if any."""
    gateways: frozenset[str] = frozenset()
    """Gateways that heard it lately."""
    firmware_version: int | None = None
    firmware_version_learned: InstantMs | None = None
    hw_version: int | None = None
    uplink_period_s: int | None = None
    """Learned; None: the file's or the profile's default."""
    data_rate: int | None = None
    """Uplink data rate last seen; also the fastest downlink data rate its link allows with margin."""
    expected_loss: float | None = None
    """Downlink loss (0 to 1) that earlier transfers and margins tell."""
    loss_counted_over: int | None = None
    """Frames over which `expected_loss` was counted; None: it was stated, or nobody knows."""
    expected_uplink_loss: float | None = None
    """Share of its uplinks (0 to 1) that no gateway hears, as gaps in FCntUp tell."""
    last_uplink: InstantMs | None = None
    clock_off: bool = False
    """Its last time request showed a clock off by more than the tolerance, and it was not put right since."""
    package_versions: tuple[tuple[Package, int | None], ...] = ()
    """Learned versions, by package; None: known to be absent."""
    groups_set_up: tuple[SetUpGroup, ...] = ()
    frag_indexes_in_use: frozenset[int] = frozenset()
    session_cnt: tuple[tuple[int, int], ...] = ()
    """Last SessionCnt used, by FragIndex (v2)."""
    archived: bool = False
    busy_with: str | None = None
    """The running campaign that uses it, if any."""


@dataclass(frozen=True, slots=True)
class SetUpGroup:
    """A multicast group that a device confirmed, and the window of FCntDown it accepts: first <= FCnt < end."""

    mc_group_id: int
    group: DevEui
    mc_addr: DevAddr
    first_f_cnt: int
    end_f_cnt: int
    in_use: bool = False
    """By a running campaign."""
    last_used: InstantMs = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A multicast group that a campaign may use."""

    dev_eui: DevEui
    name: str = ""
    connection: str = "simulated"
    session_class: SessionClass = "C"
    band: str = "EU868"
    channel_plan: str | None = None
    """One of the band's channel plans, where it has several (CN470)."""
    country: str | None = None
    """One of the band's country profiles, where the law of the country counts (AS923)."""
    dwell_time: bool = False
    mc_addr: DevAddr
    frequency_hz: int
    data_rate: int
    coded_per_uncoded: float | None = 0.0
    """Redundancy as coded fragments per uncoded one; 0: FEC inactive; None: ADAPTIVE."""
    periodicity: int = 0
    """Class B ping-slot periodicity exponent p, 0 to 7."""
    next_f_cnt: int = 0
    gateways: frozenset[str] = frozenset()
    network_counts: bool = False
    """The network server owns FCntDown (else the caller counts)."""
    max_under_way: int = 1
    """Multicast frames that may be under way at once (up to 3 where the connection queues and spaces by itself)."""
    busy_with: str | None = None


class FileKind(StrEnum):
    """What a file is."""

    BINARY = "binary"
    FIRMWARE = "firmware"
    DELTA = "delta firmware"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """The file to be sent, without its bytes."""

    name: str
    kind: FileKind
    size_bytes: int
    sha256: str
    profile: str | None = None
    version: int | None = None
    base_version: int | None = None
    time_tolerance_s: int | None = None
    uplink_period_s: int | None = None
