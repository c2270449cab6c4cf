"""Class B beacons: gateways that serve a class B group send one every 128 seconds, and pay for it with airtime.

That devices hear them, and keep in step, is taken for granted.
"""

from __future__ import annotations

from collections.abc import Iterable

from fleetcast.radio.airtime import beacon_airtime_us
from fleetcast.radio.band import Band, Direction
from fleetcast.radio.class_b import next_beacon_time_s
from fleetcast.radio.modulation import LoRa
from fleetcast.simulator.gateways import Gateway
from fleetcast.simulator.gps import gps_ahead_of_unix_us
from fleetcast.simulator.timeline import Timeline


class Beacons:
    """The beacons of all gateways that send any."""

    def __init__(self, timeline: Timeline, band: Band) -> None:
        self._timeline = timeline
        self._band = band
        self._sending: set[str] = set()
        self.sent = 0
        self.left_out = 0
        """Because the gateway was sending something else, was out of service, or had spent its airtime."""

    def begin(self, gateways: Iterable[Gateway]) -> None:
        """From now on these gateways send beacons."""
        for gateway in gateways:
            if gateway.name not in self._sending:
                self._sending.add(gateway.name)
                self._plan(gateway)

    def _plan(self, gateway: Gateway) -> None:
        now_us = self._timeline.now_us
        ahead_us = gps_ahead_of_unix_us(now_us)
        at_us = next_beacon_time_s(now_us + ahead_us + 1) * 1_000_000 - ahead_us
        self._timeline.at(at_us, self._send, gateway)

    def _send(self, gateway: Gateway) -> None:
        now_us = self._timeline.now_us
        band = self._band
        modulation = band.data_rate(band.beacon.dr, Direction.DOWNLINK).modulation
        bandwidth_hz = modulation.bw_hz if isinstance(modulation, LoRa) else 0
        frequency_hz = band.beacon.frequency_hz((now_us + gps_ahead_of_unix_us(now_us)) // 1_000_000)
        refused = gateway.down or gateway.transmit(now_us, beacon_airtime_us(band), frequency_hz, bandwidth_hz)
        self.left_out += bool(refused)
        self.sent += not refused
        self._plan(gateway)
