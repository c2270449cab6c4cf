"""Finds the kinds of network servers by entry point (group `fleetcast.connectors`): ours and other people's alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from fleetcast.clock import WorkingClock
from fleetcast.connectors.connection import Field, Settings
from fleetcast.connectors.port import Connector
from fleetcast.errors import NotFound

GROUP = "fleetcast.connectors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a connector may use beside its settings."""

    connection: str
    """The connection's name."""
    clock: WorkingClock
    directory: Path
    """A folder of its own, for what must survive a restart; it may not exist yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of network server: what an entry point names."""

    name: str
    sentence: str
    fields: tuple[Field, ...]
    connect: Callable[[Settings, Surroundings], Connector]
    """Makes a connector; opens nothing."""
    any_speed: bool = False
    """It lives in the server's time, so that time may be accelerated."""
    one_worker: bool = False
    """One worker at a time may have it open, and runs the campaigns on it; else every worker opens it for itself."""


class UnknownKind(NotFound):
    """No connector of this name is installed."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name = name
        super().__init__(f"no connector {name!r} is installed: there are {', '.join(known) or 'none'}")


def installed() -> Mapping[str, Kind]:
    """Every kind that is installed, by name; loading them is left to this moment."""
    found: dict[str, Kind] = {}
    for entry in entry_points(group=GROUP):
        kind = entry.load()
        if isinstance(kind, Kind):
            found[entry.name] = kind
    return found


def kind(name: str, kinds: Mapping[str, Kind] | None = None) -> Kind:
    """The kind with this name; raises UnknownKind."""
    known = installed() if kinds is None else kinds
    if name not in known:
        raise UnknownKind(name, tuple(sorted(known)))
    return known[name]
