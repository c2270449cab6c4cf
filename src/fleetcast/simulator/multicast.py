"""Multicast groups at the network server: their queues, their counters, and the gateways that send for them.

Frames of a group go out one after the other, each by every gateway of the group, in turn or all at once. A counter is
used for one payload, ever: a caller's counter that does not rise is refused, with the one that would do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from fleetcast.errors import Invalid, NotFound
from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs
from fleetcast.protocol.data_frames import HIGHEST_F_CNT
from fleetcast.protocol.packages import Direction
from fleetcast.radio.airtime import PHY_OVERHEAD_BYTES
from fleetcast.radio.band import Band
from fleetcast.radio.class_b import next_ping_slot
from fleetcast.radio.downlink import check_downlink
from fleetcast.simulator.beacons import Beacons
from fleetcast.simulator.gateways import Gateway
from fleetcast.simulator.gps import gps_ahead_of_unix_us
from fleetcast.simulator.heard import Failed, FailureCause, GroupReady, GroupRefused, Queued, Sent
from fleetcast.simulator.lorawan import seal
from fleetcast.simulator.multicast_group import GroupAirtime, GroupAtNetwork, GroupQueue, MulticastFrame, Order
from fleetcast.simulator.network_settings import Counter, NetworkSettings
from fleetcast.simulator.reports import Reports
from fleetcast.simulator.timeline import Timeline
from fleetcast.simulator.unicast import Airtimes

_BUSY_TRIES = 50


class MulticastQueues:
    """All groups of the network server."""

    def __init__(
        self,
        timeline: Timeline,
        settings: NetworkSettings,
        reports: Reports,
        band: Band,
        gateways: tuple[Gateway, ...],
        airtimes: Airtimes,
        send: Callable[[MulticastFrame, list[Gateway], int, bool], None],
    ) -> None:
        """`send` puts a frame on the air now: frame, gateways, end in microseconds, whether none sent it before."""
        self._timeline = timeline
        self._settings = settings
        self._reports = reports
        self._band = band
        self._gateways = gateways
        self._airtimes = airtimes
        self._send = send
        self.beacons = Beacons(timeline, band)
        self._groups: dict[DevEui, GroupQueue] = {}
        self._gone: list[GroupAirtime] = []

    # Groups

    def ensure(self, wanted: GroupAtNetwork) -> None:
        """Have the group, and say what it is like; once more with other parameters changes it, unless it is busy."""
        settings = self._settings
        at_us = self._timeline.now_us + settings.group_ready_ms * 1000
        if self._reports.interrupted:
            self._timeline.tell_at(at_us, GroupRefused(wanted.dev_eui, "the network server can't be reached", False))
            return
        if wanted.dev_eui in settings.refuses_groups:
            self._timeline.tell_at(at_us, GroupRefused(wanted.dev_eui, "the network server does not allow the group"))
            return
        if wanted.dev_eui in settings.group_needs_person:
            why = "the group has to be made by hand at the network server"
            self._timeline.tell_at(at_us, GroupRefused(wanted.dev_eui, why, False))
            return
        old = self._groups.get(wanted.dev_eui)
        wanted = self._as_allowed(wanted, old)
        try:
            check_downlink(self._band, wanted.frequency_hz, wanted.data_rate)
            gateways = self._named(wanted.gateways)
        except (Invalid, NotFound) as wrong:
            self._timeline.tell_at(at_us, GroupRefused(wanted.dev_eui, str(wrong)))
            return
        same = old is not None and replace(wanted, next_f_cnt=old.wanted.next_f_cnt) == old.wanted
        if old is None or (not same and not (old.queue or old.under_way)):
            made = GroupQueue(wanted, gateways, created=old is None or old.created)
            if old is not None:
                self._note(old)
            self._groups[wanted.dev_eui] = made
        elif not same:
            why = "frames of the group are waiting with other keys or parameters"
            self._timeline.tell_at(at_us, GroupRefused(wanted.dev_eui, why, False))
            return
        if wanted.session_class == "B":
            self.beacons.begin(gateways)
        group = self._groups[wanted.dev_eui]
        group.releasing = False
        ready = GroupReady(
            wanted.dev_eui, group.next_f_cnt, wanted.frequency_hz, wanted.data_rate, created_by_us=old is None
        )
        self._timeline.tell_at(at_us, ready)

    def release(self, dev_eui: DevEui) -> None:
        """Take the group away, once its queue has drained."""
        group = self._groups.get(dev_eui)
        if group is None:
            return
        group.releasing = True
        self._drop_if_done(group)

    def group(self, dev_eui: DevEui) -> GroupAtNetwork | None:
        """The group as it stands here."""
        found = self._groups.get(dev_eui)
        return None if found is None else found.wanted

    @property
    def empty(self) -> bool:
        """Whether no group stands here."""
        return not self._groups

    def next_f_cnt(self, dev_eui: DevEui) -> int | None:
        """The group's next counter; None: there is no such group."""
        group = self._groups.get(dev_eui)
        return None if group is None else group.next_f_cnt

    def queue_length(self, dev_eui: DevEui) -> int:
        """Frames that wait or are under way."""
        group = self._groups.get(dev_eui)
        return 0 if group is None else len(group.queue) + (group.under_way is not None)

    def airtime(self) -> list[GroupAirtime]:
        """What went out, group by group."""
        total: dict[DevEui, GroupAirtime] = {}
        for one in [*self._gone, *(group.airtime() for group in self._groups.values())]:
            had = total.get(one.group, GroupAirtime(one.group, 0, 0, 0))
            total[one.group] = GroupAirtime(
                one.group,
                had.frames + one.frames,
                had.fragments + one.fragments,
                had.fragment_airtime_us + one.fragment_airtime_us,
            )
        return [total[group] for group in sorted(total)]

    # Frames

    def enqueue(
        self,
        dev_eui: DevEui,
        effect_id: int,
        f_port: int,
        payload: bytes,
        f_cnt: int | None,
        not_before: InstantMs,
        fragment_n: int | None,
        encrypted: bool,
    ) -> None:
        """Take a frame that has just arrived at the network server."""
        order = Order(effect_id, f_port, payload, f_cnt, not_before * 1000, fragment_n, encrypted)
        group = self._groups.get(dev_eui)
        if self._reports.interrupted:
            self._fail(order, "connection lost")
        elif group is None or group.releasing:
            self._fail(order, "refused", f"no multicast group {dev_eui}")
        elif len(payload) > self._airtimes.largest_payload(group.wanted.data_rate):
            self._fail(order, "size refused", f"{len(payload)} bytes do not fit DR{group.wanted.data_rate}")
        elif len(group.queue) >= self._settings.multicast_queue_length:
            self._fail(order, "queue full", f"{len(group.queue)} frames wait for the group")
        elif (refusal := self._count(group, order)) is not None:
            self._fail(order, *refusal)
        else:
            group.queue.append(order)
            if self._settings.tells_queued:
                self._timeline.tell(Queued(effect_id))
            self._next(group)

    def flush(self, dev_eui: DevEui) -> None:
        """Drop what waits for a group; a frame under way goes out."""
        group = self._groups.get(dev_eui)
        if group is not None:
            for order in group.queue:
                self._fail(order, "flushed")
            group.queue.clear()

    def _count(self, group: GroupQueue, order: Order) -> tuple[FailureCause, str, int | None] | None:
        """Give the frame its counter, or say why not."""
        if order.f_cnt is None:
            if self._settings.counter is Counter.CALLER:
                return "counter refused", "the caller counts frames of this network", group.next_f_cnt
            if order.encrypted:
                return "refused", "an encrypted payload needs the counter it was encrypted for", None
            order.f_cnt = group.next_f_cnt
        elif self._settings.counter is Counter.NETWORK or group.wanted.network_counts:
            return "counter refused", "the network counts frames itself", None
        elif order.f_cnt < group.next_f_cnt:
            return "counter refused", f"counter {order.f_cnt} is used up", group.next_f_cnt
        if order.f_cnt > HIGHEST_F_CNT:
            return "counter refused", "the counter has come to its end", None
        group.next_f_cnt = order.f_cnt + 1
        return None

    def _next(self, group: GroupQueue) -> None:
        """Begin with the first frame in the queue."""
        if group.under_way is not None or not group.queue:
            self._drop_if_done(group)
            return
        order = group.under_way = group.queue.popleft()
        order.open_gateways = [gateway for gateway in group.gateways if not gateway.down]
        if not order.open_gateways:
            group.under_way = None
            self._fail(order, "no gateway", "no gateway of the group is in service")
            self._next(group)
            return
        at_us = max(self._timeline.now_us, order.not_before_us, group.not_before_us)
        self._timeline.at(self._slot_us(group, at_us, order), self._turn, group)

    def _turn(self, group: GroupQueue) -> None:
        """The turn of the next gateway of the frame under way, or of all that are left."""
        order = group.under_way
        if order is None:
            return
        frame = order.frame or self._frame(group, order)
        order.frame = frame
        now_us = self._timeline.now_us
        here = len(order.open_gateways) if self._settings.gateways_at_once else 1
        sending: list[Gateway] = []
        waiting: list[Gateway] = []
        again_us: list[int] = []
        for gateway in order.open_gateways[:here]:
            refusal = self._transmit(gateway, frame)
            later_us = None if refusal is None else self._again_us(order, gateway, frame, refusal)
            if refusal is None:
                sending.append(gateway)
            elif later_us is not None:
                waiting.append(gateway)
                again_us.append(later_us)
            else:
                order.refused.append((gateway.name, "other" if refusal == "busy" else refusal))
        end_us = now_us
        if sending:
            end_us += frame.airtime_us
            self._went_out(group, order, frame, sending)
        order.open_gateways[:here] = waiting
        if order.open_gateways:
            stagger_us = self._settings.gateway_stagger_ms * 1000 if sending else 0
            at_us = min(again_us) if again_us else end_us + stagger_us
            self._timeline.at(self._slot_us(group, at_us, order), self._turn, group)
            return
        end_us = max(end_us, order.last_end_us)
        group.under_way = None
        group.not_before_us = end_us + self._settings.multicast_spacing_ms * 1000
        self._finish(order, frame, end_us)
        self._next(group)

    def _transmit(self, gateway: Gateway, frame: MulticastFrame) -> Literal["busy"] | FailureCause | None:
        if self._reports.interrupted:
            return "connection lost"
        bandwidth_hz = self._airtimes.bandwidth_hz(frame.data_rate)
        return gateway.transmit(self._timeline.now_us, frame.airtime_us, frame.frequency_hz, bandwidth_hz)

    def _went_out(self, group: GroupQueue, order: Order, frame: MulticastFrame, by: list[Gateway]) -> None:
        now_us = self._timeline.now_us
        first = not order.sent_by
        if first:
            order.first_sent_us = now_us
            group.frames_sent += 1
            if frame.fragment_n is not None:
                group.fragments_sent += 1
                group.fragment_airtime_us += frame.airtime_us
        order.sent_by.extend(gateway.name for gateway in by)
        order.last_end_us = now_us + frame.airtime_us
        self._send(frame, by, order.last_end_us, first)

    def _again_us(
        self, order: Order, gateway: Gateway, frame: MulticastFrame, refusal: Literal["busy"] | FailureCause
    ) -> int | None:
        """When the gateway tries again; None: it has to be refused."""
        busy = refusal == "busy"
        tries = order.tries.get(gateway.name, 0)
        waits = busy or (refusal == "duty cycle" and self._settings.waits_for_air)
        if not waits or tries >= _BUSY_TRIES:
            return None
        order.tries[gateway.name] = tries + busy
        now_us = self._timeline.now_us
        if not self._settings.waits_for_air:
            return gateway.free_from_us(now_us + 1)
        bandwidth_hz = self._airtimes.bandwidth_hz(frame.data_rate)
        return gateway.allowed_from_us(now_us + 1, frame.airtime_us, frame.frequency_hz, bandwidth_hz)

    def _finish(self, order: Order, frame: MulticastFrame, end_us: int) -> None:
        refused_by = tuple(name for name, _ in order.refused)
        after_us = end_us - self._timeline.now_us
        if order.sent_by:
            sent = Sent(order.effect_id, -(-order.first_sent_us // 1000), frame.f_cnt, tuple(order.sent_by), refused_by)
            self._reports.outcome(sent, after_us)
        else:
            causes = {cause for _, cause in order.refused}
            cause: FailureCause = next(iter(causes)) if len(causes) == 1 else "refused"
            detail = ", ".join(f"{name}: {why}" for name, why in order.refused)
            self._reports.outcome(Failed(order.effect_id, cause, detail), after_us)

    def _frame(self, group: GroupQueue, order: Order) -> MulticastFrame:
        wanted = group.wanted
        f_cnt = order.f_cnt or 0
        phy_payload = seal(
            (group.cipher, group.signer),
            Direction.DOWN,
            wanted.mc_addr,
            f_cnt,
            order.f_port,
            order.payload,
            encrypted=order.encrypted,
        )
        return MulticastFrame(
            wanted.dev_eui,
            group.keys,
            f_cnt,
            wanted.frequency_hz,
            wanted.data_rate,
            self._airtimes.downlink_us(wanted.data_rate, len(phy_payload)),
            order.f_port,
            phy_payload,
            wanted.session_class == "B",
            order.fragment_n,
        )

    def _slot_us(self, group: GroupQueue, at_us: int, order: Order) -> int:
        """The first instant from then on at which the group's devices listen."""
        wanted = group.wanted
        if wanted.session_class == "C":
            return at_us
        airtime_us = self._airtimes.downlink_us(wanted.data_rate, PHY_OVERHEAD_BYTES + len(order.payload))
        gps_ahead_us = gps_ahead_of_unix_us(at_us)
        slot = next_ping_slot(wanted.mc_addr, wanted.periodicity, at_us + gps_ahead_us, airtime_us)
        return slot.start_us - gps_ahead_us

    def _as_allowed(self, wanted: GroupAtNetwork, old: GroupQueue | None) -> GroupAtNetwork:
        """What the network makes of it: frequency and data rate may be its own; a counter never goes back."""
        settings = self._settings
        next_f_cnt = max(wanted.next_f_cnt, settings.first_f_cnt)
        if old is not None and old.wanted.mc_net_s_key == wanted.mc_net_s_key:
            next_f_cnt = max(next_f_cnt, old.next_f_cnt)
        return replace(
            wanted,
            frequency_hz=settings.dictated_frequency_hz or wanted.frequency_hz,
            data_rate=wanted.data_rate if settings.dictated_data_rate is None else settings.dictated_data_rate,
            next_f_cnt=next_f_cnt,
        )

    def _named(self, names: frozenset[str]) -> tuple[Gateway, ...]:
        unknown = names - {gateway.name for gateway in self._gateways}
        if unknown:
            raise NotFound(f"no gateway {', '.join(sorted(unknown))} at this network server")
        return tuple(gateway for gateway in self._gateways if not names or gateway.name in names)

    def _drop_if_done(self, group: GroupQueue) -> None:
        if group.releasing and not group.queue and group.under_way is None:
            self._note(group)
            self._groups.pop(group.wanted.dev_eui, None)

    def _note(self, group: GroupQueue) -> None:
        self._gone.append(group.airtime())

    def _fail(self, order: Order, cause: FailureCause, detail: str = "", next_f_cnt: int | None = None) -> None:
        self._reports.outcome(Failed(order.effect_id, cause, detail, next_f_cnt))


__all__ = ["GroupAtNetwork", "MulticastQueues"]
