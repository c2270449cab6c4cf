"""Habits of real stacks, each as a campaign meets it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from fleetcast.fec import Encoder
from fleetcast.protocol.packages import Package
from fleetcast.simulator.device import Device
from fleetcast.simulator.device_answers import JoinRequest, OwnUplink
from fleetcast.simulator.device_spec import ImageStatus
from fleetcast.simulator.traits import stack
from tests.simulator.devices import (
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

DATA = generated_data("quirks", 480)
ENCODER = Encoder(DATA, 48)  # ten fragments
HOUR = 3_600_000
START = NOW + 600_000


def quirky(*names: str, version: int = 1, **changes: object) -> Device:
    return device(model(traits(version, **changes).with_quirks(names)))


def receiving(one: Device, numbers: Iterable[int], *, group: int | None = None, block_ack_delay: int = 0) -> Device:
    """The device after a set-up and these fragments."""
    version = one.spec.model.traits.version(Package.FRAGMENTATION)
    encoder = ENCODER if version == 1 else Encoder(DATA, 48, "v2-relative")
    if version == 1:
        setup = fragment_setup(encoder, block_ack_delay=block_ack_delay)
    else:
        setup = fragment_setup_v2(encoder, DATA, one.spec, block_ack_delay=block_ack_delay)
    assert answers(one, setup, 201, within_s=3) == ["0200"]
    for n in numbers:
        one.receive(NOW + 3000, 201, fragment(encoder, n), group)
    return one


def spoken(one: Device, until: int) -> list[tuple[int, OwnUplink]]:
    """What it says up to an instant, joins apart."""
    return [(at, frame) for at, frame in said(one, until) if isinstance(frame, OwnUplink)]


def status(one: Device, participants: int = 1) -> list[str]:
    return answers(one, bytes([1, participants]), 201, NOW + 3000, within_s=20)


def test_missing_never_falls_in_stacks_that_count_losses() -> None:
    one = receiving(quirky("MISSING_NEVER_FALLS"), [1, 2, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14])
    assert one.rebuilt == DATA
    assert status(one)[0][6:8] == "02"
    assert status(receiving(quirky(), [1, 2, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14]))[0][6:8] == "00"


def test_a_block_without_loss_is_reported_with_one_missing() -> None:
    assert status(receiving(quirky("LOSSLESS_MISSING_1"), range(1, 11))) == ["010a000100"]


def test_a_status_before_the_first_fragment_is_all_zero() -> None:
    assert status(receiving(quirky("STATUS_ZERO_BEFORE_FIRST", version=2), [])) == ["0100000000"]
    assert status(receiving(quirky(version=2), [])) == ["010000000a"]


@pytest.mark.parametrize(("quirks", "version", "expected"), [
    ((), 1, []), ((), 2, ["0104"]), (("STATUS_ZERO_WITHOUT_SESSION",), 1, ["0100000000"]),
    (("NO_SESSION_FULL_LENGTH",), 2, ["0106000000"]), (("NO_SESSION_SILENT",), 2, []),
])  # fmt: skip
def test_a_status_without_session_is_as_the_stack_says_it(
    quirks: tuple[str, ...], version: int, expected: list[str]
) -> None:
    assert status(quirky(*quirks, version=version)) == expected


def test_a_deleted_session_leaves_its_counts_behind_in_a_stack_that_shows_them() -> None:
    one = receiving(quirky("NO_SESSION_FULL_LENGTH", version=2), [1, 2, 3])
    assert answers(one, b"\x03\x00", 201, NOW + 3000, within_s=0) == ["0300"]
    assert status(one) == ["0104030007"]


def test_repeated_fragments_make_a_block_seem_complete() -> None:
    one = receiving(quirky("MISSING_COUNTS_REPEATS"), [1, 2, 3, 4, 5] * 2)
    assert status(one) == ["010a000000"]
    assert one.rebuilt is None


def test_a_loss_at_the_end_is_not_answered_by_stacks_that_look_at_losses_only() -> None:
    assert status(receiving(quirky("TAIL_LOSS_SILENT"), range(1, 9)), participants=0) == []
    assert status(receiving(quirky(), range(1, 9)), participants=0) == ["0108000200"]


def test_a_memory_error_stays_until_the_reboot() -> None:
    one = receiving(quirky("MEMORY_ERROR_STICKS", max_lost_fragments=1), [1, 2, 3, 11, 12])
    assert status(one)[0][-2:] == "01"
    assert status(receiving(one, range(1, 11)))[0][-2:] == "01"
    one.reboot(NOW)
    one.receive(join(one), 201, b"\x01\x01")
    later = [frame.payload for _, frame in spoken(one, NOW + 60_000) if frame.f_port == 201]
    assert [payload[-1] for payload in later] == [0]


def join(one: Device) -> int:
    """Let a device that reboots join; returns when."""
    while one.next_wake is not None:
        at = one.next_wake
        if any(isinstance(frame, JoinRequest) for frame in one.wake(at)):
            one.joined(at)
            return at
    raise AssertionError("it is not waiting for anything")


def test_a_block_with_too_many_losses_is_handed_over_as_finished_and_is_no_valid_image() -> None:
    one = receiving(quirky("DONE_ON_FAILURE", max_lost_fragments=1), [1, 2, 3, 11])
    assert one.rebuilt is None
    assert answers(one, b"\x04", 203, within_s=0) == ["0401"]
    assert answers(receiving(quirky(max_lost_fragments=1), [1, 2, 3, 11]), b"\x04", 203, within_s=0) == ["0400"]


def test_statuses_come_in_other_layouts() -> None:
    assert status(receiving(quirky("STATUS_V2_IN_V1_LAYOUT", version=2), [1, 2])) == ["0102000800"]
    assert status(receiving(quirky(version=2), [1, 2])) == ["0100020008"]
    assert status(receiving(quirky("BIG_ENDIAN_STATUS"), [1, 2])) == ["0100020800"]


def test_a_mic_that_is_not_checked_right_does_not_keep_the_block_from_the_application() -> None:
    seen = set()
    for seed in range(20):
        one = device(model(traits(2).with_quirks(["MIC_UNRELIABLE"])), seed=seed)
        assert receiving(one, range(1, 11)).rebuilt == DATA
        seen.add(status(one)[0][2:4])
    assert seen == {"00", "02"}


def test_a_block_with_the_wrong_mic_is_discarded_and_reported() -> None:
    one = quirky(version=2)
    encoder = Encoder(DATA, 48, "v2-relative")
    setup = fragment_setup_v2(encoder, DATA, one.spec, ack_reception=True)
    answers(one, setup[:-1] + bytes([setup[-1] ^ 1]), 201, within_s=0)
    for n in range(1, 11):
        one.receive(NOW, 201, fragment(encoder, n), 0)
    reports = payloads(one, NOW + HOUR)
    assert reports == [b"\x04\x04"] * 3
    assert one.rebuilt is None
    assert one.packages.firmware.image_status is ImageStatus.NONE


def test_reports_of_a_complete_block_stop_when_they_are_answered() -> None:
    one = quirky("RECEIVED_REQ_ENDLESS", version=2)
    encoder = Encoder(DATA, 48, "v2-relative")
    answers(one, fragment_setup_v2(encoder, DATA, one.spec, ack_reception=True), 201, within_s=0)
    for n in range(1, 11):
        one.receive(NOW, 201, fragment(encoder, n), 0)
    reports = payloads(one, NOW + 60_000)
    assert 29 <= len(reports) <= 41
    assert set(reports) == {b"\x04\x00"}
    one.receive(NOW + 60_000, 201, b"\x04\x00")
    assert payloads(one, NOW + HOUR) == []


def test_a_report_is_repeated_only_when_a_further_fragment_comes() -> None:
    one = quirky("RECEIVED_REQ_ON_NEXT_FRAGMENT", version=2)
    encoder = Encoder(DATA, 48, "v2-relative")
    answers(one, fragment_setup_v2(encoder, DATA, one.spec, ack_reception=True), 201, within_s=0)
    for n in range(1, 11):
        one.receive(NOW, 201, fragment(encoder, n), 0)
    assert len(payloads(one, NOW + HOUR)) == 1
    one.receive(NOW + HOUR, 201, fragment(encoder, 11), 0)
    assert len(payloads(one, NOW + 2 * HOUR)) == 1


def test_session_counters_are_forgotten_or_compared_as_signed_numbers() -> None:
    for names, later in ((("SESSIONCNT_RAM",), "0200"), ((), "0210")):
        one = receiving(quirky(*names, version=2), [1])
        one.reboot(NOW)
        join(one)
        encoder = Encoder(DATA, 48, "v2-relative")
        assert answers(one, fragment_setup_v2(encoder, DATA, one.spec), 201, NOW + 90_000, within_s=0)[-1] == later
    signed = receiving(quirky("SESSIONCNT_SIGNED", version=2), [1])
    encoder = Encoder(DATA, 48, "v2-relative")
    jump = fragment_setup_v2(encoder, DATA, signed.spec, session_cnt=1 + 0x8000)
    assert answers(signed, jump, 201, within_s=0) == ["0210"]


def test_a_repeated_setup_with_the_same_counter_is_accepted_until_the_first_fragment() -> None:
    one = receiving(quirky(version=2), [])
    encoder = Encoder(DATA, 48, "v2-relative")
    again = fragment_setup_v2(encoder, DATA, one.spec)
    assert answers(one, again, 201, within_s=0) == ["0200"]
    one.receive(NOW, 201, fragment(encoder, 1), 0)
    assert answers(one, again, 201, within_s=0) == ["0210"]


def test_a_stack_silent_after_completion_gives_no_status_any_more() -> None:
    one = receiving(quirky("SILENT_AFTER_DONE"), range(1, 10))
    assert status(one) == ["0109000100"]
    one.receive(NOW + 3000, 201, fragment(ENCODER, 10))
    assert status(one) == []


def test_a_downlink_on_the_fragmentation_port_cancels_the_pending_status() -> None:
    one = receiving(quirky("FRAG_ANSWER_3S", "FRAG_PORT_NEW_DOWNLINK_CANCELS"), [1, 2], block_ack_delay=2)
    one.receive(NOW + 3000, 201, b"\x01\x01")
    one.receive(NOW + 4000, 201, fragment(ENCODER, 3), 0)
    assert payloads(one, NOW + HOUR) == []
    assert all(at >= NOW + 6000 for at, _ in ask(one))


def ask(one: Device) -> list[tuple[int, OwnUplink | JoinRequest]]:
    one.receive(NOW + 3000, 201, b"\x01\x01")
    return said(one, NOW + HOUR)


def test_a_pending_status_is_overwritten_by_another_answer() -> None:
    one = receiving(quirky("LATE_STATUS_OVERWRITTEN"), [1, 2], block_ack_delay=5)
    one.receive(NOW + 3000, 201, b"\x01\x01")
    one.receive(NOW + 3001, 203, b"\x00")
    assert payloads(one, NOW + HOUR) == [b"\x00\x04\x01"]


def test_an_answer_due_while_the_radio_is_busy_is_lost() -> None:
    busy = device(model(traits().with_quirks(["ANSWER_LOST_WHEN_BUSY"]), uplink_period_s=600.0))
    sound = device(model(traits(), uplink_period_s=600.0))
    for one, answered in ((busy, 0), (sound, 1)):
        receiving(one, [1, 2], block_ack_delay=7)
        one.receive(NOW + 3000, 201, b"\x01\x01")
        assert one._outbox is not None
        due = one._outbox.due
        one.application.uplink_due = due - 1000
        assert sum(frame.f_port == 201 for _, frame in spoken(one, NOW + HOUR)) == answered


@pytest.mark.parametrize(("names", "group", "latest_ms"), [
    ((), None, 2_048_000), ((), 0, 2_048_000), (("DELAYS_IN_MS",), 0, 2_048),
    (("DELAY_ONLY_MULTICAST",), None, 0), (("DELAY_ONLY_MULTICAST",), 0, 2_048_000),
])  # fmt: skip
def test_answers_are_spread_as_the_stack_spreads_them(
    names: tuple[str, ...], group: int | None, latest_ms: int
) -> None:
    delays = []
    for seed in range(40):
        one = receiving(device(model(traits().with_quirks(names)), seed=seed), [1], block_ack_delay=7)
        one.receive(NOW + 3000, 201, b"\x01\x01", group)
        delays.append(said(one, NOW + HOUR)[0][0] - NOW - 3000)
    assert max(delays) <= latest_ms
    assert max(delays) >= 0.8 * latest_ms
    assert min(delays) <= 0.2 * latest_ms


@pytest.mark.parametrize(("unknown", "answered"), [
    ("keep_before", ["000401"]), ("drop_all", []), ("silent", []), ("skip_byte", ["0004010400"]),
])  # fmt: skip
def test_an_unknown_command_ends_a_payload_as_the_stack_ends_it(unknown: str, answered: list[str]) -> None:
    assert answers(quirky(unknown_command=unknown), b"\x00\x77\x04", 203, within_s=0) == answered


@pytest.mark.parametrize(("short", "answered"), [
    ("keep_before", ["000401"]), ("drop_all", []), ("reads_beyond", ["00040103100000"]),
])  # fmt: skip
def test_a_short_command_is_read_as_the_stack_reads_it(short: str, answered: list[str]) -> None:
    assert answers(quirky(short_command=short), b"\x00\x03\x10", 203, within_s=0) == answered


def test_one_command_for_each_payload_and_more_is_silence() -> None:
    one = quirky("ONE_COMMAND_PER_PAYLOAD")
    assert answers(one, b"\x00\x01", 203, within_s=0) == []
    assert answers(one, b"\x00", 203, within_s=0) == ["000401"]


def test_confirmed_answers_are_marked_so() -> None:
    one = quirky("CONFIRMED_ANSWERS")
    one.receive(NOW, 200, group_setup())
    assert one.wake(NOW) == [OwnUplink(200, b"\x02\x00", confirmed=True)]


def test_set_up_answers_lack_the_index_and_deleting_has_no_effect() -> None:
    one = quirky("SETUP_ANS_NO_INDEX", "DELETE_WITHOUT_EFFECT")
    assert answers(one, fragment_setup(ENCODER, frag_index=2), 201, within_s=0) == ["0200"]
    assert answers(one, b"\x03\x02", 201, within_s=0) == ["0302"]
    assert len(one.fragment_sessions) == 1


def test_a_refused_set_up_ends_the_running_session() -> None:
    small = Encoder(generated_data("larger", 960), 48)
    for names, left in ((("SETUP_REFUSAL_ENDS_SESSION",), 0), ((), 1)):
        one = receiving(quirky(*names, max_nb_frag=10), [1])
        assert answers(one, fragment_setup(small), 201, within_s=0) == ["0202"]
        assert len(one.fragment_sessions) == left


def test_a_second_index_makes_zephyr_silent() -> None:
    one = device(model(replace(stack("zephyr-main"), setup_busy_s=0.0)))
    receiving(one, [1])
    assert answers(one, fragment_setup(ENCODER, frag_index=1), 201, within_s=5) == []
    assert len(one.fragment_sessions) == 1


def test_one_decoder_for_all_sessions_begins_anew_with_another_set_up() -> None:
    one = receiving(quirky(frag_decoders=1), [1, 2, 3])
    answers(one, fragment_setup(ENCODER, frag_index=1), 201, within_s=0)
    assert one.fragment_sessions[0].reception().received == 0


def test_erasing_flash_delays_the_answer_and_loses_early_fragments() -> None:
    one = quirky("SETUP_ERASES_FLASH")
    one.receive(NOW, 201, fragment_setup(ENCODER))
    assert payloads(one, NOW + 2999) == []
    one.receive(NOW + 2999, 201, fragment(ENCODER, 1))
    assert payloads(one, NOW + 3000) == [b"\x02\x00"]
    assert one.fragment_sessions[0].reception().received == 0


def test_small_fragments_are_not_enough_memory_and_odd_ones_crash() -> None:
    encoder = Encoder(DATA, 47)
    assert answers(quirky("MIN_FRAG_SIZE"), fragment_setup(encoder), 201, within_s=0) == ["0202"]
    one = quirky("FRAG_SIZE_ALIGN")
    assert answers(one, fragment_setup(encoder), 201, within_s=0) == ["0200"]
    one.receive(NOW, 201, fragment(encoder, 1))
    assert one.boots == 1


def test_a_block_above_64_kib_is_spoilt_where_positions_wrap() -> None:
    data = generated_data("large", 66_000)
    encoder = Encoder(data, 240)
    for names, image in ((("BLOCK_64K_WRAP",), "0401"), ((), "040302000000")):
        one = quirky(*names)
        answers(one, fragment_setup(encoder), 201, within_s=0)
        for n in range(1, encoder.fragment_count + 1):
            one.receive(NOW, 201, fragment(encoder, n))
        assert answers(one, b"\x04", 203, within_s=0) == [image]


def test_fragment_zero_crashes_a_stack_that_does_not_look() -> None:
    zero = b"\x08\x00\x00" + bytes(48)
    for names, boots in ((("FRAGMENT_ZERO_WRITES_OUTSIDE",), 1), ((), 0)):
        one = receiving(quirky(*names), [1])
        one.receive(NOW + 3000, 201, zero)
        assert one.boots == boots


def test_a_product_that_counts_fragments_from_zero_takes_one_for_two() -> None:
    one = receiving(quirky("FRAGMENTS_FROM_0"), [1])
    assert one.fragment_sessions[0].reception().last_n == 2


def test_coded_fragments_come_too_fast_for_a_slow_decoder() -> None:
    one = receiving(quirky("PARITY_SLOW"), [1, 2, 3, 4, 5, 6, 7, 11, 12, 13])
    assert one.fragment_sessions[0].reception().distinct == 8


@pytest.mark.parametrize(("habit", "taken"), [("use", 3), ("drop", 1), ("drop_uncoded", 2)])
def test_fragments_out_of_order_are_taken_as_the_stack_takes_them(habit: str, taken: int) -> None:
    one = receiving(quirky(fragment_out_of_order=habit), [13, 12, 2])
    assert one.fragment_sessions[0].reception().distinct == taken


def test_group_status_is_answered_or_spoils_the_payload() -> None:
    for names, expected in (((), ["0002010111" + "0045230126"]), (("GROUP_STATUS_DROPS_ALL",), [])):
        one = quirky(*names)
        answers(one, group_setup(), 200, within_s=0)
        assert answers(one, b"\x00\x01\x0f", 200, within_s=0) == expected


def test_group_status_is_misread_misplaced_or_cut() -> None:
    misread = quirky("GROUP_STATUS_MISPARSE", unknown_command="skip_byte")
    answers(misread, group_setup(), 200, within_s=0)
    assert answers(misread, b"\x01\x0f", 200, within_s=0) == []
    misplaced = quirky("GROUP_STATUS_FIXED_OFFSET")
    answers(misplaced, group_setup(), 200, within_s=0)
    assert answers(misplaced, b"\x00\x01\x01", 200, within_s=0) == ["0011010100" + "0045230126"]
    cut = quirky("GROUP_STATUS_TWO_RECORDS")
    for mc_group_id in range(3):
        answers(cut, group_setup(mc_group_id), 200, within_s=0)
    assert answers(cut, b"\x01\x0f", 200, within_s=0)[0][:4] == "0133"


def test_unknown_groups_past_starts_and_short_answers() -> None:
    late = class_c_session(NOW - 60_000)
    unknown = class_c_session(START, mc_group_id=1)
    expected = {
        (): ("0420", "0411"),
        ("START_PAST_BIT4", "UNDEFINED_ALL_BITS"): ("0410", "041d"),
    }
    for names, (past, undefined) in expected.items():
        one = quirky(*names)
        answers(one, group_setup(), 200, within_s=0)
        assert answers(one, late, 200, within_s=0) == [past]
        assert answers(one, unknown, 200, within_s=0) == [undefined]
    at_once = quirky(start_in_past="start_now")
    answers(at_once, group_setup(), 200, within_s=0)
    assert answers(at_once, late, 200, within_s=0) == ["0400000000"]
    assert at_once.listening
    short = device(model(traits().with_quirks(["SHORT_SESSION_ANSWER"]), data_rates=frozenset({0})))
    answers(short, group_setup(), 200, within_s=0)
    assert answers(short, class_c_session(START), 200, within_s=0) == ["04"]


def test_one_timer_for_all_groups_runs_out_after_the_time_of_group_0() -> None:
    one = quirky("GROUP0_TIMER")
    for mc_group_id in (0, 1):
        answers(one, group_setup(mc_group_id), 200, within_s=0)
    answers(one, class_c_session(START + HOUR, time_out=6), 200, within_s=0)
    answers(one, class_c_session(START, time_out=10, mc_group_id=1), 200, within_s=0)
    payloads(one, START + 63_999)
    assert [session.mc_group_id for session in one.listening] == [1]
    payloads(one, START + 2 * HOUR)
    assert not one.listening
    assert one.groups[0].session is None


def class_b(start: int, time_out: int) -> bytes:
    """McClassBSessionReq for group 0."""
    request = bytearray(class_c_session(start, time_out))
    request[0], request[6] = 0x05, time_out
    return bytes(request)


def test_class_b_sessions_last_beacon_periods_or_seconds_or_are_not_known() -> None:
    for names, lasts_ms in (((), 256_000), (("CLASS_B_TIMEOUT_SHORT",), 2_000)):
        one = quirky(*names)
        answers(one, group_setup(), 200, within_s=0)
        assert answers(one, class_b(START, 1), 200, within_s=0) == ["0500580200"]
        payloads(one, START + lasts_ms - 1)
        assert one.listening[0].session_class == "B"
        payloads(one, START + lasts_ms)
        assert not one.listening
    none = quirky(class_b=False)
    answers(none, group_setup(), 200, within_s=0)
    assert answers(none, class_b(START, 1), 200, within_s=0) == []
    spoilt = quirky("CLASS_B_DROPS_ALL")
    assert answers(spoilt, b"\x00" + class_b(START, 1), 200, within_s=0) == []


def test_bytes_of_an_unknown_class_b_request_are_read_as_commands() -> None:
    one = quirky("CLASS_B_BYTES_NOT_SKIPPED", unknown_command="skip_byte")
    answers(one, group_setup(), 200, within_s=0)
    assert answers(one, class_b(START, 1), 200, within_s=0) != ["0500580200"]
    assert one.groups == () or one.groups[0].session is None


def test_each_fragment_restarts_the_time_out() -> None:
    one = quirky("TIMEOUT_RESTARTS")
    answers(one, group_setup(), 200, within_s=0)
    answers(one, fragment_setup(ENCODER), 201, within_s=0)
    answers(one, class_c_session(START, time_out=6), 200, within_s=0)
    payloads(one, START + 60_000)
    one.receive(START + 60_000, 201, fragment(ENCODER, 1), 0)
    payloads(one, START + 120_000)
    assert one.listening
    payloads(one, START + 200_000)
    assert not one.listening


def test_a_window_above_16_bits_never_opens_in_stacks_that_guess_them_zero() -> None:
    for names, taken in ((("FCNT16_FIRST",), False), ((), True)):
        one = quirky(*names)
        answers(one, group_setup(first=70_000, end=80_000), 200, within_s=0)
        assert one.takes_multicast(0, 70_001) is taken


def test_a_data_rate_is_masked_or_refused() -> None:
    request = class_c_session(START)[:-1] + b"\x13"
    for names, answer in ((("DR_MASKED",), "0400580200"), ((), "0404")):
        one = quirky(*names)
        answers(one, group_setup(), 200, within_s=0)
        assert answers(one, request, 200, within_s=0) == [answer]


def test_set_up_commands_by_multicast_are_executed_by_some() -> None:
    for names, groups in ((("MULTICAST_SETUP_ACCEPTED",), 1), ((), 0)):
        one = quirky(*names)
        one.receive(NOW, 200, group_setup(), 0)
        assert len(one.groups) == groups


def test_a_device_with_one_group_refuses_the_others() -> None:
    assert answers(quirky("ONE_GROUP"), group_setup(1), 200, within_s=0) == ["0205"]


def test_an_mc_key_that_is_wrapped_with_zeros_gives_other_keys() -> None:
    one, sound = quirky("MCKEKEY_ZERO"), quirky()
    for each in (one, sound):
        answers(each, group_setup(), 200, within_s=0)
    assert one.groups[0].keys != sound.groups[0].keys


def test_the_done_uplink_tells_the_crc_of_the_block_again_and_again() -> None:
    one = device(model(replace(stack("loramac-node-4.7.0"), max_nb_frag=100)))
    receiving(one, range(1, 11))
    frames = [frame for _, frame in spoken(one, NOW + 200_000)]
    assert len(frames) in (4, 5)
    assert {(frame.f_port, frame.payload[:1], len(frame.payload)) for frame in frames} == {(201, b"\x05", 5)}


def test_a_stack_reboots_at_once_when_the_block_is_complete() -> None:
    one = receiving(quirky("REBOOTS_AT_ONCE"), range(1, 11))
    payloads(one, NOW + 10_000)
    assert one.boots == 1
    assert one.firmware_version == 2


def test_an_unasked_version_comes_in_another_byte_order() -> None:
    one = quirky("DEVVERSION_UNASKED")
    one.reboot(NOW)
    joined = join(one)
    reported = {frame.payload.hex(): at - joined for at, frame in spoken(one, NOW + HOUR) if frame.f_port == 203}
    assert list(reported) == ["010000000100000001"]
    assert 16_000 <= reported["010000000100000001"] <= 128_000


def test_a_reboot_time_against_unix_time_lies_far_ahead() -> None:
    one = quirky("REBOOT_TIME_UNIX")
    soon = one.clock.shows_s(NOW) + 100
    left = answers(one, b"\x02" + soon.to_bytes(4, "little"), 203, within_s=0)[0]
    assert int.from_bytes(bytes.fromhex(left)[1:], "little") == (100 - 315_964_800 + 18) % (1 << 32)
    payloads(one, NOW + HOUR)
    assert one.boots == 0


def test_a_long_countdown_wraps_in_milliseconds() -> None:
    one = quirky("COUNTDOWN_MS_32BIT")
    countdown = 4_294_967 + 100
    assert answers(one, b"\x03" + countdown.to_bytes(3, "little"), 203, within_s=0) == ["03630000"]
    payloads(one, NOW + 101_000)
    assert one.boots == 1


def test_periods_are_refused_or_taken_from_the_next_byte() -> None:
    assert answers(quirky("PERIODICITY_UNSUPPORTED"), b"\x02\x03", 202, within_s=0)[0][:4] == "0201"
    one = quirky("CLOCK_PERIODICITY_OFFSET")
    answers(one, b"\x02\x03", 202, within_s=0)
    assert one.packages.clock_sync.period_s == 128.0
    sound = quirky()
    answers(sound, b"\x02\x03", 202, within_s=0)
    assert sound.packages.clock_sync.period_s == 1024.0


def test_a_forced_resynchronisation_brings_one_request_more() -> None:
    for names, requests in ((("RESYNC_N_PLUS_1",), 3), ((), 2)):
        assert len(answers(quirky(*names), b"\x03\x02", 202)) == requests


def test_the_clock_version_is_answered_on_another_port() -> None:
    one = quirky("CLOCK_VERSION_ON_200")
    one.receive(NOW, 202, b"\x00")
    assert one.wake(NOW) == [OwnUplink(200, b"\x00\x01\x01")]


def test_a_saturated_correction_is_followed_by_a_request_in_version_2() -> None:
    for version, requests in ((1, 0), (2, 1)):
        one = quirky(version=version)
        answers(one, b"\x03\x01", 202)
        one.receive(NOW + HOUR, 202, b"\x01\xff\xff\xff\x7f\x00")
        assert len(payloads(one, NOW + HOUR + 10_000)) == requests


def test_packages_that_a_stack_lacks_are_silent() -> None:
    assert answers(quirky("NO_FMP"), b"\x00", 203) == []
    none = quirky("NO_FUOTA")
    assert [answers(none, b"\x00", f_port) for f_port in (200, 201, 203)] == [[], [], []]
    assert answers(none, b"\x00", 202, within_s=0) == ["000101"]


def test_a_set_that_deletes_a_session_is_a_byte_longer_for_one_stack() -> None:
    one = quirky("MPA_DELETE_LENGTH", "MPA_NO_ANSWER_FRAME")
    assert answers(one, bytes.fromhex("83030001"), 225, within_s=0) == []
    assert answers(one, bytes.fromhex("83030000"), 225, within_s=0) == ["83030400030100"]
    assert answers(one, bytes.fromhex("8303000001"), 225, within_s=0) == ["83030400030101"]


def test_a_set_without_answers_is_answered_by_its_token_alone() -> None:
    assert answers(quirky("MPA_TOKEN_ONLY"), bytes.fromhex("81030002"), 225, within_s=0) == ["02"]
    assert answers(quirky(), bytes.fromhex("81030002"), 225, within_s=0) == []
    assert answers(quirky("TOKEN_BYTE_ECHOED"), bytes.fromhex("00fd"), 225, within_s=0) == ["000001fd"]


def test_a_listed_limit_of_commands_leaves_the_later_ones_out() -> None:
    one = quirky(max_commands_per_payload=2)
    assert answers(one, b"\x00\x04\x01", 203, within_s=0) == ["0004010400"]
