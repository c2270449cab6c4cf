"""What `fleetcast seed-demo` fills a server with: the towns, devices, files and campaigns of an invented utility.

Only what there is to be, as values; `seed_demo` makes it. The makes of device behave like public stacks, as the
simulator's catalogue has them.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from fleetcast.protocol.packages import Package

if TYPE_CHECKING:
    from fleetcast.simulator.traits import Traits

VALLEY: Final = "simulated valley"
"""A network with poor coverage."""
VALLEY_SETTINGS: Final[Mapping[str, Any]] = {
    "least_loss": 0.3, "most_loss": 0.6, "least_uplink_loss": 0.05, "most_uplink_loss": 0.2, "gateways": 1, "seed": 7,
}  # fmt: skip
FREQUENCY_HZ: Final = 869_525_000
_PACKAGES: Final = {
    Package.CLOCK_SYNC: "clock_sync", Package.MULTICAST_SETUP: "multicast_setup",
    Package.FRAGMENTATION: "fragmentation", Package.FIRMWARE_MANAGEMENT: "firmware_management",
}  # fmt: skip
_LIMITS: Final = {
    "max_fragment_bytes": "max_frag_size", "min_fragment_bytes": "min_frag_size", "max_fragments": "max_nb_frag",
    "max_lost_fragments": "max_lost_fragments", "max_image_bytes": "max_block_bytes", "mc_groups": "mc_groups",
    "frag_sessions": "frag_sessions",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Make:
    """A make of device."""

    name: str
    producer: str
    module: str
    stack: str
    """In the simulator's catalogue."""
    uplink_period_s: int
    version: str
    own_class: str = "A"

    def profile(self) -> dict[str, Any]:
        """The fields of its device profile."""
        from fleetcast.simulator.traits import quirks_of, stack

        traits, quirks = stack(self.stack), quirks_of(self.stack)
        fields: dict[str, Any] = {
            "producer_id": self.producer,
            "module_id": self.module,
            "hw_revision": 1,
            "uplink_period_s": self.uplink_period_s,
            "quirks": list(quirks),
            "takes_any_order": traits.fragment_out_of_order == "use",
            "description": f"Behaves like {self.stack}.",
        }
        fields |= {field: getattr(traits, trait) for field, trait in _LIMITS.items()}
        return fields | _packages(traits)


def _packages(traits: Traits) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for package, name in _PACKAGES.items():
        port = traits.packages.get(package)
        said[f"{name}_version"] = "absent" if port is None else str(port.version)
        if port is not None:
            said[f"{name}_f_port"] = port.f_port
    return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Devices of one make in one area: a device set, with a region of one multicast group."""

    name: str
    make: str
    share: int
    """Of all devices, in percent."""
    connection: str = "simulated"
    redundancy: str = "ADAPTIVE"
    data_rate: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file, and its content's name in the archive of firmware, or what its table is about."""

    name: str
    make: str
    kind: str = "binary"
    version: str | None = None
    content: str = ""
    rows: int = 0
    """Of a table; 0: the content is firmware."""

    def bytes(self) -> bytes:
        """Its content."""
        return table(self.name, self.rows) if self.rows else firmware(self.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """A campaign, and what becomes of it."""

    name: str
    description: str
    place: str
    file: str = ""
    type: str = "binary"
    ends: str
    """The status it is to be in when everything is done."""
    archived: bool = False
    days: int = 7
    """Maximum duration."""
    threshold: int = 75
    starts_in_days: int = 0
    """When its class session, or a scheduled campaign, starts."""
    strategy: str | None = None


METERS: Final = "Water meter WM3"
PARKING: Final = "Parking sensor PS1"
LAMPS: Final = "Street lamp SL7"
PROBES: Final = "Soil probe SP2"
GAS: Final = "Gas meter GM1"

MAKES: Final = (
    Make(name=METERS, producer="Aqualis", module="WM3", stack="lora-basics-modem-4.8.0-v2", uplink_period_s=3600,
         version="2.3.0.0"),
    Make(name=PARKING, producer="Kerbside", module="PS1", stack="multitech-mdot-4x", uplink_period_s=900,
         version="1.0.0.0"),
    Make(name=LAMPS, producer="Lumen", module="SL7", stack="stm32wl-v1", uplink_period_s=600, version="1.0.0.0",
         own_class="C"),
    Make(name=PROBES, producer="Agrisense", module="SP2", stack="lora-basics-modem-4.8.0-v1", uplink_period_s=1800,
         version="1.4.0.0"),
    Make(name=GAS, producer="Gasmetric", module="GM1", stack="renesas-rl78-ra-v2", uplink_period_s=21_600,
         version="5.1.0.0"),
)  # fmt: skip

PLACES: Final = (
    Place(name="Parking, harbour", make=PARKING, share=10),
    Place(name="Lamps, old town", make=LAMPS, share=15),
    Place(name="Probes, south fields", make=PROBES, share=8),
    Place(name="Meters, old town", make=METERS, share=18),
    Place(name="Meters, station quarter", make=METERS, share=12),
    Place(name="Meters, far valley", make=METERS, share=10, connection=VALLEY, redundancy="SEVEN_TO_EIGHT"),
    Place(name="Gas, east", make=GAS, share=9),
    Place(name="Gas, west", make=GAS, share=9),
    Place(name="Gas, north", make=GAS, share=9),
)

FILES: Final = (
    Upload(name="Parking 1.0.0", make=PARKING, kind="firmware", version="1.0.0.0",
           content="micropython-microbit-1.0.0.bin"),
    Upload(name="Parking 1.0.1", make=PARKING, kind="firmware", version="1.0.1.0",
           content="micropython-microbit-1.0.1.bin"),
    Upload(name="Lamp 1.0.1", make=LAMPS, kind="firmware", version="1.0.1.0",
           content="micropython-microbit-1.0.1.bin"),
    Upload(name="Probe calibration 2026", make=PROBES, rows=18),
    Upload(name="Water tariffs, summer", make=METERS, rows=70),
    Upload(name="Water tariffs, winter", make=METERS, rows=75),
    Upload(name="Gas calorific values", make=GAS, rows=60),
)  # fmt: skip

CAMPAIGNS: Final = (
    Play(name="Parking sensors to 1.0.1", description="The whole image, 231 kB, for the harbour.",
         place="Parking, harbour", file="Parking 1.0.1", type="firmware", ends="SUCCEEDED"),
    Play(name="Calibration of the probes", description="Three quarters of a kilobyte for small devices.",
         place="Probes, south fields", file="Probe calibration 2026", ends="SUCCEEDED", archived=True),
    Play(name="Summer tariffs, old town", description="Goes through at the first try.",
         place="Meters, old town", file="Water tariffs, summer", ends="SUCCEEDED"),
    Play(name="Summer tariffs, far valley", description="A fixed share of redundancy, and too little for the valley.",
         place="Meters, far valley", file="Water tariffs, summer", ends="FAILED", strategy="fixed", threshold=95),
    Play(name="Calorific values, north", description="Stopped: the table was the wrong one.",
         place="Gas, north", file="Gas calorific values", ends="STOPPED", days=30, starts_in_days=10),
    Play(name="Calorific values, east", description="Sent in the night that operations chose.",
         place="Gas, east", file="Gas calorific values", ends="RUNNING", days=180, starts_in_days=90),
    Play(name="Calorific values, west", description="Paused while a gateway is being replaced.",
         place="Gas, west", file="Gas calorific values", ends="PAUSED", days=180, starts_in_days=90),
    Play(name="Winter tariffs", description="Waits for the first of the season.",
         place="Meters, station quarter", file="Water tariffs, winter", ends="SCHEDULED", starts_in_days=120),
    Play(name="Lamps to 1.0.1", description="A draft: nobody has started it.",
         place="Lamps, old town", file="Lamp 1.0.1", type="firmware", ends="CONFIGURED"),
)  # fmt: skip

USERS: Final = (("viewer", "Looks."), ("operator", "Edits objects and runs campaigns."),
                ("approver", "Looks, and approves."), ("admin", "Users, connections and settings too."))  # fmt: skip


def firmware(name: str) -> bytes:
    """A sample firmware; it comes with the package."""
    with (
        files("fleetcast.cli").joinpath("data/demo-firmware.zip").open("rb") as packed,
        zipfile.ZipFile(packed) as archive,
    ):
        return archive.read(name)


def table(title: str, rows: int) -> bytes:
    """A table as a device might be sent one: some 40 bytes a row, always the same."""
    lines = [f"# {title}"]
    lines += [
        f"{row:04};zone {row % 7};{(row * 7919) % 10000:04};{(row * 104_729) % 1_000_000:06};valid"
        for row in range(rows)
    ]
    return "\n".join(lines).encode()
