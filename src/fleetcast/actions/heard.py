"""What a network tells, made safe: one transaction for a batch, and only then is it acknowledged.

The same thing enters once. What concerns a running campaign goes into its inbox; what is learned of a device goes into
its facts, campaign or not. Nothing is decided here.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from sqlalchemy import Connection

from fleetcast.campaign import events
from fleetcast.connectors import port
from fleetcast.connectors.port import Cause
from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs, to_datetime
from fleetcast.protocol.gps_time import to_gps_seconds
from fleetcast.protocol.packages import Direction, Package
from fleetcast.protocol.payload import decode
from fleetcast.protocol.ts003_clock_sync.v1 import AppTimeReq
from fleetcast.protocol.ts006_firmware.v1 import DevVersionAns
from fleetcast.store import heard_keys, inbox, journal, listening, messages
from fleetcast.store.database import Database
from fleetcast.store.listening import Listened, Ports
from fleetcast.store.messages import Message, Outcome

_GAPS_KEPT: Final = 16
_GAPS_NEEDED: Final = 4
_GATEWAYS_KEPT: Final = 8
_LOSS_MEMORY: Final = 32
"""Frames over which the share of lost uplinks is smoothed."""
_GPS_WRAP: Final = 1 << 32
_HALF_WRAP: Final = 1 << 31

_FAILURES: dict[Cause, events.SendFailure] = {
    Cause.DUTY_CYCLE: "duty cycle",
    Cause.TOO_LATE: "too late",
    Cause.BUSY: "other",
    Cause.RADIO_ERROR: "other",
    Cause.NO_GATEWAY: "no gateway",
    Cause.NO_GPS: "other",
    Cause.TOO_LONG: "size refused",
    Cause.EXPIRED: "expired",
    Cause.COUNTER_REJECTED: "counter refused",
    Cause.MUST_CIPHER: "refused",
    Cause.QUEUE_FULL: "queue full",
    Cause.FLUSHED: "flushed",
    Cause.SESSION_CHANGED: "other",
    Cause.NOT_PERMITTED: "refused",
    Cause.RATE_LIMITED: "refused",
    Cause.AUTH: "refused",
    Cause.CLOCK_SKEW: "refused",
    Cause.UNREACHABLE: "connection lost",
    Cause.BAD_REQUEST: "refused",
}


@dataclass(frozen=True, slots=True)
class Where:
    """The connection that something was heard on."""

    connection_id: int
    subscriber_id: int
    name: str
    band: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch."""

    new: int
    """Messages that were not heard before."""
    uplinks: int
    for_campaigns: int
    unknown_devices: int


def failure_of(effect_number: int, cause: Cause, detail: str, next_f_cnt: int | None) -> events.Event:
    """A downlink that did not go out, or of which nobody knows, as the engine knows it."""
    if cause is Cause.UNKNOWN:
        return events.DownlinkUnknown(effect_number)
    return events.DownlinkFailed(effect_number, _FAILURES[cause], detail, next_f_cnt)


def take(database: Database, where: Where, heard: Sequence[port.Heard], now: InstantMs) -> Taken:
    """Make a batch safe; when it returns, everything in it may be acknowledged. Raises Unavailable."""
    keys = [_key(each) for each in heard]
    with database.write() as connection:
        new = heard_keys.enter(connection, where.connection_id, [key for key in keys if key], now)
        batch: list[port.Heard] = []
        for key, each in zip(keys, heard, strict=True):
            if key and key not in new:
                continue
            new.discard(key)  # twice in one batch enters once, too
            batch.append(each)
        return _Batch(connection, where, now).take(batch)


def _key(heard: port.Heard) -> str:
    said = port.same_thing_key(heard)
    return blake2b(said.encode(), digest_size=12).hexdigest() if said else ""


class _Batch:
    """One transaction's worth of what was heard."""

    def __init__(self, connection: Connection, where: Where, now: InstantMs) -> None:
        self._connection = connection
        self._where = where
        self._now = now
        self._inbox: list[tuple[int, events.Event]] = []
        self._messages: list[Message] = []
        self._outcomes: list[tuple[int, int, Outcome, InstantMs | None, int | None]] = []
        self._lines: list[journal.Line] = []
        self._versions: dict[int, tuple[int | None, int]] = {}
        self._touched: dict[DevEui, Listened] = {}
        self._devices: Mapping[DevEui, Listened] = {}
        self._ports: Mapping[int, Ports] = {}
        self._facts = listening.BY_UPLINKS
        self._uplinks = self._unknown = 0

    def take(self, batch: Sequence[port.Heard]) -> Taken:
        """Sort the batch, then write what it means."""
        named = {each.dev_eui for each in batch if isinstance(each, port.Uplink | port.Joined | port.SessionReset)}
        if any(isinstance(each, port.Joined | port.SessionReset) for each in batch):
            self._facts = listening.ALL
        self._devices = listening.find(
            self._connection, self._where.connection_id, sorted(named), to_save=True, facts=self._facts
        )
        profiles = {each.profile_id for each in self._devices.values() if each.profile_id is not None}
        self._ports = listening.ports(self._connection, profiles) if profiles else {}
        for each in batch:
            self._sort(each)
        self._write()
        return Taken(len(batch), self._uplinks, len(self._inbox), self._unknown)

    def _sort(self, heard: port.Heard) -> None:
        match heard:
            case port.Uplink():
                self._uplink(heard)
            case port.Joined() | port.SessionReset():
                self._rejoined(heard)
            case port.DownlinkSent(effect):
                sent = events.DownlinkSent(
                    effect.number, heard.sent_at, heard.f_cnt, heard.sent_by, heard.refused_by
                )  # fmt: skip
                self._report(effect, sent, "sent", heard.sent_at, heard.f_cnt)
            case port.DownlinkFailed(effect, cause):
                failed = failure_of(effect.number, cause, heard.detail, heard.next_f_cnt)
                self._report(effect, failed, "unknown" if cause is Cause.UNKNOWN else "failed", None, None)
            case port.LinkState():
                name = str(self._where.connection_id)
                event = events.ConnectionBack(name) if heard.up else events.ConnectionLost(name)
                for campaign_id in listening.campaigns_on(self._connection, self._where.connection_id):
                    self._inbox.append((campaign_id, event))
                text = f"connection {self._where.name} is back" if heard.up else (
                    f"connection {self._where.name} is lost: {heard.reason}"
                )  # fmt: skip
                self._lines.append(
                    journal.Line(
                        kind="connection.back" if heard.up else "connection.lost",
                        text=text,
                        data={"connection_id": self._where.connection_id},
                    )
                )
            case port.DeviceStatus() | port.DownlinkQueued() | port.MulticastProgress() | port.Throttled():
                pass  # progress on the way to a last word, or news of no campaign

    def _uplink(self, uplink: port.Uplink) -> None:
        device = self._devices.get(uplink.dev_eui)
        if device is None:
            self._unknown += 1
            return
        self._uplinks += 1
        self._touched[uplink.dev_eui] = device
        _learn(device, uplink, self._where.band)
        self._read(device, uplink)
        radio = {"data_rate": uplink.data_rate, "gateways": [
            [each.gateway, each.rssi_dbm, each.snr_db] for each in uplink.gateways
        ]}  # fmt: skip
        self._messages.append(
            Message(
                subscriber_id=device.subscriber_id,
                direction="up",
                at=uplink.received_at,
                f_port=uplink.f_port,
                payload=uplink.payload,
                f_cnt=uplink.f_cnt,
                device_id=device.device_id,
                campaign_id=device.campaign_id,
                radio=radio,
            )
        )
        if device.campaign_id is not None:
            gateways = tuple(each.gateway for each in uplink.gateways)
            event = events.UplinkHeard(
                uplink.dev_eui, uplink.f_port, uplink.payload, uplink.received_at, uplink.f_cnt, uplink.data_rate,
                gateways,
            )  # fmt: skip
            self._inbox.append((device.campaign_id, event))

    def _read(self, device: Listened, uplink: port.Uplink) -> None:
        """What a payload tells of a device beside any campaign: its clock, and the version it runs."""
        ports = None if device.profile_id is None else self._ports.get(device.profile_id)
        if ports is None:
            return
        if uplink.f_port == ports.clock_f_port and ports.clock_version != "absent":
            said = decode(uplink.payload, Package.CLOCK_SYNC, 1, Direction.UP)
            asked = [each for each in said.commands if isinstance(each, AppTimeReq)]
            if asked:
                true = int(to_gps_seconds(to_datetime(uplink.received_at)))
                ahead = (asked[-1].device_time - true + _HALF_WRAP) % _GPS_WRAP - _HALF_WRAP
                device.clock_offset_s, device.clock_checked_at = float(ahead), uplink.received_at
        elif uplink.f_port == ports.firmware_f_port and ports.firmware_version != "absent":
            said = decode(uplink.payload, Package.FIRMWARE_MANAGEMENT, 1, Direction.UP)
            for each in said.commands:
                if isinstance(each, DevVersionAns):
                    self._versions[device.device_id] = (device.profile_id, each.fw_version)
                    device.hw_version = each.hw_version

    def _rejoined(self, heard: port.Joined | port.SessionReset) -> None:
        device = self._devices.get(heard.dev_eui)
        if device is None:
            self._unknown += 1
            return
        self._touched[heard.dev_eui] = device
        device.rejoined_at = heard.at
        device.f_cnt_up = None
        # What it had set up may be gone: the records are unknown, and unknown is not set up.
        device.set_up_groups, device.frag_slots = {}, {}
        if device.campaign_id is not None:
            self._inbox.append((device.campaign_id, events.DeviceRejoined(heard.dev_eui)))

    def _report(
        self, effect: port.EffectId, event: events.Event, outcome: Outcome, at: InstantMs | None, f_cnt: int | None
    ) -> None:
        if effect.campaign:
            self._inbox.append((effect.campaign, event))
            self._outcomes.append((effect.campaign, effect.number, outcome, at, f_cnt))

    def _write(self) -> None:
        connection, now = self._connection, self._now
        listening.save(connection, list(self._touched.values()), self._facts)
        listening.learn_firmware(connection, self._versions, now)
        messages.write(connection, self._messages)
        campaigns = {campaign_id for campaign_id, _ in self._inbox}
        # A network speaks for its own subscriber's campaigns alone.
        under_way = {
            campaign_id: subscriber_id
            for campaign_id, subscriber_id in (
                listening.campaigns_under_way(connection, campaigns) if campaigns else {}
            ).items()
            if subscriber_id == self._where.subscriber_id
        }
        self._inbox = [each for each in self._inbox if each[0] in under_way]
        messages.report(connection, [each for each in self._outcomes if each[0] in under_way])
        entries = [inbox.New(under_way[campaign_id], campaign_id, event) for campaign_id, event in self._inbox]
        inbox.put(connection, entries, now)
        journal.write(connection, self._where.subscriber_id, self._lines, now)


def _learn(device: Listened, uplink: port.Uplink, band: str | None) -> None:
    """What any uplink tells: when, how often, how many were lost, where it was heard."""
    at, f_cnt = uplink.received_at, uplink.f_cnt
    missed = 0
    if device.f_cnt_up is not None and f_cnt > device.f_cnt_up:
        missed = f_cnt - device.f_cnt_up - 1
        loss = device.expected_uplink_loss or 0.0
        remembered = (1 - 1 / _LOSS_MEMORY) ** missed
        loss = 1 - (1 - loss) * remembered
        device.expected_uplink_loss = loss * (1 - 1 / _LOSS_MEMORY)
    if device.last_uplink_at is not None and at > device.last_uplink_at:
        # The counter tells of uplinks that nobody heard in between: they were sent all the same.
        gap_s = min(-(-(at - device.last_uplink_at) // (1000 * (missed + 1))), 0xFFFFFFFF)
        device.gaps = (device.gaps + struct.pack("<I", gap_s))[-4 * _GAPS_KEPT :]
        count = len(device.gaps) // 4
        if count >= _GAPS_NEEDED:
            gaps: list[int] = sorted(struct.unpack(f"<{count}I", device.gaps))
            device.uplink_period_s = max(1, gaps[-(-9 * count // 10) - 1])
    device.uplinks += 1
    device.last_uplink_at = max(device.last_uplink_at or 0, at)
    device.f_cnt_up = f_cnt
    device.data_rate = uplink.data_rate if uplink.data_rate is not None else device.data_rate
    device.band = band or device.band
    if uplink.gateways:
        heard_by = dict(device.gateways)
        for each in uplink.gateways:
            heard_by[each.gateway] = [at, each.rssi_dbm, each.snr_db]
        if len(heard_by) > _GATEWAYS_KEPT:
            heard_by = dict(sorted(heard_by.items(), key=lambda one: -one[1][0])[:_GATEWAYS_KEPT])
        device.gateways = heard_by
