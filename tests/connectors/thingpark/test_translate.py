"""What reports mean, sample by sample; and whatever else is sent means nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.connectors.port import (
    Cause,
    DeviceStatus,
    DownlinkFailed,
    DownlinkSent,
    EffectId,
    Heard,
    Joined,
    MulticastProgress,
    Reception,
    SessionReset,
    Uplink,
    same_thing_key,
)
from fleetcast.connectors.thingpark.translate import Document, Malformed, Translator, read
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.instants import parse_rfc3339
from fleetcast.radio.bands import catalog
from tests.connectors.thingpark.samples import DIRECTORY, raw, sample

DEVICE, GROUP = DevEui("AABBCCDDEEFF0001"), DevEui("AABBCCDDEEFFFF01")
TRANSLATOR = Translator(catalog.band("EU868"))
DOCUMENTS = (
    "uplink", "uplink-untyped", "downlink-sent-ok", "downlink-sent-failed", "multicast-summary-success",
    "multicast-summary-aborted", "multicast-summary-no-gateway", "notification-join", "notification-reset",
    "notification-devstatus",
)  # fmt: skip


def heard(name: str, **changes: object) -> tuple[Heard, ...]:
    """What a sample tells, with some fields changed; None takes one out."""
    document = read(raw(name))
    fields = {name: value for name, value in (dict(document.fields) | changes).items() if value is not None}
    return TRANSLATOR.translate(Document(document.kind, fields))


def at(text: str) -> int:
    return parse_rfc3339(f"2026-03-02T{text}+00:00")


UPLINK = Uplink(
    DEVICE, 200, bytes.fromhex("000201"), at("10:15:30.012"), 57, 3,
    (Reception("A0000001", -97.0, 7.5), Reception("A0000002", -112.0, -2.0)), DevAddr("0411AA01"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("uplink", UPLINK),
        ("uplink-untyped", UPLINK),
        ("downlink-sent-ok", DownlinkSent(EffectId(0, 0xA0), at("10:15:33.400"), None, ("A0000001",))),
        ("downlink-sent-failed", DownlinkFailed(EffectId(0, 0xA1), Cause.DUTY_CYCLE, "not sent, cause D0")),
        ("multicast-summary-success", DownlinkSent(EffectId(0, 0xB7), at("12:00:03.950"), 131)),
        ("multicast-summary-aborted", DownlinkSent(EffectId(0, 0xB8), at("12:02:41.300"), 132)),
        (
            "multicast-summary-no-gateway",
            DownlinkFailed(EffectId(0, 0xB9), Cause.NO_GATEWAY, "no base station is associated with the group"),
        ),
        ("notification-join", Joined(DEVICE, at("08:59:59.800"))),
        ("notification-reset", SessionReset(DEVICE, at("09:30:00.000"), "admin_reset")),
        ("notification-devstatus", DeviceStatus(DEVICE, at("09:31:00.000"), 219, 11)),
    ],
)
def test_every_sample_means_what_it_says(name: str, told: Heard) -> None:
    assert heard(name) == (told,)


def test_no_sample_is_left_out() -> None:
    exchanges = {"request", "answers", "reports", "vectors"}
    documents = {
        path.stem.removeprefix("thingpark-")
        for path in DIRECTORY.glob("thingpark-*.json")
        if not exchanges & json.loads(path.read_bytes()).keys()
    }
    assert documents == {*DOCUMENTS, "iotflow-downlink", "iotflow-rejected"}


@pytest.mark.parametrize("name", ["iotflow-downlink", "iotflow-rejected"])
def test_documents_of_other_interfaces_mean_nothing(name: str) -> None:
    assert heard(name) == ()


def test_the_same_report_in_both_flavours_is_the_same_thing() -> None:
    (typed,), (untyped,) = heard("uplink"), heard("uplink-untyped")
    assert same_thing_key(typed) == same_thing_key(untyped)


def test_an_uplink_that_nobody_can_read_here_only_says_that_the_device_spoke() -> None:
    (told,) = heard("uplink", PayloadEncryption=1)
    assert isinstance(told, Uplink)
    assert (told.f_port, told.payload, told.f_cnt) == (0, b"", 57)
    (told,) = heard("uplink", FPort=None, payload_hex=None)
    assert isinstance(told, Uplink)
    assert (told.f_port, told.payload) == (0, b"")


def test_a_join_request_in_the_form_of_an_uplink_is_none() -> None:
    assert heard("uplink", FPort=None, rawJoinRequest="00" * 18) == ()


def test_the_best_gateway_is_told_where_there_is_no_list() -> None:
    for listed in (None, {"Lrr": []}, {"Lrr": None}, "none"):
        (told,) = heard("uplink", Lrrs=listed)
        assert isinstance(told, Uplink)
        assert told.gateways == (Reception("A0000001", -97.0, 7.5),)
    (told,) = heard("uplink", Lrrs={"Lrr": {"Lrrid": "A0000009", "LrrRSSI": "-1"}})
    assert isinstance(told, Uplink)
    assert told.gateways == (Reception("A0000009", -1.0, None),)


def test_a_time_without_offset_is_utc() -> None:
    (told,) = heard("uplink", Time="2026-03-02T10:15:30.012")
    assert told == UPLINK


@pytest.mark.parametrize(
    ("causes", "cause"),
    [
        ({"DeliveryFailedCause1": "B0", "DeliveryFailedCause2": "00"}, Cause.TOO_LATE),
        ({"DeliveryFailedCause1": "C0", "DeliveryFailedCause2": "DA"}, Cause.DUTY_CYCLE),
        ({"DeliveryFailedCause1": "00", "DeliveryFailedCause2": "00", "DeliveryFailedCause3": "DC"}, Cause.NO_GPS),
        ({"DeliveryFailedCause1": "C0", "DeliveryFailedCause2": "E3"}, Cause.EXPIRED),
        ({"DeliveryFailedCause1": "zz", "DeliveryFailedCause2": None}, Cause.RADIO_ERROR),
        ({"DeliveryFailedCause1": None, "DeliveryFailedCause2": None}, Cause.RADIO_ERROR),
    ],
)
def test_the_cause_that_decided_is_the_one_that_is_told(causes: dict[str, Any], cause: Cause) -> None:
    (told,) = heard("downlink-sent-failed", **causes)
    assert isinstance(told, DownlinkFailed)
    assert told.cause is cause


def test_a_frame_that_no_gateway_sent_failed_for_the_most_common_cause() -> None:
    (told,) = heard(
        "multicast-summary-aborted", LrrSuccessCnt=0, LrrFailedCnt=4, LrrFailedDistribution="A3=1,D0=3,garbage"
    )
    assert isinstance(told, DownlinkFailed)
    assert told.cause is Cause.DUTY_CYCLE
    assert told.detail == "4 base stations did not send: 1 for A3, 3 for D0"


def test_a_round_that_others_follow_is_progress_and_no_last_word() -> None:
    (told,) = heard("multicast-summary-aborted", TransmissionStatus="IN_PROGRESS")
    assert told == MulticastProgress(GROUP, EffectId(0, 0xB8), 4, 2, 2)


@pytest.mark.parametrize("name", ["downlink-sent-ok", "multicast-summary-success"])
@pytest.mark.parametrize("correlation", [None, "", "XYZ", "not sixteen hex!", 12, "00A1"])
def test_a_report_on_a_downlink_of_somebody_else_means_nothing(name: str, correlation: object) -> None:
    assert heard(name, CorrelationID=correlation) == ()


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("uplink", "DevEUI", "AABB"),
        ("uplink", "DevEUI", 12),
        ("uplink", "DevAddr", "zz"),
        ("uplink", "Time", "yesterday"),
        ("uplink", "Time", "9999-12-31T23:59:59"),
        ("uplink", "Time", 17),
        ("uplink", "FCntUp", "1e3"),
        ("uplink", "FCntUp", -1),
        ("uplink", "FCntUp", 1 << 32),
        ("uplink", "FCntUp", True),
        ("uplink", "FPort", 256),
        ("uplink", "payload_hex", "abc"),
        ("uplink", "payload_hex", "00" * 256),
        ("uplink", "payload_hex", ["00"]),
        ("downlink-sent-ok", "DeliveryStatus", 2),
        ("downlink-sent-ok", "DeliveryStatus", None),
        ("multicast-summary-success", "TransmissionStatus", None),
        ("multicast-summary-success", "LrrCnt", "many"),
        ("notification-join", "Type", None),
        ("notification-devstatus", "Var1", "256"),
    ],
)
def test_what_cannot_be_right_is_malformed_and_names_the_field(name: str, field: str, value: object) -> None:
    with pytest.raises(Malformed, match=field):
        heard(name, **{field: value})


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"{}", b'{"a": 1}', b'{"a": {}, "b": {}}', b"[" * 100_000])
def test_a_body_that_is_no_document_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read(body)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(
    name=st.sampled_from(DOCUMENTS),
    changes=st.dictionaries(
        st.sampled_from(sorted({field for name in DOCUMENTS for field in next(iter(sample(name).values()))})),
        anything,
        max_size=4,
    ),
    left_out=st.sets(
        st.sampled_from(["Time", "DevEUI", "FPort", "FCntUp", "Lrrs", "Type", "CorrelationID"]), max_size=2
    ),
)
def test_whatever_a_document_says_it_is_translated_or_malformed(
    name: str, changes: dict[str, Any], left_out: set[str]
) -> None:
    document = read(raw(name))
    fields = {field: value for field, value in (dict(document.fields) | changes).items() if field not in left_out}
    try:
        told = TRANSLATOR.translate(Document(document.kind, fields))
    except Malformed:
        return
    for each in told:
        same_thing_key(each).encode()
        assert isinstance(each, Heard)


@given(st.binary(max_size=200) | anything.map(lambda value: json.dumps(value).encode()))
def test_whatever_a_body_is_it_is_a_document_or_malformed(body: bytes) -> None:
    try:
        TRANSLATOR.translate(read(body))
    except Malformed:
        return
