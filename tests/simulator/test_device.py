"""A simulated device through a whole update, and everything that may go wrong with it."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from itertools import pairwise

import pytest

from fleetcast.errors import Invalid
from fleetcast.fec import Encoder
from fleetcast.identifiers import DevEui
from fleetcast.protocol.packages import Package
from fleetcast.protocol.ts006_firmware.v1 import DevVersionAns
from fleetcast.simulator.device import Device
from fleetcast.simulator.device_answers import JoinRequest, OwnUplink
from fleetcast.simulator.device_keys import group_keys
from fleetcast.simulator.device_spec import Defects, ImageStatus, VersionUplink
from fleetcast.simulator.traits import stack
from tests.simulator.devices import (
    MC_ADDR,
    MC_KEY,
    NOW,
    answers,
    class_c_session,
    device,
    fragment,
    fragment_setup,
    fragment_setup_v2,
    group_setup,
    model,
    payloads,
    said,
    traits,
)
from tests.vectors import generated_data

DATA = generated_data("firmware", 2000)
HOUR = 3_600_000
START = NOW + 600_000


def set_up(one: Device, encoder: Encoder, *, frag_setup: bytes | None = None) -> None:
    """Group, block and class C session, all accepted."""
    assert answers(one, group_setup(), 200, within_s=0) == ["0200"]
    assert answers(one, frag_setup or fragment_setup(encoder), 201, within_s=0) == ["0200"]
    assert answers(one, class_c_session(START), 200, within_s=0) == ["0400580200"]


def transmit(
    one: Device, encoder: Encoder, numbers: range, *, at: int = START + 3000, lost: tuple[int, ...] = ()
) -> int:
    """Multicast fragments, two seconds apart; returns when the last was sent."""
    for n in numbers:
        at += 2000
        payloads(one, at)
        if n not in lost:
            one.receive(at, 201, fragment(encoder, n), 0)
    return at


def rejoin(one: Device, until: int) -> int:
    """Let it reboot and join; returns when it joined."""
    for at, frame in said(one, until):
        if isinstance(frame, JoinRequest):
            one.joined(at)
            return at
    raise AssertionError("it did not join")


@pytest.mark.parametrize("version", [1, 2])
def test_a_firmware_reaches_a_device_and_runs_after_the_reboot(version: int) -> None:
    one = device(model(traits(version)))
    encoder = Encoder(DATA, 48, "v1" if version == 1 else "v2-relative")
    set_up(
        one, encoder, frag_setup=fragment_setup(encoder) if version == 1 else fragment_setup_v2(encoder, DATA, one.spec)
    )
    assert not one.listening
    payloads(one, START)
    assert [session.mc_group_id for session in one.listening] == [0]
    assert one.groups[0].keys == group_keys(MC_KEY, MC_ADDR)

    at = transmit(one, encoder, range(1, encoder.fragment_count + 12), lost=(3, 17, 18))
    assert one.rebuilt == DATA
    assert answers(one, b"\x04", 203, at, within_s=0) == ["040302000000"]
    assert one.firmware_version == 1
    one.receive(at, 203, b"\x03\x3c\x00\x00")  # countdown, one minute
    assert payloads(one, at) == [b"\x03\x3c\x00\x00"]
    joined = rejoin(one, at + HOUR)
    assert joined == at + 60_000 + 23_000  # one minute, then boot and flash time
    assert one.firmware_version == 2
    assert answers(one, b"\x01", 203, joined, within_s=0) == ["010200000001000000"]
    assert answers(one, b"\x04", 203, joined, within_s=0) == ["0400"]


def test_a_device_says_one_frame_at_a_time_and_writes_it_when_it_is_sent() -> None:
    one = device()
    one.receive(NOW, 203, b"\x03\x10\x0e\x00")  # one hour
    one.receive(NOW, 200, b"\x00")
    assert one.wake(NOW + 10_000) == [OwnUplink(203, b"\x03\x06\x0e\x00")]
    assert one.next_wake == NOW
    assert one.wake(NOW + 12_000) == [OwnUplink(200, b"\x00\x02\x01")]


def test_answers_that_do_not_fit_go_up_one_after_the_other() -> None:
    one = device()
    one.uplink_room_bytes = 11
    assert answers(one, bytes.fromhex("000104"), 203, within_s=0) == ["000401", "010100000001000000" + "0400"]
    one.uplink_room_bytes = 8
    assert answers(one, b"\x01", 203, within_s=0) == []


def test_an_uplink_goes_up_every_period_give_or_take_the_jitter() -> None:
    one = device(model(uplink_period_s=600.0, uplink_jitter_s=20.0))
    heard = [at for at, _ in said(one, NOW + 40 * 600_000)]
    gaps = {b - a for a, b in pairwise(heard)}
    assert len(heard) > 36
    assert all(580_000 <= gap <= 620_000 for gap in gaps)
    assert len(gaps) > 20


def test_the_same_seed_gives_the_same_frames_and_another_seed_others() -> None:
    make = model(uplink_period_s=600.0)
    first, second, other = (said(device(make, seed=seed), NOW + HOUR) for seed in (1, 1, 2))
    assert first == second
    assert first != other


def test_a_device_in_a_session_returns_to_class_a_when_it_is_over() -> None:
    one = device()
    set_up(one, Encoder(DATA, 48))
    payloads(one, START + 1_023_999)
    assert one.listening
    changes = one.changes
    payloads(one, START + 1_024_000)
    assert not one.listening
    assert one.changes > changes
    assert not one.in_class_c


def test_a_stack_that_stays_in_class_c_does_so_after_the_session() -> None:
    one = device(model(replace(traits(), class_after_session="unchanged")))
    set_up(one, Encoder(DATA, 48))
    payloads(one, START + 2_000_000)
    assert not one.listening
    assert one.in_class_c


def test_a_clock_that_is_late_opens_the_session_late_and_tells_so() -> None:
    one = device(clock_offset_s=-40.0)
    payloads(one, NOW)
    assert answers(one, group_setup(), 200, within_s=0) == ["0200"]
    assert answers(one, class_c_session(START), 200, within_s=0) == ["0400800200"]  # 640 s to go
    payloads(one, START + 39_000)
    assert not one.listening
    payloads(one, START + 40_000)
    assert one.listening


def test_a_session_begins_when_the_clock_is_set_past_its_start() -> None:
    one = device(clock_offset_s=None)
    requests = payloads(one, NOW + 10_000)
    assert requests[0][0] == 1
    assert requests[0][5] & 0x10  # it wants an answer, since it does not know the time
    answers(one, group_setup(), 200, within_s=0)
    assert answers(one, class_c_session(START), 200, within_s=0) == ["0400ffffff"]
    payloads(one, START + 20_000)
    assert not one.listening
    late_s = (START + 20_000) // 1000 - one.clock.shows_ms(START + 20_000) // 1000 - 315_964_800 + 18
    one.receive(START + 20_000, 202, b"\x01" + late_s.to_bytes(4, "little", signed=True) + b"\x00")
    payloads(one, START + 20_000)
    assert one.listening


def test_a_stack_without_a_schedule_never_begins_without_the_time() -> None:
    one = device(model(replace(traits(), clock_unknown="accept_ffffff_no_start")), clock_offset_s=None)
    answers(one, group_setup(), 200, within_s=0)
    assert answers(one, class_c_session(START), 200, within_s=0)[-1] == "0400ffffff"
    payloads(one, START + HOUR)
    assert not one.listening


@pytest.mark.parametrize(("drift_ppm", "shown_s"), [(100.0, 10_001), (-100.0, 9_999), (0.0, 10_000)])
def test_a_clock_drifts(drift_ppm: float, shown_s: int) -> None:
    one = device(drift_ppm=drift_ppm)
    assert one.clock.shows_s(NOW + 10_000_000) - one.clock.shows_s(NOW) == shown_s
    ahead = one.clock.shows_s(NOW) + 10_000
    assert one.clock.shows_s(one.clock.instant_of(ahead, NOW)) == ahead


def test_multicast_counters_are_taken_once_in_order_and_inside_the_window() -> None:
    one = device()
    answers(one, group_setup(first=10, end=20), 200, within_s=0)
    taken = [f_cnt for f_cnt in (9, 10, 10, 12, 11, 19, 20) if one.takes_multicast(0, f_cnt)]
    assert taken == [10, 12, 19]
    assert not one.takes_multicast(1, 13)
    inclusive = device(model(replace(traits(), f_cnt_max_inclusive=True)))
    answers(inclusive, group_setup(first=10, end=20), 200, within_s=0)
    assert inclusive.takes_multicast(0, 20)


def test_fragments_of_a_group_outside_the_mask_are_dropped_unless_the_mask_is_ignored() -> None:
    encoder = Encoder(DATA, 48)
    for ignored, received in ((False, 0), (True, 1)):
        one = device(model(replace(traits(), checks_mc_group_bit_mask=not ignored)))
        answers(one, fragment_setup(encoder, mask=2), 201, within_s=0)
        one.receive(NOW, 201, fragment(encoder, 1), 0)
        assert one.fragment_sessions[0].reception().received == received


# Reboots


def test_a_reboot_forgets_what_the_stack_does_not_keep() -> None:
    kept, lost = device(), device(model(stack("lora-basics-modem-4.8.0-v1")))
    encoder = Encoder(DATA, 48)
    for one in (kept, lost):
        one.receive(NOW, 200, group_setup())
        one.receive(NOW, 201, fragment_setup(encoder))
        one.receive(NOW, 200, class_c_session(START))
        payloads(one, START)
        assert one.listening
        one.reboot(START)
        assert not one.listening
        assert not one.reachable
        one.receive(START, 203, b"\x01")  # nobody hears that
        joined = rejoin(one, START + HOUR)
        assert answers(one, b"\x01", 203, joined, within_s=3) == ["010100000001000000"]
    assert len(kept.listening) == len(kept.groups) == len(kept.fragment_sessions) == 1
    assert not lost.listening + lost.groups + lost.fragment_sessions


def test_a_device_joins_again_and_again_until_it_is_heard() -> None:
    one = device()
    one.reboot(NOW)
    joins = [at for at, frame in said(one, NOW + 120_000) if isinstance(frame, JoinRequest)]
    assert joins[0] == NOW + 3000
    assert 4 <= len(joins) <= 13
    one.joined(NOW + 120_000)
    assert one.reachable


def test_a_device_without_join_speaks_soon_after_its_reboot() -> None:
    one = device(model(joins=False))
    one.reboot(NOW)
    frames = said(one, NOW + 60_000)
    assert frames
    assert not any(isinstance(frame, JoinRequest) for _, frame in frames)


def test_a_reboot_time_is_kept_by_the_device_clock() -> None:
    one = device(clock_offset_s=30.0)
    time = one.clock.shows_s(NOW) + 100
    assert answers(one, b"\x02" + time.to_bytes(4, "little"), 203, within_s=0) == ["0264000000"]
    one.receive(NOW, 202, b"\x00")
    payloads(one, NOW + 99_999)
    assert one.boots == 0
    payloads(one, NOW + 100_000)
    assert one.boots == 1


def test_a_version_is_reported_unasked_after_the_start_where_the_make_does_so() -> None:
    one = device(model(reports_version_s=(10.0, 20.0), version_uplink=VersionUplink(7, b"v")), firmware_version=3)
    one.reboot(NOW)
    joined = rejoin(one, NOW + HOUR)
    frames = {
        frame.f_port: (at, frame.payload) for at, frame in said(one, joined + 20_000) if isinstance(frame, OwnUplink)
    }
    at, payload = frames[203]
    assert DevVersionAns.from_bytes(payload).fw_version == 3
    assert 10_000 <= at - joined <= 20_000
    assert frames[7][1] == b"v\x03\x00\x00\x00"


def test_an_image_that_nobody_orders_to_run_is_installed_by_an_application_that_decides_itself() -> None:
    make = stack("zephyr-main")
    one = device(model(replace(make, setup_busy_s=0.0)))
    encoder = Encoder(DATA, 48)
    answers(one, fragment_setup(encoder), 201, within_s=1)
    for n in range(1, encoder.fragment_count + 1):
        one.receive(NOW + 2000, 201, fragment(encoder, n))
    rejoin(one, NOW + HOUR)
    assert one.firmware_version == 2
    assert Package.FIRMWARE_MANAGEMENT not in make.packages


def test_a_stack_that_reboots_by_itself_does_so_within_the_spread_if_no_reboot_is_planned() -> None:
    make = model(replace(traits(), reboot_after_block="self_random"))
    encoder = Encoder(DATA, 48)
    own, planned = device(make), device(make)
    for one in (own, planned):
        answers(one, fragment_setup(encoder, block_ack_delay=3), 201, within_s=0)
    planned.receive(NOW, 203, b"\x03\x10\x0e\x00")
    for one in (own, planned):
        for n in range(1, encoder.fragment_count + 1):
            one.receive(NOW, 201, fragment(encoder, n))
        payloads(one, NOW + 128_000)
    assert (own.boots, planned.boots) == (1, 0)


# Defects


def test_a_device_that_is_never_heard_says_nothing_and_hears_nothing() -> None:
    one = device(model(uplink_period_s=60.0), defects=Defects(never_heard=True))
    assert one.next_wake is None
    one.receive(NOW, 200, group_setup())
    assert one.wake(NOW + HOUR) == []
    assert not one.groups


def test_a_device_with_the_wrong_root_key_accepts_the_group_and_has_other_keys() -> None:
    one = device(defects=Defects(wrong_root_key=True))
    assert answers(one, group_setup(), 200, within_s=0) == ["0200"]
    assert one.groups[0].keys != group_keys(MC_KEY, MC_ADDR)


def test_a_device_refuses_what_its_scenario_says() -> None:
    broken = Defects(
        refuses_group=True, refuses_session_bits=0x08, refuses_fragmentation_bits=0x08, refuses_reboot=True
    )
    one = device(defects=broken)
    assert answers(one, group_setup(), 200, within_s=0) == ["0204"]
    assert answers(one, fragment_setup(Encoder(DATA, 48)), 201, within_s=0) == ["0208"]
    assert answers(one, b"\x03\x10\x00\x00", 203, within_s=0) == ["03000000"]
    only_session = device(defects=Defects(refuses_session_bits=0x24))
    answers(only_session, group_setup(), 200, within_s=0)
    assert answers(only_session, class_c_session(START), 200, within_s=0) == ["0424"]


def test_bits_that_no_answer_has_cannot_be_refused_with() -> None:
    with pytest.raises(Invalid, match="refuses_session_bits 3"):
        Defects(refuses_session_bits=3)
    with pytest.raises(Invalid, match="refuses_fragmentation_bits 32"):
        Defects(refuses_fragmentation_bits=32)


def test_a_device_with_too_little_memory_refuses_the_block_or_gives_up_decoding() -> None:
    encoder = Encoder(DATA, 48)
    small = device(defects=Defects(block_memory_bytes=1000))
    assert answers(small, fragment_setup(encoder), 201, within_s=0) == ["0202"]
    one = device(defects=Defects(decoder_memory=2))
    set_up(one, encoder)
    at = transmit(one, encoder, range(1, encoder.fragment_count + 6), lost=(3, 17, 18))
    assert one.rebuilt is None
    assert answers(one, b"\x01\x01", 201, at, within_s=16)[0][-2:] == "01"


def test_a_device_that_reboots_in_the_middle_does_so_once() -> None:
    one = device(defects=Defects(reboots_in_session_after_s=100.0))
    set_up(one, Encoder(DATA, 48))
    payloads(one, START + 99_999)
    assert one.boots == 0
    rejoin(one, START + 150_000)
    assert one.boots == 1
    payloads(one, START + HOUR)
    assert one.boots == 1


def test_a_device_that_answers_twice_sends_the_same_bytes_again() -> None:
    one = device(defects=Defects(answers_twice=True))
    frames = answers(one, b"\x01", 203)
    assert len(frames) == 2
    assert frames[0] == frames[1]


def test_a_clock_that_is_never_set_asks_on_and_refuses_a_reboot_time() -> None:
    one = device(defects=Defects(clock_never_set=True))
    first = payloads(one, NOW + 10_000)
    one.receive(NOW + 10_000, 202, b"\x01\x00\x00\x00\x10\x00")
    assert not one.clock.known
    assert first
    assert payloads(one, NOW + 400_000)
    assert answers(one, b"\x02\xff\xff\xff\x60", 203, NOW + 400_000, within_s=0) == ["0200000000"]


@pytest.mark.parametrize(("broken", "image", "runs"), [
    (Defects(), "040302000000", 2),
    (Defects(image_status=ImageStatus.CORRUPT), "0401", 1),
    (Defects(image_status=ImageStatus.OTHER_HARDWARE), "0402", 1),
    (Defects(runs_after_update="old"), "040302000000", 1),
    (Defects(runs_after_update=9), "040302000000", 9),
])  # fmt: skip
def test_what_runs_after_an_update_is_what_the_scenario_says(broken: Defects, image: str, runs: int) -> None:
    one = device(defects=broken)
    encoder = Encoder(DATA, 48)
    answers(one, fragment_setup(encoder), 201, within_s=0)
    for n in range(1, encoder.fragment_count + 1):
        one.receive(NOW, 201, fragment(encoder, n))
    assert answers(one, b"\x04", 203, within_s=0) == [image]
    one.reboot(NOW)
    assert one.firmware_version == runs


def test_a_block_whose_descriptor_names_no_version_is_no_firmware() -> None:
    one = device()
    encoder = Encoder(DATA, 48)
    answers(one, fragment_setup(encoder, descriptor=bytes(4)), 201, within_s=0)
    for n in range(1, encoder.fragment_count + 1):
        one.receive(NOW, 201, fragment(encoder, n))
    assert one.rebuilt == DATA
    assert answers(one, b"\x04", 203, within_s=0) == ["0400"]


def test_another_hardware_is_told_when_asked() -> None:
    one = device(model(hw_version=5), hw_version=6)
    assert answers(one, b"\x01", 203, within_s=0) == ["010100000006000000"]


def test_a_device_with_everything_set_up_takes_less_than_one_and_a_half_kilobytes() -> None:
    encoder = Encoder(DATA, 48)
    setup, session, group = fragment_setup(encoder), class_c_session(START), group_setup()
    make, count = model(), 300
    set_up(device(make), encoder)  # what all devices share is there from now on
    specs = [replace(device(make).spec, dev_eui=DevEui.from_int(number)) for number in range(count)]
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        fleet = [Device(spec, number, NOW) for number, spec in enumerate(specs)]
        for one in fleet:
            for f_port, payload in ((200, group), (201, setup), (200, session)):
                one.receive(NOW, f_port, payload)
                one.wake(NOW)
            one.wake(START)
            assert one.listening
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / count < 1536
