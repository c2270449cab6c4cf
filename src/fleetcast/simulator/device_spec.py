"""What makes one simulated device: what it shares with its make, what is its own, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

from fleetcast.errors import Invalid
from fleetcast.identifiers import DevEui
from fleetcast.secret import Secret
from fleetcast.simulator.traits import Traits


class ImageStatus(IntEnum):
    """UpImageStatus (TS006, DevUpgradeImageAns)."""

    NONE = 0
    CORRUPT = 1
    OTHER_HARDWARE = 2
    VALID = 3


ImageCheck = Callable[[bytes, bytes], "tuple[ImageStatus, int] | None"]
"""A data block and its descriptor → what the device makes of it: status and version; None if it is no firmware."""


def version_in_descriptor(_block: bytes, descriptor: bytes) -> tuple[ImageStatus, int] | None:
    """Takes the descriptor for the firmware version, little-endian; 0 is a block that is no firmware."""
    version = int.from_bytes(descriptor, "little")
    return (ImageStatus.VALID, version) if version else None


@dataclass(frozen=True, slots=True)
class VersionUplink:
    """An application uplink that tells the running version: `prefix`, then the version, four bytes little-endian."""

    f_port: int
    prefix: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A make of devices: one object for a whole fleet."""

    traits: Traits = field(default_factory=Traits)
    lorawan_1_1: bool = False
    """The root key is an AppKey of LoRaWAN 1.1, else a GenAppKey."""
    own_class: Literal["A", "C"] = "A"
    """The class outside multicast sessions."""
    data_rates: frozenset[int] = frozenset(range(6))
    """Downlink data rates it can be set to; others are refused."""
    frequencies_hz: tuple[int, int] = (863_000_000, 870_000_000)
    """Lowest and highest frequency it can be set to; others are refused."""
    accepted_descriptors: frozenset[bytes] | None = None
    """Descriptors it takes; None: all."""
    uplink_period_s: float = 3600.0
    uplink_jitter_s: float = 30.0
    """Each period varies uniformly by this much, up and down."""
    uplink_f_port: int = 2
    uplink_bytes: int = 12
    hw_version: int = 1
    image_check: ImageCheck = version_in_descriptor
    flash_time_s: float = 20.0
    """From a reboot with a valid image to the first instruction of the new firmware."""
    boot_time_s: float = 3.0
    joins: bool = True
    """It joins anew after a reboot; else it goes on with its old session."""
    keeps_time: bool = True
    """The clock goes on through a reboot."""
    reports_version_s: tuple[float, float] | None = None
    """Sends DevVersionAns unasked so many seconds after a start; None: only when asked."""
    version_uplink: VersionUplink | None = None
    """Sent once after each start."""
    installs_after_s: float = 60.0
    """Where the application decides about the reboot and there is no TS006: how long it takes to decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defects:
    """What a scenario breaks on purpose; the default is a sound device."""

    never_heard: bool = False
    wrong_root_key: bool = False
    """It derives everything from another key than the server knows."""
    refuses_group: bool = False
    """McGroupSetupReq: IDerror."""
    refuses_session_bits: int = 0
    """McClassB/CSessionReq: these status bits (4 DRError, 8 FreqError, 16 McGroupUndefined, 32 StartMissed)."""
    refuses_fragmentation_bits: int = 0
    """FragSessionSetupReq: these bits (1 algorithm, 2 memory, 4 index, 8 descriptor, 16 replay)."""
    refuses_reboot: bool = False
    """DevRebootTimeReq and DevRebootCountdownReq: 0."""
    decoder_memory: int | None = None
    """Most lost uncoded fragments it can repair, where less than its make."""
    block_memory_bytes: int | None = None
    """Largest data block, where less than its make."""
    reboots_in_session_after_s: float | None = None
    """Reboots once, so long after a class session has begun."""
    answers_twice: bool = False
    clock_never_set: bool = False
    """Its clock is unknown and no answer changes that."""
    image_status: ImageStatus | None = None
    """What it finds in a good image (CORRUPT, OTHER_HARDWARE)."""
    runs_after_update: int | Literal["old"] | None = None
    """The version that runs after an update, where it isn't the image's."""

    def __post_init__(self) -> None:
        if self.refuses_session_bits & ~0x3C:
            raise Invalid(f"refuses_session_bits {self.refuses_session_bits}: use bits 4, 8, 16 and 32")
        if self.refuses_fragmentation_bits & ~0x1F:
            raise Invalid(f"refuses_fragmentation_bits {self.refuses_fragmentation_bits}: use bits 1, 2, 4, 8 and 16")


SOUND = Defects()
"""Nothing is broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSpec:
    """One device."""

    dev_eui: DevEui
    root_key: Secret
    """GenAppKey (LoRaWAN 1.0.x) or AppKey (1.1), 16 bytes."""
    model: Model = field(default_factory=Model)
    firmware_version: int = 1
    hw_version: int | None = None
    """Where it is another one than its make's."""
    clock_offset_s: float | None = 0.0
    """How far its clock is ahead at the start; None: it doesn't know the time."""
    drift_ppm: float = 0.0
    uplink_period_s: float | None = None
    """Where it is another one than its make's."""
    defects: Defects = SOUND

    def __post_init__(self) -> None:
        if len(self.root_key) != 16:
            raise Invalid(f"{self.dev_eui}: a root key has 16 bytes, this one {len(self.root_key)}")
