"""The one exchange that every package has: which package are you, in which version? (CID 0x00)."""

from __future__ import annotations

from fleetcast.protocol.wire import Command, command, uint


@command(cid=0x00)
class PackageVersionReq(Command):
    """Ask for the version of the package behind this FPort."""


@command(cid=0x00)
class PackageVersionAns(Command):
    """Name the package and its version; the version selects the codec of everything else on this FPort."""

    package_identifier: int = uint(1, "0 multi-package, 1 clock, 2 multicast, 3 fragmentation, 4 firmware")
    package_version: int = uint(1)
