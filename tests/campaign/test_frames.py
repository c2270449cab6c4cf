"""Multicast frames: counters, reports, holds, shares, and class sessions that end too soon."""

from __future__ import annotations

from dataclasses import replace

from fleetcast.campaign import effects as fx
from fleetcast.campaign import events as ev
from fleetcast.campaign.frames import HOLD_MS
from fleetcast.campaign.states import Mode, Step
from fleetcast.campaign.transfer.ping_slots import next_slot
from fleetcast.planning.plan import CampaignType, Plan
from fleetcast.planning.policy import Policy
from tests.campaign.direct import Hand, session_ok, through_setup, to_status_request
from tests.campaign.toy_fleet import plan_for


def sending(plan: Plan | None = None) -> Hand:
    toy = Hand(plan or plan_for(1, threshold=100, policy=Policy(), kind=CampaignType.BINARY))
    toy.start()
    through_setup(toy)
    toy.wait((toy.group().session_start - toy.now) / 1000 + 4)
    assert toy.group().mode is Mode.SENDING
    return toy


def test_the_next_fragment_waits_for_the_report_or_its_time_out() -> None:
    toy = sending()
    assert len(toy.multicasts()) == 1
    toy.wait(28)
    assert len(toy.multicasts()) == 1
    toy.wait(3)
    assert len(toy.multicasts()) == 2
    assert toy.group().ledger.unknown == 1


def test_three_failures_with_one_cause_hold_the_group_for_a_while() -> None:
    toy = sending()
    for _ in range(3):
        toy.wait(15)
        toy.feed(ev.DownlinkFailed(toy.group().under_way[-1].effect, "no gateway"))
    assert toy.group().held
    count = len(toy.multicasts())
    toy.wait(HOLD_MS / 1000 - 10)
    assert len(toy.multicasts()) == count
    toy.wait(20)
    assert not toy.group().held
    assert len(toy.multicasts()) == count + 1


def test_where_the_network_counts_the_engine_learns_the_value_and_a_refused_frame_used_none() -> None:
    plan = plan_for(1, threshold=100, kind=CampaignType.BINARY)
    toy = sending(replace(plan, groups=(replace(plan.groups[0], network_counts=True),)))
    first = toy.multicasts()[0]
    assert first.f_cnt is None
    assert toy.group().next_f_cnt == 1
    toy.feed(ev.DownlinkSent(first.effect_id, toy.now, f_cnt=7))
    assert toy.group().next_f_cnt in (8, 9)
    toy.wait(20)
    before = toy.group().next_f_cnt
    toy.feed(ev.DownlinkFailed(toy.group().under_way[-1].effect, "no gateway"))
    assert toy.group().next_f_cnt <= before


def test_a_share_of_nothing_sends_nothing_until_there_is_one_again() -> None:
    toy = sending()
    group = toy.plan.groups[0]
    toy.feed(ev.ShareChanged(group.connection, group.sub_band, 0.0))
    toy.feed(ev.DownlinkSent(toy.group().under_way[-1].effect, toy.now))
    toy.wait(60)
    assert len(toy.multicasts()) == 1
    toy.feed(ev.ShareChanged(group.connection, group.sub_band, 1.0))
    toy.wait(20)
    assert len(toy.multicasts()) > 1


def test_a_lost_connection_sends_nothing_until_it_is_back() -> None:
    toy = sending()
    connection = toy.plan.groups[0].connection
    toy.feed(ev.ConnectionLost(connection))
    toy.feed(ev.DownlinkSent(toy.group().under_way[-1].effect, toy.now))
    toy.wait(60)
    assert len(toy.multicasts()) == 1
    assert toy.hear() == []
    toy.feed(ev.ConnectionBack(connection))
    toy.wait(20)
    assert len(toy.multicasts()) > 1


def test_a_class_session_that_ends_before_the_transfer_is_followed_by_another() -> None:
    plan = plan_for(1, threshold=100, kind=CampaignType.BINARY)
    short = replace(plan.groups[0], session_timeout_exp=6)
    toy = sending(replace(plan, groups=(short,)))
    toy.wait(100)
    assert toy.group().mode is Mode.ARMED
    assert toy.group().session == 2
    assert toy.device().step is Step.MC_SESSION
    toy.wait(20)
    assert toy.hear() == ["McClassCSessionReq"]
    toy.hear(session_ok((toy.group().session_start - toy.now) // 1000), port=200)
    count = len(toy.multicasts())
    toy.wait((toy.group().session_start - toy.now) / 1000 + 5)
    assert len(toy.multicasts()) == count + 1


def test_a_status_request_that_the_session_had_no_room_for_opens_the_next_one() -> None:
    toy = sending()
    while toy.group().ledger.steps < toy.group().transfer.batch_steps:
        for frame in toy.group().under_way:
            toy.feed(ev.DownlinkSent(frame.effect, toy.now, frame.f_cnt))
        toy.wait(5)
    toy.state.groups[0].session_end = toy.now + 10
    for frame in toy.group().under_way:
        toy.feed(ev.DownlinkSent(frame.effect, toy.now, frame.f_cnt))
    toy.wait(20)
    assert toy.group().session == 2
    assert not [effect for effect in toy.asked if isinstance(effect, fx.SendMulticast)]
    toy.hear()
    toy.hear(session_ok((toy.group().session_start - toy.now) // 1000), port=200)
    to_status_request(toy)
    assert isinstance(toy.multicasts()[-1], fx.SendMulticast)


def test_class_b_frames_go_at_ping_slots_and_sessions_start_at_a_beacon() -> None:
    plan = plan_for(1, threshold=100, kind=CampaignType.BINARY)
    group = replace(plan.groups[0], session_class="B", periodicity=2, session_timeout_exp=8)
    toy = Hand(replace(plan, groups=(group,)))
    toy.start()
    toy.set_up()
    toy.wait(60)
    toy.hear()
    from tests.campaign.direct import FRAG_OK

    toy.hear(FRAG_OK, port=201)
    toy.wait(60)
    assert toy.hear() == ["McClassBSessionReq"]
    start = toy.group().session_start
    assert (start // 1000 - 315_964_800 + 18) % 128 == 0
    toy.hear(session_ok((start - toy.now) // 1000).replace(b"\x04", b"\x05", 1), port=200)
    toy.wait((start - toy.now) / 1000 + 60)
    first = toy.multicasts()[0]
    assert first.not_before == next_slot(group.mc_addr, 2, first.not_before, group.airtime_us)


def test_a_group_whose_next_counter_lies_beyond_the_window_is_refused() -> None:
    toy = Hand(plan_for(1, threshold=100))
    toy.start(ready=False)
    group = toy.plan.groups[0]
    toy.feed(ev.GroupReady(group.dev_eui, group.end_f_cnt, group.frequency_hz, group.data_rate))
    assert toy.group().mode is Mode.REFUSED
