"""What the simulated network tells the outside, in the order it becomes known. Values only.

They say what any network server's connector would say, no more: nobody outside learns who heard a multicast frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs

FailureCause = Literal[
    "queue full", "no gateway", "duty cycle", "too late", "refused", "expired", "counter refused", "size refused",
    "connection lost", "flushed", "other",
]  # fmt: skip
"""Why the network did not send."""


@dataclass(frozen=True, slots=True)
class Uplink:
    """A device was heard."""

    dev_eui: DevEui
    f_port: int
    payload: bytes
    received_at: InstantMs
    """When the frame ended at the gateway."""
    f_cnt: int
    data_rate: int
    gateways: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """A device joined anew: keys, address and counters of its session are others now."""

    dev_eui: DevEui
    at: InstantMs


@dataclass(frozen=True, slots=True)
class Queued:
    """The network server took a downlink."""

    effect_id: int


@dataclass(frozen=True, slots=True)
class Sent:
    """A gateway sent a downlink."""

    effect_id: int
    sent_at: InstantMs
    f_cnt: int | None = None
    """Multicast: the counter used."""
    sent_by: tuple[str, ...] = ()
    refused_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """A downlink was surely not sent."""

    effect_id: int
    cause: FailureCause
    detail: str = ""
    next_f_cnt: int | None = None
    """Counter refused: the value the network server wants next."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The report about a downlink never came."""

    effect_id: int


@dataclass(frozen=True, slots=True)
class GroupReady:
    """A multicast group stands at the network server, with the parameters it really has."""

    group: DevEui
    next_f_cnt: int
    frequency_hz: int
    data_rate: int
    created_by_us: bool


@dataclass(frozen=True, slots=True)
class GroupRefused:
    """The network server refused the group; not `final`: a person must do something first."""

    group: DevEui
    why: str
    final: bool = True


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The network server can't be reached."""

    connection: str


@dataclass(frozen=True, slots=True)
class ConnectionBack:
    """It can be reached again."""

    connection: str


Heard = (
    Uplink | Joined | Queued | Sent | Failed | Unknown | GroupReady | GroupRefused | ConnectionLost | ConnectionBack
)  # fmt: skip
