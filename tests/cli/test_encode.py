"""Commands as JSON become bytes; what `decode` writes is what `encode` reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.terminal import fleetcast, refusal
from tests.cli.test_decode import CODECS, line_of, without_derived
from tests.vectors import load

PORT = ("-p", 201, "-d", "down")


@pytest.mark.parametrize("package", CODECS)
def test_every_vector_that_can_be_sent_encodes_to_its_bytes(package: str) -> None:
    vectors = load(f"codec_{package}.json")
    cases = [case for case in vectors["cases"] if case["kind"] in ("single", "multi")]
    lines = []
    for case in cases:
        line: dict[str, Any] = line_of(case, vectors["default_f_port"])
        del line["hex"]
        line["commands"] = [without_derived(command) for command in case["commands"]]
        lines.append(json.dumps(line | ({"token": case["token"]} if "token" in case else {})))
    ended = fleetcast("encode", "--lines", stdin="\n".join(lines) + "\n")
    assert (ended.code, ended.err) == (0, "")
    assert [json.loads(line) for line in ended.out.splitlines()] == [{"hex": case["hex"]} for case in cases]


@pytest.mark.parametrize("package", CODECS)
def test_reserved_bits_are_sent_as_zero(package: str) -> None:
    vectors = load(f"codec_{package}.json")
    for case in vectors["cases"]:
        if case["kind"] == "rfu_set":
            read = fleetcast("decode", "--lines", stdin=json.dumps(line_of(case, vectors["default_f_port"]))).json
            written = fleetcast(
                "encode", "--lines", stdin=json.dumps(line_of(case, vectors["default_f_port"]) | read)
            ).json["hex"]
            assert written != case["hex"], case["id"]
            again = fleetcast(
                "decode", "--lines", stdin=json.dumps(line_of(case, vectors["default_f_port"]) | {"hex": written})
            ).json
            assert again == read, case["id"]


def test_one_command_a_list_and_the_output_of_decode_are_all_read() -> None:
    command = '{"name": "FragSessionDeleteReq", "fields": {"frag_index": 1}}'
    for given in (command, f"[{command}]", f'{{"commands": [{command}], "unexplained": ""}}'):
        assert fleetcast("encode", given, *PORT).out == "0301\n"
        assert fleetcast("encode", *PORT, stdin=given).out == "0301\n"
    assert fleetcast("encode", command, *PORT, "--json").json == {"hex": "0301"}


def test_on_port_225_a_package_id_is_written_where_it_is_needed() -> None:
    command = '{"package_identifier": 3, "name": "PackageVersionReq"}'
    assert fleetcast("encode", f"[{command}, {command}]", "-p", 225, "-d", "down", "--token", 2).out == "83000002\n"


def test_a_bad_line_gives_an_error_and_does_not_stop_the_stream() -> None:
    good = '{"commands": [{"name": "PackageVersionReq"}], "port": 201, "direction": "down"}'
    stdin = f'{good}\n{{\n[]\n{{"commands": []}}\n{good}\n'.encode() + b"\xff\n"
    ended = fleetcast("encode", "--lines", stdin=stdin)
    results = [json.loads(line) for line in ended.out.splitlines()]
    assert ended.code == 2
    assert ["error" in result for result in results] == [False, True, True, True, False, True]


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        ("", "standard input was empty"),
        ("{", "this is not JSON"),
        ("7", "commands are objects"),
        ("[1]", "commands are objects"),
        ("[]", "there is no command"),
        ('{"fields": {}}', 'no "name"'),
        ('{"name": "Nonsense"}', "'Nonsense'"),
        ('{"name": "PackageVersionReq", "fields": 1}', '"fields" is 1'),
        ('{"name": "PackageVersionReq", "cid": 5}', "has the CID 0, not 5"),
        ('{"name": "FragSessionDeleteReq"}', "frag_index is missing"),
        ('{"name": "FragSessionDeleteReq", "fields": {"frag_index": 4}}', "allowed 0 to 3"),
        ('{"name": "FragSessionDeleteReq", "fields": {"frag_index": "1"}}', "write a whole number"),
        ('{"name": "FragSessionDeleteReq", "fields": {"frag_index": 1, "x": 2}}', "x is not a field"),
        ('{"commands": [], "unexplained": "0f"}', '"unexplained"'),
    ],
)
def test_bad_commands_get_one_line_on_what_to_do(commands: str, said: str) -> None:
    assert said in refusal("encode", *PORT, stdin=commands)


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        ('{"name": "PackageVersionReq"}', '"package_identifier" is None'),
        ('{"package_identifier": 9, "name": "PackageVersionReq"}', '"package_identifier" is 9'),
        ('{"package_identifier": 3, "name": "PackageVersionReq", "prefixed": 1}', '"prefixed" is 1'),
        ('{"package_identifier": 3, "name": "PackageVersionReq"}', "token missing"),
        ('{"commands": [{"package_identifier": 3, "name": "PackageVersionReq"}], "token": "1"}', '"token" is'),
        ('{"commands": [{"package_identifier": 3, "name": "PackageVersionReq"}], "token": 4}', "token 4"),
    ],
)
def test_bad_frames_of_several_packages_get_one_line_on_what_to_do(commands: str, said: str) -> None:
    assert said in refusal("encode", commands, "-p", 225, "-d", "down")
