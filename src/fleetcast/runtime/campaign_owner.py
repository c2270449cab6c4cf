"""Runs one campaign that this worker owns: inbox or deadline → engine → one commit → effects let out.

The state in memory is what the database holds, rebuilt from it at the start. A commit proves the fence first; one that
fails leaves the memory ahead of the database, so everything is thrown away and the campaign is loaded again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import structlog

from fleetcast.actions.heard import failure_of
from fleetcast.campaign.effects import CampaignEnded, Effect, Record
from fleetcast.campaign.engine import begin, next_deadline, react
from fleetcast.campaign.events import ConnectionBack, ConnectionLost, Event, ShareChanged, TimePassed
from fleetcast.campaign.states import Status
from fleetcast.campaign.table import State
from fleetcast.clock import Participant, Signal, WorkingClock, steady_s
from fleetcast.connectors.port import Cause, Connector
from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs, from_datetime, to_datetime
from fleetcast.runtime.dispatch import Dispatch
from fleetcast.runtime.key_source import KeySource
from fleetcast.runtime.learned import learn
from fleetcast.runtime.sealing import Sealer
from fleetcast.runtime.turn import Turn, as_shown
from fleetcast.secret import Secret
from fleetcast.store import file_contents, inbox, journal, listening, outbox, running_campaigns
from fleetcast.store.database import Database
from fleetcast.store.outbox import Outward
from fleetcast.store.ownership import Claimed
from fleetcast.store.running_campaigns import Parts, Shown

EVENTS_AT_ONCE: Final = 500
DEVICES_AT_ONCE: Final = 5_000
"""A commit is written when so many devices have changed."""
_DEADLINES_AT_ONCE: Final = 20
_SHOW_EVERY_S: Final = 1.0
"""What lists show is counted anew at most so often, in real time."""

_DRAIN_LOOK: Final = timedelta(seconds=1)
_log = structlog.get_logger("fleetcast.owner")


@dataclass(frozen=True, slots=True)
class _CampaignKeys:
    """Keys by DevEUI, for one campaign's devices and groups."""

    source: KeySource
    parts: Parts
    state: State

    def root_key(self, dev_eui: DevEui) -> Secret:
        return self.source.root_key(self.parts.device_ids[self.state.device_of[dev_eui]])

    def mc_key(self, group: DevEui) -> Secret:
        return self.source.mc_key(self.parts.group_ids[self.state.group_of[group]])


class CampaignOwner:
    """One owned campaign, until it is over or lost."""

    def __init__(
        self,
        database: Database,
        clock: WorkingClock,
        claimed: Claimed,
        keys: KeySource,
        connector_of: Callable[[int], Connector],
        held: Callable[[], bool],
        sent: Callable[[int], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._claimed = claimed
        self._keys = keys
        self._connector_of = connector_of
        self._held = held
        self._sent = sent
        self.news = Signal()
        """Something is in the inbox, or shares have changed."""
        self._parts: Parts | None = None
        self._state: State | None = None
        self._shares: Mapping[tuple[int, str], float] = {}
        self._shown_at_s = 0.0
        self._shown: Shown | None = None
        self._show_timer: asyncio.TimerHandle | None = None
        self._stale = False

    def uses(self, connection_ids: Collection[int]) -> bool:
        """Whether it sends through one of these connections, or does not know yet."""
        return self._parts is None or not set(self._parts.connection_ids).isdisjoint(connection_ids)

    def share(self, shares: Mapping[tuple[int, str], float]) -> None:
        """How much of its sub-band's airtime each group of a connection may use now."""
        if shares != self._shares:
            self._shares = shares
            self.news.set()

    async def run(self) -> None:
        """Until the campaign is over and has given everything back. Raises OwnershipLost, Unavailable."""
        with self._clock.join() as part:
            pending = await asyncio.to_thread(self._load)
            parts, state = self._loaded()
            if state.campaign.status.final and not pending:
                await self._finish()
                return
            dispatch = Dispatch(
                self._database, self._clock, self._claimed, parts, state, await asyncio.to_thread(self._sealer),
                self._connector_of, self._held, self._sent,
            )  # fmt: skip
            reporting = asyncio.create_task(dispatch.report())
            reporting.add_done_callback(lambda _: self.news.set())
            try:
                dispatch.take(pending)
                await self._think(part, dispatch, reporting)
                await self._drain(part, dispatch, reporting)
            finally:
                reporting.cancel()
                await dispatch.close()
                await asyncio.gather(reporting, return_exceptions=True)
                if self._show_timer is not None:
                    self._show_timer.cancel()
            await self._finish()

    async def _think(self, part: Participant, dispatch: Dispatch, reporting: asyncio.Task[None]) -> None:
        _, state = self._loaded()
        while not state.campaign.status.final:
            _raise_failure(reporting)
            self.news.clear()
            more, effects = await asyncio.to_thread(self._turn, dispatch, self._now())
            dispatch.take(effects)
            if more or self.news.is_set:
                continue
            deadline = next_deadline(state)
            await part.wait(self.news, None if deadline is None else to_datetime(deadline))
            if self._stale and self._show_timer is None:
                self._show_later()

    async def _drain(self, part: Participant, dispatch: Dispatch, reporting: asyncio.Task[None]) -> None:
        """The campaign is over: what it asked for last still goes out; groups it waits for are needed no more."""
        dispatch.want_no_groups()
        while not dispatch.idle:
            _raise_failure(reporting)
            await part.wait(self.news, self._clock.now() + _DRAIN_LOOK)

    # One turn, in a thread

    def _turn(self, dispatch: Dispatch, now: InstantMs) -> tuple[bool, list[Outward]]:
        """React to what is there, commit, and give back what is to be carried out."""
        parts, state = self._loaded()
        with self._database.read() as connection:
            entries = inbox.waiting(connection, self._claimed.campaign_id, EVENTS_AT_ONCE)
        turn = Turn(more=len(entries) == EVENTS_AT_ONCE)
        for entry in entries:
            if len(turn.devices) >= DEVICES_AT_ONCE:
                turn.more = True
                break
            turn.taken.append(entry.id)
            self._react(turn, state, self._translated(entry.event, parts), now)
        for event in self._changed_shares(parts, state):
            self._react(turn, state, event, now)
        self._pass_time(turn, state, now)
        shown = self._to_show(state, now, turn)
        if turn.empty and shown is None:
            return turn.more, []
        outward = [effect for effect in turn.effects if isinstance(effect, Outward)]
        if turn.withdrawn:
            # Before the commit: from the moment in which the stop is known, nothing older is let out any more.
            dispatch.withdraw(turn.withdrawn)
        self._commit(parts, turn, outward, shown, now)
        return turn.more, outward

    def _react(self, turn: Turn, state: State, event: Event, now: InstantMs) -> None:
        status, last = state.campaign.status, state.campaign.last_effect
        changes, effects = react(state, event, now)
        state.apply(changes)
        if state.campaign.status is Status.STOPPING is not status:
            turn.stop(last)
        turn.add(changes, effects)

    def _pass_time(self, turn: Turn, state: State, now: InstantMs) -> None:
        for _ in range(_DEADLINES_AT_ONCE):
            deadline = next_deadline(state)
            if deadline is None or deadline > now:
                return
            if len(turn.devices) >= DEVICES_AT_ONCE:
                break
            self._react(turn, state, TimePassed(), now)
        deadline = next_deadline(state)
        turn.more = turn.more or (deadline is not None and deadline <= now)

    def _commit(
        self, parts: Parts, turn: Turn, outward: Sequence[Outward], shown: Shown | None, now: InstantMs
    ) -> None:
        campaign_id, fence = self._claimed.campaign_id, self._claimed.fence
        with self._database.write() as connection:
            values = running_campaigns.campaign_columns(turn.campaign, shown)
            running_campaigns.prove(connection, campaign_id, fence, values)
            running_campaigns.save_devices(connection, campaign_id, parts, turn.devices, now)
            running_campaigns.save_groups(connection, campaign_id, parts, turn.groups, now)
            if turn.withdrawn:
                outbox.withdraw(connection, campaign_id, turn.withdrawn)
                flushed = [failure_of(each, Cause.FLUSHED, "", None) for each in turn.never_sent]
                news = [inbox.New(parts.subscriber_id, campaign_id, event) for event in flushed]
                inbox.put(connection, news, now)
            outbox.put(connection, parts.subscriber_id, campaign_id, fence, outward, now)
            journal.write(connection, parts.subscriber_id, self._lines(parts, turn.effects), now)
            inbox.done(connection, turn.taken)

    def _lines(self, parts: Parts, effects: Sequence[Effect]) -> list[journal.Line]:
        campaign_id = self._claimed.campaign_id
        lines = []
        _, state = self._loaded()
        for effect in effects:
            if isinstance(effect, CampaignEnded):
                data = {"status": effect.status}
                lines.append(
                    journal.Line(kind="campaign.ended", text=effect.status, campaign_id=campaign_id, data=data)
                )
            elif isinstance(effect, Record):
                about = DevEui(effect.about) if effect.about else None
                i = None if about is None else state.device_of.get(about)
                g = None if about is None else state.group_of.get(about)
                lines.append(
                    journal.Line(
                        kind=f"campaign.{effect.kind.value}",
                        text=effect.text,
                        campaign_id=campaign_id,
                        device_id=None if i is None else parts.device_ids[i],
                        multicast_group_id=None if g is None else parts.group_ids[g],
                        data={"status": state.campaign.status.value, "stage": state.campaign.stage},
                    )
                )
        return lines

    # Events that are not from the inbox as they are

    def _translated(self, event: Event, parts: Parts) -> Event:
        """A connection is known to the rest of the service by its number, and to the plan by a name."""
        if isinstance(event, ConnectionLost | ConnectionBack):
            for g, connection_id in enumerate(parts.connection_ids):
                if str(connection_id) == event.connection:
                    return replace(event, connection=parts.plan.groups[g].connection)
        return event

    def _changed_shares(self, parts: Parts, state: State) -> list[Event]:
        found: dict[tuple[str, str], Event] = {}
        for g, planned in enumerate(parts.plan.groups):
            share = self._shares.get((parts.connection_ids[g], planned.sub_band))
            if share is not None and abs(share - state.groups[g].share) > 1e-9:
                name = (planned.connection, planned.sub_band)
                found[name] = ShareChanged(*name, share)
        return list(found.values())

    # What lists show

    def _to_show(self, state: State, now: InstantMs, turn: Turn) -> Shown | None:
        at_s = steady_s()
        stage = -1 if self._shown is None else self._shown.stage
        moved = turn.campaign is not None and (turn.campaign.stage != stage or turn.campaign.status.final)
        self._stale = self._stale or not turn.empty
        if not self._stale or (not moved and at_s - self._shown_at_s < _SHOW_EVERY_S):
            return None
        self._stale, self._shown_at_s = False, at_s
        shown = as_shown(state, now)
        if shown == self._shown:
            return None
        self._shown = shown
        return shown

    def _show_later(self) -> None:
        def look() -> None:
            self._show_timer = None
            self.news.set()

        self._show_timer = asyncio.get_running_loop().call_later(_SHOW_EVERY_S, look)

    # Beginning and end, in a thread

    def _load(self) -> list[Outward]:
        campaign_id, fence = self._claimed.campaign_id, self._claimed.fence
        with self._database.read() as connection:
            parts = running_campaigns.load(connection, campaign_id)
        self._parts = parts
        if parts.campaign is None:
            self._state = begin(parts.plan)
            self._keep_first(parts, self._state)
            return []
        self._state = State(parts.plan, parts.campaign, list(parts.devices), list(parts.groups))
        # The parts are the state's from now on: what was read is not kept twice.
        self._parts = replace(parts, campaign=None, devices=(), groups=())
        with self._database.write() as connection:
            running_campaigns.prove(connection, campaign_id, fence, {})
            return outbox.claim_all(connection, campaign_id, fence)

    def _keep_first(self, parts: Parts, state: State) -> None:
        """The first state, in slices; the campaign's own part last, since it says that all are there."""
        campaign_id, fence, now = self._claimed.campaign_id, self._claimed.fence, self._now()
        every = dict(enumerate(state.devices))
        for start in range(0, len(every), DEVICES_AT_ONCE):
            some = {i: every[i] for i in range(start, min(start + DEVICES_AT_ONCE, len(every)))}
            with self._database.write() as connection:
                running_campaigns.prove(connection, campaign_id, fence, {})
                running_campaigns.save_devices(connection, campaign_id, parts, some, now)
        with self._database.write() as connection:
            # Its status is RUNNING from the start action on, though the engine has not reacted to that yet.
            values = running_campaigns.campaign_columns(state.campaign, None)
            for name in ("status", "why", "started_at", "ended_at"):
                del values[name]
            running_campaigns.prove(connection, campaign_id, fence, values)
            running_campaigns.save_groups(connection, campaign_id, parts, dict(enumerate(state.groups)), now)

    async def _finish(self) -> None:
        """The campaign is over: what it learned is kept, devices and groups are free again. Slice by slice."""
        while await asyncio.to_thread(self._give_back):
            pass
        _log.info("campaign.over", campaign=self._claimed.campaign_id, status=self._loaded()[1].campaign.status.value)

    def _give_back(self) -> bool:
        parts, state = self._loaded()
        campaign_id, now = self._claimed.campaign_id, self._now()
        index = {number: i for i, number in enumerate(parts.device_ids)}
        with self._database.write() as connection:
            running_campaigns.prove(connection, campaign_id, self._claimed.fence, {})
            ids = running_campaigns.still_in_use(connection, campaign_id, DEVICES_AT_ONCE)
            facts = listening.find_by_id(connection, ids)
            for number in ids:
                i = index.get(number)
                if i is not None and number in facts:
                    learn(facts[number], campaign_id, parts.plan, parts.plan.devices[i], state.devices[i], now)
            listening.save(connection, list(facts.values()))
            listening.free(connection, campaign_id, ids)
            if ids:
                return True
            really = {
                parts.group_ids[g]: {"frequency_hz": group.frequency_hz, "data_rate": group.data_rate}
                for g, group in enumerate(state.groups)
            }
            inbox.clear(connection, campaign_id)
            running_campaigns.free_groups(connection, campaign_id, really)
            return False

    def _sealer(self) -> Sealer:
        parts, state = self._loaded()
        data = None
        if parts.plan.file is not None:
            with self._database.read() as connection:
                data = file_contents.whole(connection, parts.subscriber_id, parts.plan.file.sha256)
        return Sealer(parts.plan, data, _CampaignKeys(self._keys, parts, state))

    def _loaded(self) -> tuple[Parts, State]:
        if self._parts is None or self._state is None:
            raise RuntimeError("the campaign has not been loaded")
        return self._parts, self._state

    def _now(self) -> InstantMs:
        return from_datetime(self._clock.now())


def _raise_failure(task: asyncio.Task[None]) -> None:
    if task.done():
        task.result()
