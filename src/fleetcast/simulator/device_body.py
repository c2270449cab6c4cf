"""What a package sees of the device it runs in, and of the payload that brought a command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fleetcast.instants import InstantMs
from fleetcast.simulator.device_chance import DeviceChance
from fleetcast.simulator.device_clock import DeviceClock
from fleetcast.simulator.device_spec import DeviceSpec


class Body(Protocol):
    """The device around a package."""

    @property
    def spec(self) -> DeviceSpec:
        """What the device is."""
        ...

    @property
    def clock(self) -> DeviceClock:
        """Its clock."""
        ...

    @property
    def chance(self) -> DeviceChance:
        """Its dice."""
        ...


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a command came."""

    now: InstantMs
    mc_group_id: int | None = None
    """The multicast group it was addressed to; None: unicast."""
    behind: bytes = b""
    """What follows the command in its payload."""
    in_set: bool = False
    """It came in a command set of TS007."""

    @property
    def unicast(self) -> bool:
        """Whether it was addressed to this device alone."""
        return self.mc_group_id is None
