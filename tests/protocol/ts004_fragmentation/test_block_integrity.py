"""The MIC over a data block, against every vector."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from fleetcast.errors import Invalid
from fleetcast.protocol.keys import data_block_int_key
from fleetcast.protocol.ts004_fragmentation.block_integrity import b0, data_block_mic
from fleetcast.protocol.ts004_fragmentation.v2 import FragSessionSetupReq
from fleetcast.secret import Secret
from tests.vectors import generated_data, load


@pytest.mark.parametrize("case", [pytest.param(one, id=one["id"]) for one in load("keys.json")["data_block_mic"]])
def test_the_mic_covers_the_block_without_padding(case: dict[str, Any]) -> None:
    data = generated_data(case["seed"], case["data_len"])
    assert hashlib.sha256(data).hexdigest() == case["data_sha256"]
    descriptor = bytes.fromhex(case["descriptor"])
    assert b0(case["session_cnt"], case["frag_index"], descriptor, len(data)).hex() == case["b0"]
    mic = data_block_mic(
        data_block_int_key(Secret.from_hex(case["root_input"])),
        session_cnt=case["session_cnt"],
        frag_index=case["frag_index"],
        descriptor=descriptor,
        data=data,
    )
    assert mic.hex() == case["mic"]
    setup = FragSessionSetupReq(
        frag_index=case["frag_index"],
        mc_group_bit_mask=1,
        nb_frag=case["nb_frag"],
        frag_size=case["frag_size"],
        ack_reception=True,
        frag_algo=0,
        block_ack_delay=2,
        padding=case["padding"],
        descriptor=descriptor,
        session_cnt=case["session_cnt"],
        mic=mic,
    )
    assert setup.encode().hex() == case["frag_session_setup_req"]


@pytest.mark.parametrize(
    ("session_cnt", "frag_index", "descriptor", "length", "text"),
    [
        (65536, 0, bytes(4), 1, "session_cnt 65536: allowed 0 to 65535"),
        (0, 4, bytes(4), 1, "frag_index 4: allowed 0 to 3"),
        (0, 0, bytes(3), 1, "descriptor 000000: allowed 4 bytes"),
        (0, 0, bytes(4), 1 << 32, "length_bytes 4294967296"),
    ],
)
def test_values_that_do_not_fit_are_refused(
    session_cnt: int, frag_index: int, descriptor: bytes, length: int, text: str
) -> None:
    with pytest.raises(Invalid, match=text):
        b0(session_cnt, frag_index, descriptor, length)


def test_a_key_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(Invalid, match="DataBlockIntKey of 3 bytes"):
        data_block_mic(Secret(b"abc"), session_cnt=0, frag_index=0, descriptor=bytes(4), data=b"x")
