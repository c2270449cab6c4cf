"""Answers in parts: what a device sends, and what a server makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.errors import Invalid
from fleetcast.protocol.multi_package_frame import decode_body, decode_frame, match_answers
from fleetcast.protocol.packages import Direction, Package
from fleetcast.protocol.ts007_multi_package.answer_buffer import AnswerBuffer, AnswerCollector, Reassembly
from fleetcast.protocol.ts007_multi_package.v1 import MultiPackBufferFrag, MultiPackBufferReq
from tests.vectors import load

EXCHANGES = {one["id"]: one for one in load("codec_multi_package_access.json")["exchanges"]}
VERSIONS = {1: 1, 2: 1, 3: 1, 4: 1}


def answers_in(exchange: dict[str, Any]) -> bytes:
    """The whole answer buffer of an exchange of version requests alone: three bytes for each."""
    return b"\0\0\1" * (len(exchange["steps"][0]["receive"]["hex"]) // 2 - 1)


@pytest.mark.parametrize("number", [31, 32, 33, 34, 35])
def test_answers_that_do_not_fit_one_uplink_go_in_fragments(number: int) -> None:
    exchange = EXCHANGES[f"mpa-x-{number}"]
    step = exchange["steps"][0]
    token = int(step["receive"]["hex"][-2:], 16)
    sent = AnswerBuffer(answers_in(exchange), token).uplinks(step["max_uplink_payload"])
    assert [one.hex() for one in sent] == step["expect"]["uplinks_hex"]


@pytest.mark.parametrize("number", [*range(36, 42), *range(45, 51)])
def test_part_of_the_answers_is_sent_again_when_asked_for(number: int) -> None:
    steps = EXCHANGES[f"mpa-x-{number}"]["steps"]
    buffer = AnswerBuffer()
    if len(steps) == 2:
        stored = bytes.fromhex(steps[0]["expect"]["uplinks_hex"][0])
        buffer = AnswerBuffer(stored[:-1], stored[-1])
    request = MultiPackBufferReq.from_bytes(bytes.fromhex(steps[-1]["receive"]["hex"]))
    sent = buffer.asked_again(request, steps[-1]["max_uplink_payload"])
    assert [one.hex() for one in sent] == steps[-1]["expect"]["uplinks_hex"]


def test_an_uplink_too_small_for_any_fragment_is_refused() -> None:
    with pytest.raises(Invalid, match="at least 4"):
        AnswerBuffer(bytes(10), 1).uplinks(3)


def test_a_prefix_is_kept_for_the_next_answer_of_its_package() -> None:
    collector = AnswerCollector()
    collector.add(None, bytes.fromhex("000001"))
    collector.add(0x81, None)  # ForceDeviceResync has no answer
    collector.add(None, bytes.fromhex("000102"))
    assert collector.buffer(3).uplinks(242) == (bytes.fromhex("0000018100010203"),)


def test_an_answer_that_does_not_fit_is_left_out_with_all_behind_it() -> None:
    collector = AnswerCollector(capacity_bytes=8)
    for answer in (bytes(3), bytes(6), bytes(2)):
        collector.add(None, answer)
    assert collector.buffer(0).body == bytes(3)


def test_the_gap_is_asked_for_with_one_byte_more() -> None:
    have = Reassembly().with_fragment(MultiPackBufferFrag(base_byte=0, data=b"abcd"), 1)
    have = have.with_fragment(MultiPackBufferFrag(base_byte=8, data=b"ijkl"), 1)
    assert have.start == b"abcd"
    assert have.request() == MultiPackBufferReq(start_byte=4, stop_byte=8)


def test_the_missing_tail_is_asked_for_to_the_end() -> None:
    have = Reassembly().with_fragment(MultiPackBufferFrag(base_byte=0, data=b"abcd"), 1)
    assert have.request() == MultiPackBufferReq(start_byte=4, stop_byte=255)
    assert Reassembly().request() == MultiPackBufferReq(start_byte=0, stop_byte=255)


def test_a_fragment_under_another_token_starts_anew() -> None:
    have = Reassembly().with_fragment(MultiPackBufferFrag(base_byte=0, data=b"abcd"), 1)
    assert have.with_fragment(MultiPackBufferFrag(base_byte=2, data=b"x"), 2).start == b""


def test_the_error_form_changes_nothing() -> None:
    have = Reassembly().with_fragment(MultiPackBufferFrag(base_byte=0, data=b"abcd"), 1)
    assert have.with_fragment(MultiPackBufferFrag(base_byte=255, data=b""), None) == have


@given(
    body=st.binary(max_size=128),
    room=st.integers(4, 60),
    order=st.randoms(use_true_random=False),
    token=st.integers(0, 3),
)
def test_fragments_in_any_order_make_the_answers_again(body: bytes, room: int, order: Any, token: int) -> None:
    request = MultiPackBufferReq(start_byte=0, stop_byte=255)
    uplinks = list(AnswerBuffer(body, token).asked_again(request, room)) if body else []
    assert all(len(one) <= room for one in uplinks)
    order.shuffle(uplinks)
    have = Reassembly()
    for uplink in uplinks:
        frame = decode_frame(uplink, Direction.UP, {})
        fragment = frame.commands[0].command
        assert isinstance(fragment, MultiPackBufferFrag)
        have = have.with_fragment(fragment, frame.token)
    assert have.start == body


def test_a_lost_fragment_of_a_set_up_answer_is_recovered() -> None:
    """Group, class C session and data block in one set, at an uplink limit of 11 bytes; the second fragment is lost."""
    expected = [(Package.MULTICAST_SETUP, 2), (Package.MULTICAST_SETUP, 4), (Package.FRAGMENTATION, 2)]
    buffer = AnswerBuffer(bytes.fromhex("8202000400580200830200"), 2)
    uplinks = buffer.uplinks(11)
    assert [one.hex() for one in uplinks] == ["0200820200040058020002", "020883020002"]
    have = Reassembly().with_fragment(MultiPackBufferFrag(base_byte=0, data=uplinks[0][2:-1]), 2)
    assert not match_answers(expected, decode_body(have.start, Direction.UP, VERSIONS)).complete
    again = buffer.asked_again(have.request(), 11)
    have = have.with_fragment(MultiPackBufferFrag(base_byte=again[0][1], data=again[0][2:-1]), 2)
    assert match_answers(expected, decode_body(have.start, Direction.UP, VERSIONS)).complete
