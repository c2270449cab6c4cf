"""The published exchanges: a device in a given state receives a payload, and answers exactly so, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleetcast.fec import Encoder
from fleetcast.identifiers import DevAddr
from fleetcast.instants import InstantMs
from fleetcast.protocol.packages import Package
from fleetcast.protocol.ts003_clock_sync.v1 import AppTimeReq
from fleetcast.protocol.ts004_fragmentation.v2 import FragSessionSetupReq
from fleetcast.simulator.device import Device
from fleetcast.simulator.device_answers import NEVER, OwnUplink
from fleetcast.simulator.device_keys import block_mic
from fleetcast.simulator.device_spec import ImageStatus
from fleetcast.simulator.gps import true_gps_ms
from fleetcast.simulator.traits import PackagePort, Traits
from tests.simulator.devices import (
    NOW,
    device,
    fragment,
    fragment_setup,
    group_setup,
    model,
    payloads,
    said,
    traits,
)
from tests.vectors import generated_data, load

CASES = load("exchanges.json")["cases"]
MULTI_PACKAGE = load("codec_multi_package_access.json")
SETS = {exchange["id"]: exchange for exchange in MULTI_PACKAGE["exchanges"]}
GPS_EPOCH_MS = 315_964_800_000


def behaviour(given: dict[str, Any], version: int) -> Traits:
    """The traits that the `given` state asks for."""
    changes: dict[str, Any] = {}
    if "max_groups" in given:
        changes["mc_groups"] = given["max_groups"]
    if "max_sessions" in given:
        changes["frag_sessions"] = given["max_sessions"]
    if "memory_bytes" in given:
        changes["max_block_bytes"] = given["memory_bytes"]
    for name in ("max_nb_frag", "max_frag_size"):
        if name in given:
            changes[name] = given[name]
    made = traits(version, **changes)
    return replace(
        made, clock_request=replace(made.clock_request, periodicity_supported=given.get("periodic_supported", True))
    )


def instant_of(gps_seconds: int | None) -> InstantMs:
    """When a right clock shows this GPS time."""
    if gps_seconds is None:
        return NOW
    instant = 1000 * gps_seconds + GPS_EPOCH_MS
    while true_gps_ms(instant) > 1000 * gps_seconds:
        instant -= 1000
    return instant


def prepared(given: dict[str, Any], version: int) -> tuple[Device, InstantMs]:
    """A device in the given state, and the instant."""
    changes: dict[str, Any] = {}
    if "allowed_dr" in given:
        changes["data_rates"] = frozenset(given["allowed_dr"])
    if "allowed_dl_freq_hz" in given:
        changes["frequencies_hz"] = tuple(given["allowed_dl_freq_hz"])
    if "accepted_descriptors" in given:
        changes["accepted_descriptors"] = frozenset(bytes.fromhex(one) for one in given["accepted_descriptors"])
    if "hw_version" in given:
        changes["hw_version"] = given["hw_version"]
    gps_seconds = next(
        (given[key] for key in ("now_gps_at_answer", "device_time_at_transmission", "device_time") if key in given),
        1_476_339_721,
    )
    now = instant_of(gps_seconds)
    make = model(behaviour(given, version), **changes)
    made = device(
        make,
        now=now,
        clock_offset_s=None if gps_seconds is None else 0.0,
        firmware_version=given.get("fw_version", 1),
    )
    made.uplink_room_bytes = given.get("max_answer_len", 242)
    if gps_seconds is None:
        made.packages.clock_sync.due = NEVER
        made.wake(now)
    for group in given.get("groups", ()):
        made.receive(now, 200, group_setup(group["mc_group_id"]))
        found = made.groups[[one.mc_group_id for one in made.groups].index(group["mc_group_id"])]
        found.mc_addr = DevAddr(group["mc_addr"])
    payloads(made, now)
    if "pending_token" in given:
        made.packages.clock_sync.token, made.packages.clock_sync.asked = given["pending_token"], True
    for frag_index, session_cnt in given.get("session_cnt_prev", {}).items():
        made.receive(now, 201, b"\x01\x00")  # any request: the package keeps its state from then on
        assert made.packages.fragmentation is not None
        made.packages.fragmentation.remember_session_cnt(int(frag_index), session_cnt)
        payloads(made, now + 60_000)
    for session in given.get("sessions", ()):
        receive_block(made, now, session, version, given)
    set_firmware(made, given, now)
    return made, now


def receive_block(made: Device, now: InstantMs, session: dict[str, Any], version: int, given: dict[str, Any]) -> None:
    """Set a session up and let the fragments arrive that the state names."""
    data = generated_data("exchange", session["nb_frag"] * session["frag_size"])
    encoder = Encoder(data, session["frag_size"])
    frag_index = session["frag_index"]
    if version == 1:
        setup = fragment_setup(
            encoder,
            frag_index=frag_index,
            mask=session["mc_group_bit_mask"],
            block_ack_delay=session["block_ack_delay"],
        )
    else:
        mic = block_mic(made.spec, session_cnt=1, frag_index=frag_index, descriptor=bytes(4), data=data)
        setup = FragSessionSetupReq(
            frag_index=frag_index, mc_group_bit_mask=session["mc_group_bit_mask"], nb_frag=session["nb_frag"],
            frag_size=session["frag_size"], ack_reception=bool(given.get("data_block_received_pending")), frag_algo=0,
            block_ack_delay=session["block_ack_delay"], padding=0, descriptor=bytes(4), session_cnt=1,
            mic=mic if given.get("mic_ok", True) else bytes(4),
        ).encode()  # fmt: skip
    made.receive(now, 201, setup)
    payloads(made, now)
    for first, last in session["received"]:
        for n in range(first, last + 1):
            made.receive(now, 201, fragment(encoder, n, frag_index))


def set_firmware(made: Device, given: dict[str, Any], now: InstantMs) -> None:
    """Store an image and plan a reboot, as the state says."""
    if "image_status" in given:
        made.packages.firmware.image_status = ImageStatus(given["image_status"])
        made.packages.firmware.image_version = given.get("image_version", 0)
    if "planned_reboot_gps" in given:
        made.receive(now, 203, b"\x02" + given["planned_reboot_gps"].to_bytes(4, "little"))
    if "planned_reboot_in_s" in given:
        made.receive(now, 203, b"\x03" + given["planned_reboot_in_s"].to_bytes(3, "little"))
    payloads(made, now)


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_device_answers_exactly_as_published(case: dict[str, Any]) -> None:
    given, expect, receive = case["given"], case["expect"], case["receive"]
    made, now = prepared(given, case["version"])
    before_s = made.clock.shows_s(now)
    group = receive["group"] if receive["address"] == "multicast" else None
    made.receive(now, case["f_port"], bytes.fromhex(receive["hex"]), group)

    if "answer_hex" in expect:
        window_ms = round(1000 * expect.get("answer_delay_max_s", 0))
        uplinks = [frame for _, frame in said(made, now + window_ms) if isinstance(frame, OwnUplink)]
        assert [(one.f_port, one.payload.hex()) for one in uplinks] == [(case["f_port"], expect["answer_hex"])]
    elif "app_time_req_max" not in expect and not expect.get("reboots_now"):
        assert payloads(made, now + 3_600_000) == []
    check_side_effects(made, now, expect, before_s)


def check_side_effects(made: Device, now: InstantMs, expect: dict[str, Any], clock_before_s: int) -> None:
    """Whatever else the exchange promises."""
    if "period_s" in expect:
        assert abs(made.packages.clock_sync.due - now - 1000 * expect["period_s"]) <= 1000 * expect["period_jitter_s"]
    if "device_time_change" in expect:
        assert made.clock.shows_s(now) - clock_before_s == expect["device_time_change"]
        assert made.packages.clock_sync.token == expect["next_token"]
    if "app_time_req_max" in expect:
        requests = [AppTimeReq.from_bytes(payload) for payload in payloads(made, now + 3_600_000)]
        assert len(requests) == expect["app_time_req_max"]
        assert {request.token_req for request in requests} == {made.packages.clock_sync.token}
    if expect.get("reboots_now"):
        assert made.boots == 0
        made.wake(now)
        assert made.boots == 1
    if expect.get("reboot_at_gps"):
        assert made.packages.firmware.reboot_due(made, now) == instant_of(expect["reboot_at_gps"])
    if "reboot_at_gps" in expect and expect["reboot_at_gps"] is None:
        assert made.packages.firmware.reboot_due(made, now) == NEVER
    if "reboot_in_s" in expect:
        assert made.packages.firmware.reboot_due(made, now) == now + 1000 * expect["reboot_in_s"]
    if "image_status_after" in expect:
        assert made.packages.firmware.image_status == expect["image_status_after"]


def with_packages(given: dict[str, Any], quirks: tuple[str, ...] = ()) -> Device:
    """A fresh device with these packages, quiet, at the instant that the state names."""
    ports = {
        Package(one["package_identifier"]): PackagePort(one["version"], one["f_port"]) for one in given["packages"]
    }
    made = replace(behaviour(given, 1), packages=ports).with_quirks(quirks)
    return device(model(made), now=instant_of(given.get("now_gps_at_answer", 1_388_102_418)))


def play(exchange: dict[str, Any], made: Device) -> list[list[str]]:
    """What the device sends, step by step."""
    seen: list[list[str]] = []
    now = instant_of(exchange["given"].get("now_gps_at_answer", 1_388_102_418))
    for step in exchange["steps"]:
        made.uplink_room_bytes = step["max_uplink_payload"]
        group = 0 if step["receive"]["address"] == "multicast" else None
        made.receive(now, 225, bytes.fromhex(step["receive"]["hex"]), group)
        seen.append([frame.payload.hex() for _, frame in said(made, now) if getattr(frame, "f_port", 0) == 225])
    return seen


@pytest.mark.parametrize("exchange", SETS.values(), ids=SETS)
def test_a_device_answers_command_sets_exactly_as_published(exchange: dict[str, Any]) -> None:
    expected = [step["expect"].get("uplinks_hex", []) for step in exchange["steps"]]
    assert play(exchange, with_packages(exchange["given"])) == expected


QUIRKS_OF = {
    "B": ("MPA_NO_ANSWER_FRAME", "MPA_DELETE_LENGTH", "MPA_STOP_EXCLUSIVE"),
    "R": ("MPA_STOP_EXCLUSIVE", "MPA_TOKEN_ONLY", "TOKEN_BYTE_ECHOED"),
}


@pytest.mark.parametrize("quirk", MULTI_PACKAGE["device_quirks"], ids=lambda quirk: quirk["id"])
def test_stacks_with_quirks_answer_command_sets_as_seen(quirk: dict[str, Any]) -> None:
    exchange = SETS[quirk["exchange"]]
    expected = [step.get("uplinks_hex", []) for step in quirk["seen"]]
    assert play(exchange, with_packages(exchange["given"], QUIRKS_OF[quirk["stack"]])) == expected
