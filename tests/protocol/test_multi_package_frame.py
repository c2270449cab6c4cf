"""Frames of several packages (FPort 225): every vector, and what the vectors leave open."""

from __future__ import annotations

from typing import Any

import pytest

from fleetcast.errors import Invalid
from fleetcast.protocol.json_fields import from_json_fields, to_json
from fleetcast.protocol.multi_package_frame import (
    DecodedFrame,
    PackagedCommand,
    decode_body,
    decode_frame,
    encode_frame,
    match_answers,
    next_token,
)
from fleetcast.protocol.package_version import PackageVersionAns, PackageVersionReq
from fleetcast.protocol.packages import Direction, Package, command_named
from fleetcast.protocol.payload import Problem
from fleetcast.protocol.tolerances import STRICT, Tolerance
from fleetcast.protocol.ts004_fragmentation.v1 import DataFragment
from fleetcast.protocol.ts007_multi_package.v1 import MultiPackBufferFrag, MultiPackBufferReq
from tests.vectors import load

CASES = [pytest.param(case, id=case["id"]) for case in load("codec_multi_package_access.json")["cases"]]
VERSIONS = {1: 1, 2: 1, 3: 1, 4: 1}
ZERO = Package.MULTI_PACKAGE_ACCESS


def versions_of(case: dict[str, Any]) -> dict[int, int]:
    return {int(identifier): version for identifier, version in case["package_versions"].items()}


def plain(found: DecodedFrame) -> list[dict[str, Any]]:
    return [
        {"package_identifier": int(one.package), "prefixed": one.prefixed, **to_json(one.command)}
        for one in found.commands
    ]


def packaged(case: dict[str, Any], *, prefixes: bool) -> list[PackagedCommand]:
    sent = []
    for one in case["commands"]:
        package = Package(one["package_identifier"])
        version = versions_of(case).get(package, 1)
        kind = command_named(package, version, Direction(case["direction"]), one["name"])
        command = from_json_fields(kind, one["fields"])
        sent.append(PackagedCommand(package, command, one["prefixed"] if prefixes else None))
    return sent


@pytest.mark.parametrize("case", CASES)
def test_the_frame_decodes_to_the_commands(case: dict[str, Any]) -> None:
    found = decode_frame(bytes.fromhex(case["hex"]), Direction(case["direction"]), versions_of(case))
    assert plain(found) == [{k: v for k, v in one.items() if k != "derived"} for one in case["commands"]]
    assert found.token == case.get("token")
    error = case.get("error")
    if error is None:
        assert (found.unexplained, found.problem, found.cid) == (b"", None, None)
    else:
        assert found.problem is not None
        assert (found.problem.value, found.cid, found.unexplained.hex()) == (
            error["kind"],
            error["cid"],
            error["remaining"],
        )


@pytest.mark.parametrize("case", [one for one in CASES if one.values[0]["kind"] != "error"])
def test_the_commands_encode_to_the_frame(case: dict[str, Any]) -> None:
    sent = encode_frame(packaged(case, prefixes=True), case.get("token")) if case["commands"] else None
    shortest = encode_frame(packaged(case, prefixes=False), case.get("token"))
    if case["kind"] in ("single", "multi"):
        assert sent is not None
        assert sent.hex() == case["hex"]
        assert len(shortest) <= len(sent)
    elif case["kind"] == "rfu_set":
        assert sent is not None
        assert all(left & ~right == 0 for left, right in zip(sent, bytes.fromhex(case["hex"]), strict=True))
        assert sent.hex() != case["hex"]
    again = decode_frame(shortest, Direction(case["direction"]), versions_of(case))
    assert [to_json(one.command) for one in again.commands] == [
        {key: one[key] for key in ("cid", "name", "fields")} for one in case["commands"]
    ]


def test_the_error_form_with_a_token_is_read_only_when_tolerated() -> None:
    usual = decode_frame(bytes.fromhex("02ff01"), Direction.UP, VERSIONS)
    assert (usual.token, usual.problem, usual.tolerated) == (1, None, (Tolerance.BUFFER_ERROR_WITH_TOKEN,))
    strict = decode_frame(bytes.fromhex("02ff01"), Direction.UP, VERSIONS, STRICT)
    assert (strict.token, strict.problem, strict.unexplained) == (None, Problem.TRAILING_BYTES, b"\x01")


def test_an_empty_fragment_is_read_only_when_tolerated() -> None:
    usual = decode_frame(bytes.fromhex("020401"), Direction.UP, VERSIONS)
    assert usual.tolerated == (Tolerance.EMPTY_BUFFER_FRAGMENT,)
    strict = decode_frame(bytes.fromhex("020401"), Direction.UP, VERSIONS, STRICT)
    assert (strict.commands, strict.problem, strict.unexplained.hex()) == ((), Problem.TRUNCATED, "020401")


@pytest.mark.parametrize(
    ("hex_text", "direction", "problem", "unexplained", "cid"),
    [
        ("82830001", Direction.DOWN, Problem.DANGLING_PACKAGE_ID, "828300", None),
        ("8308010011223302", Direction.DOWN, Problem.NOT_ALONE, "08010011223 3".replace(" ", ""), 8),
        ("00000102000102", Direction.UP, Problem.NOT_ALONE, "020001", 2),
        ("0205", Direction.UP, Problem.TRUNCATED, "0205", 2),
        ("02ff0102", Direction.UP, Problem.TRAILING_BYTES, "0102", None),
        ("8002000501", Direction.DOWN, Problem.BUFFER_REQUEST_NOT_ALONE, "8002000501", 2),
    ],
)
def test_what_cannot_be_read_is_named(
    hex_text: str, direction: Direction, problem: Problem, unexplained: str, cid: int | None
) -> None:
    found = decode_frame(bytes.fromhex(hex_text), direction, VERSIONS)
    assert (found.problem, found.unexplained.hex(), found.cid) == (problem, unexplained, cid)


def test_a_package_the_device_does_not_have_cannot_be_read() -> None:
    found = decode_frame(bytes.fromhex("8300830001"), Direction.DOWN, {1: 1})
    assert (found.commands, found.problem, found.unexplained.hex()) == ((), Problem.UNKNOWN_PACKAGE, "83008300")


def test_an_empty_frame_says_nothing() -> None:
    assert decode_frame(b"", Direction.UP, VERSIONS) == DecodedFrame(())


def test_a_prefix_before_the_buffer_request_is_allowed() -> None:
    found = decode_frame(bytes.fromhex("80020005"), Direction.DOWN, VERSIONS)
    assert found.commands == (PackagedCommand(ZERO, MultiPackBufferReq(start_byte=0, stop_byte=5), True),)


def test_tokens_count_modulo_four() -> None:
    assert [next_token(token) for token in range(4)] == [1, 2, 3, 0]


VERSION_REQ = PackagedCommand(ZERO, PackageVersionReq())
BUFFER_REQ = PackagedCommand(ZERO, MultiPackBufferReq(start_byte=0, stop_byte=255))
FRAGMENT = PackagedCommand(Package.FRAGMENTATION, DataFragment(frag_index=0, n=1, data=b"x"))
UNPREFIXED = PackagedCommand(Package.CLOCK_SYNC, PackageVersionReq(), False)


@pytest.mark.parametrize(
    ("commands", "token", "text"),
    [
        ([VERSION_REQ], 4, "allowed 0 to 3"),
        ([VERSION_REQ], None, "token missing"),
        ([BUFFER_REQ], 1, "without a token"),
        ([BUFFER_REQ, VERSION_REQ], None, "must be alone"),
        ([FRAGMENT], 1, "FPort of its own package"),
        ([UNPREFIXED], 1, "needs its PackageID"),
    ],
)
def test_what_cannot_be_one_frame_is_refused(commands: list[PackagedCommand], token: int | None, text: str) -> None:
    with pytest.raises(Invalid, match=text):
        encode_frame(commands, token)


def test_the_error_form_is_sent_with_or_without_a_token() -> None:
    error = PackagedCommand(ZERO, MultiPackBufferFrag(base_byte=255, data=b""))
    assert encode_frame([error], None).hex() == "02ff"
    assert encode_frame([error], 3).hex() == "02ff03"


def test_answers_are_matched_in_the_order_of_the_requests() -> None:
    expected = [(ZERO, 0), (Package.CLOCK_SYNC, 0), (Package.FRAGMENTATION, 0)]
    received = decode_frame(bytes.fromhex("00000183000301" + "02"), Direction.UP, VERSIONS)
    matched = match_answers(expected, received)
    assert matched.complete
    assert matched.answers == (
        PackageVersionAns(package_identifier=0, package_version=1),
        None,
        PackageVersionAns(package_identifier=3, package_version=1),
    )


def test_old_bytes_behind_the_last_answer_are_dropped() -> None:
    body = bytes.fromhex("000001" + "82000201" + "ffff")
    matched = match_answers([(ZERO, 0), (Package.MULTICAST_SETUP, 0)], decode_body(body, Direction.UP, VERSIONS))
    assert matched.complete
    assert None not in matched.answers


def test_answers_are_not_complete_until_the_last_one_is_there() -> None:
    body = decode_body(bytes.fromhex("0000018200"), Direction.UP, VERSIONS)
    matched = match_answers([(ZERO, 0), (Package.MULTICAST_SETUP, 0)], body)
    assert not matched.complete
    assert matched.answers[1] is None
