"""Devices as radio stations: when they may send, what they miss meanwhile, and how frames get to them and from them.

A station does one thing at a time: from the start of an uplink to the end of its receive windows it sends nothing else
and hears nothing else. Joins are modelled by their airtime, losses and collisions; their cryptography is left out.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleetcast.errors import Damaged
from fleetcast.protocol.packages import Direction, Package
from fleetcast.radio.airtime import uplink_airtime_us
from fleetcast.radio.band import Band
from fleetcast.radio.band import Direction as RadioDirection
from fleetcast.simulator.air import Air
from fleetcast.simulator.chance import Dice, key, stream
from fleetcast.simulator.device import Device
from fleetcast.simulator.device_answers import JoinRequest, OwnUplink
from fleetcast.simulator.inhabitants import Inhabitants
from fleetcast.simulator.lorawan import Activation, Ciphers, seal, unseal
from fleetcast.simulator.radio_time import RadioTime
from fleetcast.simulator.timeline import Timeline
from fleetcast.simulator.unicast import Channel, SentFrame
from fleetcast.simulator.uplink_air import Flying, UplinkAir

JOIN_REQUEST_BYTES = 23
_CONFIRMED_TRIES = 8
"""Sendings of a confirmed uplink (LoRaWAN 1.0.x recommends up to 8)."""
_ACK_TIMEOUT_US = (1_000_000, 3_000_000)
_UNPLANNED = 1 << 62


@dataclass(slots=True)
class _Unconfirmed:
    """A confirmed uplink that waits for its acknowledgement."""

    phy_payload: bytes
    f_cnt: int
    sendings: int
    boots: int


class Stations:
    """All devices of the fleet, with their radios."""

    def __init__(
        self,
        timeline: Timeline,
        fleet: Inhabitants,
        band: Band,
        air: Air,
        radio_time: RadioTime,
        seed: int,
        *,
        uplink_channels: int,
        rx1_delay_s: int,
        uplink_ended: Callable[[Flying], None],
        uplink_delay_us: int,
        changed: Callable[[int], None],
        take_fragment: Callable[[int, bytes], bool],
    ) -> None:
        """`uplink_ended` is called so long after an uplink's end, `changed` when a device's sessions are others.

        `take_fragment` counts a unicast fragment for a device whose reception is counted elsewhere.
        """
        self._timeline = timeline
        self._fleet = fleet
        self._band = band
        self._air = air
        self._radio_time = radio_time
        self._seed = seed
        self._uplink_ended = uplink_ended
        self._uplink_delay_us = uplink_delay_us
        self._changed = changed
        self._take_fragment = take_fragment
        self._rx1_us = rx1_delay_s * 1_000_000
        self.ciphers = Ciphers()
        self.uplinks = UplinkAir(uplink_channels, Dice(stream(seed, "uplink channels")))
        self._dice = Dice(stream(seed, "acknowledgement time-outs"))
        self.data_rate: list[int] = []
        self.rx2 = Channel(band.rx2.frequency_hz, band.rx2.dr)
        self._airtime: dict[tuple[int, int], int] = {}
        self._windows_us: dict[int, tuple[int, int]] = {}
        self._rooms: dict[int, int] = {}
        self._in_range: list[int] = []
        self._unconfirmed: dict[int, _Unconfirmed] = {}
        self._joins: dict[int, int] = {}
        self._activations: list[Activation | None] = []
        self._planned_us: list[int] = []
        self._free_us: list[int] = []
        """When the device may send again."""
        self._deaf_from = array("q")
        self._deaf_until = array("q")
        self.deaf_from_us: NDArray[np.int64] = np.zeros(0, np.int64)
        self.deaf_until_us: NDArray[np.int64] = np.zeros(0, np.int64)
        """The last uplink with the receive window behind it: multicast frames that overlap it are lost."""
        self.frames_rejected = 0
        """Downlinks that reached a device and were dropped for address, MIC or counter."""
        self.devices: list[Device] = []
        self._seen_changes: list[int] = []
        self.grow()

    def grow(self) -> None:
        """Take in the devices that the fleet has, and that are not here yet."""
        known, fleet = len(self.devices), self._fleet
        more = fleet.size - known
        self.data_rate.extend(fleet.uplink_data_rate[known:].tolist())
        for dr in set(self.data_rate[known:]) - self._windows_us.keys():
            self._windows_us[dr] = self._both_windows_us(dr)
            self._rooms[dr] = self._band.max_payload(dr, RadioDirection.UPLINK).frmpayload_bytes
        self._activations.extend([None] * more)
        self._planned_us.extend([_UNPLANNED] * more)
        self._free_us.extend([0] * more)
        self._seen_changes.extend([0] * more)
        # Written one by one, read all at once: two views of the same memory.
        self._deaf_from, self._deaf_until = (
            array("q", bytes(of) + bytes(8 * more)) for of in (self._deaf_from, self._deaf_until)
        )
        self.deaf_from_us = np.frombuffer(self._deaf_from, np.int64)
        self.deaf_until_us = np.frombuffer(self._deaf_until, np.int64)
        now = self._timeline.now
        for number in range(known, fleet.size):
            self._in_range.append(sum(1 << gateway for gateway in set(self._air.gateways_of(number))))
            device_seed = int.from_bytes(key(self._seed, "device", number)[:8], "big")
            device = Device(fleet.spec(number), device_seed, now)
            device.uplink_room_bytes = self._rooms[self.data_rate[number]]
            self.devices.append(device)
            self._plan(number, device)

    def activation(self, number: int) -> Activation:
        """The LoRaWAN session of a device."""
        found = self._activations[number]
        if found is None:
            found = self._activations[number] = Activation(self._seed, number, self._joins.get(number, 0))
        return found

    def after(self, number: int) -> None:
        """Something happened to a device: see what it wants now."""
        device = self.devices[number]
        if device.changes != self._seen_changes[number]:
            self._seen_changes[number] = device.changes
            self._changed(number)
        self._plan(number, device)

    def is_deaf(self, number: int, start_us: int, end_us: int) -> bool:
        """Whether the device was busy with an uplink of its own at some time between."""
        return self._deaf_from[number] < end_us and self._deaf_until[number] > start_us

    # Uplinks

    def _plan(self, number: int, device: Device) -> None:
        wake = device.next_wake
        if wake is None:
            return
        at_us = max(wake * 1000, self._free_us[number], self._timeline.now_us)
        if at_us < self._planned_us[number]:
            self._planned_us[number] = at_us
            self._timeline.at(at_us, self._wake, number)

    def _wake(self, number: int) -> None:
        if self._planned_us[number] != self._timeline.now_us:
            return  # planned anew since
        self._planned_us[number] = _UNPLANNED
        device = self.devices[number]
        wake = device.next_wake
        if wake is not None and max(wake * 1000, self._free_us[number]) <= self._timeline.now_us:
            for frame in device.wake(self._timeline.now):
                if isinstance(frame, JoinRequest):
                    self._send(number, b"", JOIN_REQUEST_BYTES, -1)
                else:
                    self._say(number, device, frame)
        self.after(number)

    def _say(self, number: int, device: Device, frame: OwnUplink) -> None:
        activation = self.activation(number)
        phy_payload = seal(
            self.ciphers.of(activation),
            Direction.UP,
            activation.dev_addr,
            activation.up_next,
            frame.f_port,
            frame.payload,
            confirmed=frame.confirmed,
        )
        activation.up_next += 1
        if frame.confirmed:
            self._unconfirmed[number] = _Unconfirmed(phy_payload, activation.up_next - 1, 1, device.boots)
        else:
            self._unconfirmed.pop(number, None)
        self._send(number, phy_payload, len(phy_payload), activation.up_next - 1)

    def _send(self, number: int, phy_payload: bytes, length: int, f_cnt: int) -> None:
        data_rate = self.data_rate[number]
        airtime_us = self._airtime.get((data_rate, length), 0)
        if not airtime_us:
            modulation = self._band.data_rate(data_rate, RadioDirection.UPLINK).modulation
            airtime_us = self._airtime[data_rate, length] = uplink_airtime_us(modulation, length)
        now_us = self._timeline.now_us
        flying = self.uplinks.begin(number, now_us, airtime_us, data_rate, self._in_range[number], phy_payload, f_cnt)
        rx1_window_us, both_us = self._windows_us[data_rate]
        self._deaf_from[number] = now_us
        self._deaf_until[number] = flying.end_us + self._rx1_us + rx1_window_us
        self._free_us[number] = flying.end_us + self._rx1_us + 1_000_000 + both_us
        self._radio_time.sent(number, airtime_us, both_us)
        self._timeline.at(flying.end_us + self._uplink_delay_us, self._uplink_ended, flying)
        if number in self._unconfirmed:
            low_us, high_us = _ACK_TIMEOUT_US
            self._timeline.at(self._free_us[number] + self._dice.between(low_us, high_us), self._repeat, number)

    def _repeat(self, number: int) -> None:
        """Send a confirmed uplink again that nobody acknowledged."""
        waiting = self._unconfirmed.get(number)
        if waiting is None or self._free_us[number] > self._timeline.now_us:
            return
        if waiting.sendings == _CONFIRMED_TRIES or self.devices[number].boots != waiting.boots:
            del self._unconfirmed[number]
            return
        waiting.sendings += 1
        self._send(number, waiting.phy_payload, len(waiting.phy_payload), waiting.f_cnt)

    # Downlinks

    def take(self, frame: SentFrame) -> None:
        """A frame for one device has ended: the device may have heard it."""
        number = frame.device
        device = self.devices[number]
        if not frame.in_window:
            elsewhere = any(session.session_class == "C" for session in device.listening)
            if not device.in_class_c or elsewhere or self.is_deaf(number, frame.start_us, frame.end_us):
                return
        elif self._free_us[number] < frame.start_us:
            return
        if not self._air.hears_downlink(number, frame.gateway, frame.end_us):
            return
        airtime_us = frame.end_us - frame.start_us
        counted_us = self._windows_us[self.data_rate[number]][0] if frame.in_window else 0
        self._radio_time.received(number, airtime_us - min(airtime_us, counted_us))
        activation = self.activation(number)
        ciphers = self.ciphers.of(activation)
        try:
            header, f_cnt, payload = unseal(ciphers, activation.dev_addr, activation.down_seen, frame.phy_payload)
        except Damaged:
            self.frames_rejected += 1
            return
        activation.down_seen = f_cnt
        if header.ack:
            self._unconfirmed.pop(number, None)
        if header.f_port is not None:
            expected = device.spec.model.traits.packages.get(Package.FRAGMENTATION)
            fragments = expected is not None and expected.f_port == header.f_port
            if not (fragments and self._take_fragment(number, payload)):
                device.receive(self._timeline.now, header.f_port, payload)
        self.after(number)

    def rejoin(self, number: int) -> None:
        """The network accepts a join: both sides begin a new session."""
        self._joins[number] = self._joins.get(number, 0) + 1
        self._activations[number] = None
        self._unconfirmed.pop(number, None)

    def joined(self, number: int) -> None:
        """The device heard the join-accept."""
        self.devices[number].joined(self._timeline.now)
        self.after(number)

    def _both_windows_us(self, uplink_data_rate: int) -> tuple[int, int]:
        rx1_us = self._radio_time.window_us(self._band.rx1_data_rate(uplink_data_rate))
        return rx1_us, rx1_us + self._radio_time.window_us(self.rx2.data_rate)
