"""A campaign, its groups and its devices can say at any instant what they wait for, and how far they are."""

from __future__ import annotations

from fleetcast.campaign import effects as fx
from fleetcast.campaign import events as ev
from fleetcast.campaign.explanation import explain_campaign, explain_device, explain_group
from fleetcast.campaign.progress import current_stage, funnel
from tests.campaign.toy_fleet import START, Faults, ToyWorld, plan_for


def test_a_waiting_stage_says_whom_it_waits_for_and_until_when() -> None:
    world = ToyWorld(plan_for(10))
    world.toys[world.plan.devices[0].dev_eui].silent = True
    world.run(1_000_000)
    said = explain_campaign(world.state, world.now)
    assert said.startswith(
        "McGroupSetup: waiting for 1 of 10 devices to be heard; the slowest speaks every 10 minutes."
    )
    assert "Can go on with 90 % from 2026-01-01" in said
    assert "Waiting to be heard since 2026-01-01T00:00:00" in explain_device(world.state, 0, world.now)


def test_every_instant_of_a_troubled_campaign_can_be_explained_and_stages_never_go_back() -> None:
    world = ToyWorld(plan_for(8, threshold=30), faults=Faults(0.1, 0.1, 0.1, 0.05, 0.1, 0.1, 0.0, 0.1), seed=4)
    numbers: list[int] = []
    texts: set[str] = set()

    def watch(world: ToyWorld, event: ev.Event, asked: list[fx.Effect]) -> None:
        view = current_stage(world.state)
        if view is not None:
            numbers.append(view.number)
            assert 0 <= view.done <= view.total
            assert view.of == 6
        texts.add(explain_campaign(world.state, world.now).split(":")[0])
        for i in range(8):
            assert explain_device(world.state, i, world.now).endswith(".")
        assert explain_group(world.state, 0, world.now).endswith(".")

    world.watch = watch
    world.run()
    assert numbers == sorted(numbers)
    assert any(text.startswith("Multiple rounds of transmissions · ") for text in texts)


def test_a_held_group_says_why_and_when_it_is_tried_again() -> None:
    world = ToyWorld(plan_for(4, threshold=100))

    def refuse_multicast(world: ToyWorld, event: ev.Event, asked: list[fx.Effect]) -> None:
        world.faults.refuse = 1.0 if any(isinstance(effect, fx.SendFragment) for effect in asked) else 0.0

    world.watch = refuse_multicast
    while not world.state.groups[0].held and world.now < START + 86_400_000:
        world.run(world.now - START + 60_000)
    assert "is held (3 failures in a row: no gateway); it is tried again at" in explain_group(world.state, 0, world.now)


def test_the_funnel_counts_devices_by_what_they_confirmed() -> None:
    world = ToyWorld(plan_for(5))
    world.run()
    counts = funnel(world.state)
    assert counts["participants"] == counts["heard"] == counts["running"] == 5
    assert counts["transferred"] == counts["valid"] == 5
