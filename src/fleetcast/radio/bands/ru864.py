"""RU864: RP002, RU864-870; gateway sub-bands of the 2018 decision of the Russian frequency commission (GKRCh).

Device stacks accept any frequency of the band for downlinks; gateways may send only in their sub-bands.
"""

from __future__ import annotations

from fleetcast.radio.band import Band, DataRate, Edges, Rule
from fleetcast.radio.modulation import Fsk, LoRa
from fleetcast.radio.payload_sizes import PayloadTables, Revision, sizes
from fleetcast.radio.receive_windows import Beacon, PingSlotChannel, Rx2
from fleetcast.radio.spectrum import DownlinkRanges, FrequencyRange, SubBand

RU864 = Band(
    name="RU864",
    spec_name="RU864-870",
    source="RP002-1.0.3 to 1.0.5; GKRCh decision of 2018 on short-range devices",
    device_range=FrequencyRange(864_000_000, 870_000_000),
    data_rates=(
        DataRate(0, LoRa(sf=12, bw_hz=125_000)),
        DataRate(1, LoRa(sf=11, bw_hz=125_000)),
        DataRate(2, LoRa(sf=10, bw_hz=125_000)),
        DataRate(3, LoRa(sf=9, bw_hz=125_000)),
        DataRate(4, LoRa(sf=8, bw_hz=125_000)),
        DataRate(5, LoRa(sf=7, bw_hz=125_000)),
        DataRate(6, LoRa(sf=7, bw_hz=250_000)),
        DataRate(7, Fsk(50_000)),
        DataRate(12, LoRa(sf=6, bw_hz=125_000), since=Revision.RP002_1_0_5),
        DataRate(13, LoRa(sf=5, bw_hz=125_000), since=Revision.RP002_1_0_5),
    ),
    downlink=PayloadTables(
        no_repeater=sizes({0: 59, 1: 59, 2: 59, 3: 123, 4: 250, 5: 250, 6: 250, 7: 250, 12: 250, 13: 250}),
        repeater=sizes({0: 59, 1: 59, 2: 59, 3: 123, 4: 230, 5: 230, 6: 230, 7: 230, 12: 230, 13: 230}),
    ),
    default_channels_hz=(868_900_000, 869_100_000),
    rx2=Rx2(dr=0, frequencies_hz=(869_100_000,)),
    beacon=Beacon((869_100_000,), dr=3, phy_bytes=17, rfu1_bytes=1, rfu2_bytes=0),
    ping_slot=PingSlotChannel((868_900_000,), dr=3),
    max_eirp_device_dbm=16,
    tx_power_steps=8,
    duty_cycle_enforced=Rule.YES,
    lbt=Rule.NO,
    sub_band_edges=Edges.OCCUPIED_CHANNEL,
    gateway_sub_bands=(
        SubBand(864_000_000, 865_000_000, 0.001, 16.15, 14, note="not at airports"),
        SubBand(866_000_000, 868_000_000, 0.01, 16.15, 14, note="not at airports; 1000 mW/MHz density"),
        SubBand(868_700_000, 869_200_000, 0.1, 22.15, 20, note="RX2, beacons and ping slots are here"),
    ),
    downlink_valid=DownlinkRanges((FrequencyRange(864_000_000, 870_000_000),)),
    rx1_dr=(
        (0, (0, 0, 0, 0, 0, 0)),
        (1, (1, 0, 0, 0, 0, 0)),
        (2, (2, 1, 0, 0, 0, 0)),
        (3, (3, 2, 1, 0, 0, 0)),
        (4, (4, 3, 2, 1, 0, 0)),
        (5, (5, 4, 3, 2, 1, 0)),
        (6, (6, 5, 4, 3, 2, 1)),
        (7, (7, 6, 5, 4, 3, 2)),
        (12, (12, 5, 4, 3, 2, 1)),
        (13, (13, 12, 5, 4, 3, 2)),
    ),
)
