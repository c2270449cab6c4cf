"""Carries out the effects of one campaign: bytes sealed, handed to the connection, the outcome put into the inbox.

An effect was committed before it comes here, and its row goes in the transaction that makes its outcome an event. Last
thing before a call, the lease is looked at: who may have lost the campaign sends nothing. What goes to one device or
group goes in order; different ones don't wait for one another.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar

import structlog

from fleetcast.actions.heard import failure_of
from fleetcast.campaign.effects import (
    EnsureGroup,
    FlushQueue,
    ReleaseGroup,
    SendFragment,
    SendMulticast,
    SendUnicast,
)
from fleetcast.campaign.events import Event, GroupReady, GroupRefused
from fleetcast.campaign.table import State
from fleetcast.clock import Hold, Signal, WorkingClock, pause
from fleetcast.connectors import port
from fleetcast.connectors.port import (
    Cause,
    Connector,
    ConnectorError,
    EffectId,
    MulticastDownlink,
    MulticastGroup,
    UnicastDownlink,
)
from fleetcast.errors import Conflict, Unavailable
from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs, from_datetime
from fleetcast.planning.plan import PlannedGroup
from fleetcast.protocol.packages import Package
from fleetcast.runtime.sealing import Sealer, SessionKeys
from fleetcast.store import inbox, messages, outbox
from fleetcast.store.database import Database
from fleetcast.store.messages import Message, Outcome
from fleetcast.store.outbox import Outward
from fleetcast.store.ownership import Claimed
from fleetcast.store.running_campaigns import Parts, prove_owned

MOST_UNDER_WAY: Final = 32
"""Calls of one campaign at once."""
FIRST_AGAIN_S: Final = 0.5
AGAIN_S: Final = 10.0
"""At first, and at most, between calls for what only another call can settle (a group, a flush), in real time."""
_TIMES: Final = 6
"""How often a queue is asked to be flushed or a group to be released, before that is left."""

_CALL_S: Final = 60.0
"""A call that takes longer was perhaps taken, and perhaps not."""

_T = TypeVar("_T")
_log = structlog.get_logger("fleetcast.dispatch")


class LeaseLapsed(Conflict):
    """The lease may have run out: nothing is sent, and what was to be sent is left for the campaign's next owner."""

    def __init__(self, campaign_id: int, fence: int) -> None:
        self.campaign_id, self.fence = campaign_id, fence
        super().__init__(f"campaign {campaign_id}, fence {fence}: its lease was not prolonged in time")


@dataclass(frozen=True, slots=True)
class Done:
    """An effect that was carried out: what the campaign learns by it, and what was said on the air."""

    effect_id: int
    event: Event | None = None
    message: Message | None = None


class Dispatch:
    """The outward side of one owned campaign."""

    def __init__(
        self,
        database: Database,
        clock: WorkingClock,
        claimed: Claimed,
        parts: Parts,
        state: State,
        sealer: Sealer,
        connector_of: Callable[[int], Connector],
        held: Callable[[], bool],
        sent: Callable[[int], None],
    ) -> None:
        """`connector_of` gives an open connector or raises ConnectorError; `held` tells whether the lease still runs.

        `sent` is told how many downlinks were handed over.
        """
        self._database = database
        self._clock = clock
        self._claimed = claimed
        self._parts = parts
        self._sealer = sealer
        self._connector_of = connector_of
        self._held = held
        self._sent = sent
        plan = parts.plan
        self._group_of, self._device_of = state.group_of, state.device_of
        first_of = {device.group: device for device in reversed(plan.devices)}
        self._fragment_port = {
            g: plan.profiles[device.profile].packages[Package.FRAGMENTATION].f_port
            for g, device in first_of.items()
            if Package.FRAGMENTATION in plan.profiles[device.profile].packages
        }
        self._queues: dict[DevEui, deque[Outward]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(MOST_UNDER_WAY)
        self._done: list[Done] = []
        self._failure: BaseException | None = None
        self._news = Signal()
        self._withdrawn = 0
        self._wants_groups = True

    def take(self, effects: Sequence[Outward]) -> None:
        """Carry these out; they are committed."""
        for effect in effects:
            target = _target(effect)
            queue = self._queues.get(target)
            if queue is not None:
                queue.append(effect)
                continue
            queue = self._queues[target] = deque((effect,))
            hold = self._clock.hold()
            task = asyncio.create_task(self._work_off(target, queue, hold))
            self._tasks.add(task)
            task.add_done_callback(partial(self._finished, hold))

    def withdraw(self, last_effect: int) -> None:
        """The campaign is stopped: of what it asked for up to this effect nothing is sent any more. From any thread."""
        self._withdrawn = last_effect

    def want_no_groups(self) -> None:
        """The campaign is over: a group that does not stand yet is not waited for."""
        self._wants_groups = False

    async def report(self) -> None:
        """Put outcomes into the inbox as they come, as long as the campaign is owned. Raises what a call raised."""
        with self._clock.join() as part:
            while True:
                if self._failure is not None:
                    raise self._failure
                if not self._done:
                    await part.wait(self._news)
                    continue
                batch, self._done = self._done, []
                try:
                    await asyncio.to_thread(self._put, batch)
                except BaseException:
                    self._done = batch + self._done
                    raise

    async def close(self) -> None:
        """Stop calling; calls under way are left where they are."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def idle(self) -> bool:
        """Whether nothing is to be done or reported."""
        return not (self._queues or self._done)

    def _finished(self, first_hold: Hold, task: asyncio.Task[None]) -> None:
        first_hold.release()  # a task that was cancelled before it began has released nothing
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = error
            self._news.set()

    async def _work_off(self, target: DevEui, queue: deque[Outward], hold: Hold) -> None:
        """What goes to one target, in order. Time stands still while an effect is on its way to the connector."""
        try:
            while queue:
                await self._carry_out(queue[0], hold)
                queue.popleft()
                hold.release()
                hold = self._clock.hold()
        finally:
            hold.release()
            self._queues.pop(target, None)

    async def _carry_out(self, effect: Outward, hold: Hold) -> None:
        match effect:
            case SendUnicast():
                async with self._places:
                    await self._send_unicast(effect)
            case SendFragment() | SendMulticast():
                async with self._places:
                    await self._send_multicast(effect)
            case EnsureGroup():
                await self._ensure(effect, hold)
            case ReleaseGroup(_, group):
                await self._insist(effect, hold, lambda connector: connector.release_multicast_group(group))
            case FlushQueue(_, to):
                await self._insist(effect, hold, lambda connector: connector.flush(to))

    async def _send_unicast(self, effect: SendUnicast) -> None:
        i = self._device_of[effect.dev_eui]
        now = self._now()
        if effect.valid_until <= now:
            self._settle(Done(effect.effect_id, failure_of(effect.effect_id, Cause.EXPIRED, "", None)))
            return
        payload = await self._sealed(lambda: self._sealer.unicast(effect))
        downlink = UnicastDownlink(effect.dev_eui, effect.f_port, payload, effect.valid_until, effect.class_c)
        message = Message(
            subscriber_id=self._parts.subscriber_id, direction="down", at=now, f_port=effect.f_port,
            payload=payload, device_id=self._parts.device_ids[i], campaign_id=self._claimed.campaign_id,
            effect_id=effect.effect_id, outcome="handed over",
        )  # fmt: skip
        connection = self._parts.connection_ids[self._parts.plan.devices[i].group]
        await self._hand_over(
            effect, connection, message, lambda to: to.send_unicast(downlink, self._name(effect.effect_id))
        )

    async def _send_multicast(self, effect: SendFragment | SendMulticast) -> None:
        g = self._group_of[effect.group]
        sealed = await self._sealed(lambda: self._sealer.multicast(effect))
        fragment = effect.n if isinstance(effect, SendFragment) else None
        f_port = self._fragment_port[g] if isinstance(effect, SendFragment) else effect.f_port
        downlink = MulticastDownlink(
            effect.group, f_port, sealed.payload, effect.f_cnt, effect.not_before, sealed.encrypted, fragment
        )
        message = Message(
            subscriber_id=self._parts.subscriber_id, direction="down", at=self._now(), f_port=f_port,
            payload=sealed.payload, f_cnt=effect.f_cnt, multicast_group_id=self._parts.group_ids[g],
            campaign_id=self._claimed.campaign_id, effect_id=effect.effect_id, outcome="handed over",
            radio={"encrypted": sealed.encrypted, "fragment": fragment},
        )  # fmt: skip
        await self._hand_over(
            effect, self._parts.connection_ids[g], message,
            lambda to: to.send_multicast(downlink, self._name(effect.effect_id)),
        )  # fmt: skip

    async def _hand_over(
        self,
        effect: SendUnicast | SendFragment | SendMulticast,
        connection_id: int,
        message: Message,
        send: Callable[[Connector], Awaitable[object]],
    ) -> None:
        try:
            connector = self._connector_of(connection_id)
            self._prove_lease()
            if effect.effect_id <= self._withdrawn:
                self._settle(Done(effect.effect_id, failure_of(effect.effect_id, Cause.FLUSHED, "", None)))
                return
            await _in_time(send(connector))
        except ConnectorError as refused:
            cause = Cause.UNKNOWN if refused.maybe_taken else refused.cause
            event = failure_of(effect.effect_id, cause, refused.detail, refused.next_f_cnt)
            outcome: Outcome = "unknown" if refused.maybe_taken else "failed"
            self._settle(Done(effect.effect_id, event, replace(message, outcome=outcome)))
            return
        self._sent(1)
        self._settle(Done(effect.effect_id, None, message))

    async def _ensure(self, effect: EnsureGroup, hold: Hold) -> None:
        """Until the group stands or is refused for good; what holds it is told once."""
        g = self._group_of[effect.group]
        planned = self._parts.plan.groups[g]
        keys = await self._sealed(lambda: self._sealer.session_keys(effect.group))
        wanted = _at_network(planned, keys, effect.members)
        hold.release()  # a network that makes groups takes its time
        told, again_s = "", FIRST_AGAIN_S
        while effect.effect_id > self._withdrawn and self._wants_groups:
            try:
                connector = self._connector_of(self._parts.connection_ids[g])
                self._prove_lease()
                answer = await connector.ensure_multicast_group(wanted)
            except ConnectorError as refused:
                answer = port.GroupPending(str(refused))
            match answer:
                case port.GroupReady():
                    ready = GroupReady(
                        effect.group, answer.next_f_cnt, answer.frequency_hz, answer.data_rate, answer.created
                    )
                    self._settle(Done(effect.effect_id, ready))
                    return
                case port.GroupRefused(why):
                    self._settle(Done(effect.effect_id, GroupRefused(effect.group, why)))
                    return
                case port.GroupPending(why):
                    if why != told:
                        told = why
                        self._settle(Done(0, GroupRefused(effect.group, why, final=False)))
                    await pause(again_s)
                    again_s = min(2 * again_s, AGAIN_S)
        self._settle(Done(effect.effect_id))

    async def _insist(
        self, effect: FlushQueue | ReleaseGroup, hold: Hold, call: Callable[[Connector], Awaitable[object]]
    ) -> None:
        """Best effort, some times: nothing the campaign does depends on it."""
        target = _target(effect)
        g = self._group_of.get(target)
        if g is None:
            g = self._parts.plan.devices[self._device_of[target]].group
        again_s = FIRST_AGAIN_S
        for _ in range(_TIMES):
            try:
                connector = self._connector_of(self._parts.connection_ids[g])
                self._prove_lease()
                await _in_time(call(connector))
                break
            except ConnectorError as refused:
                hold.release()
                _log.warning("effect.refused", campaign=self._claimed.campaign_id, effect=str(effect), why=str(refused))
                await pause(again_s)
                again_s = min(4 * again_s, AGAIN_S)
        self._settle(Done(effect.effect_id))

    async def _sealed(self, make: Callable[[], _T]) -> _T:
        """Bytes with keys in them; keys come from the database, which may be away for a while."""
        while True:
            try:
                return await asyncio.to_thread(make)
            except Unavailable:
                self._prove_lease()
                await pause(1.0)

    def _prove_lease(self) -> None:
        if not self._held():
            raise LeaseLapsed(self._claimed.campaign_id, self._claimed.fence)

    def _settle(self, done: Done) -> None:
        self._done.append(done)
        self._news.set()

    def _put(self, batch: Sequence[Done]) -> None:
        campaign_id, fence = self._claimed.campaign_id, self._claimed.fence
        now = self._now()
        with self._database.write() as connection:
            prove_owned(connection, campaign_id, fence)
            carried_out = [done.effect_id for done in batch if done.effect_id]
            mine = outbox.done(connection, campaign_id, fence, carried_out)
            # What was withdrawn has no row any more: its last word counts all the same.
            ours = [done for done in batch if done.effect_id in mine or done.effect_id <= self._withdrawn]
            subscriber_id = self._parts.subscriber_id
            learned = [inbox.New(subscriber_id, campaign_id, done.event) for done in ours if done.event is not None]
            inbox.put(connection, learned, now)
            messages.write(connection, [done.message for done in ours if done.message is not None])

    def _name(self, effect_id: int) -> EffectId:
        return EffectId(self._claimed.campaign_id, effect_id)

    def _now(self) -> InstantMs:
        return from_datetime(self._clock.now())


def _target(effect: Outward) -> DevEui:
    match effect:
        case SendUnicast():
            return effect.dev_eui
        case FlushQueue():
            return effect.target
        case _:
            return effect.group


async def _in_time(call: Awaitable[_T]) -> _T:
    try:
        async with asyncio.timeout(_CALL_S):
            return await call
    except TimeoutError:
        raise ConnectorError(Cause.UNREACHABLE, f"no answer within {_CALL_S:.0f} s", maybe_taken=True) from None


def _at_network(planned: PlannedGroup, keys: SessionKeys, members: tuple[DevEui, ...]) -> MulticastGroup:
    return MulticastGroup(
        dev_eui=planned.dev_eui,
        name=planned.name,
        mc_addr=planned.mc_addr,
        mc_app_s_key=keys.mc_app_s_key,
        mc_net_s_key=keys.mc_net_s_key,
        session_class=planned.session_class,
        frequency_hz=planned.frequency_hz,
        data_rate=planned.data_rate,
        periodicity=planned.periodicity,
        next_f_cnt=planned.first_f_cnt,
        gateways=planned.gateways,
        network_counts=planned.network_counts,
        members=members,
    )
