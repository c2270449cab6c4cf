"""EU868: RP002, EU863-870; gateway sub-bands of ETSI EN 300 220-2 (annex B, bands K to R).

Fleet campaigns belong into band P: ten times the airtime of the default channels and 13 dB more power. Beacons and all
RX2 traffic share its budget.
"""

from __future__ import annotations

from fleetcast.radio.band import Band, DataRate, Direction, Edges, Rule
from fleetcast.radio.modulation import Fsk, LoRa, LrFhss, LrFhssCodingRate
from fleetcast.radio.payload_sizes import PayloadTables, Revision, sizes
from fleetcast.radio.receive_windows import Beacon, PingSlotChannel, Rx2
from fleetcast.radio.spectrum import DownlinkRanges, FrequencyRange, SubBand

_OPTIONAL = "network access points with adaptive power control (EU decision on short-range devices, band 47b); verify"

EU868 = Band(
    name="EU868",
    spec_name="EU863-870",
    source="RP002-1.0.3 to 1.0.5; ETSI EN 300 220-2",
    device_range=FrequencyRange(863_000_000, 870_000_000),
    data_rates=(
        DataRate(0, LoRa(sf=12, bw_hz=125_000)),
        DataRate(1, LoRa(sf=11, bw_hz=125_000)),
        DataRate(2, LoRa(sf=10, bw_hz=125_000)),
        DataRate(3, LoRa(sf=9, bw_hz=125_000)),
        DataRate(4, LoRa(sf=8, bw_hz=125_000)),
        DataRate(5, LoRa(sf=7, bw_hz=125_000)),
        DataRate(6, LoRa(sf=7, bw_hz=250_000)),
        DataRate(7, Fsk(50_000)),
        DataRate(8, LrFhss(LrFhssCodingRate.ONE_THIRD, 137_000), Direction.UPLINK, Revision.RP002_1_0_2),
        DataRate(9, LrFhss(LrFhssCodingRate.TWO_THIRDS, 137_000), Direction.UPLINK, Revision.RP002_1_0_2),
        DataRate(10, LrFhss(LrFhssCodingRate.ONE_THIRD, 336_000), Direction.UPLINK, Revision.RP002_1_0_2),
        DataRate(11, LrFhss(LrFhssCodingRate.TWO_THIRDS, 336_000), Direction.UPLINK, Revision.RP002_1_0_2),
        DataRate(12, LoRa(sf=6, bw_hz=125_000), since=Revision.RP002_1_0_5),
        DataRate(13, LoRa(sf=5, bw_hz=125_000), since=Revision.RP002_1_0_5),
    ),
    downlink=PayloadTables(
        no_repeater=sizes({0: 59, 1: 59, 2: 59, 3: 123, 4: 250, 5: 250, 6: 250, 7: 250, 12: 250, 13: 250}),
        repeater=sizes({0: 59, 1: 59, 2: 59, 3: 123, 4: 230, 5: 230, 6: 230, 7: 230, 12: 230, 13: 230}),
    ),
    uplink=PayloadTables(
        no_repeater=sizes(
            {0: 59, 1: 59, 2: 59, 3: 123, 4: 250, 5: 250, 6: 250, 7: 250, 8: 58, 9: 123, 10: 58, 11: 123}
            | {12: 250, 13: 250}
        ),
        repeater=sizes(
            {0: 59, 1: 59, 2: 59, 3: 123, 4: 230, 5: 230, 6: 230, 7: 230, 8: 58, 9: 123, 10: 58, 11: 123}
            | {12: 230, 13: 230}
        ),
    ),
    default_channels_hz=(868_100_000, 868_300_000, 868_500_000),
    rx2=Rx2(dr=0, frequencies_hz=(869_525_000,)),
    beacon=Beacon((869_525_000,), dr=3, phy_bytes=17, rfu1_bytes=1, rfu2_bytes=0),
    ping_slot=PingSlotChannel((869_525_000,), dr=3),
    max_eirp_device_dbm=16,
    tx_power_steps=8,
    duty_cycle_enforced=Rule.YES,
    lbt=Rule.NO,
    sub_band_edges=Edges.OCCUPIED_CHANNEL,
    gateway_sub_bands=(
        SubBand(863_000_000, 865_000_000, 0.001, 16.15, 14, "K"),
        SubBand(865_000_000, 868_000_000, 0.01, 16.15, 14, "L"),
        SubBand(868_000_000, 868_600_000, 0.01, 16.15, 14, "M"),
        SubBand(868_700_000, 869_200_000, 0.001, 16.15, 14, "N"),
        SubBand(869_400_000, 869_650_000, 0.1, 29.15, 27, "P", "for RX2, beacons, ping slots and multicast"),
        SubBand(869_700_000, 870_000_000, 0.01, 16.15, 14, "R", "or band Q: 7 dBm ERP (5 mW), no duty-cycle limit"),
    ),
    optional_sub_bands=(
        SubBand(865_600_000, 865_800_000, 0.1, max_erp_dbm=27, name="47b", note=_OPTIONAL),
        SubBand(866_200_000, 866_400_000, 0.1, max_erp_dbm=27, name="47b", note=_OPTIONAL),
        SubBand(866_800_000, 867_000_000, 0.1, max_erp_dbm=27, name="47b", note=_OPTIONAL),
        SubBand(867_400_000, 867_600_000, 0.1, max_erp_dbm=27, name="47b", note=_OPTIONAL),
    ),
    # Device stacks refuse what lies between: 868.6 to 868.7, 869.2 to 869.4 and 869.65 to 869.7 MHz.
    downlink_valid=DownlinkRanges(
        (
            FrequencyRange(863_000_000, 868_600_000),
            FrequencyRange(868_700_000, 869_200_000),
            FrequencyRange(869_400_000, 869_650_000),
            FrequencyRange(869_700_000, 870_000_000),
        )
    ),
    rx1_dr=(
        (0, (0, 0, 0, 0, 0, 0)),
        (1, (1, 0, 0, 0, 0, 0)),
        (2, (2, 1, 0, 0, 0, 0)),
        (3, (3, 2, 1, 0, 0, 0)),
        (4, (4, 3, 2, 1, 0, 0)),
        (5, (5, 4, 3, 2, 1, 0)),
        (6, (6, 5, 4, 3, 2, 1)),
        (7, (7, 6, 5, 4, 3, 2)),
        (8, (1, 0, 0, 0, 0, 0)),
        (9, (2, 1, 0, 0, 0, 0)),
        (10, (1, 0, 0, 0, 0, 0)),
        (11, (2, 1, 0, 0, 0, 0)),
        (12, (12, 5, 4, 3, 2, 1)),
        (13, (13, 12, 5, 4, 3, 2)),
    ),
)
