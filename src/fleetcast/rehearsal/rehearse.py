"""Plays a campaign in virtual time: engine, codecs and sealing as in earnest, the world simulated.

The same order as in earnest, too: an event, its reaction, the changes applied, and only then the effects performed.
What is persisted in earnest lives in memory here; `crash_every` throws the state away and builds it anew from its
parts, as a restart would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from fleetcast.campaign.effects import (
    CampaignEnded,
    Effect,
    EnsureGroup,
    FlushQueue,
    Record,
    ReleaseGroup,
    SendFragment,
    SendMulticast,
    SendUnicast,
)
from fleetcast.campaign.engine import begin, next_deadline, react
from fleetcast.campaign.events import Event, Started, TimePassed
from fleetcast.campaign.table import State
from fleetcast.instants import InstantMs
from fleetcast.planning.facts import Profile
from fleetcast.planning.plan import Plan
from fleetcast.planning.planner import make_plan
from fleetcast.protocol.packages import Package
from fleetcast.rehearsal.observation import Observation
from fleetcast.rehearsal.population import SAMPLE_OF_EACH_PROFILE, Population, band_of, draw, request
from fleetcast.rehearsal.scenario import Scenario
from fleetcast.rehearsal.translation import event
from fleetcast.runtime.sealing import Sealer
from fleetcast.runtime.time_service import TimeService
from fleetcast.simulator.heard import Heard, Uplink
from fleetcast.simulator.multicast import GroupAtNetwork
from fleetcast.simulator.network_settings import Counter
from fleetcast.simulator.world import World

_ABSENT = -1
LOOK_EVERY = 200
"""Steps of virtual time between two looks of whoever watches."""


class CampaignHangs(RuntimeError):
    """Nothing will ever happen again, and the campaign isn't over: a bug."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A rehearsal before its start: the fleet is drawn and the plan made; nothing was sent."""

    scenario: Scenario
    seed: int
    population: Population
    plan: Plan


def prepare(scenario: Scenario, seed: int | None = None) -> Prepared:
    """Draw the fleet and plan the campaign; raises PlanRefused when it can't be carried out."""
    chosen = scenario.seed if seed is None else seed
    population = draw(scenario, chosen)
    plan = make_plan(request(scenario, population, chosen), scenario.start)
    return Prepared(scenario, chosen, population, plan)


class Rehearsal:
    """One campaign on its way through virtual time."""

    def __init__(self, prepared: Prepared, *, crash_every: int | None = None) -> None:
        """`crash_every`: after every so many commits the state is lost and rebuilt from its parts."""
        scenario, population = prepared.scenario, prepared.population
        self.prepared = prepared
        self.plan = prepared.plan
        self.state: State = begin(prepared.plan)
        self.observation = Observation(prepared.plan)
        self.world = _world(prepared)
        self.now: InstantMs = scenario.start
        self.time_service = TimeService(scenario.campaign.settings.time_sync_tolerance_s)
        self._sealer = Sealer(prepared.plan, None if scenario.file is None else scenario.file.data, population.keys)
        self._groups = {group.dev_eui: group for group in prepared.plan.groups}
        ports = {name: _ports(profile) for name, profile in population.profiles.items()}
        self._ports = {device.dev_eui: ports[device.profile] for device in population.devices}
        self._deadline: InstantMs | None = None
        self._crash_every = crash_every
        self._time_answers = 0

    def run(self, watch: Callable[[Rehearsal], None] | None = None, *, every: int = LOOK_EVERY) -> None:
        """Play the campaign to its end; `watch` is called after `every` so many steps. Raises CampaignHangs."""
        self._feed(Started())
        steps = 0
        self._deadline = next_deadline(self.state)
        while not self.state.campaign.status.final:
            self._step()
            steps += 1
            if watch is not None and steps % every == 0:
                watch(self)
        if watch is not None:
            watch(self)

    def feed(self, order: Event) -> None:
        """An order from outside (pause, resume, stop), now."""
        self._feed(order)
        self._deadline = next_deadline(self.state)

    def _step(self) -> None:
        """On to the next thing that is heard, or to the engine's next deadline."""
        until = self._deadline if self._deadline is not None else self.world.next_at()
        if until is None:
            raise CampaignHangs(f"{self.plan.campaign}: nothing is due in {self.state.campaign.status}")
        told = self.world.run_until(max(until, self.now))
        self.now = max(self.now, self.world.now)
        for each in told:
            self._take(each)
        self._deadline = next_deadline(self.state)
        if self._deadline is not None and self._deadline <= self.now:
            self._feed(TimePassed())
            self._deadline = next_deadline(self.state)

    def _take(self, heard: Heard) -> None:
        if isinstance(heard, Uplink):
            ports = self._ports[heard.dev_eui]
            if heard.f_port == ports.clock:
                self._answer_time(heard, ports.clock_version)
            elif heard.f_port == ports.fragmentation:
                self.observation.heard_on_fragmentation(heard.payload)
        self._feed(event(heard))

    def _answer_time(self, uplink: Uplink, version: int | None) -> None:
        """Before the campaign sees it: a device that asks for the time is answered whatever the campaign does."""
        answer = self.time_service.on_uplink(
            uplink.dev_eui, uplink.f_port, uplink.payload, uplink.received_at, uplink.f_cnt, version
        )
        if answer is not None:
            self._time_answers += 1
            # Numbers below zero: no effect of the campaign has them, so that it ignores the reports.
            self.world.send_unicast(
                self.now, -self._time_answers, answer.dev_eui, answer.f_port, answer.payload, answer.valid_until,
                class_c=False,
            )  # fmt: skip

    def _feed(self, one: Event) -> None:
        changes, effects = react(self.state, one, self.now)
        self.observation.before_apply(self.state, changes, self.now)
        self.state.apply(changes)
        if self._crash_every is not None and self.observation.commits % self._crash_every == 0:
            lost = self.state
            self.state = State(self.plan, lost.campaign, lost.devices, lost.groups)
        for effect in effects:
            self.observation.asked(effect, self.now)
            self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        world, now = self.world, self.now
        match effect:
            case SendUnicast():
                world.send_unicast(
                    now, effect.effect_id, effect.dev_eui, effect.f_port, self._sealer.unicast(effect),
                    effect.valid_until, class_c=effect.class_c,
                )  # fmt: skip
            case SendFragment() | SendMulticast():
                sealed = self._sealer.multicast(effect)
                fragment = effect if isinstance(effect, SendFragment) else None
                f_port = Package.FRAGMENTATION.default_f_port if isinstance(effect, SendFragment) else effect.f_port
                world.send_multicast(
                    now, effect.effect_id, effect.group, f_port, sealed.payload, effect.f_cnt, effect.not_before,
                    fragment_n=None if fragment is None else fragment.n, encrypted=sealed.encrypted,
                )  # fmt: skip
            case EnsureGroup():
                world.ensure_group(now, self._group_at_network(effect))
            case ReleaseGroup():
                world.release_group(now, effect.group)
            case FlushQueue():
                world.flush(now, effect.target)
            case Record() | CampaignEnded():
                pass

    def _group_at_network(self, effect: EnsureGroup) -> GroupAtNetwork:
        group, keys = self._groups[effect.group], self._sealer.session_keys(effect.group)
        return GroupAtNetwork(
            dev_eui=group.dev_eui,
            mc_addr=group.mc_addr,
            mc_app_s_key=keys.mc_app_s_key,
            mc_net_s_key=keys.mc_net_s_key,
            session_class=group.session_class,
            frequency_hz=group.frequency_hz,
            data_rate=group.data_rate,
            periodicity=group.periodicity,
            next_f_cnt=group.first_f_cnt,
            gateways=group.gateways,
            network_counts=group.network_counts,
        )


@dataclass(frozen=True, slots=True)
class _Ports:
    """What the server knows of a profile's packages; -1: it has none."""

    clock: int
    clock_version: int | None
    fragmentation: int


def _ports(profile: Profile) -> _Ports:
    clock = profile.packages.get(Package.CLOCK_SYNC)
    fragmentation = profile.packages.get(Package.FRAGMENTATION)
    version = None if clock is None else clock.version
    return _Ports(
        clock=_ABSENT if clock is None else clock.f_port,
        clock_version=version if isinstance(version, int) else None,
        fragmentation=_ABSENT if fragmentation is None else fragmentation.f_port,
    )


def _world(prepared: Prepared) -> World:
    scenario, population = prepared.scenario, prepared.population
    network = scenario.network
    settings = replace(network.server, counter=Counter.NETWORK if network.network_counts else Counter.EITHER)
    return World(
        fleet=population.fleet,
        band=band_of(network),
        gateways=population.gateways,
        settings=settings,
        start=scenario.start,
        seed=prepared.seed,
        bursts=network.bursts,
        uplink_channels=network.uplink_channels,
        sample=SAMPLE_OF_EACH_PROFILE,
    )
