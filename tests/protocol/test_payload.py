"""Payloads: several commands, what stops the reading, and each tolerance by name."""

from __future__ import annotations

import pytest

from fleetcast.errors import Invalid
from fleetcast.protocol.packages import (
    Direction,
    Package,
    UnknownPackage,
    command_named,
    commands,
    package_on_port,
    versions,
)
from fleetcast.protocol.payload import Decoded, Problem, decode, encode
from fleetcast.protocol.tolerances import STRICT, USUAL, Tolerance
from fleetcast.protocol.ts004_fragmentation import v1 as fragmentation_v1
from fleetcast.protocol.ts004_fragmentation import v2 as fragmentation_v2
from fleetcast.protocol.ts005_multicast.session_answer import SessionAnswer

UP, DOWN = Direction.UP, Direction.DOWN


def read(hex_text: str, package: Package, version: int, *tolerances: Tolerance) -> Decoded:
    return decode(bytes.fromhex(hex_text), package, version, UP, frozenset(tolerances))


def session_answer(found: Decoded) -> SessionAnswer:
    (answer,) = found.commands
    assert isinstance(answer, SessionAnswer)
    return answer


def test_an_empty_payload_says_nothing() -> None:
    assert decode(b"", Package.CLOCK_SYNC, 1, UP) == Decoded(())


def test_a_fragment_behind_another_command_is_not_read() -> None:
    found = decode(bytes.fromhex("0104" + "08010011"), Package.FRAGMENTATION, 1, DOWN)
    assert len(found.commands) == 1
    assert (found.problem, found.cid, found.unexplained.hex()) == (Problem.NOT_ALONE, 8, "08010011")


def test_a_fragment_is_sent_alone() -> None:
    fragment = fragmentation_v1.DataFragment(frag_index=1, n=301, data=bytes.fromhex("00112233"))
    assert encode([fragment]).hex() == "082d4100112233"
    with pytest.raises(Invalid, match="DataFragment must be alone"):
        encode([fragmentation_v1.FragSessionDeleteReq(frag_index=1), fragment])


def test_a_fragment_takes_all_that_is_left() -> None:
    for length in (0, 1, 239):
        found = decode(b"\x08\x01\x40" + bytes(length), Package.FRAGMENTATION, 1, DOWN)
        assert found.commands == (fragmentation_v1.DataFragment(frag_index=1, n=1, data=bytes(length)),)


def test_a_multi_package_frame_is_not_a_payload() -> None:
    with pytest.raises(Invalid, match="decode_frame"):
        decode(b"\0\0", Package.MULTI_PACKAGE_ACCESS, 1, UP)


def test_what_is_not_in_the_table_is_named_with_what_is() -> None:
    with pytest.raises(UnknownPackage, match="package version 3: clock_sync has version 1 or 2"):
        commands(Package.CLOCK_SYNC, 3, UP)
    with pytest.raises(UnknownPackage, match=r"FPort 7: .*200 \(multicast_setup\)"):
        package_on_port(7)
    with pytest.raises(UnknownPackage, match=r"'Nothing': firmware_management version 1 up has .*DevVersionAns"):
        command_named(Package.FIRMWARE_MANAGEMENT, 1, UP, "Nothing")


def test_every_package_is_found_by_its_port() -> None:
    assert {package_on_port(package.default_f_port) for package in Package} == set(Package)
    assert versions(Package.FRAGMENTATION) == (1, 2)
    assert versions(Package.FIRMWARE_MANAGEMENT) == (1,)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("cid", ["04", "05"])
def test_a_session_answer_may_lack_its_start(version: int, cid: str) -> None:
    tolerance = Tolerance.SESSION_ANSWER_WITHOUT_TIME_TO_START
    found = read(cid + "02", Package.MULTICAST_SETUP, version, tolerance)
    answer = session_answer(found)
    assert found.tolerated == (tolerance,)
    assert not answer.refused
    assert answer.raw_status == 2
    assert "time_to_start" not in answer.json_fields()
    assert read(cid + "02", Package.MULTICAST_SETUP, version).problem is Problem.TRUNCATED
    for short in ("00", "0000"):
        assert read(cid + "02" + short, Package.MULTICAST_SETUP, version, *USUAL).problem is Problem.TRUNCATED


@pytest.mark.parametrize("status", ["21", "41", "81", "e1"])
def test_a_reserved_bit_with_nothing_behind_it_refuses_in_version_1(status: str) -> None:
    found = read("04" + status, Package.MULTICAST_SETUP, 1, Tolerance.START_MISSED_IN_V1)
    assert found.tolerated == (Tolerance.START_MISSED_IN_V1,)
    answer = session_answer(found)
    assert answer.refused
    assert answer.raw_status == int(status, 16)
    assert encode([answer]).hex() == "04" + status
    assert read("04" + status, Package.MULTICAST_SETUP, 1).problem is Problem.TRUNCATED


@pytest.mark.parametrize("status", ["21", "41", "81", "e1"])
def test_a_reserved_bit_before_a_start_is_ignored_in_version_1(status: str) -> None:
    found = decode(bytes.fromhex("04" + status + "4b0200"), Package.MULTICAST_SETUP, 1, UP, STRICT)
    answer = session_answer(found)
    assert not answer.refused
    assert answer.json_fields()["time_to_start"] == 587


@pytest.mark.parametrize("status", ["21", "05", "09", "11", "41", "81"])
def test_any_bit_above_the_group_refuses_in_version_2(status: str) -> None:
    found = decode(bytes.fromhex("04" + status), Package.MULTICAST_SETUP, 2, UP, STRICT)
    assert session_answer(found).refused
    assert session_answer(found).raw_status == int(status, 16)
    assert encode(found.commands).hex() == "04" + status


@pytest.mark.parametrize("status", ["05", "09", "11"])
def test_the_named_error_bits_refuse_in_version_1(status: str) -> None:
    found = decode(bytes.fromhex("04" + status), Package.MULTICAST_SETUP, 1, UP, STRICT)
    assert session_answer(found).refused


def test_an_answer_cut_before_its_status_is_named() -> None:
    found = decode(b"\x04", Package.MULTICAST_SETUP, 1, UP)
    assert (found.problem, found.cid, found.unexplained) == (Problem.TRUNCATED, 4, b"\x04")


def test_three_zeros_behind_no_session_are_swallowed() -> None:
    for status in ("04", "06"):
        found = read("01" + status + "000000", Package.FRAGMENTATION, 2, Tolerance.NO_SESSION_FULL_LENGTH)
        assert found.tolerated == (Tolerance.NO_SESSION_FULL_LENGTH,)
        assert (len(found.commands), found.problem) == (1, None)
        strict = read("01" + status + "000000", Package.FRAGMENTATION, 2)
        assert [command.name for command in strict.commands] == ["FragSessionStatusAns", "PackageVersionAns"]


@pytest.mark.parametrize(("rest", "count"), [("000302", 2), ("0201", 2), ("0000", 1), ("00000000", 1)])
def test_any_other_rest_behind_no_session_is_the_next_command(rest: str, count: int) -> None:
    found = read("0104" + rest, Package.FRAGMENTATION, 2, *USUAL)
    assert found.tolerated == ()
    assert isinstance(found.commands[0], fragmentation_v2.FragSessionStatusAns)
    assert found.commands[0].session_does_not_exist
    if rest == "000302":
        assert len(found.commands) == count


def test_a_version_2_status_in_the_order_of_version_1() -> None:
    found = read("012c810402", Package.FRAGMENTATION, 2, Tolerance.STATUS_V2_IN_V1_LAYOUT)
    assert found.commands == (
        fragmentation_v2.FragSessionStatusAns(
            session_does_not_exist=False,
            mic_error=True,
            memory_error=False,
            frag_index=2,
            nb_frag_received=300,
            missing_frag=4,
        ),
    )
    assert found.tolerated == (Tolerance.STATUS_V2_IN_V1_LAYOUT,)
    without = read("0100000004", Package.FRAGMENTATION, 2, Tolerance.STATUS_V2_IN_V1_LAYOUT)
    assert without.commands[0].json_fields() == {
        "session_does_not_exist": True,
        "mic_error": False,
        "memory_error": False,
    }
    assert read("0104", Package.FRAGMENTATION, 2, Tolerance.STATUS_V2_IN_V1_LAYOUT).problem is Problem.TRUNCATED


def test_a_status_with_its_bytes_swapped() -> None:
    version_1 = read("01812c0400", Package.FRAGMENTATION, 1, Tolerance.BIG_ENDIAN_STATUS)
    assert version_1.commands == (
        fragmentation_v1.FragSessionStatusAns(
            frag_index=2, nb_frag_received=300, missing_frag=4, not_enough_matrix_memory=False
        ),
    )
    version_2 = read("0100812c04", Package.FRAGMENTATION, 2, Tolerance.BIG_ENDIAN_STATUS)
    assert version_2.commands[0].json_fields()["nb_frag_received"] == 300
    assert version_2.commands[0].json_fields()["missing_frag"] == 4
    assert version_1.tolerated == version_2.tolerated == (Tolerance.BIG_ENDIAN_STATUS,)


def test_layouts_that_the_bytes_do_not_tell_are_never_tried_by_default() -> None:
    assert USUAL.isdisjoint({Tolerance.STATUS_V2_IN_V1_LAYOUT, Tolerance.BIG_ENDIAN_STATUS})
    assert USUAL | {Tolerance.STATUS_V2_IN_V1_LAYOUT, Tolerance.BIG_ENDIAN_STATUS} == frozenset(Tolerance)
