"""US915: RP002, US902-928; FCC 47 CFR 15.247 (no duty cycle; 400 ms dwell for 125 kHz uplinks).

The same data-rate number means different things up and down (DR0 and DR8). Downlinks use 500 kHz channels only.
"""

from __future__ import annotations

from fleetcast.radio.band import Band, DataRate, Direction, DwellTime, Edges, Rule
from fleetcast.radio.modulation import LoRa, LrFhss, LrFhssCodingRate
from fleetcast.radio.payload_sizes import EarlierPayloads, PayloadTables, Revision, sizes
from fleetcast.radio.receive_windows import Beacon, PingSlotChannel, Rx2
from fleetcast.radio.spectrum import ChannelBlock, DownlinkList, FrequencyRange, SubBand

_DOWNLINK_CHANNELS = ChannelBlock(first_hz=923_300_000, step_hz=600_000, count=8)

_NO_REPEATER = sizes({0: 250, 8: 61, 9: 137, 10: 250, 11: 250, 12: 250, 13: 250, 14: 250})

# No source states uplink sizes for DR7 and DR8.
_UPLINK = PayloadTables(
    no_repeater=sizes({0: 19, 1: 61, 2: 133, 3: 250, 4: 250, 5: 58, 6: 133}),
    repeater=sizes({0: 19, 1: 61, 2: 133, 3: 230, 4: 230, 5: 58, 6: 133}),
)

US915 = Band(
    name="US915",
    spec_name="US902-928",
    source="RP002-1.0.3 to 1.0.5; 47 CFR 15.247",
    device_range=FrequencyRange(902_000_000, 928_000_000),
    data_rates=(
        DataRate(0, LoRa(sf=10, bw_hz=125_000), Direction.UPLINK),
        DataRate(1, LoRa(sf=9, bw_hz=125_000), Direction.UPLINK),
        DataRate(2, LoRa(sf=8, bw_hz=125_000), Direction.UPLINK),
        DataRate(3, LoRa(sf=7, bw_hz=125_000), Direction.UPLINK),
        DataRate(4, LoRa(sf=8, bw_hz=500_000), Direction.UPLINK),
        DataRate(5, LrFhss(LrFhssCodingRate.ONE_THIRD, 1_523_000), Direction.UPLINK, Revision.RP002_1_0_2),
        DataRate(6, LrFhss(LrFhssCodingRate.TWO_THIRDS, 1_523_000), Direction.UPLINK, Revision.RP002_1_0_2),
        DataRate(7, LoRa(sf=6, bw_hz=125_000), Direction.UPLINK, Revision.RP002_1_0_5),
        DataRate(8, LoRa(sf=5, bw_hz=125_000), Direction.UPLINK, Revision.RP002_1_0_5),
        DataRate(0, LoRa(sf=5, bw_hz=500_000), Direction.DOWNLINK, Revision.RP002_1_0_5),
        DataRate(8, LoRa(sf=12, bw_hz=500_000), Direction.DOWNLINK),
        DataRate(9, LoRa(sf=11, bw_hz=500_000), Direction.DOWNLINK),
        DataRate(10, LoRa(sf=10, bw_hz=500_000), Direction.DOWNLINK),
        DataRate(11, LoRa(sf=9, bw_hz=500_000), Direction.DOWNLINK),
        DataRate(12, LoRa(sf=8, bw_hz=500_000), Direction.DOWNLINK),
        DataRate(13, LoRa(sf=7, bw_hz=500_000), Direction.DOWNLINK),
        DataRate(14, LoRa(sf=6, bw_hz=500_000), Direction.DOWNLINK, Revision.RP002_1_0_5),
    ),
    downlink=PayloadTables(
        no_repeater=_NO_REPEATER,
        repeater=sizes({0: 230, 8: 61, 9: 137, 10: 230, 11: 230, 12: 230, 13: 230, 14: 230}),
    ),
    uplink=_UPLINK,
    earlier_payloads=(
        EarlierPayloads(
            until=Revision.RP002_1_0_1,
            downlink=PayloadTables(
                no_repeater=_NO_REPEATER,
                repeater=sizes({0: 230, 8: 41, 9: 117, 10: 230, 11: 230, 12: 230, 13: 230, 14: 230}),
            ),
            uplink=_UPLINK,
        ),
    ),
    uplink_channels=(
        ChannelBlock(first_hz=902_300_000, step_hz=200_000, count=64),  # 125 kHz
        ChannelBlock(first_hz=903_000_000, step_hz=1_600_000, count=8),  # 500 kHz
    ),
    downlink_channels=(_DOWNLINK_CHANNELS,),
    rx2=Rx2(dr=8, frequencies_hz=(923_300_000,)),
    beacon=Beacon(_DOWNLINK_CHANNELS.frequencies_hz, dr=8, phy_bytes=23, rfu1_bytes=4, rfu2_bytes=3),
    ping_slot=PingSlotChannel(_DOWNLINK_CHANNELS.frequencies_hz, dr=8),
    max_eirp_device_dbm=30,
    tx_power_steps=15,
    duty_cycle_enforced=Rule.NO,
    lbt=Rule.NO,
    dwell_time=DwellTime(
        limit_ms=400,
        applies_to=(Direction.UPLINK,),
        only_bw_hz=125_000,
        set_by="regulation",
        default_uplink=True,
        default_downlink=False,
    ),
    sub_band_edges=Edges.CENTRE,
    gateway_sub_bands=(
        SubBand(902_300_000, 914_900_000, 1.0, 23.15, 21, note="uplink block; no duty-cycle limit"),
        SubBand(
            923_300_000,
            927_500_000,
            1.0,
            28.15,
            26,
            note="500 kHz downlinks; no duty-cycle and no dwell limit; 21 dBm EIRP is a usual default too",
        ),
    ),
    downlink_valid=DownlinkList(_DOWNLINK_CHANNELS.frequencies_hz),
    rx1_dr=(
        (0, (10, 9, 8, 8)),
        (1, (11, 10, 9, 8)),
        (2, (12, 11, 10, 9)),
        (3, (13, 12, 11, 10)),
        (4, (13, 13, 12, 11)),
        (5, (10, 9, 8, 8)),
        (6, (11, 10, 9, 8)),
        (7, (14, 13, 12, 11)),
        (8, (0, 14, 13, 12)),
    ),
    notes=("the same DR number means different things up and down (DR0 and DR8)",),
)
