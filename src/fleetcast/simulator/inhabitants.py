"""Who lives in a simulated world: what the world asks of a fleet, however that is drawn."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fleetcast.identifiers import DevEui
from fleetcast.simulator.air import Links
from fleetcast.simulator.device_spec import DeviceSpec


class Inhabitants(Protocol):
    """All devices of a world, counted from 0. There may be more later, never fewer."""

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    @property
    def links(self) -> Links:
        """Whom each has in range."""
        ...

    @property
    def uplink_data_rate(self) -> NDArray[np.int16]:
        """The data rate of each one's uplinks."""
        ...

    def dev_eui(self, device: int) -> DevEui:
        """The DevEUI of a device."""
        ...

    def number(self, dev_eui: DevEui) -> int:
        """The device with this DevEUI; raises NotFound."""
        ...

    def spec(self, device: int) -> DeviceSpec:
        """What a device is."""
        ...

    def sample(self, of_each: int) -> NDArray[np.bool_]:
        """A mark on so many devices of each make."""
        ...
