"""Everything that can be learned about a running campaign. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs

SendFailure = Literal[
    "queue full", "no gateway", "duty cycle", "too late", "refused", "expired", "counter refused", "size refused",
    "connection lost", "flushed", "other",
]  # fmt: skip
"""Why the network did not send."""


@dataclass(frozen=True, slots=True)
class Started:
    """The campaign begins."""


@dataclass(frozen=True, slots=True)
class Paused:
    """Somebody holds the campaign."""

    who: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Resumed:
    """Somebody lets it go on."""

    who: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Stopped:
    """Somebody ends it."""

    who: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class UplinkHeard:
    """A device spoke. Each uplink is an opportunity, whatever its FPort."""

    dev_eui: DevEui
    f_port: int
    payload: bytes
    received_at: InstantMs
    """When it ended at the gateway."""
    f_cnt: int
    """The device's FCntUp: the same uplink twice is one event."""
    data_rate: int | None = None
    gateways: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DownlinkQueued:
    """The network server took it."""

    effect_id: int


@dataclass(frozen=True, slots=True)
class DownlinkSent:
    """A gateway sent it."""

    effect_id: int
    sent_at: InstantMs
    f_cnt: int | None = None
    """Multicast: the counter that was used."""
    sent_by: tuple[str, ...] = ()
    refused_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DownlinkFailed:
    """It was surely not sent."""

    effect_id: int
    cause: SendFailure
    detail: str = ""
    next_f_cnt: int | None = None
    """Counter refused: the value the network server wants next, if it says so."""


@dataclass(frozen=True, slots=True)
class DownlinkUnknown:
    """Nobody knows whether it was sent."""

    effect_id: int


@dataclass(frozen=True, slots=True)
class DeviceRejoined:
    """The device joined anew or its session was reset: what it had set up may be gone."""

    dev_eui: DevEui


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """A network server can't be reached."""

    connection: str


@dataclass(frozen=True, slots=True)
class ConnectionBack:
    """It can be reached again."""

    connection: str


@dataclass(frozen=True, slots=True)
class GroupReady:
    """A multicast group stands at the network server, with the parameters it really has."""

    group: DevEui
    next_f_cnt: int
    frequency_hz: int
    data_rate: int
    created_by_us: bool = False


@dataclass(frozen=True, slots=True)
class GroupRefused:
    """The network server refused the group, or a person must do something first."""

    group: DevEui
    why: str
    final: bool = True


@dataclass(frozen=True, slots=True)
class ShareChanged:
    """How much of a sub-band's hour of airtime this campaign may use (0 to 1 of the regulation's limit)."""

    connection: str
    sub_band: str
    share: float


@dataclass(frozen=True, slots=True)
class TimePassed:
    """Nothing but time: `next_deadline` has come."""


Event = (
    Started | Paused | Resumed | Stopped | UplinkHeard | DownlinkQueued | DownlinkSent | DownlinkFailed
    | DownlinkUnknown | DeviceRejoined | ConnectionLost | ConnectionBack | GroupReady | GroupRefused | ShareChanged
    | TimePassed
)  # fmt: skip
