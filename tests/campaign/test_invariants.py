"""The engine's promises as properties, with crashes, losses, doubles, delays and hostile payloads thrown in.

FLEETCAST_HOSTILE=1000 runs so many scenarios of each kind (40 otherwise).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleetcast.campaign import effects as fx
from fleetcast.campaign import events as ev
from fleetcast.campaign.states import Done, Outcome, Status
from fleetcast.planning.plan import CampaignType
from fleetcast.planning.policy import BelowThreshold, Policy, Setup, TransferUntil
from tests.campaign.toy_fleet import START, Faults, ToyWorld, plan_for

CLEAN_UP = {"DevRebootTimeReq", "DevDeleteImageReq", "FragSessionDeleteReq", "McGroupDeleteReq"}

faults = st.builds(
    Faults,
    lose_up=st.sampled_from([0.0, 0.1, 0.3]),
    lose_down=st.sampled_from([0.0, 0.1, 0.4]),
    double=st.sampled_from([0.0, 0.2]),
    late=st.sampled_from([0.0, 0.05]),
    lose_report=st.sampled_from([0.0, 0.2]),
    refuse=st.sampled_from([0.0, 0.1]),
    crash=st.sampled_from([0.0, 0.1]),
    hostile=st.sampled_from([0.0, 0.3]),
)
policies = st.builds(
    Policy,
    setup=st.sampled_from(list(Setup)),
    below_threshold=st.sampled_from(list(BelowThreshold)),
    transfer_until=st.sampled_from(list(TransferUntil)),
    reboot_spread_s=st.sampled_from([0, 600]),
    soak_s=st.sampled_from([0, 1800]),
)


@dataclass
class Watcher:
    """Looks over the engine's shoulder at every reaction."""

    payloads: dict[int, object] = field(default_factory=dict)
    coded: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    numbers: dict[int, int] = field(default_factory=dict)
    airtime_us: int = 0
    stopped: bool = False
    final: dict[int, Outcome] = field(default_factory=dict)
    ended: Status | None = None

    def __call__(self, world: ToyWorld, event: ev.Event, asked: list[fx.Effect]) -> None:
        group = world.plan.groups[0]
        if isinstance(event, ev.DownlinkFailed):
            self.refused.add(self.numbers.get(event.effect_id, 0))
        for effect in asked:
            match effect:
                case fx.SendFragment() | fx.SendMulticast():
                    self._multicast(world, effect)
                case fx.SendUnicast():
                    assert effect.dev_eui in world.heard, "a unicast before first contact"
                    if self.stopped:
                        assert {command.name for command in effect.commands} <= CLEAN_UP
                    zeros = [getattr(command, "mc_key_encrypted", bytes(16)) for command in effect.commands]
                    assert all(key == bytes(16) for key in zeros), "an effect carries a key"
        assert world.state.groups[0].next_f_cnt <= group.end_f_cnt
        self.stopped = self.stopped or world.state.campaign.status is Status.STOPPING
        self._finals(world)

    def _multicast(self, world: ToyWorld, effect: fx.SendFragment | fx.SendMulticast) -> None:
        group = world.plan.groups[0]
        assert not self.stopped, "a multicast after stop"
        assert effect.f_cnt is not None
        assert group.first_f_cnt <= effect.f_cnt < group.end_f_cnt, "outside the announced window"
        what = effect.n if isinstance(effect, fx.SendFragment) else effect.commands
        assert effect.f_cnt not in self.payloads, "one FCntDown, two payloads"
        self.payloads[effect.f_cnt] = what
        if isinstance(effect, fx.SendFragment):
            self.numbers[effect.effect_id] = effect.n
            self.airtime_us += group.airtime_us
            if effect.n > group.fragments:
                again = effect.n in self.coded and effect.n not in self.refused
                assert not again, "a coded number that may have been on the air is ordered again"
                self.coded.add(effect.n)
                self.refused.discard(effect.n)

    def _finals(self, world: ToyWorld) -> None:
        campaign = world.state.campaign
        if self.ended is not None:
            assert campaign.status is self.ended
        if campaign.status.final:
            self.ended = campaign.status
        for i, device in enumerate(world.state.devices):
            if i in self.final:
                assert device.outcome is self.final[i], "a final outcome changed"
            elif device.outcome in (Outcome.SUCCEEDED, Outcome.FAILED):
                self.final[i] = device.outcome


def run(world: ToyWorld, orders: dict[int, ev.Event] | None = None) -> Watcher:
    watcher = Watcher()
    world.watch = watcher
    state = world.run(orders=orders)
    assert state.campaign.status.final, f"hangs as {state.campaign.status}"
    for group in state.groups:
        assert group.ledger.airtime_us == watcher.airtime_us, "airtime booked differs from airtime handed over"
    for planned, device in zip(world.plan.devices, state.devices, strict=True):
        toy = world.toys[planned.dev_eui]
        if Done.RUNNING in device.done:
            assert toy.version == world.plan.file.version, "reported as updated, and is not"  # type: ignore[union-attr]
        assert device.outcome in (Outcome.SUCCEEDED, Outcome.FAILED)
        if device.outcome is Outcome.FAILED:
            assert device.failure is not None
    return watcher


RELAXED = settings(
    max_examples=int(os.environ.get("FLEETCAST_HOSTILE", "40")), deadline=None, suppress_health_check=list(HealthCheck)
)


@RELAXED
@given(faults, policies, st.integers(0, 10_000), st.sampled_from(list(CampaignType)), st.booleans())
def test_whatever_goes_wrong_the_promises_hold(
    faults: Faults, policy: Policy, seed: int, kind: CampaignType, reboot: bool
) -> None:
    reboot_at = START + 2 * 86_400_000 if reboot and kind is not CampaignType.MULTICAST_SETUP else None
    plan = plan_for(5, policy=policy, kind=kind, threshold=60, reboot_at=reboot_at, seed=seed)
    run(ToyWorld(plan, seed=seed, faults=faults))


@RELAXED
@given(faults, st.integers(0, 10_000), st.integers(0, 6_000_000), st.booleans())
def test_a_stop_at_any_instant_sends_nothing_more_but_clean_up(
    faults: Faults, seed: int, at_ms: int, paused: bool
) -> None:
    plan = plan_for(5, threshold=60, seed=seed)
    orders: dict[int, ev.Event] = {at_ms: ev.Stopped("somebody")}
    if paused:
        orders[at_ms // 2] = ev.Paused("somebody")
    world = ToyWorld(plan, seed=seed, faults=faults)
    run(world, orders)
    assert world.state.campaign.status in (Status.STOPPED, Status.SUCCEEDED, Status.FAILED)


@RELAXED
@given(faults, st.integers(0, 10_000))
def test_a_pause_sends_nothing_and_a_resume_goes_on(faults: Faults, seed: int) -> None:
    plan = plan_for(4, threshold=50, seed=seed)
    world = ToyWorld(plan, seed=seed, faults=faults)
    pause, resume = 1_000_000, 2_000_000
    run(world, {pause: ev.Paused("somebody"), resume: ev.Resumed("somebody")})
    sends = (fx.SendUnicast, fx.SendFragment, fx.SendMulticast)
    inside = [e for at, e in world.effects if START + pause < at < START + resume and isinstance(e, sends)]
    assert inside == []


def test_the_same_seed_and_events_give_the_same_effects() -> None:
    everything = Faults(0.2, 0.2, 0.1, 0.05, 0.1, 0.1, 0.0, 0.2)
    one, other = (ToyWorld(plan_for(8, seed=3), seed=3, faults=everything) for _ in range(2))
    one.run()
    other.run()
    assert one.effects == other.effects


def test_a_process_that_dies_after_every_commit_ends_as_if_nothing_had_happened() -> None:
    calm, crashing = (ToyWorld(plan_for(8, seed=5), seed=5) for _ in range(2))
    crashing.faults = Faults(crash=1.0)
    calm.run()
    crashing.run()
    assert [str(e) for e in crashing.effects] == [str(e) for e in calm.effects]


@pytest.mark.parametrize("setup", list(Setup))
def test_an_ordinary_campaign_succeeds_with_everybody(setup: Setup) -> None:
    world = ToyWorld(plan_for(12, policy=Policy(setup=setup), threshold=100))
    run(world)
    assert world.state.campaign.status is Status.SUCCEEDED
    assert all(toy.version == 0x01000001 for toy in world.toys.values())
