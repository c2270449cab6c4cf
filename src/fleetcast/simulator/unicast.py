"""The network server's queue for each device: downlinks wait for a receive window, or go at once to class C.

One frame per uplink: in RX1, where it arrived in time and the gateway may send, else in RX2. A frame that no gateway
could send in either window has failed; one that no uplink came for expires.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from fleetcast.errors import Invalid
from fleetcast.radio.airtime import PHY_OVERHEAD_BYTES, downlink_airtime_us
from fleetcast.radio.band import Band, Direction
from fleetcast.radio.modulation import LrFhss
from fleetcast.simulator.gateways import Gateway
from fleetcast.simulator.heard import Failed, FailureCause, Queued, Sent
from fleetcast.simulator.network_settings import NetworkSettings
from fleetcast.simulator.reports import Reports
from fleetcast.simulator.timeline import Timeline

_LONGEST_WINDOW_US = 300_000
"""A window without a frame is closed by then, at any data rate."""


@dataclass(slots=True, eq=False)
class Waiting:
    """A downlink in the queue."""

    effect_id: int
    device: int
    f_port: int
    payload: bytes
    valid_until_us: int
    class_c: bool
    over: bool = False


@dataclass(frozen=True, slots=True)
class Opportunity:
    """The receive windows behind an uplink."""

    end_us: int
    data_rate: int
    frequency_hz: int
    """Of RX1."""
    gateways: tuple[int, ...]
    acknowledge: bool


@dataclass(frozen=True, slots=True)
class Channel:
    """Where and how a frame is sent."""

    frequency_hz: int
    data_rate: int


@dataclass(frozen=True, slots=True)
class SentFrame:
    """A frame on its way to one device."""

    device: int
    gateway: int
    start_us: int
    end_us: int
    channel: Channel
    phy_payload: bytes
    in_window: bool
    """After an uplink; else sent to a device in class C at any time."""


class Airtimes:
    """Airtime of downlinks and what fits, by data rate; looked up often."""

    def __init__(self, band: Band) -> None:
        self._band = band
        self._airtime: dict[tuple[int, int], int] = {}
        self._rates: dict[int, tuple[int, int]] = {}

    def downlink_us(self, data_rate: int, phy_payload_bytes: int) -> int:
        """Airtime of a downlink."""
        key = (data_rate, phy_payload_bytes)
        found = self._airtime.get(key)
        if found is None:
            modulation = self._band.data_rate(data_rate, Direction.DOWNLINK).modulation
            found = self._airtime[key] = downlink_airtime_us(modulation, phy_payload_bytes)
        return found

    def bandwidth_hz(self, data_rate: int) -> int:
        """The width of the channel."""
        return self._rate(data_rate)[0]

    def largest_payload(self, data_rate: int) -> int:
        """The largest FRMPayload of a downlink."""
        return self._rate(data_rate)[1]

    def _rate(self, data_rate: int) -> tuple[int, int]:
        found = self._rates.get(data_rate)
        if found is None:
            modulation = self._band.data_rate(data_rate, Direction.DOWNLINK).modulation
            if isinstance(modulation, LrFhss):
                raise Invalid(f"DR{data_rate} is {modulation}, which no device receives")
            largest = self._band.max_payload(data_rate).frmpayload_bytes
            found = self._rates[data_rate] = (modulation.occupied_bandwidth_hz, largest)
        return found


class UnicastQueues:
    """The queues of all devices."""

    def __init__(
        self,
        timeline: Timeline,
        settings: NetworkSettings,
        reports: Reports,
        band: Band,
        gateways: tuple[Gateway, ...],
        airtimes: Airtimes,
        frame: Callable[[int, int | None, bytes, bool], bytes],
        send: Callable[[SentFrame], None],
    ) -> None:
        """`frame` seals a payload for a device (f_port None: an acknowledgement alone); `send` puts it on the air."""
        self._timeline = timeline
        self._settings = settings
        self._reports = reports
        self._band = band
        self._gateways = gateways
        self._airtimes = airtimes
        self._frame = frame
        self._send = send
        self._rx2 = Channel(band.rx2.frequency_hz, band.rx2.dr)
        self._queues: dict[int, deque[Waiting]] = {}
        self._last: dict[int, Opportunity] = {}
        self._planned: dict[int, Opportunity] = {}
        """Devices whose windows are waited for."""
        self._refusals: dict[int, FailureCause] = {}

    def enqueue(self, waiting: Waiting) -> None:
        """Take a downlink that has just arrived at the network server."""
        settings = self._settings
        if self._reports.interrupted:
            self._fail(waiting, "connection lost")
            return
        queue = self._queues.setdefault(waiting.device, deque())
        if len(queue) >= settings.queue_length:
            self._fail(waiting, "queue full", f"{len(queue)} downlinks wait for the device")
            return
        if len(waiting.payload) > max(self._airtimes.largest_payload(dr) for dr in self._band.usable_data_rates()):
            self._fail(waiting, "size refused", f"{len(waiting.payload)} bytes fit no data rate")
            return
        queue.append(waiting)
        if settings.tells_queued:
            self._timeline.tell(Queued(waiting.effect_id))
        self._timeline.at(waiting.valid_until_us, self._expire, waiting)
        if waiting.class_c:
            # A radio that opens its receive windows hears nothing else: the network waits until they are over.
            self._timeline.at(self._windows_over_us(waiting.device), self._class_c, waiting)
        else:
            opportunity = self._last.get(waiting.device)
            if opportunity is not None:
                self._plan_window(waiting.device, opportunity)

    @property
    def empty(self) -> bool:
        """Whether nothing waits for any device."""
        return not any(self._queues.values())

    def flush(self, device: int) -> None:
        """Drop what waits for a device."""
        for waiting in self._queues.pop(device, ()):
            self._fail(waiting, "flushed")

    def heard(self, device: int, opportunity: Opportunity) -> None:
        """The network server heard an uplink of this device."""
        self._last[device] = opportunity
        if self._queues.get(device) or opportunity.acknowledge:
            self._plan_window(device, opportunity)

    def forget(self, device: int) -> None:
        """The device's session is another one now: its old windows mean nothing."""
        self._last.pop(device, None)
        self._planned.pop(device, None)

    # Receive windows

    def _plan_window(self, device: int, opportunity: Opportunity) -> None:
        if self._planned.get(device) is opportunity:
            return
        lead_us = self._settings.window_lead_ms * 1000
        rx1_us = opportunity.end_us + self._settings.rx1_delay_s * 1_000_000
        for at_us, do in ((rx1_us, self._rx1), (rx1_us + 1_000_000, self._rx2_window)):
            if self._timeline.now_us + lead_us <= at_us:
                self._planned[device] = opportunity
                self._timeline.at(at_us, do, (device, opportunity))
                return

    def _rx1(self, at: tuple[int, Opportunity]) -> None:
        device, opportunity = at
        data_rate = self._band.rx1_data_rate(opportunity.data_rate)
        if not self._use_window(device, opportunity, Channel(opportunity.frequency_hz, data_rate)):
            self._timeline.at(self._timeline.now_us + 1_000_000, self._rx2_window, at)

    def _rx2_window(self, at: tuple[int, Opportunity]) -> None:
        device, opportunity = at
        if self._use_window(device, opportunity, self._rx2):
            return
        self._planned.pop(device, None)
        queue = self._queues.get(device)
        cause = self._refusals.pop(device, None)
        if queue and cause is not None:
            waiting = queue.popleft()
            self._fail(waiting, cause)

    def _use_window(self, device: int, opportunity: Opportunity, channel: Channel) -> bool:
        """Send what is first in the queue; True also when there is nothing to send any more."""
        if self._planned.get(device) is not opportunity:
            return True
        queue = self._queues.get(device)
        waiting = queue[0] if queue else None
        if waiting is None and not opportunity.acknowledge:
            self._planned.pop(device, None)
            return True
        if self._reports.interrupted:
            self._refusals[device] = "connection lost"
            return False
        payload = b"" if waiting is None else waiting.payload
        if len(payload) > self._airtimes.largest_payload(channel.data_rate):
            self._refusals[device] = "size refused"
            return False
        length = PHY_OVERHEAD_BYTES + len(payload) - (waiting is None)
        for number in opportunity.gateways:
            refusal = self._transmit(number, channel, length)
            if refusal is not None:
                self._refusals[device] = refusal
                continue
            self._planned.pop(device, None)
            self._refusals.pop(device, None)
            f_port = None if waiting is None else waiting.f_port
            phy_payload = self._frame(device, f_port, payload, opportunity.acknowledge)
            self._on_air(device, number, channel, phy_payload, in_window=True)
            if waiting is not None and queue:
                queue.popleft()
                self._sent(waiting, number, channel, len(phy_payload))
            return True
        return False

    # Class C

    def _windows_over_us(self, device: int) -> int:
        """When the receive windows behind the last uplink are closed, if nothing came in them."""
        opportunity = self._last.get(device)
        if opportunity is None:
            return self._timeline.now_us
        return opportunity.end_us + (self._settings.rx1_delay_s + 1) * 1_000_000 + _LONGEST_WINDOW_US

    def _class_c(self, waiting: Waiting) -> None:
        if waiting.over:
            return
        opportunity = self._last.get(waiting.device)
        queue = self._queues.get(waiting.device)
        if queue is None or waiting not in queue:
            return
        if opportunity is None:
            queue.remove(waiting)
            self._fail(waiting, "no gateway", "the device was never heard")
            return
        if len(waiting.payload) > self._airtimes.largest_payload(self._rx2.data_rate):
            queue.remove(waiting)
            self._fail(waiting, "size refused", f"{len(waiting.payload)} bytes do not fit DR{self._rx2.data_rate}")
            return
        length = PHY_OVERHEAD_BYTES + len(waiting.payload)
        refusals = []
        for number in opportunity.gateways:
            refusal = self._transmit(number, self._rx2, length)
            if refusal is None:
                queue.remove(waiting)
                phy_payload = self._frame(waiting.device, waiting.f_port, waiting.payload, False)
                self._on_air(waiting.device, number, self._rx2, phy_payload, in_window=False)
                self._sent(waiting, number, self._rx2, len(phy_payload))
                return
            refusals.append((refusal, number))
        for refusal, number in refusals:
            if refusal == "other":  # only busy: as soon as it is free
                free_us = self._gateways[number].free_from_us(self._timeline.now_us + 1)
                self._timeline.at(free_us, self._class_c, waiting)
                return
        queue.remove(waiting)
        self._fail(waiting, refusals[0][0])

    # Both

    def _transmit(self, number: int, channel: Channel, length: int) -> FailureCause | None:
        gateway = self._gateways[number]
        if gateway.down:
            return "no gateway"
        airtime_us = self._airtimes.downlink_us(channel.data_rate, length)
        bandwidth_hz = self._airtimes.bandwidth_hz(channel.data_rate)
        refusal = gateway.transmit(self._timeline.now_us, airtime_us, channel.frequency_hz, bandwidth_hz)
        return "other" if refusal == "busy" else refusal

    def _on_air(self, device: int, number: int, channel: Channel, phy_payload: bytes, *, in_window: bool) -> None:
        start_us = self._timeline.now_us
        end_us = start_us + self._airtimes.downlink_us(channel.data_rate, len(phy_payload))
        self._send(SentFrame(device, number, start_us, end_us, channel, phy_payload, in_window))

    def _sent(self, waiting: Waiting, number: int, channel: Channel, length: int) -> None:
        waiting.over = True
        now_us = self._timeline.now_us
        airtime_us = self._airtimes.downlink_us(channel.data_rate, length)
        sent = Sent(waiting.effect_id, -(-now_us // 1000), sent_by=(self._gateways[number].name,))
        self._reports.outcome(sent, airtime_us)

    def _fail(self, waiting: Waiting, cause: FailureCause, detail: str = "") -> None:
        waiting.over = True
        self._reports.outcome(Failed(waiting.effect_id, cause, detail))

    def _expire(self, waiting: Waiting) -> None:
        if not waiting.over:
            self._queues[waiting.device].remove(waiting)
            self._fail(waiting, "expired")
