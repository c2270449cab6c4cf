"""JSON in: what is missing, unknown or of the wrong kind is named."""

from __future__ import annotations

from typing import Any

import pytest

from fleetcast.errors import Invalid
from fleetcast.protocol.json_fields import WrongField, from_json_fields, to_json
from fleetcast.protocol.ts003_clock_sync.v1 import AppTimeReq
from fleetcast.protocol.ts005_multicast import v1, v2
from fleetcast.protocol.ts007_multi_package.v1 import MultiPackBufferFrag
from fleetcast.protocol.wire import Command, OutOfRange

SETUP: dict[str, Any] = {
    "mc_group_id": 1,
    "mc_addr": "26012345",
    "mc_key_encrypted": "a7fbe88da1b0a89a1e715b7798e99aa0",
    "min_mc_f_cnt": 0,
    "max_mc_f_cnt": 1024,
}


def test_the_example_of_the_specification() -> None:
    made = from_json_fields(v1.McGroupSetupReq, SETUP)
    assert made.encode().hex() == "020145230126a7fbe88da1b0a89a1e715b7798e99aa00000000000040000"
    assert to_json(made) == {"cid": 2, "name": "McGroupSetupReq", "fields": SETUP}


@pytest.mark.parametrize(
    ("kind", "fields", "text"),
    [
        (v1.McGroupSetupReq, SETUP | {"mc_addr": "2601234"}, "mc_addr .*8 hex digits"),
        (v1.McGroupSetupReq, SETUP | {"mc_addr": 1}, "mc_addr 1: write 8 hex digits"),
        (v1.McGroupSetupReq, SETUP | {"mc_key_encrypted": "a7f"}, "write pairs of hex digits"),
        (v1.McGroupSetupReq, SETUP | {"mc_key_encrypted": 7}, "write hex digits as text"),
        (v1.McGroupSetupReq, SETUP | {"mc_group_id": "1"}, "mc_group_id '1': write a whole number, 0 to 3"),
        (v1.McGroupSetupReq, SETUP | {"mc_group_id": True}, "mc_group_id True: write a whole number"),
        (v1.McGroupSetupReq, SETUP | {"mc_group_id": 1.0}, "mc_group_id 1.0: write a whole number"),
        (v1.McGroupSetupReq, SETUP | {"mc_grp": 1}, "mc_grp is not a field; there are: mc_group_id, mc_addr"),
        (v1.McGroupSetupReq, {"mc_group_id": 1}, "mc_addr is missing: give 4 bytes"),
        (AppTimeReq, {"device_time": 0, "token_req": 0, "ans_required": 1}, "ans_required 1: write true or false"),
        (v1.McGroupStatusAns, {"nb_total_groups": 0, "ans_group_mask": 0, "groups": 5}, "write a list of records"),
        (v1.McGroupStatusAns, {"nb_total_groups": 0, "ans_group_mask": 1, "groups": [5]}, "each record is an object"),
        (
            v1.McGroupStatusAns,
            {"nb_total_groups": 0, "ans_group_mask": 1, "groups": [{"mc_group_id": 0}]},
            "GroupRecord: mc_addr is missing",
        ),
        (v2.McClassCSessionAns, {"later_errors": 1}, "later_errors is not a field"),
        (MultiPackBufferFrag, {"error": 1}, "error stands alone and is 255"),
        (MultiPackBufferFrag, {"error": 255, "base_byte": 1}, "error stands alone"),
    ],
)
def test_a_wrong_field_is_named(kind: type[Command], fields: dict[str, Any], text: str) -> None:
    with pytest.raises(WrongField, match=text):
        from_json_fields(kind, fields)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"mc_group_id": 4}, "mc_group_id 4: allowed 0 to 3"),
        ({"mc_key_encrypted": "00"}, "mc_key_encrypted 00: allowed 16 bytes"),
        ({"max_mc_f_cnt": 1 << 32}, "max_mc_f_cnt 4294967296: allowed 0 to 4294967295"),
    ],
)
def test_a_value_out_of_range_is_named(changed: dict[str, Any], text: str) -> None:
    with pytest.raises(OutOfRange, match=text):
        from_json_fields(v1.McGroupSetupReq, SETUP | changed)


def test_values_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(Invalid, match="stands for 1 records, groups has 0"):
        from_json_fields(v1.McGroupStatusAns, {"nb_total_groups": 0, "ans_group_mask": 1, "groups": []})
