"""Properties of every declared command and of decoding any bytes.

The fuzz runs on 2 000 payloads for each table; `FLEETCAST_FUZZ=1000000` in the environment makes it a million in all.
"""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetcast.protocol.explanation import explain, explain_frame
from fleetcast.protocol.json_fields import from_json_fields, to_json_fields
from fleetcast.protocol.layout import Kind
from fleetcast.protocol.multi_package_frame import decode_frame
from fleetcast.protocol.packages import COMMANDS, Direction, Package
from fleetcast.protocol.payload import decode, encode
from fleetcast.protocol.tolerances import STRICT, USUAL, Tolerance
from fleetcast.protocol.wire import Command
from tests.protocol.commands_at_random import EVERY, instances

IDS = [f"{package.label}-v{version}-{direction.value}-{kind.name}" for package, version, direction, kind in EVERY]
PAYLOAD_TABLES = [key for key in COMMANDS if key[0] is not Package.MULTI_PACKAGE_ACCESS]
FUZZ_TOTAL = int(os.environ.get("FLEETCAST_FUZZ", "0")) or 2000 * len(COMMANDS)
ALL = frozenset(Tolerance)


@pytest.mark.parametrize(("package", "version", "direction", "kind"), EVERY, ids=IDS)
@given(data=st.data())
@settings(max_examples=60)
def test_what_was_encoded_decodes_to_the_same(
    package: Package, version: int, direction: Direction, kind: type[Command], data: st.DataObject
) -> None:
    sent = data.draw(instances(kind))
    wire = sent.encode()
    assert wire[0] == kind.cid
    assert kind.fixed_size in (None, len(wire))
    if package is not Package.MULTI_PACKAGE_ACCESS:
        heard = decode(encode([sent]), package, version, direction, STRICT)
        assert (heard.commands, heard.problem) == ((sent,), None)
    else:
        assert kind.from_bytes(wire) == sent


@pytest.mark.parametrize(("package", "version", "direction", "kind"), EVERY, ids=IDS)
@given(data=st.data())
@settings(max_examples=25)
def test_json_tells_all_there_is_to_send(
    package: Package, version: int, direction: Direction, kind: type[Command], data: st.DataObject
) -> None:
    sent = data.draw(instances(kind))
    again = from_json_fields(kind, to_json_fields(sent))
    unnamed = {field.name for field in kind.fields if not field.in_json}
    for field in kind.fields:
        if field.kind is not Kind.RESERVED and field.name not in unnamed:
            assert getattr(again, field.name) == getattr(sent, field.name)


@pytest.mark.parametrize(("package", "version", "direction"), PAYLOAD_TABLES)
@given(data=st.data())
@settings(max_examples=60)
def test_several_commands_share_a_payload(
    package: Package, version: int, direction: Direction, data: st.DataObject
) -> None:
    kinds = [kind for kind in COMMANDS[package, version, direction].values() if not kind.alone]
    sent = tuple(data.draw(st.lists(st.sampled_from(kinds).flatmap(instances), max_size=5)))
    heard = decode(encode(sent), package, version, direction, STRICT)
    assert (heard.commands, heard.unexplained, heard.problem) == (sent, b"", None)


def random_payloads(seed: str, cids: list[int], count: int) -> list[bytes]:
    """Random bytes that mostly start like a command, so that the interesting branches are met."""
    dice = random.Random(seed)
    made = []
    for _ in range(count):
        payload = bytearray(dice.randbytes(dice.choice((0, 1, 2, 3, 4, 5, 6, 8, 12, 17, 30, 60, 240))))
        if payload and dice.random() < 0.8:
            payload[0] = dice.choice(cids)
        made.append(bytes(payload))
    return made


@pytest.mark.parametrize(("package", "version", "direction"), PAYLOAD_TABLES)
def test_any_bytes_decode_and_nothing_is_lost(package: Package, version: int, direction: Direction) -> None:
    table = COMMANDS[package, version, direction]
    count = -(-FUZZ_TOTAL // len(COMMANDS))
    for number, payload in enumerate(random_payloads(f"{package}{version}{direction}", list(table), count)):
        tolerances = (STRICT, USUAL, ALL)[number % 3]
        found = decode(payload, package, version, direction, tolerances)
        read = payload[: len(payload) - len(found.unexplained)]
        assert payload.endswith(found.unexplained)
        assert (found.problem is None) == (found.unexplained == b"")
        if tolerances is STRICT:
            # what was read is read again from what is sent for it; only reserved bits may differ
            sent = b"".join(command.encode() for command in found.commands)
            assert len(sent) == len(read)
            assert all(left & ~right == 0 for left, right in zip(sent, read, strict=True))
            assert decode(sent, package, version, direction, STRICT).commands == found.commands
        if number % 10 == 0:
            spans = explain(payload, package, version, direction, tolerances)
            assert covered(spans) == list(range(len(payload)))


@pytest.mark.parametrize("direction", Direction)
def test_any_frame_of_several_packages_decodes_and_nothing_is_lost(direction: Direction) -> None:
    versions = {1: 2, 2: 2, 3: 2, 4: 1}
    starts = [0, 1, 2, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85]
    for number, payload in enumerate(random_payloads(direction.value, starts, -(-FUZZ_TOTAL // len(COMMANDS)))):
        tolerances = (STRICT, USUAL, ALL)[number % 3]
        found = decode_frame(payload, direction, versions, tolerances)
        body = payload if found.token is None else payload[:-1]
        assert body.endswith(found.unexplained)
        assert (found.problem is None) == (found.unexplained == b"")
        assert covered(explain_frame(payload, direction, versions, tolerances)) == list(range(len(payload)))


def covered(spans: tuple[object, ...]) -> list[int]:
    """Every byte that a span names, once; fails when spans that do not share a word overlap."""
    words = {(span.offset, len(span.raw)) for span in spans}  # type: ignore[attr-defined]
    return sorted(number for offset, length in words for number in range(offset, offset + length))
