"""Downlink requests as they are published, and what the answers mean."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.connectors.port import Cause, EffectId
from fleetcast.connectors.thingpark.requests import CODES, Downlink, query, refusal
from fleetcast.connectors.thingpark.tokens import parse_query
from fleetcast.identifiers import DevEui
from fleetcast.instants import parse_rfc3339
from fleetcast.secret import Secret
from tests.connectors.thingpark.samples import AS_ID, AS_KEY, sample

DEVICE, GROUP = DevEui("AABBCCDDEEFF0001"), DevEui("AABBCCDDEEFFFF01")
KEY = Secret(AS_KEY.encode())


def at(text: str) -> int:
    return parse_rfc3339(f"2026-03-02T{text}+00:00")


@pytest.mark.parametrize(
    ("name", "downlink", "now"),
    [
        (
            "multicast",
            Downlink(
                target=GROUP, f_port=201, payload=bytes.fromhex("46B1B5017F027BA957"), f_cnt=131,
                effect=EffectId(0, 0xB7), retry_ineligible_gateways=False,
            ),
            at("12:00:02.000"),
        ),
        ("flush", Downlink(target=DEVICE, flush=True), at("12:30:00.000")),
        (
            "refused-size",
            Downlink(target=DEVICE, f_port=201, payload=b"\x08" + b"\x01" * 80, effect=EffectId(0, 0xA2)),
            at("10:16:00.000"),
        ),
    ],
)  # fmt: skip
def test_a_request_is_byte_for_byte_the_published_one(name: str, downlink: Downlink, now: int) -> None:
    wanted = urlsplit(sample(f"downlink-{name}")["request"]["url"]).query
    assert query(downlink, AS_ID, KEY, now) == wanted


def test_a_unicast_request_carries_what_the_published_one_does() -> None:
    """It leaves out `Confirmed=0`, which is what holds without it."""
    wanted = parse_query(urlsplit(sample("downlink-unicast")["request"]["url"]).query.encode())
    downlink = Downlink(
        target=DEVICE, f_port=201, payload=bytes.fromhex("0201640032000000000000"), valid_until=at("11:15:00.000"),
        effect=EffectId(0, 0xA1),
    )  # fmt: skip
    made = parse_query(query(downlink, AS_ID, KEY, at("10:15:01.250")).encode())
    assert {k: v for k, v in made.items() if k != "Token"} == {
        k: v for k, v in wanted.items() if k not in ("Token", "Confirmed")
    }


def test_without_a_key_nothing_is_signed() -> None:
    assert query(Downlink(target=DEVICE, flush=True), "", None, 0) == f"DevEUI={DEVICE}&FlushDownlinkQueue=1"


@pytest.mark.parametrize("name", ["unicast", "multicast", "flush"])
def test_a_request_that_was_taken_is_no_refusal(name: str) -> None:
    assert refusal(sample(f"downlink-{name}")["response"]["status"], {}, "") is None


def answer(name: str) -> Any:
    response = sample(name)["response"]
    return refusal(response["status"], response["headers"], json.dumps(response["body"]))


def test_a_counter_that_was_used_is_refused_with_the_next_one() -> None:
    refused = answer("downlink-refused-counter")
    assert (refused.cause, refused.next_f_cnt, refused.code, refused.maybe_taken) == (
        Cause.COUNTER_REJECTED, 132, 101, False,
    )  # fmt: skip


def test_a_payload_that_is_too_long_is_refused_with_the_largest_size() -> None:
    refused = answer("downlink-refused-size")
    assert (refused.cause, refused.max_size) == (Cause.TOO_LONG, 51)


def test_the_older_interface_says_the_same_in_sentences() -> None:
    said = [refusal(each["status"], {}, each["body"]) for each in sample("downlink-v1-answers")["answers"]]
    assert said[0] is None
    found = [(each.cause, each.next_f_cnt) for each in said if each is not None]
    assert found == [(Cause.AUTH, None), (Cause.COUNTER_REJECTED, 132), (Cause.NO_GATEWAY, None)]


@pytest.mark.parametrize(("code", "cause"), sorted(CODES.items()))
def test_every_code_has_its_cause(code: int, cause: Cause) -> None:
    refused = refusal(409, {}, f'{{"code": {code}, "message": "words"}}')
    assert refused is not None
    assert (refused.cause, refused.code, refused.maybe_taken) == (cause, code, False)


@pytest.mark.parametrize(
    ("status", "cause", "maybe_taken"),
    [
        (200, Cause.UNKNOWN, True),
        (302, Cause.BAD_REQUEST, False),
        (401, Cause.AUTH, False),
        (404, Cause.BAD_REQUEST, False),
        (429, Cause.RATE_LIMITED, False),
        (500, Cause.UNREACHABLE, True),
        (502, Cause.UNREACHABLE, True),
        (503, Cause.UNREACHABLE, False),
        (504, Cause.UNREACHABLE, True),
    ],
)
def test_answers_in_other_words_say_whether_it_was_perhaps_taken(status: int, cause: Cause, maybe_taken: bool) -> None:
    refused = refusal(status, {"retry-after": "7"}, "<html><body>something</body></html>")
    assert refused is not None
    assert (refused.cause, refused.maybe_taken) == (cause, maybe_taken)
    if status in (429, 503):
        assert refused.retry_after_s == 7


@given(st.integers(100, 599), st.text(max_size=200) | st.binary(max_size=50).map(lambda raw: raw.decode("latin-1")))
def test_no_answer_whatever_it_says_breaks_anything(status: int, body: str) -> None:
    refused = refusal(status, {}, body)
    assert refused is None or isinstance(refused.cause, Cause)
