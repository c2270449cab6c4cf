"""What the four AS923 groups have in common: RP002, AS923; they differ by a frequency offset and the countries inside.

Since RP002-1.0.5 a device must accept downlinks up to the sizes without dwell limit whatever its DownlinkDwellTime; the
gateway still obeys its country's dwell limit. Under that limit DR0 and DR1 carry nothing.
"""

from __future__ import annotations

from fleetcast.radio.band import Band, CountryProfile, DataRate, Direction, DwellTime, Edges, Rule
from fleetcast.radio.modulation import Fsk, LoRa
from fleetcast.radio.payload_sizes import EarlierPayloads, PayloadTables, Revision, sizes
from fleetcast.radio.receive_windows import Beacon, PingSlotChannel, Rx2
from fleetcast.radio.spectrum import DownlinkRanges, FrequencyRange, SubBand

_DATA_RATES = (
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
)

_DWELL = sizes({0: 0, 1: 0, 2: 19, 3: 61, 4: 133, 5: 250, 6: 250, 7: 250, 12: 250, 13: 250})
_DWELL_REPEATER = sizes({0: 0, 1: 0, 2: 19, 3: 61, 4: 133, 5: 230, 6: 230, 7: 230, 12: 230, 13: 230})

_PAYLOADS = PayloadTables(
    no_repeater=sizes({0: 59, 1: 59, 2: 123, 3: 123, 4: 250, 5: 250, 6: 250, 7: 250, 12: 250, 13: 250}),
    repeater=sizes({0: 59, 1: 59, 2: 123, 3: 123, 4: 230, 5: 230, 6: 230, 7: 230, 12: 230, 13: 230}),
    no_repeater_dwell_400ms=_DWELL,
    repeater_dwell_400ms=_DWELL_REPEATER,
)

# DR2 carried no more than DR1 until RP002-1.0.1.
_PAYLOADS_UNTIL_RP002_1_0_0 = PayloadTables(
    no_repeater=sizes({0: 59, 1: 59, 2: 59, 3: 123, 4: 250, 5: 250, 6: 250, 7: 250, 12: 250, 13: 250}),
    repeater=sizes({0: 59, 1: 59, 2: 59, 3: 123, 4: 230, 5: 230, 6: 230, 7: 230, 12: 230, 13: 230}),
    no_repeater_dwell_400ms=_DWELL,
    repeater_dwell_400ms=_DWELL_REPEATER,
)

_RX1_DR = (
    (0, (0, 0, 0, 0, 0, 0, 1, 2)),
    (1, (1, 0, 0, 0, 0, 0, 2, 3)),
    (2, (2, 1, 0, 0, 0, 0, 3, 4)),
    (3, (3, 2, 1, 0, 0, 0, 4, 5)),
    (4, (4, 3, 2, 1, 0, 0, 5, 6)),
    (5, (5, 4, 3, 2, 1, 0, 6, 7)),
    (6, (6, 5, 4, 3, 2, 1, 7, 7)),
    (7, (7, 6, 5, 4, 3, 2, 7, 7)),
    (12, (12, 5, 4, 3, 2, 1, 13, 13)),
    (13, (13, 12, 5, 4, 3, 2, 13, 13)),
)

_RX1_DR_DWELL = (
    (0, (2, 2, 2, 2, 2, 2, 2, 2)),
    (1, (2, 2, 2, 2, 2, 2, 2, 3)),
    (2, (2, 2, 2, 2, 2, 2, 3, 4)),
    (3, (3, 2, 2, 2, 2, 2, 4, 5)),
    (4, (4, 3, 2, 2, 2, 2, 5, 6)),
    (5, (5, 4, 3, 2, 2, 2, 6, 7)),
    (6, (6, 5, 4, 3, 2, 2, 7, 7)),
    (7, (7, 6, 5, 4, 3, 2, 7, 7)),
    (12, (12, 5, 4, 3, 2, 2, 13, 13)),
    (13, (13, 12, 5, 4, 3, 2, 13, 13)),
)


def as923(
    name: str,
    *,
    offset_hz: int,
    device_range: FrequencyRange,
    gateway_sub_bands: tuple[SubBand, ...],
    country_profiles: tuple[CountryProfile, ...] = (),
) -> Band:
    """The AS923 group whose frequencies lie `offset_hz` away from those of AS923-1."""
    return Band(
        name=name,
        spec_name="AS923",
        source="RP002-1.0.3 to 1.0.5; sub-bands: the subset common to the countries of the group",
        frequency_offset_hz=offset_hz,
        device_range=device_range,
        data_rates=_DATA_RATES,
        downlink=_PAYLOADS,
        uplink=_PAYLOADS,
        earlier_payloads=(
            EarlierPayloads(Revision.RP002_1_0_0, _PAYLOADS_UNTIL_RP002_1_0_0, _PAYLOADS_UNTIL_RP002_1_0_0),
        ),
        default_channels_hz=(923_200_000 + offset_hz, 923_400_000 + offset_hz),
        rx2=Rx2(dr=2, frequencies_hz=(923_200_000 + offset_hz,)),
        beacon=Beacon((923_400_000 + offset_hz,), dr=3, phy_bytes=17, rfu1_bytes=1, rfu2_bytes=0),
        ping_slot=PingSlotChannel((923_400_000 + offset_hz,), dr=3),
        max_eirp_device_dbm=16,
        tx_power_steps=8,
        duty_cycle_enforced=Rule.BY_COUNTRY,
        lbt=Rule.BY_COUNTRY,
        dwell_time=DwellTime(
            limit_ms=400,
            applies_to=(Direction.UPLINK, Direction.DOWNLINK),
            set_by="TxParamSetupReq",
            default_uplink=True,  # of device stacks, until TxParamSetupReq
            default_downlink=False,  # since RP002-1.0.5
        ),
        sub_band_edges=Edges.CENTRE,
        gateway_sub_bands=gateway_sub_bands,
        country_profiles=country_profiles,
        downlink_valid=DownlinkRanges((device_range,)),
        rx1_dr=_RX1_DR,
        rx1_dr_dwell_400ms=_RX1_DR_DWELL,
    )
