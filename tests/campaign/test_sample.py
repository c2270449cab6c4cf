"""Where nothing is known of the losses, a few devices are asked one by one before everyone is asked over multicast."""

from __future__ import annotations

from collections import Counter

from fleetcast.campaign import effects as fx
from fleetcast.campaign import events as ev
from fleetcast.campaign.explanation import explain_group
from fleetcast.campaign.progress import current_stage
from fleetcast.campaign.states import Mode, Status
from fleetcast.campaign.transfer.adaptive import SAMPLE, SAMPLED_FROM
from fleetcast.planning.plan import CampaignType
from tests.campaign.test_invariants import Watcher
from tests.campaign.toy_fleet import Faults, ToyWorld, plan_for


def played(devices: int, *, period_s: int = 120, orders: dict[int, ev.Event] | None = None) -> ToyWorld:
    plan = plan_for(devices, period_s=period_s, kind=CampaignType.BINARY, size_bytes=20_000)
    world = ToyWorld(plan, seed=4, period_s=period_s)
    world.watch = Watcher()
    world.run(orders=orders)
    assert world.state.campaign.status is Status.SUCCEEDED
    return world


def asked_first(world: ToyWorld) -> list[fx.SendUnicast]:
    """Devices asked by unicast before the first request to everyone."""
    found: list[fx.SendUnicast] = []
    for _, effect in world.effects:
        if isinstance(effect, fx.SendMulticast):
            return found
        if isinstance(effect, fx.SendUnicast) and effect.commands[0].name == "FragSessionStatusReq":
            found.append(effect)
    return found


def test_whichever_devices_speak_first_are_asked_once_and_then_more_is_sent_before_everyone_is_asked() -> None:
    world = played(80)
    sample = asked_first(world)
    assert 20 <= len(sample) <= SAMPLE
    assert max(Counter(one.dev_eui for one in sample).values()) == 1
    fragments = [at for at, effect in world.effects if isinstance(effect, fx.SendFragment)]
    request = next(at for at, effect in world.effects if isinstance(effect, fx.SendMulticast))
    asked = [at for at, effect in world.effects if effect in sample]
    assert not [at for at in fragments if asked[0] < at < asked[-1]], "a sending gateway is deaf"
    first_pass = sum(at < request for at in fragments)
    assert first_pass > world.plan.groups[0].fragments + world.plan.groups[0].coded_first
    assert world.state.groups[0].poll <= 3


def test_a_small_group_is_asked_as_a_whole_at_once() -> None:
    assert asked_first(played(SAMPLED_FROM - 1)) == []


def test_devices_that_speak_too_rarely_for_a_sample_are_not_waited_for() -> None:
    world = played(60, period_s=6 * 3600)
    assert asked_first(world) == []
    last = max(at for at, effect in world.effects if isinstance(effect, fx.SendFragment))
    request = next(at for at, effect in world.effects if isinstance(effect, fx.SendMulticast))
    assert request < last or request - last < 60_000


def test_a_sample_without_answers_ends_by_time_and_crashes_lose_nothing() -> None:
    plan = plan_for(80, period_s=120, kind=CampaignType.BINARY, size_bytes=20_000)
    world, watcher, spent = ToyWorld(plan, seed=4, period_s=120, faults=Faults(crash=0.3)), Watcher(), []

    def watch(world: ToyWorld, event: ev.Event, asked: list[fx.Effect]) -> None:
        watcher(world, event, asked)
        sampling = world.state.groups[0].mode is Mode.SAMPLING
        spent.extend([world.now] if sampling else [])
        # Status answers are lost; other uplinks are heard.
        world.lose_port = 201 if sampling else None

    world.watch = watch
    world.run()
    assert asked_first(world)
    assert 60_000 < spent[-1] - spent[0] < 600_000
    assert world.state.campaign.status is Status.SUCCEEDED


def test_the_first_pass_is_not_over_while_the_sample_is_taken_and_says_so() -> None:
    plan = plan_for(80, period_s=120, kind=CampaignType.BINARY, size_bytes=20_000)
    world, seen = ToyWorld(plan, seed=4, period_s=120), []

    def watch(world: ToyWorld, _: ev.Event, __: list[fx.Effect]) -> None:
        if world.state.groups[0].mode is Mode.SAMPLING:
            view = current_stage(world.state)
            assert view is not None
            seen.append((view.name, explain_group(world.state, 0, world.now)))

    world.watch = watch
    world.run()
    assert {name for name, _ in seen} == {"DlFragment"}
    assert all("asks the next devices that speak" in text for _, text in seen)


def test_a_pause_in_the_middle_of_a_sample_asks_nobody_and_a_resume_goes_on() -> None:
    world = played(80)
    first = next(at for at, effect in world.effects if effect in asked_first(world)) - world.plan.start
    pause, resume = first + 5_000, first + 400_000
    held = played(80, orders={pause: ev.Paused("somebody"), resume: ev.Resumed("somebody")})
    inside = [
        effect for at, effect in held.effects
        if pause < at - held.plan.start < resume and isinstance(effect, fx.SendUnicast | fx.SendFragment)
    ]  # fmt: skip
    assert inside == []
