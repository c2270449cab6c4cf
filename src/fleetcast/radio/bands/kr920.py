"""KR920: RP002, KR920-923; listen before talk instead of a duty cycle (Korean rules for 917 to 923.5 MHz).

DR12 and DR13 are the least certain rows: try them with a device before a campaign relies on them.
"""

from __future__ import annotations

from fleetcast.radio.band import Band, DataRate, DevicePowerLimit, Edges, ListenBeforeTalk, Rule
from fleetcast.radio.modulation import LoRa
from fleetcast.radio.payload_sizes import PayloadTables, Revision, sizes
from fleetcast.radio.receive_windows import Beacon, PingSlotChannel, Rx2
from fleetcast.radio.spectrum import DownlinkRaster, FrequencyRange, SubBand

KR920 = Band(
    name="KR920",
    spec_name="KR920-923",
    source="RP002-1.0.3 to 1.0.5",
    device_range=FrequencyRange(920_900_000, 923_300_000),
    data_rates=(
        DataRate(0, LoRa(sf=12, bw_hz=125_000)),
        DataRate(1, LoRa(sf=11, bw_hz=125_000)),
        DataRate(2, LoRa(sf=10, bw_hz=125_000)),
        DataRate(3, LoRa(sf=9, bw_hz=125_000)),
        DataRate(4, LoRa(sf=8, bw_hz=125_000)),
        DataRate(5, LoRa(sf=7, bw_hz=125_000)),
        DataRate(12, LoRa(sf=6, bw_hz=125_000), since=Revision.RP002_1_0_5),
        DataRate(13, LoRa(sf=5, bw_hz=125_000), since=Revision.RP002_1_0_5),
    ),
    downlink=PayloadTables(
        no_repeater=sizes({0: 59, 1: 59, 2: 59, 3: 123, 4: 250, 5: 250, 12: 250, 13: 250}),
        repeater=sizes({0: 59, 1: 59, 2: 59, 3: 123, 4: 230, 5: 230, 12: 230, 13: 230}),
    ),
    default_channels_hz=(922_100_000, 922_300_000, 922_500_000),
    rx2=Rx2(dr=0, frequencies_hz=(921_900_000,)),
    beacon=Beacon((923_100_000,), dr=3, phy_bytes=17, rfu1_bytes=1, rfu2_bytes=0),
    ping_slot=PingSlotChannel((923_100_000,), dr=3),
    max_eirp_device_dbm=14,
    lower_device_power=(DevicePowerLimit(below_hz=922_100_000, max_eirp_dbm=10),),
    tx_power_steps=8,
    duty_cycle_enforced=Rule.NO,
    lbt=Rule.YES,
    lbt_rule=ListenBeforeTalk(
        threshold_dbm=-65,
        scan_us=5000,
        max_tx_ms=4000,
        min_pause_ms=50,
        note="verify against national law; device stacks use -80 dBm and 5 ms, one gateway plan 128 us",
    ),
    sub_band_edges=Edges.CENTRE,
    gateway_sub_bands=(SubBand(920_900_000, 923_300_000, 1.0, 23, note="listen before talk instead of a duty cycle"),),
    downlink_valid=DownlinkRaster(start_hz=920_900_000, stop_hz=923_300_000, step_hz=200_000),
    rx1_dr=(
        (0, (0, 0, 0, 0, 0, 0)),
        (1, (1, 0, 0, 0, 0, 0)),
        (2, (2, 1, 0, 0, 0, 0)),
        (3, (3, 2, 1, 0, 0, 0)),
        (4, (4, 3, 2, 1, 0, 0)),
        (5, (5, 4, 3, 2, 1, 0)),
        (12, (12, 5, 4, 3, 2, 1)),
        (13, (13, 12, 5, 4, 3, 2)),
    ),
)
