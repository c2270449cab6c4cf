"""A world to practise in: devices, air, gateways and a network server, in virtual time and from one seed.

What a network server's connector does in earnest is done here by `World`: it takes downlinks and tells what was heard.
Everything else, from who lost what to when a device reboots, is decided inside. The same seed and the same calls at the
same instants give the same world, on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleetcast.errors import Damaged, NotFound
from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs
from fleetcast.protocol.packages import Direction
from fleetcast.radio.band import Band
from fleetcast.radio.duty_cycle import DutyCycleUse
from fleetcast.simulator.air import Air, Bursts
from fleetcast.simulator.chance import Dice, stream
from fleetcast.simulator.device import Device
from fleetcast.simulator.gateways import Gateway, SubBandAirtime
from fleetcast.simulator.heard import Failed, FailureCause, Heard, Joined, Uplink
from fleetcast.simulator.inhabitants import Inhabitants
from fleetcast.simulator.lorawan import seal, unseal
from fleetcast.simulator.multicast import MulticastQueues
from fleetcast.simulator.multicast_group import GroupAirtime, GroupAtNetwork, MulticastFrame
from fleetcast.simulator.multicast_reception import MulticastReception, Received, StreamReport
from fleetcast.simulator.network_settings import NetworkSettings
from fleetcast.simulator.radio_time import RadioTime
from fleetcast.simulator.reports import Reports
from fleetcast.simulator.stations import Stations
from fleetcast.simulator.timeline import Timeline
from fleetcast.simulator.unicast import Airtimes, Channel, Opportunity, SentFrame, UnicastQueues, Waiting
from fleetcast.simulator.uplink_air import Flying
from fleetcast.simulator.uplink_channels import rx1_frequencies_hz

_JOIN_ACCEPT_BYTES = 33


@dataclass(slots=True)
class Traffic:
    """What happened on the air, in numbers."""

    uplinks: int = 0
    uplinks_heard: int = 0
    """By at least one gateway."""
    uplinks_collided: int = 0
    uplinks_deafened: int = 0
    """Lost at a gateway that was sending itself, and heard by no other."""
    downlinks: int = 0
    """To single devices."""
    joins: int = 0


class World:
    """The simulated world, as the outside sees it."""

    def __init__(
        self,
        *,
        fleet: Inhabitants,
        band: Band,
        gateways: tuple[str, ...],
        settings: NetworkSettings,
        start: InstantMs,
        seed: int,
        bursts: Bursts | None = None,
        uplink_channels: int = 8,
        sample: int = 100,
        gateway_pacing: DutyCycleUse = DutyCycleUse.BURST,
    ) -> None:
        """A world in which nothing has happened yet.

        `sample`: so many devices of each profile take real bytes, the others are counted (all, where there are fewer).
        `gateway_pacing` EVEN: packet forwarders enforce an off-time after each frame.
        """
        self.fleet = fleet
        self._sample = sample
        self.gateways = tuple(Gateway(name, band, gateway_pacing) for name in gateways)
        self._number_of = {name: number for number, name in enumerate(gateways)}
        self.traffic = Traffic()
        self._band = band
        self._settings = settings
        self._timeline = Timeline(start)
        self._air = Air(fleet.links, seed, bursts)
        self._dice = Dice(stream(seed, "network server"))
        self._dev_eui: list[DevEui] = []
        self.radio_time = RadioTime(fleet.size, band)
        """Receive and transmit times by device; call `settle_radio_time` before reading."""
        airtimes = Airtimes(band)
        self._airtimes = airtimes
        self._reports = Reports(self._timeline, settings, self._dice, start)
        self._rx1_hz = rx1_frequencies_hz(band, uplink_channels)
        self.reception = MulticastReception(
            self._timeline,
            lambda: self.stations,
            self._air,
            self.radio_time,
            band.ping_slot.frequencies_hz[0] if band.ping_slot.frequencies_hz else 0,
            fleet.sample(sample),
        )
        self.stations = Stations(
            self._timeline,
            fleet,
            band,
            self._air,
            self.radio_time,
            seed,
            uplink_channels=uplink_channels,
            rx1_delay_s=settings.rx1_delay_s,
            uplink_ended=self._uplink_ended,
            uplink_delay_us=settings.uplink_delay_ms * 1000,
            changed=self.reception.changed,
            take_fragment=self.reception.take_unicast_fragment,
        )
        self._unicast = UnicastQueues(
            self._timeline, settings, self._reports, band, self.gateways, airtimes, self._sealed, self._unicast_begins
        )
        self._multicast = MulticastQueues(
            self._timeline, settings, self._reports, band, self.gateways, airtimes, self._multicast_begins
        )
        self._name_newcomers()

    # Time

    @property
    def now(self) -> InstantMs:
        """Virtual time."""
        return self._timeline.now

    def next_at(self) -> InstantMs | None:
        """When something happens next; None: never."""
        return self._timeline.next_at()

    def run_until(self, until: InstantMs) -> list[Heard]:
        """Let time pass up to this instant, or up to the first one at which something is heard; `now` says which.

        Raises Invalid for an instant in the past.
        """
        return self._timeline.run(until)

    # What the outside asks for

    def send_unicast(
        self,
        now: InstantMs,
        effect_id: int,
        dev_eui: DevEui,
        f_port: int,
        payload: bytes,
        valid_until: InstantMs,
        *,
        class_c: bool = False,
    ) -> None:
        """Hand a downlink for one device to the network server, which encrypts it; the outcome is told later.

        Raises NotFound for a device that isn't in the fleet.
        """
        waiting = Waiting(effect_id, self._find(dev_eui), f_port, payload, valid_until * 1000, class_c)
        if self._refused(effect_id, now):
            return
        self._timeline.at(self._arrival_us(now), self._unicast.enqueue, waiting)

    def send_multicast(
        self,
        now: InstantMs,
        effect_id: int,
        group: DevEui,
        f_port: int,
        payload: bytes,
        f_cnt: int | None,
        not_before: InstantMs,
        *,
        fragment_n: int | None = None,
        encrypted: bool = False,
    ) -> None:
        """Hand a frame for a group to the network server; the outcome is told later.

        `f_cnt` None: the network counts. `encrypted`: the payload is, with McAppSKey and this counter. `fragment_n`
        is for the books alone.
        """
        if self._refused(effect_id, now):
            return
        self._timeline.at(
            self._arrival_us(now),
            self._take_multicast,
            (group, effect_id, f_port, payload, f_cnt, not_before, fragment_n, encrypted),
        )

    def ensure_group(self, now: InstantMs, group: GroupAtNetwork) -> None:
        """Have a multicast group; answered by GroupReady or GroupRefused."""
        self._timeline.at(self._arrival_us(now), self._multicast.ensure, group)

    def release_group(self, now: InstantMs, group: DevEui) -> None:
        """Take a multicast group away, once its queue has drained."""
        self._timeline.at(self._arrival_us(now), self._multicast.release, group)

    def flush(self, now: InstantMs, target: DevEui) -> None:
        """Drop what waits for a device or a group."""
        self._timeline.at(self._arrival_us(now), self._flush, target)

    def grow(self) -> None:
        """Take in the devices that the fleet has got since; they have been running for a while."""
        self._air.grow(self.fleet.links)
        self.radio_time.grow(self.fleet.size)
        self.reception.grow(self.fleet.sample(self._sample))
        self.stations.grow()
        self._name_newcomers()

    def idle(self) -> bool:
        """Whether nothing waits or is under way at the network server, and no multicast group stands there."""
        return self._unicast.empty and self._multicast.empty

    def group_state(self, group: DevEui) -> tuple[int, int] | None:
        """A group's next counter and the frames that wait or are under way; None: there is no such group."""
        next_f_cnt = self._multicast.next_f_cnt(group)
        return None if next_f_cnt is None else (next_f_cnt, self._multicast.queue_length(group))

    def begin_campaign(self) -> None:
        """From now on data fragments are those of another campaign: they are counted from the start."""
        self.reception.begin_anew()

    # What can be observed afterwards

    def device(self, dev_eui: DevEui) -> Device:
        """A device, as it is; raises NotFound."""
        return self.stations.devices[self._find(dev_eui)]

    def rebuilt(self, dev_eui: DevEui) -> bytes | None:
        """The last data block that a device rebuilt, from bytes of its own or by its rank."""
        return self.device(dev_eui).rebuilt

    def takes_bytes(self, dev_eui: DevEui) -> bool:
        """Whether this device is in the sample that takes real bytes."""
        return bool(self.reception.in_bytes[self._find(dev_eui)])

    def airtime(self) -> list[SubBandAirtime]:
        """What each gateway sent in each sub-band, with its busiest hour."""
        return [one for gateway in self.gateways for one in gateway.airtime()]

    def group_airtime(self) -> list[GroupAirtime]:
        """What went out for each group."""
        return self._multicast.airtime()

    def streams(self) -> list[StreamReport]:
        """What became of each stream of fragments, and the limit for its losses."""
        return self.reception.reports()

    def settle_radio_time(self) -> RadioTime:
        """Receive and transmit times of all devices, up to now."""
        self.radio_time.settle(self._timeline.now_us)
        return self.radio_time

    # Uplinks

    def _uplink_ended(self, flying: Flying) -> None:
        """An uplink is over, and the network server had time to hear of it."""
        traffic = self.traffic
        traffic.uplinks += 1
        if flying.jammed:
            traffic.uplinks_collided += 1
        by: list[int] = []
        deafened = False
        for number in self._air.heard_by(flying.device, flying.end_us):
            gateway = self.gateways[number]
            if gateway.down or flying.jammed >> number & 1:
                continue
            if gateway.sent_during(flying.start_us, flying.end_us):
                deafened = True
            else:
                by.append(number)
        if not by:
            traffic.uplinks_deafened += deafened
            return
        traffic.uplinks_heard += 1
        if not flying.phy_payload:
            self._join_heard(flying, by)
            return
        activation = self.stations.activation(flying.device)
        ciphers = self.stations.ciphers.of(activation)
        again = flying.f_cnt == activation.up_seen
        try:
            seen = activation.up_seen - again
            header, f_cnt, payload = unseal(ciphers, activation.dev_addr, seen, flying.phy_payload)
        except Damaged:
            return  # of a session before the last join
        activation.up_seen = f_cnt
        opportunity = Opportunity(
            flying.end_us, flying.data_rate, self._rx1_hz[flying.channel], tuple(by), header.confirmed
        )
        self._unicast.heard(flying.device, opportunity)
        if again:
            return  # a repetition: acknowledged again, and told once
        self._reports.uplink(
            Uplink(
                self._dev_eui[flying.device],
                header.f_port or 0,
                payload,
                flying.end_us // 1000,
                f_cnt,
                flying.data_rate,
                tuple([self.gateways[number].name for number in by]),
            )
        )

    # Joins

    def _join_heard(self, flying: Flying, by: list[int]) -> None:
        if self._reports.interrupted:
            return
        rx1_us = flying.end_us + self._settings.join_accept_delay_s * 1_000_000
        rx1 = Channel(self._rx1_hz[flying.channel], self._band.rx1_data_rate(flying.data_rate))
        self._timeline.at(rx1_us, self._join_accept, (flying.device, by, rx1, True))

    def _join_accept(self, at: tuple[int, list[int], Channel, bool]) -> None:
        device, by, channel, first = at
        now_us = self._timeline.now_us
        airtime_us = self._airtimes.downlink_us(channel.data_rate, _JOIN_ACCEPT_BYTES)
        bandwidth_hz = self._airtimes.bandwidth_hz(channel.data_rate)
        for number in by:
            if self.gateways[number].transmit(now_us, airtime_us, channel.frequency_hz, bandwidth_hz) is None:
                self.traffic.joins += 1
                self.stations.rejoin(device)
                self._unicast.forget(device)
                self._timeline.at(now_us + airtime_us, self._join_accept_ends, (device, number))
                self._timeline.tell_at(
                    now_us + self._settings.uplink_delay_ms * 1000, Joined(self._dev_eui[device], now_us // 1000)
                )
                return
        if first:
            self._timeline.at(now_us + 1_000_000, self._join_accept, (device, by, self.stations.rx2, False))

    def _join_accept_ends(self, at: tuple[int, int]) -> None:
        device, gateway = at
        if self._air.hears_downlink(device, gateway, self._timeline.now_us):
            self.stations.joined(device)

    # Downlinks

    def _sealed(self, device: int, f_port: int | None, payload: bytes, ack: bool) -> bytes:
        activation = self.stations.activation(device)
        f_cnt = activation.down_next
        activation.down_next += 1
        ciphers = self.stations.ciphers.of(activation)
        return seal(ciphers, Direction.DOWN, activation.dev_addr, f_cnt, f_port, payload, ack=ack)

    def _unicast_begins(self, frame: SentFrame) -> None:
        self.traffic.downlinks += 1
        self._timeline.at(frame.end_us, self.stations.take, frame)

    def _multicast_begins(self, frame: MulticastFrame, gateways: list[Gateway], end_us: int, first: bool) -> None:
        numbers = tuple(self._number_of[gateway.name] for gateway in gateways)
        received = Received(frame, numbers, self._timeline.now_us, end_us, first)
        self._timeline.at(end_us, self.reception.hear, received)

    def _take_multicast(self, order: tuple[DevEui, int, int, bytes, int | None, InstantMs, int | None, bool]) -> None:
        self._multicast.enqueue(*order)

    def _flush(self, target: DevEui) -> None:
        if self._multicast.group(target) is not None:
            self._multicast.flush(target)
            return
        try:
            self._unicast.flush(self._find(target))
        except NotFound:
            return  # a group that stands no more: nothing waits for it

    def _refused(self, effect_id: int, now: InstantMs) -> bool:
        if not self._dice.happens(self._settings.refuses):
            return False
        cause: FailureCause = "refused"
        self._timeline.at(self._arrival_us(now), self._reports.outcome, Failed(effect_id, cause, "try again later"))
        return True

    def _arrival_us(self, now: InstantMs) -> int:
        return max(now * 1000, self._timeline.now_us) + self._settings.downlink_delay_ms * 1000

    def _name_newcomers(self) -> None:
        self._dev_eui.extend(self.fleet.dev_eui(number) for number in range(len(self._dev_eui), self.fleet.size))

    def _find(self, dev_eui: DevEui) -> int:
        return self.fleet.number(dev_eui)
