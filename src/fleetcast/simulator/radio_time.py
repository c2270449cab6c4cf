"""How long each simulated device's radio has been on: what an energy balance starts from.

Times are whole microseconds, one array entry a device. What devices in class C for good listen to unicast is not
counted: it is not the campaign's doing.
"""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from fleetcast.radio.airtime import beacon_airtime_us
from fleetcast.radio.band import Band, Direction
from fleetcast.radio.class_b import BEACON_PERIOD_US, ping_slots_per_beacon_period
from fleetcast.radio.energy import receive_window_s
from fleetcast.radio.modulation import LoRa
from fleetcast.simulator.packages.multicast_setup import Session

_BEACON_MARGIN_US = 30_000
_NOT_LISTENING = -1


class RadioTime:
    """Receive and transmit times of a whole fleet."""

    def __init__(self, devices: int, band: Band) -> None:
        # Counted one by one as Python numbers, and read all at once as arrays: two views of the same memory.
        self._transmit = array("q", bytes(8 * devices))
        self._receive = array("q", bytes(8 * devices))
        self.transmit_us: NDArray[np.int64] = np.frombuffer(self._transmit, np.int64)
        self.receive_us: NDArray[np.int64] = np.frombuffer(self._receive, np.int64)
        self._band = band
        self._windows: dict[int, int] = {}
        self._class_c_since_us = np.full(devices, _NOT_LISTENING, np.int64)
        self._class_b_since_us = np.full(devices, _NOT_LISTENING, np.int64)
        self._class_b: dict[int, tuple[Session, ...]] = {}
        self._beacon_us = beacon_airtime_us(band) + _BEACON_MARGIN_US

    def grow(self, devices: int) -> None:
        """So many devices now, in all."""
        more = devices - len(self._transmit)
        self._transmit, self._receive = (
            array("q", bytes(of) + bytes(8 * more)) for of in (self._transmit, self._receive)
        )
        self.transmit_us = np.frombuffer(self._transmit, np.int64)
        self.receive_us = np.frombuffer(self._receive, np.int64)
        self._class_c_since_us = np.pad(self._class_c_since_us, (0, more), constant_values=_NOT_LISTENING)
        self._class_b_since_us = np.pad(self._class_b_since_us, (0, more), constant_values=_NOT_LISTENING)

    def window_us(self, data_rate: int) -> int:
        """How long a receive window without a frame is open."""
        found = self._windows.get(data_rate)
        if found is None:
            modulation = self._band.data_rate(data_rate, Direction.DOWNLINK).modulation
            symbol_s = modulation.symbol_time_us / 1e6 if isinstance(modulation, LoRa) else 0.0
            found = self._windows[data_rate] = round(receive_window_s(symbol_s) * 1e6)
        return found

    def sent(self, device: int, airtime_us: int, windows_us: int) -> None:
        """The device sent an uplink, and opened the receive windows behind it."""
        self._transmit[device] += airtime_us
        self._receive[device] += windows_us

    def received(self, device: int, airtime_us: int) -> None:
        """The device received a frame of its own, beyond what was counted for the window."""
        self._receive[device] += airtime_us

    def listens(self, device: int, sessions: tuple[Session, ...], now_us: int) -> None:
        """From now on the device listens in these multicast sessions."""
        class_c = any(session.session_class == "C" for session in sessions)
        since_us = int(self._class_c_since_us[device])
        if class_c and since_us == _NOT_LISTENING:
            self._class_c_since_us[device] = now_us
        elif not class_c and since_us != _NOT_LISTENING:
            self.receive_us[device] += now_us - since_us
            self._class_c_since_us[device] = _NOT_LISTENING
        class_b = tuple(session for session in sessions if session.session_class == "B")
        if class_b != self._class_b.get(device, ()):
            self._settle_class_b(device, now_us)
            if class_b:
                self._class_b[device] = class_b
                self._class_b_since_us[device] = now_us

    def heard_in_slot(self, devices: NDArray[np.intp], airtime_us: int, data_rate: int) -> None:
        """A class B frame was received where an empty window had been counted."""
        self.receive_us[devices] += airtime_us - self.window_us(data_rate)

    def settle(self, now_us: int) -> None:
        """Count what is still going on up to now."""
        open_ = np.flatnonzero(self._class_c_since_us != _NOT_LISTENING)
        self.receive_us[open_] += now_us - self._class_c_since_us[open_]
        self._class_c_since_us[open_] = now_us
        for device, sessions in list(self._class_b.items()):
            self._settle_class_b(device, now_us)
            self._class_b[device] = sessions
            self._class_b_since_us[device] = now_us

    def _settle_class_b(self, device: int, now_us: int) -> None:
        sessions = self._class_b.pop(device, ())
        if not sessions:
            return
        periods = (now_us - int(self._class_b_since_us[device])) / BEACON_PERIOD_US
        windows_us = sum(
            ping_slots_per_beacon_period(session.periodicity) * self.window_us(session.data_rate)
            for session in sessions
        )
        self.receive_us[device] += round(periods * (self._beacon_us + windows_us))
        self._class_b_since_us[device] = _NOT_LISTENING
