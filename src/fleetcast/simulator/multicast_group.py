"""A multicast group and its frames: what the application wants, what waits, and what went out. Values and one queue.

What becomes of them is decided in `multicast`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.protocol.data_frames import FrameSigner, PayloadCipher
from fleetcast.secret import Secret
from fleetcast.simulator.device_keys import GroupKeys
from fleetcast.simulator.gateways import Gateway
from fleetcast.simulator.heard import FailureCause


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupAtNetwork:
    """A multicast group as the application wants it at the network server."""

    dev_eui: DevEui
    mc_addr: DevAddr
    mc_app_s_key: Secret
    mc_net_s_key: Secret
    session_class: Literal["B", "C"]
    frequency_hz: int
    data_rate: int
    periodicity: int = 0
    next_f_cnt: int = 0
    gateways: frozenset[str] = frozenset()
    """Empty: all."""
    network_counts: bool = False
    """The network gives the counters of this group, and takes none."""


@dataclass(frozen=True, slots=True)
class MulticastFrame:
    """A frame of a group, as it is on the air."""

    group: DevEui
    keys: GroupKeys
    f_cnt: int
    frequency_hz: int
    data_rate: int
    airtime_us: int
    f_port: int
    phy_payload: bytes
    class_b: bool
    fragment_n: int | None

    @property
    def mc_addr(self) -> DevAddr:
        """The address it goes to."""
        return self.keys.mc_addr


@dataclass(slots=True, eq=False)
class Order:
    """A frame that somebody wants sent, and how far it has come."""

    effect_id: int
    f_port: int
    payload: bytes
    f_cnt: int | None
    not_before_us: int
    fragment_n: int | None
    encrypted: bool
    frame: MulticastFrame | None = None
    open_gateways: list[Gateway] = field(default_factory=list)
    sent_by: list[str] = field(default_factory=list)
    refused: list[tuple[str, FailureCause]] = field(default_factory=list)
    first_sent_us: int = 0
    last_end_us: int = 0
    tries: dict[str, int] = field(default_factory=dict)
    """By gateway: how often it was busy."""


class GroupQueue:
    """A group and its queue."""

    def __init__(self, wanted: GroupAtNetwork, gateways: tuple[Gateway, ...], *, created: bool) -> None:
        self.wanted = wanted
        self.gateways = gateways
        self.created = created
        self.next_f_cnt = wanted.next_f_cnt
        self.queue: deque[Order] = deque()
        self.under_way: Order | None = None
        self.not_before_us = 0
        self.cipher = PayloadCipher(wanted.mc_app_s_key)
        self.signer = FrameSigner(wanted.mc_net_s_key)
        self.keys = GroupKeys(wanted.mc_addr, wanted.mc_app_s_key, wanted.mc_net_s_key)
        self.releasing = False
        self.frames_sent = 0
        self.fragments_sent = 0
        self.fragment_airtime_us = 0

    def airtime(self) -> GroupAirtime:
        """What went out so far."""
        return GroupAirtime(self.wanted.dev_eui, self.frames_sent, self.fragments_sent, self.fragment_airtime_us)


@dataclass(frozen=True, slots=True)
class GroupAirtime:
    """What went out for a group; each frame counts once, by however many gateways it was sent."""

    group: DevEui
    frames: int
    fragments: int
    fragment_airtime_us: int
