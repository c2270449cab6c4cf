"""Who takes a multicast frame, worked out for all listeners at once.

Chance, deaf moments, counters and ranks are arrays. A sample of devices is different: each takes the frame's bytes,
checks the MIC and decrypts with the keys it has found itself, and rebuilds the block. The others look their reception
up; commands, which are rare, are given to each device that heard them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fleetcast.errors import Damaged, Invalid
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.protocol.packages import Package
from fleetcast.protocol.ts004_fragmentation.v1 import DataFragment
from fleetcast.radio.class_b import BEACON_RESERVED_US, SLOT_US, beacon_time_s, ping_offset, ping_period_slots
from fleetcast.simulator.air import Air
from fleetcast.simulator.device import Device
from fleetcast.simulator.device_keys import GroupKeys
from fleetcast.simulator.fragment_stream import FragmentStream, Places, Progress, StreamKey
from fleetcast.simulator.gps import gps_ahead_of_unix_us
from fleetcast.simulator.listening import FRAG_INDEXES, Listening
from fleetcast.simulator.lorawan import unseal
from fleetcast.simulator.multicast_group import MulticastFrame
from fleetcast.simulator.packages.fragmentation import FragmentSession, decoder_memory, scheme_of
from fleetcast.simulator.packages.reception import Followed
from fleetcast.simulator.quirks import Quirk
from fleetcast.simulator.radio_time import RadioTime
from fleetcast.simulator.stations import Stations
from fleetcast.simulator.timeline import Timeline
from fleetcast.simulator.traits import Traits

_NO_PLACE = -1
_NEEDS_BYTES = frozenset(
    {
        Quirk.FRAG_SIZE_ALIGN,
        Quirk.FRAGMENT_ZERO_WRITES_OUTSIDE,
        Quirk.RECEIVED_REQ_ON_NEXT_FRAGMENT,
    }
)
"""Stacks whose behaviour hangs on each single fragment."""

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Received:
    """A frame that was sent by one gateway, or by several at the same time, now ended."""

    frame: MulticastFrame
    gateways: tuple[int, ...]
    start_us: int
    end_us: int
    first: bool
    """No gateway sent it before."""


@dataclass(frozen=True, slots=True)
class StreamReport:
    """What became of one stream of fragments."""

    group: DevEui | None
    """None: its fragments came by unicast alone."""
    frag_index: int
    nb_frag: int
    frag_size: int
    frames: int
    """Data-fragment frames sent; by several gateways, they count once."""
    fragments_minimum: int
    """After how many of them the last device that completed had received any `nb_frag`; 0: none completed."""
    listeners: int
    complete: int


@dataclass(slots=True, eq=False)
class _Channel:
    """What goes out in one group for one FragIndex."""

    group: DevEui | None = None
    """None until the group sends."""
    frames: int = 0
    streams: list[int] = field(default_factory=list)


class MulticastReception:
    """All listeners of all groups."""

    def __init__(
        self,
        timeline: Timeline,
        stations: Callable[[], Stations],
        air: Air,
        radio_time: RadioTime,
        default_ping_frequency_hz: int,
        in_bytes: NDArray[np.bool_],
    ) -> None:
        """`in_bytes` marks the devices that take real bytes."""
        self._timeline = timeline
        self._stations_of = stations
        self._air = air
        self._radio_time = radio_time
        self._ping_frequency_hz = default_ping_frequency_hz
        self.in_bytes = in_bytes
        self._listening: dict[DevAddr, Listening] = {}
        self._known: dict[int, tuple[DevAddr, ...]] = {}
        self._channels: dict[tuple[DevAddr, int], _Channel] = {}
        self.streams: list[FragmentStream] = []
        self._channel_of: list[_Channel] = []
        size = len(in_bytes)
        self._place = np.full((FRAG_INDEXES, size), _NO_PLACE, np.int32)
        self._stream = np.zeros((FRAG_INDEXES, size), np.int32)
        self._f_port: NDArray[np.int16] = np.zeros(size, np.int16)
        """Where a device expects fragments, once it has a session."""
        self.frames_rejected = 0
        """Frames that a device of the sample heard and dropped for address or MIC."""

    def grow(self, in_bytes: NDArray[np.bool_]) -> None:
        """More devices behind those there were; the mark of each newcomer counts."""
        known = len(self.in_bytes)
        self.in_bytes = np.concatenate([self.in_bytes, in_bytes[known:]])
        more = len(self.in_bytes) - known
        self._place = np.pad(self._place, ((0, 0), (0, more)), constant_values=_NO_PLACE)
        self._stream = np.pad(self._stream, ((0, 0), (0, more)))
        self._f_port = np.pad(self._f_port, (0, more))

    @property
    def _stations(self) -> Stations:
        return self._stations_of()

    # What devices have set up

    def changed(self, number: int) -> None:
        """Mirror a device whose groups or sessions may have changed."""
        device = self._stations.devices[number]
        traits = device.spec.model.traits
        sessions = device.fragment_sessions
        for session in sessions:
            if session.receiver is None:
                self._place[session.frag_index, number] = _NO_PLACE
                self._f_port[number] = traits.packages[Package.FRAGMENTATION].f_port
                if traits.first_fragment_number != 1 or traits.quirks & _NEEDS_BYTES:
                    self.in_bytes[number] = True
        groups = device.groups
        addresses = tuple(group.mc_addr for group in groups)
        for gone in set(self._known.get(number, ())) - set(addresses):
            self._listening[gone].forget(number)
        self._known[number] = addresses
        for group in groups:
            listening = self._listening.get(group.mc_addr)
            if listening is None:
                listening = self._listening[group.mc_addr] = Listening(group.mc_addr, self._ping_frequency_hz)
            open_ = [one for one in device.listening if one.mc_group_id == group.mc_group_id]
            mask = sum(1 << one.frag_index for one in sessions if _accepts(traits, one, group.mc_group_id))
            listening.update(number, group, open_[0] if open_ else None, traits, device.boots, mask)
        self._radio_time.listens(number, device.listening, self._timeline.now_us)

    def begin_anew(self) -> None:
        """Another campaign begins: its fragments are others than those before, and are counted from the start."""
        self._channels.clear()

    # Frames

    def hear(self, received: Received) -> None:
        """A frame has ended at its gateways."""
        frame = received.frame
        payload = self._opened_with(frame.keys, frame, frame.f_cnt)
        if payload is None:
            raise Invalid(f"{frame.group}: a frame was sent that does not open with the keys of its group")
        fragment = self._sent(frame, payload, first=received.first)
        listening = self._listening.get(frame.mc_addr)
        if listening is None:
            return
        stations = self._stations
        near = self._air.near(received.gateways[0]) if len(received.gateways) == 1 else None
        rows = listening.tuned(frame, self._periodicities(listening, received) if frame.class_b else None, near)
        devices = listening.device[rows]
        deaf = (stations.deaf_from_us[devices] < received.end_us) & (
            stations.deaf_until_us[devices] > received.start_us
        )
        rows, devices = rows[~deaf], devices[~deaf]
        heard = self._air.hear_multicast(devices, received.gateways, received.end_us)
        rows, devices = rows[heard], devices[heard]
        in_slots = devices[listening.periodicity[rows] >= 0]
        if len(in_slots):
            self._radio_time.heard_in_slot(in_slots, frame.airtime_us, frame.data_rate)
        accepting = listening.accepting(rows, frame.f_cnt, frame.keys)
        taken = rows[accepting]
        listening.last_f_cnt[taken] = frame.f_cnt
        own_bytes = devices[self.in_bytes[devices]].tolist()
        if fragment is not None:
            here = self._f_port[listening.device[taken]] == frame.f_port
            self._count(listening, taken[here], fragment)
            taken = taken[~here]
        opened: dict[tuple[int, int], bytes | None] = {}
        for number in own_bytes:
            self._take_bytes(number, frame, opened)
        for row in taken.tolist():
            number = int(listening.device[row])
            if not self.in_bytes[number]:
                device = stations.devices[number]
                device.receive(self._timeline.now, frame.f_port, payload, int(listening.mc_group_id[row]))
                stations.after(number)

    def take_unicast_fragment(self, number: int, payload: bytes) -> bool:
        """Count a fragment that came by unicast to a device that looks its reception up; False: it isn't one."""
        device = self._stations.devices[number]
        if self.in_bytes[number] or len(payload) < 3 or payload[0] != DataFragment.cid:
            return False
        fragment = _fragment(payload)
        session = next((one for one in device.fragment_sessions if one.frag_index == fragment.frag_index), None)
        if session is None or fragment.n == 0:
            return False
        if self._place[fragment.frag_index, number] == _NO_PLACE:
            group = next((one for one in device.groups if session.mc_group_bit_mask >> one.mc_group_id & 1), None)
            if group is None:
                return False
            self._join(number, device, session, group.mc_addr)
        stream = self.streams[self._stream[fragment.frag_index, number]]
        if len(fragment.data) == session.frag_size:
            stream.overhear(fragment.n, fragment.data)
            places = self._place[fragment.frag_index, [number]].astype(np.intp)
            self._tell(fragment.frag_index, stream, stream.hear(fragment.n, places, self._timeline.now))
        return True

    def reports(self) -> list[StreamReport]:
        """What became of all streams, in the order in which they began."""
        return [
            StreamReport(
                channel.group,
                stream.key.frag_index,
                stream.key.nb_frag,
                stream.key.frag_size,
                stream.frames,
                stream.fragments_minimum,
                stream.places,
                int((stream.missing[: stream.places] == 0).sum()),
            )
            for channel, stream in zip(self._channel_of, self.streams, strict=True)
        ]

    def counted(self, number: int, frag_index: int) -> tuple[FragmentStream, int] | None:
        """Where the reception of a device is counted, also one that takes bytes: the stream and its place there."""
        place = int(self._place[frag_index, number])
        return None if place == _NO_PLACE else (self.streams[self._stream[frag_index, number]], place)

    def _sent(self, frame: MulticastFrame, payload: bytes, *, first: bool) -> DataFragment | None:
        """The fragment in a frame, if it holds one; noted as sent, once."""
        if len(payload) < 3 or payload[0] != DataFragment.cid:
            return None
        fragment = _fragment(payload)
        if first:
            name = (frame.mc_addr, fragment.frag_index)
            channel = self._channels.setdefault(name, _Channel())
            channel.group = frame.group
            channel.frames += 1
            for number in channel.streams:
                self.streams[number].on_air(fragment.n, fragment.data)
        return fragment

    def _take_bytes(self, number: int, frame: MulticastFrame, opened: dict[tuple[int, int], bytes | None]) -> None:
        """A device takes a frame all by itself: address, counter, MIC, decryption.

        `opened` is what devices with the same keys and the same counter have found in it: None, that the MIC is wrong.
        """
        stations = self._stations
        device = stations.devices[number]
        group = next((one for one in device.groups if one.mc_addr == frame.mc_addr), None)
        if group is None:
            return
        lowest = max(group.last_f_cnt + 1, group.min_f_cnt)
        name = (id(group.keys), lowest + ((frame.f_cnt - lowest) & 0xFFFF))
        if name not in opened:
            opened[name] = self._opened_with(group.keys, frame, lowest)
        payload = opened[name]
        if payload is None:
            self.frames_rejected += 1
        elif device.takes_multicast(group.mc_group_id, name[1]):
            device.receive(self._timeline.now, frame.f_port, payload, group.mc_group_id)
            stations.after(number)

    def _opened_with(self, keys: GroupKeys, frame: MulticastFrame, lowest_f_cnt: int) -> bytes | None:
        """The payload as a device with these keys finds it; None: the MIC does not fit."""
        ciphers = self._stations.ciphers.of_group(keys.mc_app_s_key, keys.mc_net_s_key)
        try:
            return unseal(ciphers, keys.mc_addr, lowest_f_cnt - 1, frame.phy_payload)[2]
        except Damaged:
            return None

    def _count(self, listening: Listening, rows: Rows, fragment: DataFragment) -> None:
        """Count a fragment for everybody in these rows who expects it."""
        frag_index = fragment.frag_index
        rows = rows[listening.index_mask[rows] >> frag_index & 1 != 0]
        devices = listening.device[rows]
        if fragment.n == 0:
            return
        for number in devices[self._place[frag_index, devices] == _NO_PLACE].tolist():
            device = self._stations.devices[number]
            session = next(one for one in device.fragment_sessions if one.frag_index == frag_index)
            known = len(self.streams)
            stream = self._join(number, device, session, listening.mc_addr)
            if len(self.streams) > known:
                stream.overhear(fragment.n, fragment.data)  # the very frame that it began with
        streams = self._stream[frag_index, devices]
        places = self._place[frag_index, devices].astype(np.intp)
        for number in np.unique(streams).tolist():
            stream = self.streams[number]
            current = number in self._channels[listening.mc_addr, frag_index].streams
            if current and stream.key.frag_size == len(fragment.data):
                mine = places[streams == number]
                self._tell(frag_index, stream, stream.hear(fragment.n, mine, self._timeline.now))

    def _join(self, number: int, device: Device, session: FragmentSession, mc_addr: DevAddr) -> FragmentStream:
        """Find the stream for a session, and a place in it."""
        traits = device.spec.model.traits
        key = StreamKey(
            session.frag_index, session.nb_frag, session.frag_size, scheme_of(traits), bytes(session.descriptor)
        )
        channel = self._channels.setdefault((mc_addr, key.frag_index), _Channel())
        at = next((one for one in channel.streams if self.streams[one].key == key), None)
        if at is None:
            at = len(self.streams)
            self.streams.append(FragmentStream(key, channel.frames))
            self._channel_of.append(channel)
            channel.streams.append(at)
        stream = self.streams[at]
        place = stream.join(number, traits, decoder_memory(device), session.busy_until)
        self._place[key.frag_index, number] = place
        self._stream[key.frag_index, number] = at
        if not self.in_bytes[number]:
            device.follow(key.frag_index, stream, place)
        return stream

    def _tell(self, frag_index: int, stream: FragmentStream, progress: Progress) -> None:
        """Let those devices look for whom something has changed."""
        self._notice(frag_index, stream, progress.begun)
        self._notice(frag_index, stream, progress.over)

    def _notice(self, frag_index: int, stream: FragmentStream, places: Places) -> None:
        stations = self._stations
        for place in places.tolist():
            number = int(stream.device[place])
            if self.in_bytes[number]:
                continue
            device = stations.devices[number]
            session = next((one for one in device.fragment_sessions if one.frag_index == frag_index), None)
            followed = session.receiver if session is not None else None
            # A place may belong to a session that the device has replaced since.
            if isinstance(followed, Followed) and followed.listeners is stream and followed.position == place:
                device.notice(self._timeline.now, frag_index)
                stations.after(number)

    def _periodicities(self, listening: Listening, received: Received) -> frozenset[int]:
        """The ping-slot periodicities among the listeners in whose slots the frame began."""
        count = np.unique(listening.periodicity[listening.is_open])
        gps_us = received.start_us + gps_ahead_of_unix_us(received.start_us)
        period_s = beacon_time_s(gps_us)
        slot, rest_us = divmod(gps_us - period_s * 1_000_000 - BEACON_RESERVED_US, SLOT_US)
        return frozenset(
            periodicity
            for periodicity in count.tolist()
            if periodicity >= 0
            and rest_us == 0
            and (slot - ping_offset(listening.mc_addr, periodicity, period_s)) % ping_period_slots(periodicity) == 0
        )


def _accepts(traits: Traits, session: FragmentSession, mc_group_id: int) -> bool:
    return not traits.checks_mc_group_bit_mask or session.mc_group_bit_mask >> mc_group_id & 1 != 0


def _fragment(payload: bytes) -> DataFragment:
    number = payload[1] | payload[2] << 8
    return DataFragment(frag_index=number >> 14, n=number & 0x3FFF, data=payload[3:])
