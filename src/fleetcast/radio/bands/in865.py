"""IN865: RP002, IN865-867; transmitter rules of the Indian licence exemption for 865 to 867 MHz.

DR6 is reserved, although some implementations state a size for it. Beacons and ping slots: 866.55 MHz, as RX2.
"""

from __future__ import annotations

from fleetcast.radio.band import Band, DataRate, Edges, Rule
from fleetcast.radio.modulation import Fsk, LoRa
from fleetcast.radio.payload_sizes import PayloadTables, Revision, sizes
from fleetcast.radio.receive_windows import Beacon, PingSlotChannel, Rx2
from fleetcast.radio.spectrum import DownlinkRanges, FrequencyRange, SubBand

IN865 = Band(
    name="IN865",
    spec_name="IN865-867",
    source="RP002-1.0.3 to 1.0.5",
    device_range=FrequencyRange(865_000_000, 867_000_000),
    data_rates=(
        DataRate(0, LoRa(sf=12, bw_hz=125_000)),
        DataRate(1, LoRa(sf=11, bw_hz=125_000)),
        DataRate(2, LoRa(sf=10, bw_hz=125_000)),
        DataRate(3, LoRa(sf=9, bw_hz=125_000)),
        DataRate(4, LoRa(sf=8, bw_hz=125_000)),
        DataRate(5, LoRa(sf=7, bw_hz=125_000)),
        DataRate(7, Fsk(50_000)),
        DataRate(12, LoRa(sf=6, bw_hz=125_000), since=Revision.RP002_1_0_5),
        DataRate(13, LoRa(sf=5, bw_hz=125_000), since=Revision.RP002_1_0_5),
    ),
    downlink=PayloadTables(
        no_repeater=sizes({0: 59, 1: 59, 2: 59, 3: 123, 4: 250, 5: 250, 7: 250, 12: 250, 13: 250}),
        repeater=sizes({0: 59, 1: 59, 2: 59, 3: 123, 4: 230, 5: 230, 7: 230, 12: 230, 13: 230}),
    ),
    default_channels_hz=(865_062_500, 865_402_500, 865_985_000),
    rx2=Rx2(dr=2, frequencies_hz=(866_550_000,)),
    beacon=Beacon((866_550_000,), dr=4, phy_bytes=19, rfu1_bytes=0, rfu2_bytes=3),
    ping_slot=PingSlotChannel((866_550_000,), dr=4),
    max_eirp_device_dbm=30,
    max_eirp_device_dbm_rp002_1_0_5=29.2,
    tx_power_steps=15,
    duty_cycle_enforced=Rule.NO,
    lbt=Rule.NO,
    sub_band_edges=Edges.OCCUPIED_CHANNEL,
    gateway_sub_bands=(SubBand(865_000_000, 867_000_000, 1.0, 16.15, 14, note="some gateway plans allow 30 dBm EIRP"),),
    downlink_valid=DownlinkRanges((FrequencyRange(865_000_000, 867_000_000),)),
    rx1_dr=(
        (0, (0, 0, 0, 0, 0, 0, 1, 2)),
        (1, (1, 0, 0, 0, 0, 0, 2, 3)),
        (2, (2, 1, 0, 0, 0, 0, 3, 4)),
        (3, (3, 2, 1, 0, 0, 0, 4, 5)),
        (4, (4, 3, 2, 1, 0, 0, 5, 5)),
        (5, (5, 4, 3, 2, 1, 0, 5, 5)),
        (7, (7, 6, 5, 4, 3, 2, 7, 7)),
        (12, (12, 5, 4, 3, 2, 1, 13, 13)),
        (13, (13, 12, 5, 4, 3, 2, 13, 13)),
    ),
    notes=("DR6 is reserved",),
)
