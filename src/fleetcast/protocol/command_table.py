"""Which command an identifier means, for one package, version and direction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from fleetcast.protocol.wire import Command

CommandTable: TypeAlias = Mapping[int, type[Command]]


def table(*commands: type[Command]) -> dict[int, type[Command]]:
    """A table of these commands by CID; raises TypeError when two share one."""
    found: dict[int, type[Command]] = {}
    for command in commands:
        if other := found.get(command.cid):
            raise TypeError(f"{command.__name__} and {other.__name__} share CID 0x{command.cid:02X}")
        found[command.cid] = command
    return found
