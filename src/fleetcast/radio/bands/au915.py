"""AU915: RP002, AU915-928; Australian class licence for low interference potential devices (no duty cycle).

The same data-rate number means different things up and down (DR0, DR9 and DR10). Downlinks use 500 kHz channels only.
"""

from __future__ import annotations

from fleetcast.radio.band import Band, DataRate, Direction, DwellTime, Edges, Rule
from fleetcast.radio.modulation import LoRa, LrFhss, LrFhssCodingRate
from fleetcast.radio.payload_sizes import EarlierPayloads, PayloadTables, Revision, sizes
from fleetcast.radio.receive_windows import Beacon, PingSlotChannel, Rx2
from fleetcast.radio.spectrum import ChannelBlock, DownlinkList, FrequencyRange, SubBand

_DOWNLINK_CHANNELS = ChannelBlock(first_hz=923_300_000, step_hz=600_000, count=8)

_NO_REPEATER = sizes({0: 250, 8: 61, 9: 137, 10: 250, 11: 250, 12: 250, 13: 250, 14: 250})

# No source states uplink sizes for DR9 and DR10.
_UPLINK = PayloadTables(
    no_repeater=sizes({0: 59, 1: 59, 2: 59, 3: 123, 4: 250, 5: 250, 6: 250, 7: 58}),
    repeater=sizes({0: 59, 1: 59, 2: 59, 3: 123, 4: 230, 5: 230, 6: 230, 7: 58}),
    no_repeater_dwell_400ms=sizes({0: 0, 1: 0, 2: 19, 3: 61, 4: 133, 5: 250, 6: 250, 7: 58}),
    repeater_dwell_400ms=sizes({0: 0, 1: 0, 2: 19, 3: 61, 4: 133, 5: 230, 6: 230, 7: 58}),
)

AU915 = Band(
    name="AU915",
    spec_name="AU915-928",
    source="RP002-1.0.3 to 1.0.5",
    device_range=FrequencyRange(915_000_000, 928_000_000),
    data_rates=(
        DataRate(0, LoRa(sf=12, bw_hz=125_000), Direction.UPLINK),
        DataRate(1, LoRa(sf=11, bw_hz=125_000), Direction.UPLINK),
        DataRate(2, LoRa(sf=10, bw_hz=125_000), Direction.UPLINK),
        DataRate(3, LoRa(sf=9, bw_hz=125_000), Direction.UPLINK),
        DataRate(4, LoRa(sf=8, bw_hz=125_000), Direction.UPLINK),
        DataRate(5, LoRa(sf=7, bw_hz=125_000), Direction.UPLINK),
        DataRate(6, LoRa(sf=8, bw_hz=500_000), Direction.UPLINK),
        DataRate(7, LrFhss(LrFhssCodingRate.ONE_THIRD, 1_523_000), Direction.UPLINK, Revision.RP002_1_0_2),
        DataRate(9, LoRa(sf=6, bw_hz=125_000), Direction.UPLINK, Revision.RP002_1_0_5),
        DataRate(10, LoRa(sf=5, bw_hz=125_000), Direction.UPLINK, Revision.RP002_1_0_5),
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
        ChannelBlock(first_hz=915_200_000, step_hz=200_000, count=64),  # 125 kHz
        ChannelBlock(first_hz=915_900_000, step_hz=1_600_000, count=8),  # 500 kHz
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
        set_by="TxParamSetupReq",
        default_uplink=True,
        default_downlink=False,
    ),
    sub_band_edges=Edges.OCCUPIED_CHANNEL,
    gateway_sub_bands=(SubBand(915_000_000, 928_000_000, 1.0, 30),),
    downlink_valid=DownlinkList(_DOWNLINK_CHANNELS.frequencies_hz),
    rx1_dr=(
        (0, (8, 8, 8, 8, 8, 8)),
        (1, (9, 8, 8, 8, 8, 8)),
        (2, (10, 9, 8, 8, 8, 8)),
        (3, (11, 10, 9, 8, 8, 8)),
        (4, (12, 11, 10, 9, 8, 8)),
        (5, (13, 12, 11, 10, 9, 8)),
        (6, (13, 13, 12, 11, 10, 9)),
        (7, (9, 8, 8, 8, 8, 8)),
        (9, (14, 13, 12, 11, 10, 9)),
        (10, (0, 14, 13, 12, 11, 10)),
    ),
    notes=("the same DR number means different things up and down (DR0, DR9 and DR10)",),
)
