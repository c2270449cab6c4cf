"""The simulated network as a connection: registered devices live in a world that runs in the server's time.

It survives a kill: what it was asked for is in its log (`network_log`), and the world is played again. Several
processes of one machine may have it open; one of them hosts the world, and another takes over when that one dies.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final, TypeVar

from fleetcast.clock import Participant, Signal, pause
from fleetcast.connectors.catalog import Kind, Surroundings
from fleetcast.connectors.connection import Field, FieldType, Settings
from fleetcast.connectors.port import (
    Capabilities,
    Cause,
    ConnectorError,
    Counting,
    Delivery,
    EffectId,
    GroupPending,
    GroupReady,
    GroupRefused,
    GroupState,
    MulticastDownlink,
    MulticastGroup,
    PracticeDevice,
    PracticeKeys,
    Queued,
    SentReport,
    Told,
    UnicastDownlink,
)
from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs, from_datetime, to_datetime
from fleetcast.radio.band import Direction
from fleetcast.radio.bands import catalog
from fleetcast.simulator.network_log import NetworkLog
from fleetcast.simulator.network_settings import Counter, NetworkSettings
from fleetcast.simulator.played_world import PlayedWorld
from fleetcast.simulator.registered_fleet import Places

_T = TypeVar("_T")

_MOST_WAITING: Final = 2_000
"""The world stands still while so many messages wait to be taken."""
_LOOK_S: Final = 0.05
"""How often, in real time, the host looks for what other processes ask, and they for answers."""
_HOST_AGAIN_S: Final = 0.5
_ANSWER_WITHIN: Final = timedelta(seconds=60)

FIELDS: Final = (
    Field(name="band", sentence="The band its gateways serve.", default="EU868", choices=catalog.names()),
    Field(name="gateways", sentence="How many gateways there are.", type=FieldType.WHOLE, default=2, least=1, most=64),
    Field(
        name="least_loss", sentence="Downlinks lost by the best device, as a share.", type=FieldType.NUMBER,
        default=0.01, least=0, most=1,
    ),
    Field(
        name="most_loss", sentence="Downlinks lost by the worst device, as a share.", type=FieldType.NUMBER,
        default=0.2, least=0, most=1,
    ),
    Field(
        name="least_uplink_loss", sentence="Uplinks lost by the best device, as a share.", type=FieldType.NUMBER,
        default=0.0, least=0, most=1,
    ),
    Field(
        name="most_uplink_loss", sentence="Uplinks lost by the worst device, as a share.", type=FieldType.NUMBER,
        default=0.1, least=0, most=1,
    ),
    Field(name="data_rate", sentence="Data rate of all uplinks.", type=FieldType.WHOLE, default=5, least=0, most=15),
    Field(
        name="uplink_period_s", sentence="How often devices speak; left out: what their profile says.",
        type=FieldType.WHOLE, least=10,
    ),
    Field(
        name="clock_offset_s", sentence="Clocks of devices are off by up to this.", type=FieldType.NUMBER, default=1.0,
        least=0,
    ),
    Field(
        name="network_counts", sentence="The network gives multicast counters.", type=FieldType.YES_NO, default=False
    ),
    Field(
        name="sample", sentence="So many devices of each make rebuild real bytes, the others are counted.",
        type=FieldType.WHOLE, default=100, least=0,
    ),
    Field(name="seed", sentence="Another one draws another network.", type=FieldType.WHOLE, default=1, least=0),
)  # fmt: skip


class SimulatedNetwork:
    """A connector, and a network that practises."""

    def __init__(self, settings: Settings, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._clock = surroundings.clock
        band = catalog.band(settings.text("band"))
        self._band = band
        self._settings = NetworkSettings(
            connection=surroundings.connection,
            counter=Counter.NETWORK if settings.yes("network_counts") else Counter.EITHER,
            multicast_queue_length=64,
        )
        least, most = sorted((settings.number("least_loss"), settings.number("most_loss")))
        least_up, most_up = sorted((settings.number("least_uplink_loss"), settings.number("most_uplink_loss")))
        rates = band.usable_data_rates(Direction.UPLINK)
        wanted = settings.whole("data_rate")
        self._places = Places(
            seed=settings.whole("seed"),
            gateways=settings.whole("gateways"),
            least_loss=least,
            most_loss=most,
            least_uplink_loss=least_up,
            most_uplink_loss=most_up,
            data_rate=wanted if wanted in rates else max(rate for rate in rates if rate <= max(wanted, min(rates))),
            clock_offset_s=settings.number("clock_offset_s"),
            uplink_period_s=settings.whole("uplink_period_s") if "uplink_period_s" in settings.values else None,
        )
        self._sample = settings.whole("sample")
        self._log: NetworkLog | None = None
        self._provided: dict[DevEui, PracticeDevice] = {}
        self._groups: dict[DevEui, PracticeKeys] = {}
        self._ready_to_begin = Signal()
        self._moved = Signal()
        """Something was asked, taken, or has to be looked at."""
        self._news = Signal()
        """Messages wait to be taken."""
        self._answers: list[Signal] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: BaseException | None = None
        self._closing = False
        self.world: PlayedWorld | None = None
        """The world, where this process hosts it."""

    # The port

    async def open(self) -> Capabilities:
        """Open the log; the world begins with the first `provide`."""
        self._closing = False
        try:
            self._log = await asyncio.to_thread(NetworkLog, self._surroundings.directory)
        except (OSError, sqlite3.Error) as error:
            raise ConnectorError(Cause.UNREACHABLE, f"its log can't be opened: {error}") from error
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._look())]
        network = self._settings.counter is Counter.NETWORK
        counting = Counting.NETWORK if network else Counting.EITHER
        return Capabilities(
            uplink_delivery=Delivery.POLL,
            uplink_replay=True,
            sent_report_unicast=SentReport.EMITTED,
            sent_report_multicast=SentReport.SUMMARY,
            multicast_counter=counting,
            multicast_cipher=counting,
            first_counter=self._settings.first_f_cnt,
            group_gateways="list",
            gateways=tuple(f"gateway {number + 1}" for number in range(self._places.gateways)),
            band=self._band.name,
        )

    async def close(self) -> None:
        """Remember what was acknowledged, and let go."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self._news.set()
        if self._log is not None:
            if self.world is not None:
                self.world.rest()
            self._log.close()
        self._log = self.world = None

    async def provide(self, devices: Sequence[PracticeDevice], groups: Sequence[PracticeKeys]) -> None:
        """These devices exist, and these groups have these keys."""
        self._provided.update((device.dev_eui, device) for device in devices)
        self._groups.update((group.group, group) for group in groups)
        if self.world is not None:
            self._writing(partial(self.world.provide, devices, groups, self._now()))
            self._moved.set()
        self._ready_to_begin.set()

    async def heard(self) -> AsyncIterator[Told]:
        """What the world tells, oldest first."""
        with self._clock.join() as part:
            while not self._closing:
                if self._failure is not None:
                    raise ConnectorError(Cause.UNREACHABLE, f"the simulated network failed: {self._failure}")
                told = self._told()
                if not told:
                    await part.wait(self._news)
                    continue
                number, message = told.popleft()
                if len(told) == _MOST_WAITING - 1:
                    self._moved.set()
                yield Told(message, partial(self._acknowledge, number))

    async def send_unicast(self, downlink: UnicastDownlink, effect_id: EffectId) -> Queued:
        if self.world is not None and not self.world.knows(downlink.dev_eui):
            raise ConnectorError(Cause.NOT_PERMITTED, f"{downlink.dev_eui} is not registered on this connection")
        what = {
            "effect": str(effect_id), "device": str(downlink.dev_eui), "f_port": downlink.f_port,
            "payload": downlink.payload.hex(), "valid_until": downlink.valid_until, "class_c": downlink.class_c,
        }  # fmt: skip
        self._ask("unicast", what, effect_id)
        return Queued(str(effect_id))

    async def send_multicast(self, downlink: MulticastDownlink, effect_id: EffectId) -> Queued:
        what = {
            "effect": str(effect_id), "group": str(downlink.group), "f_port": downlink.f_port,
            "payload": downlink.payload.hex(), "f_cnt": downlink.f_cnt, "not_before": downlink.not_before,
            "fragment": downlink.fragment, "encrypted": downlink.encrypted,
        }  # fmt: skip
        self._ask("multicast", what, effect_id)
        return Queued(str(effect_id), downlink.f_cnt)

    async def ensure_multicast_group(self, group: MulticastGroup) -> GroupReady | GroupPending | GroupRefused:
        keys = PracticeKeys(group.dev_eui, group.mc_app_s_key, group.mc_net_s_key)
        self._groups[group.dev_eui] = keys
        if self.world is not None:
            self.world.provide((), (keys,), self._now())
        what = {
            "group": str(group.dev_eui), "mc_addr": str(group.mc_addr), "session_class": group.session_class,
            "frequency_hz": group.frequency_hz, "data_rate": group.data_rate, "periodicity": group.periodicity,
            "next_f_cnt": group.next_f_cnt, "gateways": sorted(group.gateways),
            "network_counts": group.network_counts,
        }  # fmt: skip
        answer = await self._answer_to("ensure", what)
        if "ready" in answer:
            return GroupReady(**answer["ready"])
        return GroupPending(answer["pending"]) if "pending" in answer else GroupRefused(answer["refused"])

    async def group_state(self, group: DevEui) -> GroupState | None:
        state = (await self._answer_to("state", {"group": str(group)}))["state"]
        return None if state is None else GroupState(*state)

    async def release_multicast_group(self, group: DevEui) -> None:
        self._ask("release", {"group": str(group)})

    async def flush(self, target: DevEui) -> int:
        """Its count is not known: what is dropped is reported frame by frame."""
        self._ask("flush", {"target": str(target)})
        return 0

    # The world's own loop

    async def _run(self) -> None:
        try:
            with self._clock.join() as part:
                await self._host(part)
        except (sqlite3.Error, OSError, ValueError, KeyError, LookupError) as error:
            self._failure = error
            self._news.set()

    async def _host(self, part: Participant) -> None:
        log = self._opened()
        while not log.host():
            await pause(_HOST_AGAIN_S)
        while not self._ready_to_begin.is_set:
            await part.wait(self._ready_to_begin)
            self._ready_to_begin.set()
        world = self.world = await asyncio.to_thread(
            PlayedWorld, log, self._band, self._places, self._settings, self._sample,
            list(self._provided.values()), list(self._groups.values()), self._now(),
        )  # fmt: skip
        world.provide(list(self._provided.values()), list(self._groups.values()), self._now())
        while True:
            world.take_waiting()
            world.run_until(self._now(), _MOST_WAITING)
            world.save()
            self._tell()
            full = len(world.told) >= _MOST_WAITING
            next_at = None if full else world.next_at()
            await part.wait(self._moved, None if next_at is None else to_datetime(max(next_at, world.now)))

    async def _look(self) -> None:
        """Wake the host from time to time, in real time: another process may have asked for something."""
        while True:
            await pause(_LOOK_S)
            if self._log is not None and self._log.hosting and self._log.changed_outside():
                self._moved.set()

    def _ask(self, kind: str, what: dict[str, Any], effect: EffectId | None = None) -> int | None:
        return self._writing(partial(self._ask_now, kind, what, effect))

    def _ask_now(self, kind: str, what: dict[str, Any], effect: EffectId | None) -> int | None:
        if self.world is None:
            return self._opened().ask(kind, what, None, None if effect is None else str(effect))
        self.world.run_until(self._now(), _MOST_WAITING)
        asked = self.world.ask(kind, what, effect)
        self._tell()
        self._moved.set()
        return asked

    async def _answer_to(self, kind: str, what: dict[str, Any]) -> dict[str, Any]:
        """Ask, and wait for the answer: in the world's time where it is hosted here, else in real time."""
        log, seq = self._opened(), self._ask(kind, what)
        if seq is None:
            raise ConnectorError(Cause.BAD_REQUEST, f"{kind} was asked before")
        here = Signal()
        self._answers.append(here)
        try:
            with self._clock.join() as part:
                until = self._clock.now() + _ANSWER_WITHIN
                while (answer := self._writing(partial(log.answered, seq))) is None:
                    if self._clock.now() >= until:
                        raise ConnectorError(Cause.UNREACHABLE, f"no answer to {kind}", maybe_taken=True)
                    if self.world is not None:
                        await part.wait(here, until)
                    else:
                        await pause(_LOOK_S)
                return answer
        finally:
            self._answers.remove(here)

    def _tell(self) -> None:
        """Wake whoever may have something to take."""
        if self._told():
            self._news.set()
        for waiting in self._answers:
            waiting.set()

    def _told(self) -> deque[Any]:
        return deque() if self.world is None else self.world.told

    def _acknowledge(self, number: int) -> None:
        if self.world is not None:
            self.world.acknowledge(number)

    def _now(self) -> InstantMs:
        return from_datetime(self._clock.now())

    def _opened(self) -> NetworkLog:
        if self._log is None:
            raise ConnectorError(Cause.UNREACHABLE, "the connection is closed")
        return self._log

    def _writing(self, do: Callable[[], _T]) -> _T:
        try:
            return do()
        except sqlite3.Error as error:
            raise ConnectorError(Cause.UNREACHABLE, f"its log can't be written: {error}") from error


KIND = Kind(
    name="simulated",
    sentence="A network and its devices that do not exist: to try campaigns out.",
    fields=FIELDS,
    connect=SimulatedNetwork,
    any_speed=True,
    one_worker=True,
)
"""What the entry point names."""
