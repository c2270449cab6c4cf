"""Payloads explained on a terminal, as JSON, and as a whole log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.terminal import fleetcast, refusal
from tests.vectors import load

CODECS = ("clock_sync", "multicast_setup", "fragmentation", "firmware_management", "multi_package_access")


def line_of(case: dict[str, Any], port: int) -> dict[str, Any]:
    line = {"hex": case["hex"], "port": port, "direction": case["direction"], "package_version": case["version"]}
    return line | ({"package_versions": case["package_versions"]} if "package_versions" in case else {})


def without_derived(command: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in command.items() if key != "derived"}


@pytest.mark.parametrize("package", CODECS)
def test_every_vector_decodes_to_its_commands_and_its_unexplained_bytes(package: str) -> None:
    vectors = load(f"codec_{package}.json")
    cases, port = vectors["cases"], vectors["default_f_port"]
    stdin = "".join(json.dumps(line_of(case, port)) + "\n" for case in cases)
    ended = fleetcast("decode", "--lines", stdin=stdin)
    assert (ended.code, ended.err) == (0, "")
    results = [json.loads(line) for line in ended.out.splitlines()]
    assert len(results) == len(cases)
    for case, result in zip(cases, results, strict=True):
        error = case.get("error", {"remaining": ""})
        assert result["commands"] == [without_derived(command) for command in case["commands"]], case["id"]
        assert result["unexplained"] == error["remaining"], case["id"]
        assert result.get("token") == case.get("token"), case["id"]
        problem = result.get("problem")
        assert problem == ({"kind": error["kind"], "cid": error["cid"]} if "error" in case else None), case["id"]


def test_one_payload_as_json_has_commands_and_unexplained_bytes_and_nothing_else() -> None:
    ended = fleetcast("decode", "0102 00", "--port", 201, "--direction", "down", "--json")
    assert ended.json == {
        "commands": [
            {"cid": 1, "name": "FragSessionStatusReq", "fields": {"frag_index": 1, "participants": 0}},
            {"cid": 0, "name": "PackageVersionReq", "fields": {}},
        ],
        "unexplained": "",
    }


def test_version_1_is_meant_where_none_is_given() -> None:
    arguments = ("decode", "0108010001", "-p", 201, "-d", "up", "--json")
    assert fleetcast(*arguments).json == fleetcast(*arguments, "--package-version", 1).json
    second = fleetcast(*arguments, "--package-version", 2).json
    assert second["commands"][0]["fields"]["session_does_not_exist"] is False


def test_a_table_shows_every_byte_its_bits_and_what_they_say() -> None:
    text = fleetcast("decode", "0210e2383006249a562149", "-p", 201, "-d", "down").out
    assert "TS004 version 1 (fragmentation), server to device, 11 bytes" in text
    for row in (
        ("0", "02", "CID", "0x02", "FragSessionSetupReq"),
        ("1", "10", "7:6", "RFU", "0"),
        ("5:4", "frag_index", "1"),
        ("2", "e2", "38", "nb_frag", "14562", "uncoded", "fragments,", "M"),
        ("7", "9a", "56", "21", "49", "descriptor", "9a562149", "free", "for", "the", "application"),
    ):
        assert any(tuple(line.split()) == row for line in text.splitlines()), row


def test_a_long_field_takes_several_lines_and_keeps_every_byte() -> None:
    data = bytes(range(50))
    text = fleetcast("decode", "080140" + data.hex(), "-p", 201, "-d", "down").out
    shown = [line.split()[: min(8, 50 - at)] for at, line in zip(range(8, 50, 8), text.splitlines()[-6:], strict=True)]
    assert "50 bytes" in text
    assert bytes.fromhex("".join(part for line in shown for part in line)) == data[8:]


def test_unexplained_bytes_are_named_in_the_table() -> None:
    text = fleetcast("decode", "000fff", "-p", 201, "-d", "down").out
    assert "PackageVersionReq" in text
    assert "unexplained" in text
    assert "0fff" in text


def test_a_frame_of_several_packages_shows_prefixes_and_token() -> None:
    text = fleetcast("decode", "8100820001", "-p", 225, "-d", "down").out
    assert text.count("PackageID") == 2
    assert "CommandToken" in text


def test_package_versions_say_how_a_frame_is_split() -> None:
    frame = "830108010001" + "02"
    plain = fleetcast("decode", frame, "-p", 225, "-d", "up", "--json").json
    second = fleetcast("decode", frame, "-p", 225, "-d", "up", "--package-versions", "3=2", "--json").json
    assert "not_enough_matrix_memory" in plain["commands"][0]["fields"]
    assert "mic_error" in second["commands"][0]["fields"]
    unknown = fleetcast("decode", frame, "-p", 225, "-d", "up", "--package-versions", "1=1", "--json").json
    assert unknown["problem"] == {"kind": "unknown_package", "cid": None}


def test_a_tolerance_that_was_used_is_named() -> None:
    ended = fleetcast("decode", "0104000000", "-p", 201, "-d", "up", "-V", 2, "--json")
    assert ended.json["tolerated"] == ["no_session_full_length"]


@pytest.mark.parametrize("name", ["fragmentation", "TS004", "ts004", "3"])
def test_a_package_can_be_named_where_a_device_has_ports_of_its_own(name: str) -> None:
    ended = fleetcast("decode", "00", "--package", name, "-d", "down", "--json")
    assert ended.json["commands"][0]["name"] == "PackageVersionReq"


def test_hex_may_come_from_standard_input_with_blanks_and_a_prefix() -> None:
    for given in ("00\n", "0x00", " 0 0 ", "00:", "-00"):
        assert fleetcast("decode", "-p", 201, "-d", "down", "--json", stdin=given).json["commands"], given


def test_a_bad_line_gives_an_error_and_does_not_stop_the_stream() -> None:
    good = '{"hex": "00", "port": 201, "direction": "down"}'
    bad = (
        "{",
        "[]",
        "",
        '{"port": 201, "direction": "down"}',
        '{"hex": 7, "port": 201, "direction": "down"}',
        '{"hex": "0", "port": 201, "direction": "down"}',
        '{"hex": "0g", "port": 201, "direction": "down"}',
        '{"hex": "00", "port": 7, "direction": "down"}',
        '{"hex": "00", "port": "201", "direction": "down"}',
        '{"hex": "00", "port": true, "direction": "down"}',
        '{"hex": "00", "port": 201, "direction": "left"}',
        '{"hex": "00", "port": 201, "direction": 1}',
        '{"hex": "00", "port": 201}',
        '{"hex": "00", "direction": "down"}',
        '{"hex": "00", "port": 201, "direction": "down", "package_version": 9}',
        '{"hex": "00", "port": 225, "direction": "down", "package_versions": [1]}',
        '{"hex": "00", "port": 225, "direction": "down", "package_versions": {"x": 1}}',
        '{"hex": "00", "port": 225, "direction": "down", "package_versions": {"3": 9}}',
        '{"hex": "00", "port": 201, "direction": "down", "package_version": ' + "9" * 5000 + "}",
        "[" * 100_000,
    )
    stdin = "\n".join((good, *bad, good)).encode() + b"\n\xff\n"
    ended = fleetcast("decode", "--lines", stdin=stdin)
    results = [json.loads(line) for line in ended.out.splitlines()]
    assert ended.code == 2
    assert len(results) == len(bad) + 3
    assert results[0] == results[-2] == {"commands": results[0]["commands"], "unexplained": ""}
    for number, result in enumerate(results, start=1):
        if number not in (1, len(results) - 1):
            assert list(result) == ["error"]
            assert result["error"].startswith(f"line {number}: "), result


def test_options_hold_for_lines_that_do_not_say_it_themselves() -> None:
    stdin = '{"hex": "00"}\n{"hex": "00", "direction": "up"}\n{"hex": "0000", "port": 225}\n'
    ended = fleetcast("decode", "--lines", "-p", 201, "-d", "down", stdin=stdin)
    first, second, third = (json.loads(line) for line in ended.out.splitlines())
    assert first["commands"][0]["name"] == "PackageVersionReq"
    assert second["unexplained"] == "00"
    assert third["token"] == 0


def test_an_empty_payload_in_a_log_holds_no_command() -> None:
    ended = fleetcast("decode", "--lines", stdin='{"hex": "", "port": 201, "direction": "up"}\n')
    assert ended.json == {"commands": [], "unexplained": ""}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("000", "-p", 201, "-d", "up"), "3 hex digits, an odd number"),
        (("0g", "-p", 201, "-d", "up"), "'g' in the payload is not a hex digit"),
        (("", "-p", 201, "-d", "up"), "the payload is empty"),
        (("00", "-p", 7, "-d", "up"), "FPort 7"),
        (("00", "-p", "x", "-d", "up"), "--port"),
        (("00", "-d", "up"), "the port is missing: 200"),
        (("00", "-p", 201), "the direction is missing: use down"),
        (("00", "-p", 201, "-d", "left"), "'left' is not one of"),
        (("00", "-p", 201, "-d", "up", "-V", 3), "package version 3"),
        (("00", "--package", "TS009", "-d", "up"), "'TS009' is unknown"),
        (("00", "-p", 225, "-d", "up", "--package-versions", "3"), "identifier=version"),
        (("00", "-p", 225, "-d", "up", "--package-versions", "3=8"), "package version 8"),
        (("00", "-p", 225, "-d", "up", "--package-versions", "300=1"), "package identifier 300"),
        (("-p", 201, "-d", "up"), "standard input was empty"),
        (("00", "--lines"), "leave the payload out"),
        (("00", "--nonsense"), "No such option"),
        (("00", "11", "-p", 201, "-d", "up"), "unexpected extra argument"),
    ],
)
def test_bad_input_gets_one_line_on_what_to_do(arguments: tuple[object, ...], said: str) -> None:
    assert said in refusal("decode", *arguments)


def test_a_line_without_end_is_refused_and_the_next_one_is_read() -> None:
    good = b'{"hex": "00", "port": 201, "direction": "down"}\n'
    ended = fleetcast("decode", "--lines", stdin=b"[" * 3_000_000 + b"\n" + good)
    first, second = ended.out.splitlines()
    assert "line 1: the line is longer than 1048576 bytes" in first
    assert "PackageVersionReq" in second
    assert ended.code == 2
