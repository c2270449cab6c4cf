"""Every codec vector of the single packages: bytes to commands, commands to bytes, and what cannot be read."""

from __future__ import annotations

from typing import Any

import pytest

from fleetcast.protocol.json_fields import from_json_fields, to_json
from fleetcast.protocol.packages import Direction, Package, command_named
from fleetcast.protocol.payload import decode, encode
from fleetcast.protocol.tolerances import STRICT
from tests.vectors import load

FILES = ("clock_sync", "multicast_setup", "fragmentation", "firmware_management")
CASES = [
    pytest.param(Package[name.upper()], case, id=case["id"])
    for name in FILES
    for case in load(f"codec_{name}.json")["cases"]
]


def plain(case: dict[str, Any]) -> list[dict[str, Any]]:
    return [{key: command[key] for key in ("cid", "name", "fields")} for command in case["commands"]]


@pytest.mark.parametrize(("package", "case"), CASES)
def test_the_bytes_decode_to_the_commands(package: Package, case: dict[str, Any]) -> None:
    found = decode(bytes.fromhex(case["hex"]), package, case["version"], Direction(case["direction"]), STRICT)
    assert [to_json(command) for command in found.commands] == plain(case)
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


@pytest.mark.parametrize(("package", "case"), [one for one in CASES if one.values[1]["kind"] != "error"])
def test_the_commands_encode_to_the_bytes(package: Package, case: dict[str, Any]) -> None:
    direction = Direction(case["direction"])
    sent = encode(
        from_json_fields(command_named(package, case["version"], direction, one["name"]), one["fields"])
        for one in case["commands"]
    )
    if case["kind"] in ("single", "multi"):
        assert sent.hex() == case["hex"]
    elif case["kind"] == "rfu_set":
        assert sent.hex() != case["hex"]
        again = decode(sent, package, case["version"], direction, STRICT)
        assert [to_json(command) for command in again.commands] == plain(case)
        assert all(left & ~right == 0 for left, right in zip(sent, bytes.fromhex(case["hex"]), strict=True))


@pytest.mark.parametrize("name", FILES)
def test_the_table_agrees_with_the_file_on_identifier_and_port(name: str) -> None:
    package = Package[name.upper()]
    assert load(f"codec_{name}.json")["package_identifier"] == package
    assert load(f"codec_{name}.json")["default_f_port"] == package.default_f_port
