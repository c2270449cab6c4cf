"""Clock corrections: every vector, tokens, saturation, and when silence is an answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.errors import Invalid
from fleetcast.protocol.ts003_clock_sync.correction import answer, apply, time_correction
from fleetcast.protocol.ts003_clock_sync.v1 import AppTimeAns, AppTimeReq
from tests.vectors import load

VECTORS = load("time.json")


@pytest.mark.parametrize("case", VECTORS["time_correction"])
def test_the_server_answers_with_the_difference(case: dict[str, Any]) -> None:
    request = AppTimeReq.from_bytes(bytes.fromhex(case["app_time_req"]))
    assert (request.device_time, request.token_req) == (case["device_time"], case["token"])
    found = answer(request, case["server_gps_seconds"], case["version"], tolerance_s=0)
    assert found is not None
    assert found.time_correction == case["time_correction"]
    assert found.encode().hex() == case["app_time_ans"]


def test_a_saturated_correction_is_followed_by_a_second_one() -> None:
    chain = VECTORS["saturation_chain"]
    device_time, token = chain["steps"][0]["device_time"], 0
    for number, step in enumerate(chain["steps"]):
        request = AppTimeReq.from_bytes(bytes.fromhex(step["app_time_req"]))
        assert request == AppTimeReq(device_time=device_time, ans_required=True, token_req=token)
        found = answer(request, chain["server_gps_seconds"], chain["version"], tolerance_s=5)
        assert found is not None
        assert found.encode().hex() == step["app_time_ans"]
        corrected = apply(found, device_time, token, chain["version"])
        assert corrected is not None
        assert corrected.ask_again == (number == 0)
        device_time, token = corrected.device_time, corrected.token
    assert device_time == chain["server_gps_seconds"]


def test_version_1_counts_modulo_the_counter_and_never_asks_again() -> None:
    assert time_correction(2208643218, 0, 1) == 2208643218 - (1 << 32)
    corrected = apply(AppTimeAns(time_correction=0x7FFFFFFF, token_ans=0), 0, 0, 1)
    assert corrected is not None
    assert not corrected.ask_again


def test_a_device_far_ahead_is_brought_back_in_steps() -> None:
    assert time_correction(1000, 0xFFFFFFFF, 2) == -0x80000000


def test_a_small_difference_is_answered_only_when_wanted() -> None:
    silent = AppTimeReq(device_time=1000, ans_required=False, token_req=3)
    wanted = AppTimeReq(device_time=1000, ans_required=True, token_req=3)
    assert answer(silent, 1002, 2, tolerance_s=2) is None
    assert answer(silent, 1003, 2, tolerance_s=2) == AppTimeAns(time_correction=3, token_ans=3)
    assert answer(silent, 997, 2, tolerance_s=2) == AppTimeAns(time_correction=-3, token_ans=3)
    assert answer(wanted, 1000, 2, tolerance_s=2) == AppTimeAns(time_correction=0, token_ans=3)


def test_an_answer_to_an_older_request_is_ignored() -> None:
    assert apply(AppTimeAns(time_correction=5, token_ans=3), 1000, 4, 2) is None


def test_the_token_steps_modulo_sixteen() -> None:
    corrected = apply(AppTimeAns(time_correction=-5, token_ans=15), 1000, 15, 2)
    assert corrected is not None
    assert (corrected.token, corrected.device_time) == (0, 995)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(Invalid, match="package version 3"):
        time_correction(0, 0, 3)
    with pytest.raises(Invalid, match="tolerance_s -1"):
        answer(AppTimeReq(device_time=0, ans_required=True, token_req=0), 0, 1, tolerance_s=-1)


@given(server=st.integers(0, (1 << 33) - 1), device=st.integers(0, (1 << 32) - 1), version=st.sampled_from((1, 2)))
def test_a_device_that_follows_the_rules_ends_at_the_servers_time(server: int, device: int, version: int) -> None:
    token, again = 0, True
    for _ in range(3):
        request = AppTimeReq(device_time=device, ans_required=True, token_req=token)
        found = answer(request, server, version, tolerance_s=0)
        assert found is not None
        corrected = apply(found, device, token, version)
        assert corrected is not None
        device, token, again = corrected.device_time, corrected.token, corrected.ask_again
        if not again:
            break
    assert not again
    assert device == server % (1 << 32)
