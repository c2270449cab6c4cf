"""Tokens, against published examples and against our own of every kind."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from fleetcast.connectors.thingpark.tokens import is_signed, parse_query, request_token
from fleetcast.secret import Secret
from tests.connectors.thingpark.samples import AS_KEY, sample

VECTORS = sample("token-vectors")["vectors"]
KEY = Secret(AS_KEY.encode())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_every_vector_verifies_and_no_altered_one_does(vector: dict[str, Any]) -> None:
    key = Secret(vector["as_key"].encode())
    if vector["direction"] == "as_to_lrc":
        parameters = [(name, value) for name, value in vector["query"] if name != "Token"]
        assert request_token(parameters, key) == vector["token"]
        return
    fields = {each["name"]: each["value"] for each in vector["body_elements"]}
    query = dict(vector["query"]) | {"Token": vector["token"]}
    assert is_signed(vector["document"], fields, query, key)
    assert not is_signed(vector["document"], fields | {"CustomerID": "100000002"}, query, key)
    assert not is_signed(vector["document"], fields, query | {"Time": "2026-03-02T10:15:31.125+00:00"}, key)
    assert not is_signed(vector["document"], fields, query, Secret(b"f" * 32))


@pytest.mark.parametrize("report", sample("reports-http")["reports"], ids=lambda report: report["url"][-12:])
def test_the_token_of_every_report_as_it_is_sent_verifies(report: dict[str, Any]) -> None:
    body = sample(report["body_file"].removeprefix("thingpark-").removesuffix(".json"))
    query = parse_query(urlsplit(report["url"]).query.encode())
    assert is_signed(report["document"], body[report["document"]], query, KEY)


def test_typed_and_untyped_reports_have_the_same_token() -> None:
    report = sample("reports-http")["reports"][0]
    query = parse_query(urlsplit(report["url"]).query.encode())
    fields = dict(sample("uplink-untyped")["DevEUI_uplink"])
    assert is_signed("DevEUI_uplink", fields, query, KEY)
    assert is_signed("DevEUI_uplink", fields | {"FPort": 200.0}, query, KEY)


def test_a_key_copied_in_capitals_is_the_same_key() -> None:
    assert request_token([("a", "b")], KEY) == request_token([("a", "b")], Secret(AS_KEY.upper().encode()))


def test_a_plus_sign_that_was_not_encoded_stays_one() -> None:
    assert parse_query(b"Time=2026-03-02T10:15:30.125+00:00&A=%2B%20")["Time"] == "2026-03-02T10:15:30.125+00:00"


@pytest.mark.parametrize("missing", ["LrnDevEui", "LrnFPort", "LrnInfos", "AS_ID", "Time", "Token"])
def test_a_report_without_a_signed_part_is_not_signed(missing: str) -> None:
    report = sample("reports-http")["reports"][0]
    query = parse_query(urlsplit(report["url"]).query.encode())
    del query[missing]
    assert not is_signed("DevEUI_uplink", sample("uplink")["DevEUI_uplink"], query, KEY)


def test_a_customer_number_that_is_no_text_is_refused_and_harmless() -> None:
    report = sample("reports-http")["reports"][0]
    query = parse_query(urlsplit(report["url"]).query.encode())
    assert not is_signed("DevEUI_uplink", {"CustomerID": "\ud800", "DevEUI": {"a": []}}, query, KEY)
