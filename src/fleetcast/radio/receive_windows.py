"""Where a device listens before anybody told it otherwise: RX2, beacons and ping slots, and the plans that decide them.

Values only; CN470 leaves the frequencies to one of several channel plans and the channel a device joined on.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleetcast.errors import Invalid
from fleetcast.identifiers import DevAddr
from fleetcast.radio.spectrum import ChannelBlock


class ChannelPlanNeeded(Invalid):
    """The band leaves this frequency to its channel plan (and join channel), and none was chosen."""


@dataclass(frozen=True, slots=True)
class Rx2:
    """Receive window 2 before any MAC command; no frequency where only a channel plan can tell it."""

    dr: int
    frequencies_hz: tuple[int, ...]

    @property
    def frequency_hz(self) -> int:
        """The frequency in Hz; raises ChannelPlanNeeded while the channel plan is open."""
        if not self.frequencies_hz:
            raise ChannelPlanNeeded("the RX2 frequency depends on the channel plan: choose one of the band's plans")
        return self.frequencies_hz[0]


@dataclass(frozen=True, slots=True)
class Beacon:
    """Class B beacon: `phy_bytes` are rfu1 + 1 (param) + 4 (time) + 2 (CRC) + 7 (gateway) + rfu2 + 2 (CRC)."""

    frequencies_hz: tuple[int, ...]
    dr: int
    phy_bytes: int
    rfu1_bytes: int
    rfu2_bytes: int

    @property
    def hopping(self) -> bool:
        """Whether the frequency changes every beacon period."""
        return len(self.frequencies_hz) > 1

    def frequency_hz(self, beacon_time_s: int) -> int:
        """Frequency of the beacon that starts at this GPS second; raises ChannelPlanNeeded while the plan is open."""
        if not self.frequencies_hz:
            raise ChannelPlanNeeded(
                "the beacon frequency depends on the channel plan and the join channel: choose them"
            )
        return self.frequencies_hz[beacon_time_s // 128 % len(self.frequencies_hz)]


@dataclass(frozen=True, slots=True)
class PingSlotChannel:
    """Class B ping slots: data rate and frequency before any MAC command or session request."""

    frequencies_hz: tuple[int, ...]
    dr: int

    @property
    def hopping(self) -> bool:
        """Whether the frequency changes every beacon period."""
        return len(self.frequencies_hz) > 1

    def frequency_hz(self, beacon_time_s: int, address: DevAddr) -> int:
        """Frequency in the beacon period that starts at this GPS second, for a DevAddr or McAddr.

        A non-zero DlFreq in McClassBSessionReq replaces it. Raises ChannelPlanNeeded while the plan is open.
        """
        if not self.frequencies_hz:
            raise ChannelPlanNeeded(
                "the ping-slot frequency depends on the channel plan and the join channel: choose them"
            )
        return self.frequencies_hz[(int(address) + beacon_time_s // 128) % len(self.frequencies_hz)]


@dataclass(frozen=True, slots=True)
class JoinChannelGroup:
    """What a device that joined on `join_channel` uses; None where every device of the plan uses the same."""

    join_channel: int | None
    rx2_hz: int
    beacon_hz: tuple[int, ...]
    ping_hz: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """One of several channel plans inside a band (CN470)."""

    name: str
    downlink: tuple[ChannelBlock, ...]
    groups: tuple[JoinChannelGroup, ...]
    rx2_dr: int
    rx2_abp_hz: int
    uplink: tuple[ChannelBlock, ...] = ()

    @property
    def downlink_hz(self) -> tuple[int, ...]:
        """All downlink frequencies, in channel order."""
        return tuple(frequency for block in self.downlink for frequency in block.frequencies_hz)
