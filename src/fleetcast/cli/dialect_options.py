"""The options by which `decode` and `encode` are told what both ends speak."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fleetcast.cli.dialect import DialectDefaults


class DialectDirection(StrEnum):
    """Who sends."""

    DOWN = "down"
    UP = "up"


PortOption = Annotated[
    int | None,
    typer.Option(
        "--port", "-p", help="FPort: 200 multicast, 201 fragmentation, 202 clock, 203 firmware, 225 several packages."
    ),
]
PackageVersionOption = Annotated[
    int | None, typer.Option("--package-version", "-V", help="Version of the package.", show_default="1")
]
DirectionOption = Annotated[
    DialectDirection | None,
    typer.Option("--direction", "-d", help="down: server to device; up: device to server."),
]
PackageOption = Annotated[
    str | None,
    typer.Option(help="Instead of --port, for devices with FPorts of their own: fragmentation, TS004, …"),
]
PackageVersionsOption = Annotated[
    str | None,
    typer.Option(
        help="For FPort 225: version of each package the device has, by identifier.",
        metavar="1=2,2=1,…",
        show_default="1 of each",
    ),
]


def defaults_of(
    port: int | None,
    package: str | None,
    package_version: int | None,
    direction: DialectDirection | None,
    package_versions: str | None,
) -> DialectDefaults:
    """The dialect as far as the options say it. Raises BadArgument."""
    from fleetcast.cli.dialect import DialectDefaults, parse_package_versions

    return DialectDefaults(
        port=port,
        package=package,
        version=package_version,
        direction=None if direction is None else direction.value,
        package_versions=() if package_versions is None else parse_package_versions(package_versions),
    )
