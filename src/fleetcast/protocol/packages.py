"""The table of packages: identifier, default FPort, and for each version the commands up and down.

FPorts other than 225 are recommendations; a device profile may say otherwise.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from functools import lru_cache

from fleetcast.errors import Invalid
from fleetcast.protocol.command_table import CommandTable
from fleetcast.protocol.ts003_clock_sync import v1 as clock_v1
from fleetcast.protocol.ts003_clock_sync import v2 as clock_v2
from fleetcast.protocol.ts004_fragmentation import v1 as fragmentation_v1
from fleetcast.protocol.ts004_fragmentation import v2 as fragmentation_v2
from fleetcast.protocol.ts005_multicast import v1 as multicast_v1
from fleetcast.protocol.ts005_multicast import v2 as multicast_v2
from fleetcast.protocol.ts006_firmware import v1 as firmware_v1
from fleetcast.protocol.ts007_multi_package import v1 as multi_package_v1
from fleetcast.protocol.wire import Command


class Direction(Enum):
    """Who sends: the server (down) or the device (up)."""

    DOWN = "down"
    UP = "up"

    # A key of tables that every frame looks into; members are single, so that their identity will do.
    __hash__ = object.__hash__


class Package(IntEnum):
    """A package; its number is the package identifier of the specifications."""

    MULTI_PACKAGE_ACCESS = 0
    CLOCK_SYNC = 1
    MULTICAST_SETUP = 2
    FRAGMENTATION = 3
    FIRMWARE_MANAGEMENT = 4

    @property
    def default_f_port(self) -> int:
        """The FPort the specification recommends (for 225: demands)."""
        return _DEFAULT_F_PORTS[self]

    @property
    def specification(self) -> str:
        """The number of the specification, without version."""
        return _SPECIFICATIONS[self]

    @property
    def label(self) -> str:
        """The name in files and on the command line."""
        return self.name.lower()


_DEFAULT_F_PORTS = {
    Package.MULTI_PACKAGE_ACCESS: 225,
    Package.CLOCK_SYNC: 202,
    Package.MULTICAST_SETUP: 200,
    Package.FRAGMENTATION: 201,
    Package.FIRMWARE_MANAGEMENT: 203,
}

_SPECIFICATIONS = {
    Package.MULTI_PACKAGE_ACCESS: "TS007",
    Package.CLOCK_SYNC: "TS003",
    Package.MULTICAST_SETUP: "TS005",
    Package.FRAGMENTATION: "TS004",
    Package.FIRMWARE_MANAGEMENT: "TS006",
}

COMMANDS: dict[tuple[Package, int, Direction], CommandTable] = {
    (Package.MULTI_PACKAGE_ACCESS, 1, Direction.DOWN): multi_package_v1.DOWNLINK,
    (Package.MULTI_PACKAGE_ACCESS, 1, Direction.UP): multi_package_v1.UPLINK,
    (Package.CLOCK_SYNC, 1, Direction.DOWN): clock_v1.DOWNLINK,
    (Package.CLOCK_SYNC, 1, Direction.UP): clock_v1.UPLINK,
    (Package.CLOCK_SYNC, 2, Direction.DOWN): clock_v2.DOWNLINK,
    (Package.CLOCK_SYNC, 2, Direction.UP): clock_v2.UPLINK,
    (Package.MULTICAST_SETUP, 1, Direction.DOWN): multicast_v1.DOWNLINK,
    (Package.MULTICAST_SETUP, 1, Direction.UP): multicast_v1.UPLINK,
    (Package.MULTICAST_SETUP, 2, Direction.DOWN): multicast_v2.DOWNLINK,
    (Package.MULTICAST_SETUP, 2, Direction.UP): multicast_v2.UPLINK,
    (Package.FRAGMENTATION, 1, Direction.DOWN): fragmentation_v1.DOWNLINK,
    (Package.FRAGMENTATION, 1, Direction.UP): fragmentation_v1.UPLINK,
    (Package.FRAGMENTATION, 2, Direction.DOWN): fragmentation_v2.DOWNLINK,
    (Package.FRAGMENTATION, 2, Direction.UP): fragmentation_v2.UPLINK,
    (Package.FIRMWARE_MANAGEMENT, 1, Direction.DOWN): firmware_v1.DOWNLINK,
    (Package.FIRMWARE_MANAGEMENT, 1, Direction.UP): firmware_v1.UPLINK,
}


class UnknownPackage(Invalid):
    """A package, version, FPort or command name that is not in the table."""


@lru_cache(maxsize=16)
def versions(package: Package) -> tuple[int, ...]:
    """The versions of a package that can be spoken, lowest first."""
    return tuple(sorted({version for known, version, _ in COMMANDS if known is package}))


def commands(package: Package, version: int, direction: Direction) -> CommandTable:
    """The commands by CID; raises UnknownPackage for a version that is not in the table."""
    found = COMMANDS.get((package, version, direction))
    if found is None:
        known = " or ".join(str(one) for one in versions(package))
        raise UnknownPackage(f"package version {version}: {package.label} has version {known}")
    return found


def command_named(package: Package, version: int, direction: Direction, name: str) -> type[Command]:
    """The command with this name; raises UnknownPackage, naming those there are."""
    table = commands(package, version, direction)
    for command in table.values():
        if command.name == name:
            return command
    names = ", ".join(command.name for command in table.values())
    raise UnknownPackage(f"command {name!r}: {package.label} version {version} {direction.value} has {names}")


def package_on_port(f_port: int) -> Package:
    """The package that has this FPort by default; raises UnknownPackage for any other number."""
    for package, port in _DEFAULT_F_PORTS.items():
        if port == f_port:
            return package
    known = ", ".join(f"{port} ({package.label})" for package, port in sorted(_DEFAULT_F_PORTS.items(), key=_by_port))
    raise UnknownPackage(f"FPort {f_port}: no package is there by default; known: {known}")


def _by_port(entry: tuple[Package, int]) -> int:
    return entry[1]
