"""Rules of a campaign that no other file holds, each played by hand with one or two devices."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleetcast.campaign import effects as fx
from fleetcast.campaign import events as ev
from fleetcast.campaign import progression
from fleetcast.campaign.causes import Cause
from fleetcast.campaign.states import Aside, Done, Mode, Outcome, Status, Step
from fleetcast.identifiers import DevEui
from fleetcast.planning.plan import CampaignType, Plan
from fleetcast.planning.policy import Policy, Setup
from fleetcast.protocol.ts003_clock_sync import v1 as clock
from fleetcast.protocol.ts004_fragmentation import v1 as frag
from fleetcast.protocol.ts004_fragmentation import v2 as frag2
from fleetcast.protocol.ts005_multicast import v1 as mc
from fleetcast.protocol.ts006_firmware import v1 as fw
from tests.campaign.direct import (
    FRAG_OK,
    GROUP_OK,
    Hand,
    image,
    report_multicasts,
    runs,
    session_ok,
    through_setup,
    to_image_check,
    to_status_request,
)
from tests.campaign.toy_fleet import NEW, OLD, START, Faults, ToyWorld, plan_for, profile

DAY_S = 86_400
CANCEL = fw.DevRebootTimeReq(reboot_time=0xFFFFFFFF)


def hand(devices: int = 1, **request: object) -> Hand:
    made = Hand(plan_for(devices, threshold=100, **request))  # type: ignore[arg-type]
    made.start()
    return made


def with_device(plan: Plan, **changes: object) -> Plan:
    """The plan, and every device of it with these changes."""
    return replace(plan, devices=tuple(replace(one, **changes) for one in plan.devices))  # type: ignore[arg-type]


def setup_v2(count_replay: bool) -> bytes:
    return frag2.FragSessionSetupAns(
        frag_index=0, session_cnt_replay=count_replay, wrong_descriptor=False, frag_index_unsupported=False,
        not_enough_memory=False, frag_algo_unsupported=False,
    ).encode()  # fmt: skip


def session_cnt(toy: Hand) -> int:
    request = toy.last().commands[0]
    assert isinstance(request, frag2.FragSessionSetupReq)
    return request.session_cnt


# Exchanges


def test_a_session_count_that_was_used_already_goes_up_and_the_setup_again() -> None:
    toy = hand(toy=profile(version=2))
    toy.set_up()
    toy.wait(60)
    assert toy.hear() == ["FragSessionSetupReq"]
    first = session_cnt(toy)
    assert toy.hear(setup_v2(count_replay=True), port=201) == ["FragSessionSetupReq"]
    assert session_cnt(toy) == first + 1
    toy.wait(20)
    assert toy.hear() == ["FragSessionSetupReq"]
    assert session_cnt(toy) == first + 1, "a repetition has the same count"
    toy.hear(setup_v2(count_replay=False), port=201)
    assert toy.device().step is Step.MC_SESSION


def test_a_device_that_calls_every_count_a_replay_fails_as_refused() -> None:
    toy = hand(toy=profile(version=2))
    toy.set_up()
    toy.wait(60)
    toy.hear()
    for _ in range(4):
        toy.hear(setup_v2(count_replay=True), port=201)
        toy.wait(20)
    assert toy.device().outcome is Outcome.FAILED
    assert toy.device().failure is not None
    assert "replay" in str(toy.device().failure)


def test_a_fragmentation_session_set_up_anew_after_a_rejoin_has_the_next_count() -> None:
    toy = hand(toy=profile(version=2))
    toy.set_up()
    toy.wait(60)
    toy.hear()
    first = session_cnt(toy)
    toy.hear(setup_v2(count_replay=False), port=201)
    toy.feed(ev.DeviceRejoined(toy.plan.devices[0].dev_eui))
    toy.wait(60)
    toy.hear()
    toy.hear(GROUP_OK, port=200)
    toy.wait(60)
    toy.hear()
    assert session_cnt(toy) == first + 1


def test_whoever_would_wait_longest_for_the_next_chance_goes_first() -> None:
    plan = plan_for(3, threshold=100, policy=Policy(ucast_msg_delay_ms=5_000))
    periods = (600, 600, 86_400)
    plan = replace(
        plan,
        devices=tuple(replace(one, uplink_period_s=s) for one, s in zip(plan.devices, periods, strict=True)),
    )
    toy = Hand(plan)
    toy.start()
    said: list[DevEui] = []
    for i in range(3):
        asked = toy.feed(ev.UplinkHeard(plan.devices[i].dev_eui, 2, b"\x01", toy.now, 1))
        said += [one.dev_eui for one in asked if isinstance(one, fx.SendUnicast)]
    said += [one.dev_eui for one in toy.wait(20) if isinstance(one, fx.SendUnicast)]
    assert said == [plan.devices[i].dev_eui for i in (0, 2, 1)]


def test_a_reboot_answer_whose_seconds_are_off_has_the_clock_put_right_first() -> None:
    toy = hand(reboot_at=START + DAY_S * 1000)
    toy.set_up()
    toy.wait(60)
    assert toy.hear() == ["DevRebootTimeReq"]
    left = (START + DAY_S * 1000 - toy.now) // 1000
    wrong = fw.DevRebootTimeAns(reboot_time=left + 500).encode()
    assert toy.hear(wrong, port=203) == ["ForceDeviceResyncReq"]
    assert Done.REBOOT_SET not in toy.device().done
    toy.hear(clock.AppTimeReq(device_time=0, ans_required=True, token_req=0).encode(), port=202)
    toy.wait(60)
    assert toy.hear() == ["DevRebootTimeReq"]
    left = (START + DAY_S * 1000 - toy.now) // 1000
    toy.hear(fw.DevRebootTimeAns(reboot_time=left).encode(), port=203)
    assert Done.REBOOT_SET in toy.device().done


def test_a_refused_reboot_time_has_the_clock_put_right_first() -> None:
    toy = hand(reboot_at=START + DAY_S * 1000)
    toy.set_up()
    toy.wait(60)
    toy.hear()
    assert toy.hear(fw.DevRebootTimeAns(reboot_time=0).encode(), port=203) == ["ForceDeviceResyncReq"]


def test_an_answer_that_names_another_slot_changes_nothing() -> None:
    toy = hand()
    toy.hear()
    toy.hear(mc.McGroupSetupAns(id_error=False, mc_group_id=2).encode(), port=200)
    assert toy.device().step is Step.MC_GROUP_SETUP
    toy.hear(GROUP_OK, port=200)
    toy.wait(60)
    toy.hear()
    elsewhere = frag.FragSessionSetupAns(
        frag_index=3, wrong_descriptor=False, frag_index_unsupported=False, not_enough_memory=True,
        frag_algo_unsupported=False,
    ).encode()  # fmt: skip
    toy.hear(elsewhere, port=201)
    assert toy.device().step is Step.FRAG_SESSION_SETUP
    assert toy.device().outcome is Outcome.OPEN


# Slots


def test_a_group_of_ours_leaves_the_slot_before_the_new_one_takes_it() -> None:
    plan = with_device(plan_for(1, threshold=100), replaces_group=DevEui("00000000000000BB"))
    toy = Hand(plan)
    toy.start()
    assert toy.hear() == ["McGroupDeleteReq"]
    gone = mc.McGroupDeleteAns(mc_group_undefined=False, mc_group_id=0).encode()
    assert toy.hear(gone, port=200) == ["McGroupSetupReq"]


def test_a_device_that_is_set_up_needs_no_request_and_no_contact_for_it() -> None:
    toy = Hand(with_device(plan_for(2, threshold=100), group_set_up=True))
    toy.start()
    assert toy.campaign.stage == 2
    assert not [one for one in toy.asked if isinstance(one, fx.SendUnicast)], "the next request needs contact"
    assert toy.hear() == ["FragSessionSetupReq"]


# Groups at their network server


@pytest.mark.parametrize(
    ("frequency_hz", "data_rate", "why"),
    [(869_525_000, 3, "data rate 3"), (868_100_000, 5, "868100000 Hz"), (433_000_000, 5, "433000000 Hz")],
)
def test_a_group_that_stands_there_with_air_the_plan_is_not_made_for_is_refused(
    frequency_hz: int, data_rate: int, why: str
) -> None:
    toy = hand()
    toy.state.groups[0].mode = Mode.ENSURING
    toy.feed(ev.GroupReady(toy.plan.groups[0].dev_eui, 0, frequency_hz, data_rate))
    fresh = Hand(plan_for(1, threshold=100))
    fresh.start(ready=False)
    fresh.feed(ev.GroupReady(fresh.plan.groups[0].dev_eui, 0, frequency_hz, data_rate))
    assert fresh.group().mode is Mode.REFUSED
    assert why in fresh.group().finish
    failure = fresh.device().failure
    assert failure is not None
    assert failure.cause is Cause.NETWORK_REFUSED_GROUP


def test_another_frequency_of_the_same_sub_band_is_what_the_devices_are_told() -> None:
    toy = Hand(plan_for(1, threshold=100))
    toy.start(ready=False)
    toy.feed(ev.GroupReady(toy.plan.groups[0].dev_eui, 0, 869_500_000, 5))
    through_setup(toy)
    session = next(
        command for one in toy.asked if isinstance(one, fx.SendUnicast) for command in one.commands
        if isinstance(command, mc.McClassCSessionReq)
    )  # fmt: skip
    assert session.dl_freq == 8_695_000


def test_a_transfer_ends_where_its_counter_window_does() -> None:
    plan = plan_for(1, threshold=100, kind=CampaignType.BINARY)
    group = plan.groups[0]
    toy = Hand(replace(plan, groups=(replace(group, end_f_cnt=group.first_f_cnt + 4),)))
    toy.start()
    through_setup(toy)
    toy.wait((toy.group().session_start - toy.now) / 1000 + 4)
    for _ in range(8):
        report_multicasts(toy)
        toy.wait(30)
    assert [one.f_cnt for one in toy.multicasts()] == [group.first_f_cnt + n for n in range(4)]
    assert toy.group().mode is Mode.OVER
    assert "window of FCntDown" in toy.group().finish


# After the transfer


def test_a_question_does_not_push_a_reboots_cancellation_aside() -> None:
    toy = hand(reboot_at=START + DAY_S * 1000)
    _asked_for_its_status(toy)
    toy.now = START + (DAY_S - 500) * 1000
    assert toy.hear() == ["DevRebootTimeReq"]
    assert toy.last().commands == (CANCEL,)
    assert toy.device().asked_singly, "the question waits"
    assert toy.group().mode is Mode.UNICAST
    cancelled = fw.DevRebootTimeAns(reboot_time=0xFFFFFFFF).encode()
    assert toy.hear(cancelled, port=203) == ["FragSessionStatusReq"]
    assert toy.device().aside is Aside.STATUS


def _asked_for_its_status(toy: Hand) -> None:
    toy.set_up()
    toy.wait(60)
    toy.hear()
    toy.hear(fw.DevRebootTimeAns(reboot_time=(START + DAY_S * 1000 - toy.now) // 1000).encode(), port=203)
    toy.wait(60)
    toy.hear()
    toy.hear(FRAG_OK, port=201)
    toy.wait(60)
    toy.hear()
    toy.hear(session_ok((toy.group().session_start - toy.now) // 1000), port=200)
    to_status_request(toy)
    toy.wait(200)
    assert toy.group().mode is Mode.UNICAST


def test_a_rejoin_after_the_reboot_was_due_is_expected() -> None:
    toy = hand()
    to_image_check(toy)
    toy.wait(60)
    toy.hear()
    toy.hear(image(3, NEW), port=203)
    toy.hear(fw.DevRebootCountdownAns(countdown=30).encode(), port=203)
    toy.wait(60)
    toy.feed(ev.DeviceRejoined(toy.plan.devices[0].dev_eui))
    assert toy.device().step is Step.VERSION_CHECK
    assert toy.device().outcome is Outcome.OPEN
    toy.f_cnts.clear()
    toy.hear(runs(NEW), port=203)
    assert toy.device().outcome is Outcome.SUCCEEDED


def test_a_device_that_rejoins_when_nothing_can_be_caught_up_any_more_fails() -> None:
    toy = hand()
    through_setup(toy)
    to_status_request(toy)
    toy.wait((toy.group().session_end - toy.now) / 1000)
    toy.state.groups[0].mode = Mode.OVER
    toy.feed(ev.DeviceRejoined(toy.plan.devices[0].dev_eui))
    failure = toy.device().failure
    assert failure is not None
    assert failure.cause is Cause.REJOINED


@pytest.mark.parametrize("speaks", [True, False])
def test_a_device_is_healthy_when_it_goes_on_speaking_for_the_time_it_must(speaks: bool) -> None:
    toy = hand(policy=Policy(soak_s=4 * 3600))
    to_image_check(toy)
    toy.hear(runs(NEW), port=203)
    assert toy.device().step is Step.SOAK
    for _ in range(25):
        toy.wait(600)
        if speaks:
            toy.hear()
    assert (Done.HEALTHY in toy.device().done) == speaks
    assert toy.device().outcome is (Outcome.SUCCEEDED if speaks else Outcome.FAILED)
    if not speaks:
        failure = toy.device().failure
        assert failure is not None
        assert failure.cause is Cause.NOT_HEALTHY


def test_success_that_is_learned_after_the_end_is_recorded_as_late_and_changes_no_status() -> None:
    toy = hand()
    to_image_check(toy)
    toy.wait(30 * DAY_S)
    assert toy.campaign.status in (Status.FAILED, Status.STOPPING)
    toy.wait(30 * DAY_S)
    ended = toy.campaign
    toy.asked.clear()
    toy.hear(runs(NEW), port=203)
    assert toy.campaign == ended
    assert toy.device().outcome is Outcome.FAILED
    assert Done.LATE_SUCCESS in toy.device().done
    assert [one.kind for one in toy.asked if isinstance(one, fx.Record)] == [fx.RecordKind.LATE]


def test_a_delta_goes_to_no_device_with_another_base() -> None:
    plan = plan_for(1, threshold=100)
    assert plan.file is not None
    delta = replace(
        with_device(plan, ask_version=True, must_know_version=True), file=replace(plan.file, base_version=OLD)
    )
    toy = Hand(delta)
    toy.start()
    assert toy.hear() == ["DevVersionReq"]
    toy.hear(runs(OLD + 7), port=203)
    failure = toy.device().failure
    assert failure is not None
    assert failure.cause is Cause.WRONG_BASE_VERSION
    assert f"0x{OLD + 7:08X}" in failure.detail
    right = Hand(delta)
    right.start()
    right.hear()
    assert right.hear(runs(OLD), port=203) == ["McGroupSetupReq"]


# Orders, and work that concerns all


@pytest.mark.parametrize(
    ("order", "told"),
    [(ev.Stopped("ann", "wrong file"), "stopped by ann: wrong file"), (ev.Paused("bob"), "paused by bob")],
)
def test_the_journal_says_who_ordered_what_and_why(order: ev.Event, told: str) -> None:
    toy = hand()
    toy.feed(order)
    assert any(told in one.text for one in toy.asked if isinstance(one, fx.Record))


@pytest.mark.parametrize("setup", list(Setup))
@pytest.mark.parametrize("lost", [0.0, 0.6])
def test_what_concerns_all_is_done_in_slices_and_ends_alike(
    monkeypatch: pytest.MonkeyPatch, setup: Setup, lost: float
) -> None:
    def played(at_once: int) -> ToyWorld:
        monkeypatch.setattr(progression, "SLICE", at_once)
        plan = with_device(plan_for(12, threshold=80, policy=Policy(setup=setup)), class_c_for_good=True)
        world = ToyWorld(plan, seed=5, faults=Faults(lose_down=lost))
        world.run()
        return world

    whole, sliced = played(5_000), played(5)
    assert whole.state.campaign.status is sliced.state.campaign.status
    assert whole.state.campaign.status is (Status.FAILED if lost else Status.SUCCEEDED)
    assert [one.outcome for one in whole.state.devices] == [one.outcome for one in sliced.state.devices]


def test_neither_a_stage_that_begins_nor_a_stop_is_one_large_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progression, "SLICE", 5)
    plan = with_device(plan_for(30, threshold=80, kind=CampaignType.BINARY), class_c_for_good=True)
    world, sizes = ToyWorld(plan, seed=5), [0]
    before, working = list(world.state.devices), False

    def watch(world: ToyWorld, _: ev.Event, __: list[fx.Effect]) -> None:
        nonlocal before, working
        campaign = world.state.campaign
        goes_on = campaign.rouse >= 0 or campaign.sweep >= 0
        if working or goes_on:
            sizes.append(sum(old is not new for old, new in zip(before, world.state.devices, strict=True)))
        before, working = list(world.state.devices), goes_on

    world.watch = watch
    world.run(orders={1_500_000: ev.Stopped("somebody")})
    assert world.state.campaign.status is Status.STOPPED
    assert world.state.campaign.stage > 1
    assert len(sizes) > 10
    assert max(sizes) <= 2 * 5 + 1, "an event's own device, and a slice before and after it"
