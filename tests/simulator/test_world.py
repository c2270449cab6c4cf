"""Whole transfers in a small world, set up by hand."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from fleetcast.errors import NotFound
from fleetcast.fec import Encoder
from fleetcast.identifiers import DevEui
from fleetcast.protocol.ts004_fragmentation.v1 import FragSessionStatusReq
from fleetcast.protocol.ts005_multicast.v1 import McClassBSessionReq
from fleetcast.simulator.air import Bursts
from fleetcast.simulator.device_spec import Defects
from fleetcast.simulator.fleet import Broken, Fixed, Uniform
from fleetcast.simulator.gps import true_gps_ms
from fleetcast.simulator.heard import GroupReady, Heard, Uplink
from fleetcast.simulator.network_settings import NetworkSettings
from fleetcast.simulator.packages.reception import Collected, Followed
from fleetcast.simulator.traits import Traits
from fleetcast.simulator.world import World
from tests.simulator.devices import NOW, fragment, fragment_setup_v2, model, traits
from tests.simulator.worlds import LATER, Hand, group, part, setup_commands, world

DATA = random.Random(7).randbytes(2_000)
SESSION = NOW + 2 * 3_600_000
STATUS_OF_ALL = FragSessionStatusReq(frag_index=0, participants=1).encode()


def _transferred(one: World, extra: int = 12, gap_ms: int = 3000) -> Hand:
    """The test block sent to everybody, with some coded fragments."""
    hand = Hand(one)
    block = Encoder(DATA, 50)
    hand.set_up(block, SESSION)
    hand.run(SESSION + 3_000)
    hand.transfer(block, range(1, block.fragment_count + 1 + extra), gap_ms)
    return hand


def test_one_device_is_set_up_receives_a_block_and_says_so() -> None:
    hand = _transferred(world(part(1)), extra=0)
    hand.cast(STATUS_OF_ALL)
    heard = hand.run(hand.world.now + 60_000)
    answers = [each.payload for each in heard if isinstance(each, Uplink) and each.f_port == 201]
    assert answers == [bytes([1, 40, 0, 0, 0])]
    assert hand.world.rebuilt(hand.world.fleet.dev_eui(0)) == DATA
    (stream,) = hand.world.streams()
    assert (stream.frames, stream.fragments_minimum, stream.complete) == (40, 40, 1)
    assert not any(each.violated for each in hand.world.airtime())


HABITS: dict[str, Traits] = {
    "as specified": traits(),
    "rising numbers only": replace(traits(), fragment_out_of_order="drop", fragment_repeated="no_effect"),
    "small memory": replace(traits(), max_lost_fragments=6),
    "slow to store": replace(traits(), min_fragment_interval_s=4.0),
}
DONE, GIVEN_UP, SHORT = (True, False), (False, True), (False, False)
EXPECTED = {
    "as specified": {DONE, SHORT},
    "rising numbers only": {DONE, SHORT},
    "small memory": {DONE, GIVEN_UP},
    "slow to store": {SHORT},
}
"""Complete or given up: what becomes of devices with these habits."""


def _sampled_and_counted(behaviour: Traits, *, bursts: Bursts | None = None) -> World:
    """Sixty devices that lose up to 40 %, half of them in bytes, all of them counted."""
    make = replace(model(behaviour), uplink_period_s=600.0)
    sixty = part(60, model=make, down_loss=Uniform(0.0, 0.4))
    one = world(sixty, sample=30, bursts=bursts)
    hand = Hand(one)
    block = Encoder(DATA, 50)
    one.ensure_group(NOW, group())
    hand.until(GroupReady)
    for number, device in enumerate(one.stations.devices):
        for f_port, payload in setup_commands(one, device.spec.dev_eui, block, NOW + 30_000, 12):
            device.receive(one.now, f_port, payload)
        one.stations.after(number)
    hand.run(NOW + 33_000)
    numbers = [*range(1, 41), *range(38, 44), *range(20, 22), *range(44, 75)]
    for n in numbers:
        hand.cast(fragment(block, n), n=n)
        hand.run(one.now + 3000)
    return one


@pytest.mark.parametrize("name", HABITS)
def test_what_is_counted_for_a_device_is_what_it_finds_with_its_own_keys_and_bytes(name: str) -> None:
    one = _sampled_and_counted(HABITS[name])
    outcomes = set()
    for number, device in enumerate(one.stations.devices):
        (session,) = device.fragment_sessions
        counted = one.reception.counted(number, 0)
        assert counted is not None
        stream, place = counted
        got = session.reception()
        assert stream.reception(place) == got
        assert isinstance(session.receiver, Collected if one.reception.in_bytes[number] else Followed)
        assert (device.rebuilt == DATA) == got.complete
        outcomes.add((got.complete, got.memory_exceeded))
    assert outcomes == EXPECTED[name]
    assert one.reception.frames_rejected == 0
    (stream_report,) = one.streams()
    assert stream_report.listeners == 60
    assert stream_report.complete == sum(device.rebuilt == DATA for device in one.stations.devices)


def test_counted_and_collected_agree_in_bursts_too() -> None:
    one = _sampled_and_counted(traits(), bursts=Bursts(bad_share=0.1, mean_bad_s=20))
    for number, device in enumerate(one.stations.devices):
        counted = one.reception.counted(number, 0)
        assert counted is not None
        assert counted[0].reception(counted[1]) == device.fragment_sessions[0].reception()


def test_the_sample_changes_nothing_that_is_heard() -> None:
    def heard(sample: int) -> list[Heard]:
        lossy = part(6, down_loss=Uniform(0.05, 0.3), up_loss=Fixed(0.1))
        hand = _transferred(world(lossy, sample=sample))
        hand.cast(STATUS_OF_ALL)
        hand.run(hand.world.now + 60_000)
        return hand.heard

    assert heard(0) == heard(6) == heard(3)


def test_a_followed_device_reports_its_block_and_finds_a_wrong_mic_by_itself() -> None:
    for sample in (0, 3):
        one = world(part(3, model=replace(model(traits(2)), uplink_period_s=600.0)), sample=sample)
        hand = Hand(one)
        one.ensure_group(NOW, group())
        hand.until(GroupReady)
        block = Encoder(DATA, 50)
        for number, device in enumerate(one.stations.devices):
            group_setup, _, session = setup_commands(one, device.spec.dev_eui, block, NOW + 30_000, 12)
            promised = DATA if number else bytes(2_000)
            setup = fragment_setup_v2(block, promised, device.spec, ack_reception=True)
            for f_port, payload in (group_setup, (201, setup), session):
                device.receive(one.now, f_port, payload)
            one.stations.after(number)
        hand.run(NOW + 33_000)
        hand.transfer(block, range(1, 41))
        heard = hand.run(one.now + 60_000)
        reports = {each.dev_eui: each.payload for each in heard if isinstance(each, Uplink) and each.payload[0] == 4}
        assert len(reports) == 3
        mic_errors = [reports[one.fleet.dev_eui(number)][1] & 4 != 0 for number in range(3)]
        assert mic_errors == [True, False, False]


def test_a_device_with_the_wrong_root_key_is_set_up_and_receives_nothing() -> None:
    for sample in (0, 2):
        wrong = part(2, broken=(Broken(Defects(wrong_root_key=True), count=1),))
        hand = _transferred(world(wrong, sample=sample), extra=0)
        rebuilt = [device.rebuilt == DATA for device in hand.world.stations.devices]
        assert sorted(rebuilt) == [False, True]
        assert all(device.groups for device in hand.world.stations.devices)
        assert hand.world.reception.frames_rejected == (40 if sample else 0)


def test_counters_outside_the_window_a_device_was_told_are_not_taken() -> None:
    for sample in (0, 1):
        hand = Hand(world(part(1), sample=sample))
        block = Encoder(DATA, 50)
        hand.set_up(block, SESSION)
        hand.run(SESSION + 3_000)
        for n, f_cnt in ((1, 0), (2, 4095), (3, 4096), (4, 5000)):  # the window ends before 4096
            hand.cast(fragment(block, n), f_cnt=f_cnt, n=n)
            hand.run(hand.world.now + 4000)
        assert hand.world.stations.devices[0].fragment_sessions[0].reception().distinct == 2


def test_frames_before_and_after_the_session_are_not_heard() -> None:
    hand = Hand(world(part(1)))
    block = Encoder(DATA, 50)
    hand.set_up(block, SESSION, time_out=4)
    hand.run(SESSION - 20_000)
    for n in range(1, 20):
        hand.cast(fragment(block, n), n=n)
        hand.run(hand.world.now + 4000)
    heard = hand.world.stations.devices[0].fragment_sessions[0].reception().distinct
    assert 3 <= heard <= 4


def test_a_device_misses_what_is_sent_while_it_speaks() -> None:
    often = part(1, model=replace(model(), uplink_period_s=30.0, uplink_jitter_s=0.0), uplink_data_rate=Fixed(0))
    hand = _transferred(world(often), extra=0, gap_ms=1000)
    got = hand.world.stations.devices[0].fragment_sessions[0].reception()
    assert 0 < got.distinct < 40


def test_two_gateways_double_the_chance_and_a_device_takes_each_frame_once() -> None:
    def received(gateways: tuple[str, ...]) -> int:
        lossy = part(12, down_loss=Fixed(0.5), gateways_in_range=len(gateways), farther_loss=0.0)
        hand = _transferred(world(lossy, gateways=gateways), extra=0)
        got = [device.fragment_sessions[0].reception() for device in hand.world.stations.devices]
        assert all(one.received == one.distinct for one in got)
        return sum(one.distinct for one in got)

    assert received(("a",)) == pytest.approx(12 * 20, rel=0.15)
    assert received(("a", "b")) == pytest.approx(12 * 30, rel=0.15)


def test_a_class_b_session_is_heard_in_its_ping_slots_only() -> None:
    for sample, told, expected in ((0, 2, 40), (1, 2, 40), (0, 0, 40), (0, 7, None)):
        hand = Hand(world(part(1), sample=sample))
        one = hand.world
        one.ensure_group(NOW, group(session_class="B", periodicity=2, data_rate=5))
        hand.until(GroupReady)
        block = Encoder(DATA, 50)
        device = one.stations.devices[0]
        start_s = (true_gps_ms(NOW) // 1000 // 128 + 2) * 128
        session = McClassBSessionReq(
            mc_group_id=0, session_time=start_s, periodicity=told, session_time_out=10, dl_freq=8_695_250, dr=5
        )
        commands = setup_commands(one, device.spec.dev_eui, block, NOW, 4)[:2]
        for f_port, payload in [*commands, (200, session.encode())]:
            device.receive(one.now, f_port, payload)
        one.stations.after(0)
        hand.run(NOW + 400_000)
        hand.transfer(block, range(1, 41), gap_ms=5000)
        got = device.fragment_sessions[0].reception().distinct
        # A device with fewer slots than the group is sent in hears some of the frames.
        assert got == expected if expected is not None else 0 < got < 20
        assert one.settle_radio_time().receive_us[0] > 0


def test_an_unfinished_block_is_not_mixed_with_another_campaigns() -> None:
    hand = _transferred(world(part(1, down_loss=Fixed(0.3)), sample=0), extra=0)
    one = hand.world
    assert one.rebuilt(one.fleet.dev_eui(0)) is None
    one.begin_campaign()
    other = Encoder(bytes(2_000), 50)
    for n in range(1, 60):
        hand.cast(fragment(other, n), n=n)
        hand.run(one.now + 3000)
    assert one.rebuilt(one.fleet.dev_eui(0)) is None


def test_a_device_that_reboots_in_the_middle_forgets_what_it_had() -> None:
    broken = part(3, broken=(Broken(Defects(reboots_in_session_after_s=20), count=1),))
    for sample in (0, 3):
        forgetful = replace(model(replace(traits(), persists=replace(traits().persists, frag_session=False))))
        hand = _transferred(world(replace(broken, model=replace(forgetful, uplink_period_s=600.0)), sample=sample))
        rebuilt = [device.rebuilt == DATA for device in hand.world.stations.devices]
        assert sorted(rebuilt) == [False, True, True]


def test_receive_and_transmit_times_are_those_of_session_windows_and_uplinks() -> None:
    hand = Hand(world(part(1)))
    block = Encoder(DATA, 50)
    hand.set_up(block, SESSION, time_out=8)
    before = hand.world.settle_radio_time().receive_us.copy()
    uplinks = hand.world.traffic.uplinks
    hand.run(SESSION + 400_000)
    times = hand.world.settle_radio_time()
    listened_s = float(times.receive_us[0] - before[0]) / 1e6
    windows = hand.world.traffic.uplinks - uplinks
    assert 256 <= listened_s < 256 + 2 + windows
    assert times.transmit_us[0] > 50_000 * hand.world.traffic.uplinks


def test_unknown_devices_are_refused() -> None:
    with pytest.raises(NotFound):
        world(part(1)).send_unicast(NOW, 1, DevEui("0000000000000001"), 202, b"\0", LATER)


# Determinism


def _digest_of_a_hostile_run(seed: int) -> str:
    lossy = part(
        8,
        down_loss=Uniform(0, 0.4),
        up_loss=Fixed(0.2),
        gateways_in_range=2,
        broken=(Broken(Defects(answers_twice=True), count=2), Broken(Defects(reboots_in_session_after_s=30), count=1)),
    )
    failing = NetworkSettings(
        reports_lost=0.1, reports_doubled=0.1, reports_late=0.1, uplinks_doubled=0.1, uplinks_late=0.1, refuses=0.05,
        outages_s=((4000.0, 4600.0),),
    )  # fmt: skip
    one = world(lossy, seed=seed, gateways=("a", "b"), settings=failing, bursts=Bursts(0.1, 30), sample=4)
    hand = _transferred(one)
    hand.cast(STATUS_OF_ALL)
    hand.run(one.now + 200_000)
    times = one.settle_radio_time()
    told = repr((hand.heard, one.traffic, one.airtime(), one.streams())).encode()
    return hashlib.sha256(told + np.array([times.receive_us, times.transmit_us]).tobytes()).hexdigest()


def test_the_same_seed_plays_the_same_world_and_another_seed_another() -> None:
    assert _digest_of_a_hostile_run(3) == _digest_of_a_hostile_run(3)
    assert _digest_of_a_hostile_run(3) != _digest_of_a_hostile_run(4)


def test_the_order_of_hashes_does_not_matter() -> None:
    code = "from tests.simulator.test_world import _digest_of_a_hostile_run as run; print(run(5))"
    digests = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(  # noqa: S603 - our own code
            [sys.executable, "-c", code], env=environment, capture_output=True, check=True, text=True
        )
        digests.add(done.stdout)
    assert len(digests) == 1
