"""Everything a campaign can ask for. Values only; none holds a key.

A command that needs key material carries zeros in its place (McKey_encrypted of McGroupSetupReq, MIC of a version 2
FragSessionSetupReq); whoever performs the effect puts it in at the last moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs
from fleetcast.protocol.packages import Package
from fleetcast.protocol.wire import Command


@dataclass(frozen=True, slots=True)
class SendUnicast:
    """Say something to one device, in its package version."""

    effect_id: int
    dev_eui: DevEui
    package: Package
    f_port: int
    commands: tuple[Command, ...]
    valid_until: InstantMs
    """The network may drop it when it could not be sent by then."""
    class_c: bool = False
    """The device listens all the time: no need to wait for its next uplink."""


@dataclass(frozen=True, slots=True)
class SendFragment:
    """Send data fragment `n` to a multicast group."""

    effect_id: int
    group: DevEui
    frag_index: int
    n: int
    f_cnt: int | None
    """The counter to use; None: the network counts."""
    not_before: InstantMs


@dataclass(frozen=True, slots=True)
class SendMulticast:
    """Say a command to a multicast group."""

    effect_id: int
    group: DevEui
    f_port: int
    commands: tuple[Command, ...]
    f_cnt: int | None
    not_before: InstantMs


@dataclass(frozen=True, slots=True)
class EnsureGroup:
    """Have the multicast group at its network server; answered by GroupReady or GroupRefused."""

    effect_id: int
    group: DevEui
    members: tuple[DevEui, ...]


@dataclass(frozen=True, slots=True)
class ReleaseGroup:
    """Take the group away again, once its queue has drained."""

    effect_id: int
    group: DevEui


@dataclass(frozen=True, slots=True)
class FlushQueue:
    """Drop what waits at the network server for a device or a group."""

    effect_id: int
    target: DevEui


class RecordKind(StrEnum):
    """What a journal line is about."""

    STATUS = "status"
    STAGE = "stage"
    DEVICE = "device"
    GROUP = "group"
    LATE = "late"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Record:
    """A line for the journal; `about` is a DevEUI of a device or group, or empty."""

    kind: RecordKind
    about: str
    text: str


@dataclass(frozen=True, slots=True)
class CampaignEnded:
    """The campaign reached a final status."""

    status: str


Effect = (
    SendUnicast | SendFragment | SendMulticast | EnsureGroup | ReleaseGroup | FlushQueue | Record | CampaignEnded
)  # fmt: skip
