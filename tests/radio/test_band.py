"""Looking things up in a band: editions, plans, countries, RX1, hopping."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

from fleetcast.errors import Invalid
from fleetcast.identifiers import DevAddr
from fleetcast.radio.band import Direction, Rule, UnknownDataRate
from fleetcast.radio.bands.catalog import UnknownBand, band, names
from fleetcast.radio.downlink import sub_band_of
from fleetcast.radio.fragments import max_fragment_bytes
from fleetcast.radio.modulation import LoRa
from fleetcast.radio.payload_sizes import Revision
from fleetcast.radio.receive_windows import ChannelPlanNeeded


def test_an_unknown_band_is_answered_with_the_names() -> None:
    with pytest.raises(UnknownBand, match="'EU999' is not a band: use one of EU868, US915"):
        band("EU999")
    assert band(" eu868 ") is band("EU868")


@pytest.mark.parametrize("name", names())
def test_a_band_is_a_value(name: str) -> None:
    there = band(name)
    for twin in (pickle.loads(pickle.dumps(there)), copy.deepcopy(there)):  # noqa: S301  our own bytes
        assert twin == there
        assert hash(twin) == hash(there)


def test_older_devices_take_less_at_as923_dr2() -> None:
    sizes = [max_fragment_bytes(band("AS923-1", revision), 2) for revision in Revision]
    assert sizes == [48, 48, 112, 112, 112, 112, 112]


@pytest.mark.parametrize("name", ["US915", "AU915"])
def test_older_devices_behind_a_repeater_take_less(name: str) -> None:
    older, later = band(name, "RP002-1.0.1"), band(name, "RP002-1.0.2")
    assert [older.max_payload(dr, repeater=True).macpayload_bytes for dr in (8, 9)] == [41, 117]
    assert [older.max_payload(dr, repeater=True).frmpayload_bytes for dr in (8, 9)] == [33, 109]
    assert [later.max_payload(dr, repeater=True).macpayload_bytes for dr in (8, 9)] == [61, 137]
    assert older.max_payload(8).macpayload_bytes == 61


def test_an_older_edition_lacks_the_later_data_rates() -> None:
    assert band("EU868", "RP002-1.0.4").usable_data_rates() == tuple(range(8))
    assert band("EU868").usable_data_rates() == (*range(8), 12, 13)
    assert band("EU868", "rp002-1.0.1").usable_data_rates(Direction.UPLINK) == tuple(range(8))
    with pytest.raises(UnknownDataRate):
        band("EU868", "LoRaWAN-1.0").data_rate(12)


def test_the_legacy_cn470_device_uses_dr0() -> None:
    legacy = band("CN470", "RP002-1.0.0", plan="legacy")
    assert legacy.rx2.dr == 0
    assert legacy.max_payload(0).macpayload_bytes == 59
    assert 0 in legacy.usable_data_rates()
    with pytest.raises(UnknownDataRate, match=r"no downlink payload size in RP002-1\.0\.0"):
        legacy.max_payload(7)


def test_the_device_power_of_in865_fell_with_the_latest_edition() -> None:
    assert band("IN865", "RP002-1.0.4").max_eirp_device_dbm == 30
    assert band("IN865", "RP002-1.0.5").max_eirp_device_dbm == 29.2


@pytest.mark.parametrize("text", ["", "RP002", "RP002-1.0.6", "1.0.3"])
def test_an_unknown_edition_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match=r"use one of LoRaWAN-1\.0, RP002-1\.0\.0"):
        band("EU868", text)


def test_an_open_channel_plan_is_asked_for() -> None:
    there = band("CN470")
    asked: list[Callable[[], int]] = [
        lambda: there.rx2.frequency_hz,
        lambda: there.beacon.frequency_hz(0),
        lambda: there.ping_slot.frequency_hz(0, DevAddr.from_int(1)),
        lambda: band("CN470", plan="20MHz-A").beacon.frequency_hz(0),
    ]
    for ask in asked:
        with pytest.raises(ChannelPlanNeeded):
            ask()
    assert band("CN470", plan="20mhz-a").rx2.frequency_hz == 486_900_000
    assert band("CN470", plan="20MHz-A", join_channel=6).rx2.frequency_hz == 494_900_000
    assert str(band("CN470", plan="26MHz-B")) == "CN470 26MHz-B"


def test_an_unknown_plan_or_join_channel_is_refused() -> None:
    with pytest.raises(Invalid, match="20MHz-A, 20MHz-B, 26MHz-A, 26MHz-B, legacy"):
        band("CN470", plan="30MHz")
    with pytest.raises(Invalid, match="it has a single one"):
        band("EU868", plan="legacy")
    with pytest.raises(Invalid, match="no join channel 3: 8, 9"):
        band("CN470", plan="20MHz-B", join_channel=3)
    with pytest.raises(Invalid, match="leave it out"):
        band("CN470", plan="legacy", join_channel=3)
    with pytest.raises(Invalid, match="name the plan"):
        band("CN470", join_channel=3)


def test_a_country_replaces_the_common_sub_band() -> None:
    singapore = band("AS923-1").in_country("singapore")
    assert sub_band_of(singapore, 922_600_000).duty_cycle == 0.1
    assert sub_band_of(singapore, 922_600_000).max_eirp_dbm == 16
    assert singapore.lbt is Rule.NO
    assert band("AS923-1").in_country("Japan").lbt is Rule.YES
    with pytest.raises(Invalid, match="give the sub-bands yourself"):
        band("AS923-2").in_country("Vietnam")
    with pytest.raises(Invalid):
        band("AS923-1").in_country("")


def test_one_number_means_different_data_rates_up_and_down() -> None:
    there = band("US915")
    assert there.data_rate(8, Direction.UPLINK).modulation == LoRa(5, 125_000)
    assert there.data_rate(8, Direction.DOWNLINK).modulation == LoRa(12, 500_000)
    with pytest.raises(UnknownDataRate, match="has no uplink payload size"):
        there.max_payload(8, Direction.UPLINK)


def test_rx1_follows_the_table() -> None:
    assert band("EU868").rx1_data_rate(5, 2) == 3
    assert band("US915").rx1_data_rate(3) == 13
    assert band("AS923-1").rx1_data_rate(0, dwell_limited=True) == 2
    assert band("EU868").rx1_data_rate(0, dwell_limited=True) == 0
    with pytest.raises(Invalid, match="use 0 to 5"):
        band("EU868").rx1_data_rate(5, 6)
    with pytest.raises(UnknownDataRate, match="no RX1 row"):
        band("CN470").rx1_data_rate(7)


def test_us915_hops_over_eight_channels() -> None:
    there = band("US915")
    assert there.beacon.hopping
    assert there.ping_slot.hopping
    assert there.beacon.frequency_hz(128 * 9) == 923_900_000
    assert there.ping_slot.frequency_hz(128 * 9, DevAddr("01020304")) == 923_300_000 + 600_000 * ((0x01020304 + 9) % 8)
    assert not band("EU868").beacon.hopping


def test_uplink_channels_are_counted_out() -> None:
    assert band("US915").uplink_channels[0].frequencies_hz[-1] == 914_900_000
    assert band("US915").downlink_channels[0].frequencies_hz[-1] == 927_500_000
