"""Which commands a payload can hold: package, version and direction, as given by options or by a line of JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from fleetcast.cli.arguments import BadArgument
from fleetcast.protocol.packages import Direction, Package, commands, package_on_port

PackageVersions = tuple[tuple[int, int], ...]
_LARGEST_IDENTIFIER = 127


@dataclass(frozen=True, slots=True)
class Dialect:
    """What both ends speak; `package_versions` counts on FPort 225 only, where one frame mixes packages."""

    package: Package
    version: int
    direction: Direction
    package_versions: PackageVersions = ()

    @property
    def mixes_packages(self) -> bool:
        """Whether frames are those of multi-package access (TS007)."""
        return self.package is Package.MULTI_PACKAGE_ACCESS

    def versions(self) -> dict[int, int]:
        """The version of each package a device has; version 1 of all of them where nothing was said."""
        return dict(self.package_versions) or {package.value: 1 for package in Package}


@dataclass(frozen=True, slots=True)
class DialectDefaults:
    """What the options said, for payloads that do not say it themselves."""

    port: int | None = None
    package: str | None = None
    version: int | None = None
    direction: str | None = None
    package_versions: PackageVersions = ()

    def dialect(self) -> Dialect:
        """The dialect these options name. Raises BadArgument and Invalid."""
        return _dialect(self.port, self.package, self.version, self.direction, self.package_versions)

    def of(self, line: Mapping[str, object]) -> Dialect:
        """The dialect of a line of JSON, which may leave out what the options said. Raises BadArgument and Invalid."""
        given = line.get("package_versions")
        package = line.get("package", self.package)
        direction = line.get("direction", self.direction)
        if not (package is None or isinstance(package, str)) or not (direction is None or isinstance(direction, str)):
            raise BadArgument('package and direction are texts: write for example "direction": "down"')
        return _dialect(
            _whole_number(line, "port", self.port),
            # A line's own port wins over a package that the options named.
            package if "package" in line or "port" not in line else None,
            _whole_number(line, "package_version", self.version),
            direction,
            self.package_versions if given is None else _versions_of_json(given),
        )


def parse_package_versions(text: str) -> PackageVersions:
    """`2=1,3=2`: version of each package by identifier. Raises BadArgument."""
    found: dict[int, int] = {}
    for part in text.split(","):
        identifier, equals, version = part.strip().partition("=")
        if not (equals and identifier.strip().isdecimal() and version.strip().isdecimal()):
            raise BadArgument(f"package versions {text!r}: write identifier=version, for example 1=2,2=1,3=2,4=1")
        found[int(identifier)] = int(version)
    return _checked(found)


def _versions_of_json(given: object) -> PackageVersions:
    if not isinstance(given, Mapping) or not all(type(version) is int for version in given.values()):
        raise BadArgument('package_versions is an object: write for example {"2": 1, "3": 2}')
    if not all(str(identifier).isdecimal() for identifier in given):
        raise BadArgument('the keys of package_versions are package identifiers: write for example {"2": 1, "3": 2}')
    return _checked({int(identifier): version for identifier, version in given.items()})


def _checked(versions: Mapping[int, int]) -> PackageVersions:
    for identifier in versions:
        if identifier > _LARGEST_IDENTIFIER:
            raise BadArgument(f"package identifier {identifier} does not exist: use 0 to {_LARGEST_IDENTIFIER}")
    return tuple(sorted(versions.items()))


def _whole_number(line: Mapping[str, object], name: str, default: int | None) -> int | None:
    value = line.get(name, default)
    if value is not None and type(value) is not int:
        raise BadArgument(f"{name} {value!r} is not a whole number")
    return value


@lru_cache(maxsize=256)
def _dialect(
    port: int | None, package: str | None, version: int | None, direction: str | None, versions: PackageVersions
) -> Dialect:
    """Logs repeat a few dialects a million times, hence the cache."""
    named = _package(port, package)
    if direction not in ("up", "down"):
        said = "is missing" if direction is None else f"{direction!r} does not exist"
        raise BadArgument(f"the direction {said}: use down (server to device) or up (device to server)")
    found = Dialect(named, 1 if version is None else version, Direction(direction), versions)
    # Raises now what reading or writing the first payload would raise.
    commands(found.package, found.version, found.direction)
    if found.mixes_packages:
        for package_known in Package:
            if package_known in found.versions():
                commands(package_known, found.versions()[package_known], found.direction)
    return found


def _package(port: int | None, package: str | None) -> Package:
    if package is not None:
        wanted = package.strip().lower()
        for known in Package:
            if wanted in (known.label, known.specification.lower(), str(known.value)):
                return known
        labels = ", ".join(f"{known.label} ({known.specification})" for known in Package)
        raise BadArgument(f"package {package!r} is unknown: use {labels}")
    if port is None:
        raise BadArgument("the port is missing: 200 multicast, 201 fragmentation, 202 clock, 203 firmware, 225 several")
    return package_on_port(port)
