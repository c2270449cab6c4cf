"""Keys: every vector, and keys that do not fit."""

from __future__ import annotations

from typing import Any

import pytest

from fleetcast.identifiers import DevAddr
from fleetcast.protocol.keys import (
    LorawanVersion,
    WrongKeyLength,
    data_block_int_key,
    mc_app_s_key,
    mc_ke_key,
    mc_net_s_key,
    mc_root_key,
    unwrap_mc_key,
    wrap_mc_key,
)
from fleetcast.secret import Secret
from tests.vectors import load

VECTORS = load("keys.json")


@pytest.mark.parametrize("case", [pytest.param(one, id=one["id"]) for one in VECTORS["multicast"]])
def test_multicast_keys_are_derived_and_wrapped(case: dict[str, Any]) -> None:
    root = mc_root_key(Secret.from_hex(case["root_input"]), LorawanVersion(case["lorawan_version"]))
    assert root.reveal().hex() == case["mc_root_key"]
    ke_key = mc_ke_key(root)
    assert ke_key.reveal().hex() == case["mc_ke_key"]
    mc_key, mc_addr = Secret.from_hex(case["mc_key"]), DevAddr(case["mc_addr"])
    assert wrap_mc_key(ke_key, mc_key).hex() == case["mc_key_encrypted"]
    assert unwrap_mc_key(ke_key, bytes.fromhex(case["mc_key_encrypted"])) == mc_key
    assert mc_app_s_key(mc_key, mc_addr).reveal().hex() == case["mc_app_s_key"]
    assert mc_net_s_key(mc_key, mc_addr).reveal().hex() == case["mc_net_s_key"]


@pytest.mark.parametrize("case", [pytest.param(one, id=one["id"]) for one in VECTORS["data_block_mic"]])
def test_the_data_block_integrity_key_is_derived(case: dict[str, Any]) -> None:
    assert data_block_int_key(Secret.from_hex(case["root_input"])).reveal().hex() == case["data_block_int_key"]


def test_a_key_of_the_wrong_length_is_named_and_not_shown() -> None:
    short = Secret(b"\xab" * 15)
    for refused in (lambda: mc_ke_key(short), lambda: wrap_mc_key(Secret(bytes(16)), short)):
        with pytest.raises(WrongKeyLength, match="of 15 bytes") as caught:
            refused()
        assert "ab" * 15 not in str(caught.value)
    with pytest.raises(WrongKeyLength, match="McKey_encrypted"):
        unwrap_mc_key(Secret(bytes(16)), bytes(17))
