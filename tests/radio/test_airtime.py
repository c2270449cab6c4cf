"""Airtime against vectors that three independent implementations agree on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.errors import Invalid
from fleetcast.radio.airtime import (
    beacon_airtime_us,
    downlink_airtime_us,
    fragment_airtime_us,
    fragment_frame_bytes,
    fsk_airtime_us,
    lora_airtime_us,
    lora_payload_symbols,
    lr_fhss_airtime_us,
    uplink_airtime_us,
)
from fleetcast.radio.bands.catalog import band
from fleetcast.radio.modulation import Fsk, LoRa, LrFhss, LrFhssCodingRate
from tests.vectors import load

VECTORS = load("airtime.json")["vectors"]


def _lora_options(vector: dict[str, Any]) -> dict[str, Any]:
    return {
        "sf": vector["sf"],
        "bw_hz": vector["bw_hz"],
        "coding_rate_denominator": int(vector["cr"].removeprefix("4/")),
        "crc_on": vector["crc_on"],
        "implicit_header": vector["implicit_header"],
    }


def test_there_are_252_vectors() -> None:
    assert len(VECTORS) == 252


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_every_vector_is_met_to_the_microsecond(vector: dict[str, Any]) -> None:
    length = vector["phy_payload_len"]
    match vector["modulation"]:
        case "LORA":
            options = _lora_options(vector) | {"low_data_rate_optimize": vector["low_data_rate_optimize"]}
            assert lora_payload_symbols(length, **options) == vector["payload_symbols"]
            airtime = lora_airtime_us(length, preamble_symbols=vector["preamble_symbols"], **options)
        case "FSK":
            assert vector["length_field"]
            airtime = fsk_airtime_us(
                length,
                bitrate_bps=vector["bitrate"],
                preamble_bytes=vector["preamble_bytes"],
                sync_word_bytes=vector["sync_word_bytes"],
                crc_on=vector["crc_on"],
            )
        case "LR_FHSS":
            coding_rate = LrFhssCodingRate(vector["cr"])
            assert coding_rate.header_count == vector["header_count"]
            airtime = lr_fhss_airtime_us(length, coding_rate=coding_rate)
        case unknown:
            pytest.fail(f"no such modulation: {unknown}")
    assert airtime == vector["airtime_us"]


def test_the_automatic_low_data_rate_rule_gives_all_vectors_but_the_forced_ones() -> None:
    lora = [vector for vector in VECTORS if vector["modulation"] == "LORA"]
    differing = [
        vector["case"]
        for vector in lora
        if lora_payload_symbols(vector["phy_payload_len"], **_lora_options(vector)) != vector["payload_symbols"]
    ]
    assert differing
    assert all(case.startswith("forced") for case in differing)


@pytest.mark.parametrize(
    ("name", "dr", "size", "milliseconds"),
    [
        ("EU868", 0, 48, 2793.472),
        ("EU868", 1, 48, 1478.656),
        ("EU868", 2, 48, 698.368),
        ("EU868", 3, 112, 676.864),
        ("EU868", 4, 239, 696.832),
        ("EU868", 5, 239, 394.496),
        ("EU868", 5, 236, 389.376),
        ("EU868", 6, 239, 197.248),
        ("EU868", 7, 239, 42.560),
        ("EU868", 12, 239, 231.040),
        ("EU868", 13, 239, 137.280),
        ("US915", 8, 50, 616.448),
        ("US915", 9, 126, 615.424),
        ("US915", 13, 239, 98.624),
        ("CN470", 1, 20, 987.136),
        ("AS923-1", 2, 8, 370.688),
    ],
)
def test_a_fragment_frame_lasts_as_long_as_the_worked_rows_say(
    name: str, dr: int, size: int, milliseconds: float
) -> None:
    assert fragment_airtime_us(band(name), dr, size) == round(milliseconds * 1000)


@pytest.mark.parametrize(
    ("name", "microseconds"),
    [
        *((name, 152_576) for name in ("EU868", "EU433", "AS923-1", "AS923-4", "KR920", "RU864")),
        *((name, 305_152) for name in ("US915", "AU915", "CN470")),
        ("IN865", 86_528),
    ],
)
def test_a_beacon_lasts_as_long_as_the_worked_rows_say(name: str, microseconds: int) -> None:
    assert beacon_airtime_us(band(name)) == microseconds


def test_uplinks_carry_a_crc_and_downlinks_do_not() -> None:
    sf12 = LoRa(12, 125_000)
    assert uplink_airtime_us(LoRa(7, 125_000), 17) == 51_456
    assert uplink_airtime_us(sf12, 17) == 1_318_912
    assert uplink_airtime_us(LoRa(10, 125_000), 23) == 370_688
    assert downlink_airtime_us(sf12, 33) == 1_810_432
    assert downlink_airtime_us(LoRa(5, 125_000), 255) == 137_280
    assert uplink_airtime_us(Fsk(), 64) == downlink_airtime_us(Fsk(), 64) == 12_000
    assert uplink_airtime_us(LrFhss(LrFhssCodingRate.ONE_THIRD, 137_000), 17) == 1_712_128
    assert uplink_airtime_us(LrFhss(LrFhssCodingRate.TWO_THIRDS, 137_000), 17) == 972_800


def test_a_fragment_frame_is_sixteen_bytes_longer_than_its_fragment() -> None:
    assert fragment_frame_bytes(48) == 64


@given(
    length=st.integers(0, 254),
    sf=st.integers(5, 12),
    bw_hz=st.sampled_from([125_000, 250_000, 500_000]),
    crc_on=st.booleans(),
)
def test_a_longer_frame_never_lasts_shorter(length: int, sf: int, bw_hz: int, crc_on: bool) -> None:
    shorter = lora_airtime_us(length, sf=sf, bw_hz=bw_hz, crc_on=crc_on)
    assert shorter <= lora_airtime_us(length + 1, sf=sf, bw_hz=bw_hz, crc_on=crc_on)


def test_an_odd_bandwidth_is_rounded_to_the_nearest_microsecond() -> None:
    # 2^7 / 203125 Hz is 630.153846 us a symbol; 12.25 + 38 symbols.
    assert lora_airtime_us(17, sf=7, bw_hz=203_125) == round(50.25 * 128e6 / 203_125)


@pytest.mark.parametrize(
    "asked",
    [
        lambda: lora_airtime_us(20, sf=4),
        lambda: lora_airtime_us(20, sf=13),
        lambda: lora_airtime_us(256, sf=7),
        lambda: lora_airtime_us(-1, sf=7),
        lambda: lora_airtime_us(20, sf=7, bw_hz=0),
        lambda: lora_airtime_us(20, sf=7, coding_rate_denominator=9),
        lambda: lora_airtime_us(20, sf=7, preamble_symbols=0),
        lambda: fsk_airtime_us(256),
        lambda: fsk_airtime_us(20, bitrate_bps=0),
        lambda: lr_fhss_airtime_us(-1, coding_rate=LrFhssCodingRate.ONE_THIRD),
        lambda: downlink_airtime_us(LrFhss(LrFhssCodingRate.ONE_THIRD, 137_000), 20),
        lambda: fragment_airtime_us(band("EU868"), 5, 240),
        lambda: fragment_airtime_us(band("EU868"), 8, 48),
    ],
)
def test_what_no_radio_can_send_is_refused(asked: Any) -> None:
    with pytest.raises(Invalid):
        asked()
