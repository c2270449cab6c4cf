"""ThingPark as a connector: what is asked for becomes requests, what it POSTs is told.

Multicast groups are made in ThingPark by people, since addresses are reserved by its operator; here it is checked that
they are there. ThingPark knows no time of sending: frames wait here until theirs has come.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Coroutine, Sequence
from itertools import count
from typing import Final

import structlog

from fleetcast.clock import Signal, steady_s
from fleetcast.connectors.catalog import Kind, Surroundings
from fleetcast.connectors.connection import Settings
from fleetcast.connectors.inbound import Inbound
from fleetcast.connectors.port import (
    Capabilities,
    Cause,
    ConnectorError,
    Delivery,
    DownlinkFailed,
    DownlinkSent,
    EffectId,
    Finding,
    GroupPending,
    GroupReady,
    GroupRefused,
    GroupState,
    Heard,
    HttpAnswer,
    HttpReport,
    LinkState,
    MulticastDownlink,
    MulticastGroup,
    Queued,
    SentReport,
    Throttled,
    Told,
    UnicastDownlink,
    Uplink,
)
from fleetcast.connectors.thingpark import examination
from fleetcast.connectors.thingpark.groups import Groups, Shape
from fleetcast.connectors.thingpark.reports import Reports, Stranger
from fleetcast.connectors.thingpark.requests import UNKNOWN_TARGET, Downlink, Refused
from fleetcast.connectors.thingpark.sender import Sender
from fleetcast.connectors.thingpark.settings import FIELDS, Options
from fleetcast.connectors.thingpark.translate import Malformed
from fleetcast.connectors.thingpark.under_way import UnderWay
from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs, from_datetime, to_datetime
from fleetcast.metrics import REPORTS_MALFORMED

_NOBODY: Final = DevEui("0000000000000000")
"""A device that doesn't exist: flushing its queue does nothing, and tells whether we are let in."""
_UNICAST_REPORT_MS: Final = 30_000
"""Past its validity a downlink is dropped; so long afterwards nobody will report on it any more."""
_WINDOWS_MS: Final = 5_000
"""After an uplink its receive windows are over; after a flush what was in flight was sent."""
_COME_AGAIN_S: Final = 5
_TAKEN: Final = HttpAnswer(200)
_A_LINE_S: Final = 1.0
"""Of what strangers send no more than one line is logged in so long a time; it is counted all the same."""

_log = structlog.get_logger("fleetcast.thingpark")


class ThingPark:
    """A connector that hears over HTTP."""

    def __init__(self, settings: Settings, surroundings: Surroundings) -> None:
        """Raises FieldWrong."""
        self._options = Options.of(settings)
        self._surroundings = surroundings
        self._clock = surroundings.clock
        self._reports = Reports(self._options)
        self._inbound = Inbound(self._clock)
        self._sender: Sender | None = None
        self._groups: Groups | None = None
        self._under_way = UnderWay()
        self._waiting: list[tuple[InstantMs, int, EffectId, Downlink]] = []
        self._number = count()
        self._orders: dict[DevEui, asyncio.Lock] = {}
        self._changed = Signal()
        self._tasks: set[asyncio.Task[None]] = set()
        self._logged_at_s = -_A_LINE_S

    async def open(self) -> Capabilities:
        """Ask for the queue of nobody to be flushed: whether we are let in, and whether the clocks agree."""
        self._inbound = Inbound(self._clock)
        try:
            self._groups = await asyncio.to_thread(Groups, self._surroundings.directory)
        except OSError as error:
            raise ConnectorError(Cause.UNREACHABLE, f"its folder can't be used: {error.strerror}") from error
        self._sender = Sender(self._options, self._clock, self._tell_link)
        try:
            await self._prove_let_in()
        except BaseException:
            await self.close()
            raise
        self._sender.watch(_probe)
        self._start(self._watch())
        options = self._options
        return Capabilities(
            uplink_delivery=Delivery.PUSH_HTTP,
            sent_report_unicast=SentReport.EMITTED if options.sent_reports else SentReport.NONE,
            sent_report_multicast=SentReport.SUMMARY,
            multicast_counter=options.counting,
            multicast_cipher=options.counting,
            group_provisioning="manual",
            group_gateways="tags",
            band=options.band.name,
        )

    async def close(self) -> None:
        """What waits for its time here is not sent any more; the campaign misses the report, and goes on."""
        self._inbound.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._sender is not None:
            await self._sender.close()
        self._sender = self._groups = None
        self._waiting.clear()

    def heard(self) -> AsyncIterator[Told]:
        """What ThingPark POSTs, and what is noticed here."""
        return self._inbound.told()

    async def examine(self) -> Sequence[Finding]:
        """Whether the address answers, lets us in, and agrees about the time."""
        return await examination.examine(self._options, self._clock, _probe())

    # What ThingPark tells

    async def receive(self, report: HttpReport) -> HttpAnswer:
        """Check who sends it, tell it, and answer once that is safe."""
        try:
            heard = self._reports.read(report, self._now())
        except Stranger as stranger:
            self._complain("report.refused", str(stranger))
            return stranger.answer
        except Malformed as malformed:
            REPORTS_MALFORMED.labels(KIND.name).inc()
            self._complain("report.malformed", str(malformed))
            return HttpAnswer(400, str(malformed))
        news = [each for each in heard if self._is_news(each)]
        if await self._inbound.safe(news):
            return _TAKEN
        return HttpAnswer(503, "reports come faster than they can be kept: send it again", _COME_AGAIN_S)

    def _is_news(self, heard: Heard) -> bool:
        """Whether it is to be told; a last word that contradicts an earlier one is not."""
        match heard:
            case DownlinkSent(effect) | DownlinkFailed(effect):
                return self._under_way.end(effect, type(heard))
            case Uplink(dev_eui) if not self._options.sent_reports and self._under_way.of(dev_eui):
                self._under_way.hasten(dev_eui, self._now() + _WINDOWS_MS)
                self._changed.set()
        return True

    def _complain(self, event: str, why: str) -> None:
        now_s = steady_s()
        if now_s - self._logged_at_s >= _A_LINE_S:
            self._logged_at_s = now_s
            _log.warning(event, connection=self._surroundings.connection, why=why)

    # What is asked for

    async def send_unicast(self, downlink: UnicastDownlink, effect_id: EffectId) -> Queued:
        """In clear: ThingPark encrypts it."""
        if self._under_way.knows(effect_id):
            return Queued(str(effect_id))
        request = Downlink(
            target=downlink.dev_eui, f_port=downlink.f_port, payload=downlink.payload,
            valid_until=downlink.valid_until, effect=effect_id,
        )  # fmt: skip
        until = downlink.valid_until + _UNICAST_REPORT_MS
        if downlink.class_c and not self._options.sent_reports:
            until = self._now() + _WINDOWS_MS
        await self._hand_over(effect_id, request, until, longest_s=(downlink.valid_until - self._now()) / 1000)
        return Queued(str(effect_id))

    async def send_multicast(self, downlink: MulticastDownlink, effect_id: EffectId) -> Queued:
        """Encrypted by us and with its counter; else ThingPark does both."""
        if self._under_way.knows(effect_id):
            return Queued(str(effect_id), downlink.f_cnt)
        f_cnt = downlink.f_cnt
        if f_cnt is not None and not downlink.encrypted:
            raise ConnectorError(
                Cause.MUST_CIPHER,
                "ThingPark takes a counter only with a payload under it: leave it both, or neither",
            )
        request = Downlink(
            target=downlink.group, f_port=downlink.f_port, payload=downlink.payload, f_cnt=f_cnt, effect=effect_id,
            retry_ineligible_gateways=self._options.retry_ineligible_gateways,
        )  # fmt: skip
        within_ms = round(1000 * self._options.multicast_report_within_s)
        until = max(downlink.not_before, self._now()) + within_ms
        if downlink.not_before > self._now():
            self._under_way.begin(effect_id, downlink.group, until)
            heapq.heappush(self._waiting, (downlink.not_before, next(self._number), effect_id, request))
            self._changed.set()
        else:
            await self._hand_over(effect_id, request, until)
        return Queued(str(effect_id), f_cnt)

    async def ensure_multicast_group(self, group: MulticastGroup) -> GroupReady | GroupPending | GroupRefused:
        """Whether ThingPark has it; what it has can't be read, so frequency and data rate are believed."""
        groups, wanted = self._opened_groups(), Shape.of(group)
        known = groups.shape(group.dev_eui)
        if self._under_way.of(group.dev_eui):
            if known is not None and known.digest != wanted.digest:
                return GroupRefused("frames wait for it under other keys, or another address")
        else:
            try:
                await self._opened().send(Downlink(target=group.dev_eui, flush=True))
            except Refused as refused:
                if refused.code != UNKNOWN_TARGET:
                    raise
                return GroupPending(_to_make(group, self._options.as_id))
        await asyncio.to_thread(groups.remember, group.dev_eui, wanted)
        return GroupReady(group.next_f_cnt, group.frequency_hz, group.data_rate, created=False)

    async def group_state(self, group: DevEui) -> GroupState | None:
        """As far as it is known here."""
        shape = self._opened_groups().shape(group)
        return None if shape is None else GroupState(shape.next_f_cnt, len(self._under_way.of(group)))

    async def release_multicast_group(self, group: DevEui) -> None:
        """It stays in ThingPark, for the next campaign; here it is forgotten."""
        await asyncio.to_thread(self._opened_groups().forget, group)

    async def flush(self, target: DevEui) -> int:
        """What waits here is dropped, and what waits at ThingPark, of which it doesn't tell how much that is."""
        dropped = [each for each in self._waiting if each[3].target == target]
        if dropped:
            self._waiting = [each for each in self._waiting if each[3].target != target]
            heapq.heapify(self._waiting)
            for _, _, effect, _ in dropped:
                self._last_word(DownlinkFailed(effect, Cause.FLUSHED))
        try:
            await self._opened().send(Downlink(target=target, flush=True))
        except Refused as refused:
            if refused.code != UNKNOWN_TARGET:
                raise
        self._under_way.hasten(target, self._now() + _WINDOWS_MS)
        self._changed.set()
        return len(dropped)

    # Within

    async def _hand_over(
        self, effect: EffectId, request: Downlink, until: InstantMs, *, longest_s: float | None = None
    ) -> None:
        # Before the call: a report can be faster than the answer.
        self._under_way.begin(effect, request.target, until)
        self._changed.set()
        try:
            if longest_s is None:
                await self._opened().send(request)
            else:
                await self._opened().send(request, longest_s=max(0.0, min(longest_s, 20.0)))
        except BaseException:
            self._under_way.withdraw(effect)
            raise

    async def _watch(self) -> None:
        """Send what waited for its time; say of what had no report that nobody knows."""
        with self._clock.join() as part:
            while True:
                now = self._now()
                while self._waiting and self._waiting[0][0] <= now:
                    _, _, effect, request = heapq.heappop(self._waiting)
                    self._start(self._send_late(effect, request))
                for effect in self._under_way.overdue(now):
                    self._last_word(DownlinkFailed(effect, Cause.UNKNOWN, "no report came"))
                due = [at for at in (self._waiting[0][0] if self._waiting else None, self._under_way.next_at()) if at]
                await part.wait(self._changed, to_datetime(min(due)) if due else None)

    async def _send_late(self, effect: EffectId, request: Downlink) -> None:
        hold = self._clock.hold()  # from now on, since other frames to the group may be on their way
        try:
            async with self._orders.setdefault(request.target, asyncio.Lock()):
                await self._opened().send(request)
        except ConnectorError as refused:
            cause = Cause.UNKNOWN if refused.maybe_taken else refused.cause
            self._last_word(DownlinkFailed(effect, cause, refused.detail, refused.next_f_cnt))
        finally:
            hold.release()

    def _last_word(self, word: DownlinkFailed) -> None:
        if self._under_way.end(word.effect_id, type(word)):
            self._inbound.tell(word)

    def _tell_link(self, what: LinkState | Throttled) -> None:
        self._inbound.tell(what)

    async def _prove_let_in(self) -> None:
        try:
            ahead_s = (await self._opened().send(_probe())).clock_ahead_s
        except Refused as refused:
            if refused.code != UNKNOWN_TARGET:
                raise
            ahead_s = refused.clock_ahead_s
        if ahead_s is not None and abs(ahead_s) > self._options.clock_tolerance_s + 1:
            way = "ahead of" if ahead_s > 0 else "behind"
            raise ConnectorError(Cause.CLOCK_SKEW, f"ThingPark's clock is {abs(ahead_s):.0f} s {way} ours")

    def _start(self, what: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._inbound.fail(ConnectorError(Cause.UNKNOWN, f"it broke: {type(error).__name__}"))
            _log.error("thingpark.broke", connection=self._surroundings.connection, exc_info=error)

    def _now(self) -> InstantMs:
        return from_datetime(self._clock.now())

    def _opened(self) -> Sender:
        if self._sender is None:
            raise ConnectorError(Cause.UNREACHABLE, "the connection is closed")
        return self._sender

    def _opened_groups(self) -> Groups:
        if self._groups is None:
            raise ConnectorError(Cause.UNREACHABLE, "the connection is closed")
        return self._groups


def _probe() -> Downlink:
    return Downlink(target=_NOBODY, flush=True)


def _to_make(group: MulticastGroup, as_id: str) -> str:
    slot = f", ping slot every {2**group.periodicity} s" if group.session_class == "B" else ""
    return (
        f"make it in ThingPark: DevEUI {group.dev_eui}, DevAddr {group.mc_addr}, class {group.session_class}{slot}, "
        f"{group.frequency_hz / 1_000_000:g} MHz, data rate {group.data_rate}, application server {as_id or 'ours'}, "
        "with its keys, a multicast connectivity plan and the tags of its base stations"
    )


KIND: Final = Kind(
    name="thingpark",
    sentence="Actility ThingPark: reports and downlinks by HTTP.",
    fields=FIELDS,
    connect=ThingPark,
)
"""What the entry point names."""
