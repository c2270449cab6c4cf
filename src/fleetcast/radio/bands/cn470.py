"""CN470: RP002, CN470-510, with the four channel plans of RP002-1.0.1 and the legacy plan before them.

Sizes keep every frame under the one second of the Chinese micro-power rules, so DR0 carries nothing. Without a plan a
downlink frequency of any plan passes, and RX2, beacon and ping-slot frequencies are open.
"""

from __future__ import annotations

from fleetcast.radio.band import Band, DataRate, Direction, DwellTime, Edges, Rule
from fleetcast.radio.modulation import Fsk, LoRa
from fleetcast.radio.payload_sizes import EarlierPayloads, PayloadTables, Revision, sizes
from fleetcast.radio.receive_windows import Beacon, ChannelPlan, JoinChannelGroup, PingSlotChannel, Rx2
from fleetcast.radio.spectrum import ChannelBlock, DownlinkList, FrequencyRange, SubBand

_20MHZ_A = ChannelBlock(first_hz=483_900_000, step_hz=200_000, count=64)
_20MHZ_B = (
    ChannelBlock(first_hz=476_900_000, step_hz=200_000, count=32),
    ChannelBlock(first_hz=496_900_000, step_hz=200_000, count=32),
)
_LEGACY_CLASS_B_HZ = ChannelBlock(first_hz=508_300_000, step_hz=200_000, count=8).frequencies_hz

# One implementation has 494.0 MHz for join channel 6, which would break the 1.6 MHz step.
_20MHZ_A_RX2_HZ = (
    485_300_000,
    486_900_000,
    488_500_000,
    490_100_000,
    491_700_000,
    493_300_000,
    494_900_000,
    496_500_000,
)

_PLANS = (
    ChannelPlan(
        name="20MHz-A",
        downlink=(_20MHZ_A,),
        groups=tuple(
            # Eight beacon and ping-slot channels for each join channel: 8 j to 8 j + 7.
            JoinChannelGroup(
                join_channel=j,
                rx2_hz=rx2_hz,
                beacon_hz=_20MHZ_A.frequencies_hz[8 * j : 8 * j + 8],
                ping_hz=_20MHZ_A.frequencies_hz[8 * j : 8 * j + 8],
            )
            for j, rx2_hz in enumerate(_20MHZ_A_RX2_HZ)
        ),
        rx2_dr=1,
        rx2_abp_hz=486_900_000,
    ),
    ChannelPlan(
        name="20MHz-B",
        downlink=_20MHZ_B,
        groups=(
            JoinChannelGroup(8, rx2_hz=478_300_000, beacon_hz=(481_500_000,), ping_hz=_20MHZ_B[0].frequencies_hz),
            JoinChannelGroup(9, rx2_hz=498_300_000, beacon_hz=(501_500_000,), ping_hz=_20MHZ_B[1].frequencies_hz),
        ),
        rx2_dr=1,
        rx2_abp_hz=498_300_000,
    ),
    ChannelPlan(
        name="26MHz-A",
        downlink=(ChannelBlock(first_hz=490_100_000, step_hz=200_000, count=24),),
        groups=(JoinChannelGroup(None, rx2_hz=492_500_000, beacon_hz=(494_900_000,), ping_hz=(494_900_000,)),),
        rx2_dr=1,
        rx2_abp_hz=492_500_000,
    ),
    ChannelPlan(
        name="26MHz-B",
        downlink=(ChannelBlock(first_hz=500_100_000, step_hz=200_000, count=24),),
        groups=(JoinChannelGroup(None, rx2_hz=502_500_000, beacon_hz=(504_900_000,), ping_hz=(504_900_000,)),),
        rx2_dr=1,
        rx2_abp_hz=502_500_000,
    ),
    ChannelPlan(
        name="legacy",
        uplink=(ChannelBlock(first_hz=470_300_000, step_hz=200_000, count=96),),
        downlink=(ChannelBlock(first_hz=500_300_000, step_hz=200_000, count=48),),
        groups=(JoinChannelGroup(None, rx2_hz=505_300_000, beacon_hz=_LEGACY_CLASS_B_HZ, ping_hz=_LEGACY_CLASS_B_HZ),),
        # DR0 carries nothing since RP002-1.0.1; the legacy plan kept it as its RX2 default.
        rx2_dr=0,
        rx2_abp_hz=505_300_000,
    ),
)

CN470 = Band(
    name="CN470",
    spec_name="CN470-510",
    source="RP002-1.0.3 to 1.0.5; MIIT announcement 52 of 2019 on micro-power devices",
    device_range=FrequencyRange(470_000_000, 510_000_000),
    data_rates=(
        DataRate(0, LoRa(sf=12, bw_hz=125_000)),
        DataRate(1, LoRa(sf=11, bw_hz=125_000)),
        DataRate(2, LoRa(sf=10, bw_hz=125_000)),
        DataRate(3, LoRa(sf=9, bw_hz=125_000)),
        DataRate(4, LoRa(sf=8, bw_hz=125_000)),
        DataRate(5, LoRa(sf=7, bw_hz=125_000)),
        DataRate(6, LoRa(sf=7, bw_hz=500_000), since=Revision.RP002_1_0_1),
        DataRate(7, Fsk(50_000)),
    ),
    downlink=PayloadTables(
        no_repeater=sizes({0: 0, 1: 31, 2: 94, 3: 192, 4: 250, 5: 250, 6: 250, 7: 250}),
        repeater=sizes({0: 0, 1: 31, 2: 94, 3: 192, 4: 230, 5: 230, 6: 230, 7: 230}),
    ),
    earlier_payloads=(
        EarlierPayloads(
            until=Revision.RP002_1_0_0,
            downlink=PayloadTables(
                no_repeater=sizes({0: 59, 1: 59, 2: 59, 3: 123, 4: 250, 5: 250}),
                repeater=sizes({0: 59, 1: 59, 2: 59, 3: 123, 4: 230, 5: 230}),
            ),
        ),
    ),
    channel_plans=_PLANS,
    rx2=Rx2(dr=1, frequencies_hz=()),
    beacon=Beacon((), dr=2, phy_bytes=19, rfu1_bytes=2, rfu2_bytes=1),
    ping_slot=PingSlotChannel((), dr=2),
    max_eirp_device_dbm=19.15,
    tx_power_steps=8,
    duty_cycle_enforced=Rule.NO,
    lbt=Rule.NO,
    dwell_time=DwellTime(
        limit_ms=1000,
        applies_to=(Direction.UPLINK, Direction.DOWNLINK),
        set_by="regulation, already in the payload table",
    ),
    sub_band_edges=Edges.CENTRE,
    gateway_sub_bands=(SubBand(470_000_000, 510_000_000, 1.0, 19.15, 17),),
    downlink_valid=DownlinkList(tuple(sorted({frequency for plan in _PLANS for frequency in plan.downlink_hz}))),
    rx1_dr=(
        (0, (0, 0, 0, 0, 0, 0)),
        (1, (1, 0, 0, 0, 0, 0)),
        (2, (2, 1, 0, 0, 0, 0)),
        (3, (3, 2, 1, 0, 0, 0)),
        (4, (4, 3, 2, 1, 0, 0)),
        (5, (5, 4, 3, 2, 1, 0)),
    ),
    notes=("sizes keep every frame under 1 s; DR0 carries nothing, so a plan never falls back to it",),
)
