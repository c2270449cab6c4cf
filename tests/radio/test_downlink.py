"""Which downlinks are allowed, and what a refusal says."""

from __future__ import annotations

import pytest

from fleetcast.errors import Invalid
from fleetcast.radio.band import UnknownDataRate
from fleetcast.radio.bands.catalog import band, names
from fleetcast.radio.downlink import FrequencyNotAllowed, NoPayload, check_downlink, sub_band_of
from fleetcast.radio.modulation import LoRa
from fleetcast.radio.spectrum import SubBand


@pytest.mark.parametrize("name", [name for name in names() if name != "CN470"])
def test_the_default_rx2_beacon_and_ping_slots_of_every_band_are_allowed(name: str) -> None:
    there = band(name)
    check_downlink(there, there.rx2.frequency_hz, there.rx2.dr)
    for frequency_hz in there.beacon.frequencies_hz:
        check_downlink(there, frequency_hz, there.beacon.dr)
    for frequency_hz in there.ping_slot.frequencies_hz:
        check_downlink(there, frequency_hz, there.ping_slot.dr)


@pytest.mark.parametrize("plan", ["20MHz-A", "20MHz-B", "26MHz-A", "26MHz-B", "legacy"])
def test_every_downlink_channel_of_a_cn470_plan_is_allowed(plan: str) -> None:
    there = band("CN470", plan=plan)
    (channels,) = [each.downlink_hz for each in there.channel_plans if each.name == plan]
    for frequency_hz in channels:
        check_downlink(there, frequency_hz, 3)
        check_downlink(band("CN470"), frequency_hz, 3)
    with pytest.raises(FrequencyNotAllowed):
        check_downlink(there, channels[0] + 100_000, 3)


def test_campaigns_in_eu868_find_their_ten_percent() -> None:
    assert sub_band_of(band("EU868"), 869_525_000).duty_cycle == 0.1
    assert sub_band_of(band("EU868"), 869_525_000, 250_000).max_erp_dbm == 27
    assert sub_band_of(band("EU868"), 868_100_000).name == "M"


def test_a_channel_over_the_edge_of_its_sub_band_is_refused_where_edges_bound_the_channel() -> None:
    with pytest.raises(FrequencyNotAllowed, match="125 kHz must lie inside"):
        sub_band_of(band("EU868"), 869_600_000)
    with pytest.raises(FrequencyNotAllowed):
        check_downlink(band("EU868"), 869_500_000, 6)  # 125 kHz would fit, 250 kHz does not
    check_downlink(band("EU868"), 869_500_000, 5)
    # At the edge of KR920 only the centre frequency counts.
    check_downlink(band("KR920"), 923_300_000, 5)


@pytest.mark.parametrize("frequency_hz", [868_650_000, 869_300_000, 869_675_000, 862_900_000, 869_525_050])
def test_a_frequency_that_devices_refuse_is_refused_with_the_accepted_ones(frequency_hz: int) -> None:
    with pytest.raises(FrequencyNotAllowed, match=r"devices accept 863\.0 to 868\.6 MHz"):
        check_downlink(band("EU868"), frequency_hz, 0)


def test_a_frequency_that_devices_accept_but_no_gateway_may_use_is_refused() -> None:
    with pytest.raises(FrequencyNotAllowed, match=r"868\.7 to 869\.2 MHz at 10 %"):
        check_downlink(band("RU864"), 865_500_000, 0)


def test_only_the_eight_wide_channels_of_us915_are_allowed() -> None:
    assert check_downlink(band("US915"), 923_900_000, 8).modulation == LoRa(12, 500_000)
    with pytest.raises(FrequencyNotAllowed, match=r"923\.3 MHz, 923\.9 MHz"):
        check_downlink(band("US915"), 923_400_000, 8)


def test_kr920_wants_its_raster() -> None:
    with pytest.raises(FrequencyNotAllowed, match="in steps of 200 kHz"):
        check_downlink(band("KR920"), 922_000_000, 3)


def test_an_unknown_data_rate_is_answered_with_those_there_are() -> None:
    with pytest.raises(UnknownDataRate, match="IN865 DR6 does not exist: use DR0, DR1, DR2, DR3, DR4, DR5, DR7"):
        check_downlink(band("IN865"), 866_550_000, 6)
    with pytest.raises(UnknownDataRate, match=r"US915 DR1 \(LoRa SF9/125 kHz\) is for uplinks only: use DR0, DR8"):
        check_downlink(band("US915"), 923_300_000, 1)


def test_a_data_rate_without_payload_is_answered_with_those_that_have_one() -> None:
    with pytest.raises(NoPayload, match=r"AS923-1 DR1 carries nothing under the 400 ms dwell limit: use one of DR2,"):
        check_downlink(band("AS923-1"), 923_200_000, 1, dwell_limited=True)
    with pytest.raises(NoPayload, match=r"CN470 DR0 carries nothing within the band's airtime limit: use one of DR1,"):
        check_downlink(band("CN470"), 505_300_000, 0)
    check_downlink(band("AS923-1"), 923_200_000, 1)


def test_an_operator_may_replace_the_sub_bands() -> None:
    own = band("EU868").with_sub_bands((SubBand(869_400_000, 869_650_000, 0.05, 27.15),))
    assert sub_band_of(own, 869_525_000).duty_cycle == 0.05
    with pytest.raises(FrequencyNotAllowed):
        check_downlink(own, 868_100_000, 0)
    for wrong in ((), (SubBand(2, 1, 0.1),), (SubBand(1, 2, 0.0),), (SubBand(1, 2, 1.5),)):
        with pytest.raises(Invalid):
            band("EU868").with_sub_bands(wrong)


def test_optional_sub_bands_count_when_an_operator_puts_them_first() -> None:
    there = band("EU868")
    assert sub_band_of(there, 865_700_000).duty_cycle == 0.01
    assert sub_band_of(there.with_sub_bands(there.optional_sub_bands), 865_700_000).duty_cycle == 0.1
