"""Every number of every band against the regional parameters in `vectors/regions.json`."""

from __future__ import annotations

from typing import Any

import pytest

from fleetcast.identifiers import DevAddr
from fleetcast.radio.airtime import DATA_FRAGMENT_HEADER_BYTES, PHY_OVERHEAD_BYTES
from fleetcast.radio.band import Band, Direction, Rule
from fleetcast.radio.bands import catalog
from fleetcast.radio.modulation import Fsk, LoRa, LrFhss
from fleetcast.radio.payload_sizes import PayloadTable, PayloadTables, Revision
from fleetcast.radio.spectrum import ChannelBlock, DownlinkList, DownlinkRanges, DownlinkRaster, FrequencyRange, SubBand
from tests.vectors import load

REFERENCE = load("regions.json")
REGIONS: dict[str, dict[str, Any]] = REFERENCE["regions"]

_KEYS_COMPARED_ELSEWHERE = {"max_fragment_bytes", "note_dr", "note_payload"}


def _data_rates(band: Band) -> list[dict[str, Any]]:
    rows = []
    for rate in band.data_rates:
        row: dict[str, Any] = {"dr": rate.dr}
        match rate.modulation:
            case LoRa(sf, bw_hz):
                row |= {"modulation": "LORA", "sf": sf, "bw_hz": bw_hz}
            case Fsk(bitrate_bps):
                row |= {"modulation": "FSK", "bitrate": bitrate_bps}
            case LrFhss(coding_rate, width_hz):
                sixths = {"1/3": "2/6", "2/3": "4/6"}[coding_rate.value]
                row |= {"modulation": "LR_FHSS", "coding_rate": sixths, "occupied_channel_width_hz": width_hz}
        row["direction"] = rate.direction.value
        if rate.since is not None:
            row["since"] = str(rate.since)
        if rate.dr not in band.usable_data_rates(rate.direction) and rate.direction is Direction.BOTH:
            row["usable"] = False
        rows.append(row)
    return rows


def _table(table: PayloadTable) -> dict[str, dict[str, int]]:
    return {str(limit.dr): {"M": limit.macpayload_bytes, "N": limit.frmpayload_bytes} for limit in table}


def _tables(tables: PayloadTables) -> dict[str, Any]:
    dwell = tables.no_repeater_dwell_400ms, tables.repeater_dwell_400ms
    return {
        "no_repeater": _table(tables.no_repeater),
        "repeater": _table(tables.repeater),
        **({"no_repeater_dwell_400ms": _table(dwell[0])} if dwell[0] is not None else {}),
        **({"repeater_dwell_400ms": _table(dwell[1])} if dwell[1] is not None else {}),
    }


def _payloads(band: Band) -> dict[str, Any]:
    written = {"downlink": _tables(band.downlink)}
    if band.uplink is not None:
        written["uplink"] = _tables(band.uplink)
    if band.channel_plans:
        written["legacy_plan_up_to_RP002-1.0.0"] = _tables(band.at(Revision.RP002_1_0_0).downlink)
    return written


def _block(block: ChannelBlock) -> dict[str, int]:
    return {"first_hz": block.first_hz, "step_hz": block.step_hz, "count": block.count}


def _rule(rule: Rule) -> bool | str:
    return "by country" if rule is Rule.BY_COUNTRY else rule is Rule.YES


def _numbers(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "note"}


def _sub_band(sub_band: SubBand) -> dict[str, Any]:
    row: dict[str, Any] = {
        "min_hz": sub_band.min_hz,
        "max_hz": sub_band.max_hz,
        "duty_cycle": sub_band.duty_cycle,
        "max_eirp_dbm": sub_band.max_eirp_dbm,
    }
    if sub_band.max_erp_dbm is not None:
        row["max_erp_dbm"] = sub_band.max_erp_dbm
    if sub_band.name:
        row["band"] = sub_band.name
    return row


def _range(pair: FrequencyRange) -> list[int]:
    return [pair.min_hz, pair.max_hz]


def _downlink_valid(band: Band) -> dict[str, Any]:
    match band.downlink_valid:
        case DownlinkRanges(ranges, raster_hz):
            return {"ranges_hz": [_range(each) for each in ranges], "raster_hz": raster_hz}
        case DownlinkRaster(start_hz, stop_hz, step_hz):
            return {"start_hz": start_hz, "stop_hz": stop_hz, "step_hz": step_hz}
        case DownlinkList(frequencies_hz):
            return {} if band.channel_plans else {"frequencies_hz": list(frequencies_hz)}


def _rx1(table: tuple[tuple[int, tuple[int, ...]], ...]) -> dict[str, list[int]]:
    return {str(dr): list(by_offset) for dr, by_offset in table}


def _dwell_time(band: Band, expected: dict[str, Any] | None) -> dict[str, Any] | None:
    dwell = band.dwell_time
    if dwell is None or expected is None:
        return None if dwell is None else {}
    suffix = f" {dwell.only_bw_hz // 1000} kHz" if dwell.only_bw_hz else ""
    row: dict[str, Any] = {
        "limit_ms": dwell.limit_ms,
        "applies_to": [direction.value + suffix for direction in dwell.applies_to],
        "set_by": dwell.set_by,
    }
    for key, value in (("default_uplink", dwell.default_uplink), ("default_downlink", dwell.default_downlink)):
        if value is not None:
            # Some entries say in words how long the default lasts; the first word is the value.
            assert expected[key].split()[0] == ("on" if value else "off")
            row[key] = expected[key]
    return row


def _written(band: Band, expected: dict[str, Any]) -> dict[str, Any]:
    """The band in the form of the reference, so that one comparison finds every difference."""
    beacon, ping = band.beacon, band.ping_slot
    written: dict[str, Any] = {
        "spec_name": band.spec_name,
        "device_frequency_range_hz": _range(band.device_range),
        "data_rates": _data_rates(band),
        "max_payload": _payloads(band),
        "beacon": {
            "dr": beacon.dr,
            "phy_bytes": beacon.phy_bytes,
            "rfu1_bytes": beacon.rfu1_bytes,
            "rfu2_bytes": beacon.rfu2_bytes,
        },
        "ping_slot": {"dr": ping.dr},
        "rx2": {"dr": band.rx2.dr},
        "max_eirp_device_dbm": band.max_eirp_device_dbm,
        "tx_power_steps": band.tx_power_steps,
        "duty_cycle_enforced": _rule(band.duty_cycle_enforced),
        "lbt": _rule(band.lbt),
        "dwell_time": _dwell_time(band, expected["dwell_time"]),
        "gateway_sub_bands": [_sub_band(each) for each in band.gateway_sub_bands],
        "downlink_valid": _downlink_valid(band),
        "rx1_dr_by_uplink_dr_and_offset": _rx1(band.rx1_dr),
    }
    if band.channel_plans:
        written["beacon"]["hopping"] = written["ping_slot"]["hopping"] = "by plan"
        written["rx2"] |= {"frequency_hz": "by plan", "dr_legacy": band.with_plan("legacy").rx2.dr}
    else:
        written["beacon"] |= {"frequencies_hz": list(beacon.frequencies_hz), "hopping": beacon.hopping}
        written["ping_slot"] |= {"frequencies_hz": list(ping.frequencies_hz), "hopping": ping.hopping}
        written["rx2"]["frequency_hz"] = band.rx2.frequency_hz
    if band.frequency_offset_hz is not None:
        written["frequency_offset_hz"] = band.frequency_offset_hz
    if band.default_channels_hz:
        written["default_channels_hz"] = list(band.default_channels_hz)
    if band.uplink_channels:
        written["default_channels"] = {
            "uplink_125k": _block(band.uplink_channels[0]),
            "uplink_500k": _block(band.uplink_channels[1]),
            "downlink_500k": _block(band.downlink_channels[0]),
        }
    if band.rx1_dr_dwell_400ms is not None:
        written["rx1_dr_by_uplink_dr_and_offset_dwell_400ms"] = _rx1(band.rx1_dr_dwell_400ms)
    if band.max_eirp_device_dbm_rp002_1_0_5 is not None:
        written["max_eirp_device_dbm_rp002_1_0_5"] = band.max_eirp_device_dbm_rp002_1_0_5
    if band.lbt_rule is not None:
        written["lbt_rule"] = {
            "threshold_dbm": band.lbt_rule.threshold_dbm,
            "scan_us": band.lbt_rule.scan_us,
            "max_tx_ms": band.lbt_rule.max_tx_ms,
            "min_pause_ms": band.lbt_rule.min_pause_ms,
        }
    if band.lower_device_power:
        (step,) = band.lower_device_power
        mhz = step.below_hz / 1e6
        written["max_eirp_device_rule"] = (
            f"{step.max_eirp_dbm:g} dBm below {mhz} MHz, {band.max_eirp_device_dbm:g} dBm from {mhz} MHz"
        )
    if band.optional_sub_bands:
        (first, *_) = band.optional_sub_bands
        written["optional_sub_bands"] = [
            {
                "ranges_hz": [[each.min_hz, each.max_hz] for each in band.optional_sub_bands],
                "duty_cycle": first.duty_cycle,
                "max_erp_dbm": first.max_erp_dbm,
            }
        ]
    return written


def _expected(region: dict[str, Any]) -> dict[str, Any]:
    cleaned = {key: value for key, value in region.items() if key not in _KEYS_COMPARED_ELSEWHERE}
    for key in ("downlink_valid", "beacon", "ping_slot", "lbt_rule"):
        if key in cleaned:
            cleaned[key] = {name: value for name, value in cleaned[key].items() if name not in ("note", "rule")}
    for key in ("gateway_sub_bands", "optional_sub_bands"):
        if key in cleaned:
            cleaned[key] = [_numbers(row) for row in cleaned[key]]
    cleaned.pop("country_profiles", None)
    cleaned.pop("channel_plans", None)
    return cleaned


def test_the_catalog_has_the_regions_in_order() -> None:
    assert catalog.names() == tuple(REGIONS)


@pytest.mark.parametrize("name", REGIONS)
def test_no_number_of_a_region_is_lost_or_altered(name: str) -> None:
    assert _written(catalog.band(name), REGIONS[name]) == _expected(REGIONS[name])


@pytest.mark.parametrize("name", REGIONS)
def test_country_profiles_say_what_the_reference_says(name: str) -> None:
    expected = REGIONS[name].get("country_profiles", [])
    band = catalog.band(name)
    assert len(band.country_profiles) == len(expected)
    for profile, row in zip(band.country_profiles, expected, strict=True):
        edges = f"{profile.frequencies.min_hz / 1e6}-{profile.frequencies.max_hz / 1e6}"
        written: dict[str, Any] = {
            "name": profile.name,
            "duty_cycle": profile.duty_cycle,
            "dwell_400ms": profile.dwell_400ms,
        }
        if profile.max_eirp_dbm is not None:
            written["max_eirp_dbm"] = profile.max_eirp_dbm
        if profile.lbt is not None:
            written |= {"lbt": True, "lbt_threshold_dbm": profile.lbt.threshold_dbm, "lbt_scan_us": profile.lbt.scan_us}
        assert written == row
        assert edges in row["name"]


def test_the_channel_plans_of_cn470_follow_the_rules_of_the_reference() -> None:
    band = catalog.band("CN470")
    expected = REGIONS["CN470"]["channel_plans"]
    assert [plan.name for plan in band.channel_plans] == list(expected)
    for plan in band.channel_plans:
        row = expected[plan.name]
        blocks = [_block(block) for block in plan.downlink]
        assert blocks == (row["downlink"] if isinstance(row["downlink"], list) else [row["downlink"]])
        assert plan.rx2_dr == row["rx2_dr"]
        assert plan.rx2_abp_hz == row.get("rx2_abp_hz", row.get("rx2_hz"))
        assert [group.rx2_hz for group in plan.groups] == row.get("rx2_otaa_hz", [row.get("rx2_hz")])
    a, b, a26, b26, legacy = band.channel_plans
    assert [_block(block) for block in legacy.uplink] == [expected["legacy"]["uplink"]]
    for period in range(20):
        address = 0x01020304 + period
        for j in range(8):
            on_a = band.with_plan("20MHz-A", join_channel=j)
            assert on_a.beacon.frequency_hz(128 * period) == a.downlink_hz[period % 8 + 8 * j]
            assert (
                on_a.ping_slot.frequency_hz(128 * period, DevAddr.from_int(address))
                == a.downlink_hz[(address + period) % 8 + 8 * j]
            )
        for j, channel in ((8, 23), (9, 55)):
            on_b = band.with_plan("20MHz-B", join_channel=j)
            assert on_b.beacon.frequency_hz(128 * period) == b.downlink_hz[channel]
            index = (address + period) % 32 + 32 * (j - 8)
            assert on_b.ping_slot.frequency_hz(128 * period, DevAddr.from_int(address)) == b.downlink_hz[index]
        on_legacy = band.with_plan("legacy")
        assert on_legacy.beacon.frequency_hz(128 * period) == expected["legacy"]["beacon_hz"][period % 8]
        ping_hz = 508_300_000 + 200_000 * ((address + period) % 8)
        assert on_legacy.ping_slot.frequency_hz(128 * period, DevAddr.from_int(address)) == ping_hz
    for plan in (a26, b26):
        (group,) = plan.groups
        assert group.beacon_hz == (expected[plan.name]["beacon_hz"],)
        assert group.ping_hz == (expected[plan.name]["ping_hz"],)


def test_the_overheads_are_those_of_the_reference() -> None:
    overheads = REFERENCE["overheads"]
    assert overheads["phy_overhead_bytes"] == PHY_OVERHEAD_BYTES
    assert overheads["data_fragment_header"] == DATA_FRAGMENT_HEADER_BYTES
    for name in REGIONS:
        beacon = catalog.band(name).beacon
        assert beacon.phy_bytes == beacon.rfu1_bytes + 1 + 4 + 2 + 7 + beacon.rfu2_bytes + 2
