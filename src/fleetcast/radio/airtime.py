"""Time on air of a frame, in whole microseconds from the first preamble symbol to the last payload symbol.

The formulas of the radios' data sheets (Semtech SX1276 and SX1261/2, "Time on Air") and the frames of LoRaWAN (TS001,
RP002). Not here: who may send when (`duty_cycle`).
"""

from __future__ import annotations

from typing import assert_never

from fleetcast.errors import Invalid
from fleetcast.radio.band import Band, Direction
from fleetcast.radio.modulation import Fsk, LoRa, LrFhss, LrFhssCodingRate, Modulation

PHY_OVERHEAD_BYTES = 13
"""MHDR 1, FHDR without FOpts 7, FPort 1, MIC 4 (TS001): what a data frame adds to its FRMPayload."""

DATA_FRAGMENT_HEADER_BYTES = 3
"""Command 1, index and N 2 (TS004, DataFragment): what precedes the fragment in its FRMPayload."""

MAX_PHY_PAYLOAD_BYTES = 255
"""The radio's length field is one byte."""

_BEACON_PREAMBLE_SYMBOLS = 10


def lora_payload_symbols(
    phy_payload_bytes: int,
    *,
    sf: int,
    bw_hz: int = 125_000,
    coding_rate_denominator: int = 5,
    crc_on: bool = True,
    implicit_header: bool = False,
    low_data_rate_optimize: bool | None = None,
) -> int:
    """Symbols after the preamble, the eight fixed ones included.

    `coding_rate_denominator` is 5 for 4/5 up to 8 for 4/8; `low_data_rate_optimize` None means the automatic rule (on
    when a symbol lasts at least 16 ms). Raises Invalid outside SF5 to SF12, 4/5 to 4/8 or 0 to 255 bytes.
    """
    if not 5 <= sf <= 12:
        raise Invalid(f"spreading factor {sf} does not exist: use 5 to 12")
    if not 5 <= coding_rate_denominator <= 8:
        raise Invalid(f"coding rate 4/{coding_rate_denominator} does not exist: use 4/5 to 4/8")
    _check_bandwidth(bw_hz)
    _check_length(phy_payload_bytes)
    # 2^SF / BW >= 16 ms, in integers.
    automatic = 1000 << sf >= 16 * bw_hz
    optimized = automatic if low_data_rate_optimize is None else low_data_rate_optimize
    # At SF5 and SF6 the fixed symbols hold eight bits more; in return the preamble is two symbols longer.
    constant_bits = 20 if sf <= 6 else 28
    bits = 8 * phy_payload_bytes - 4 * sf + constant_bits + 16 * crc_on - 20 * implicit_header
    bits_per_block = 4 * (sf - 2 * optimized)
    blocks = max(-(-bits // bits_per_block), 0)
    return 8 + blocks * coding_rate_denominator


def lora_airtime_us(
    phy_payload_bytes: int,
    *,
    sf: int,
    bw_hz: int = 125_000,
    coding_rate_denominator: int = 5,
    preamble_symbols: int | None = None,
    crc_on: bool = True,
    implicit_header: bool = False,
    low_data_rate_optimize: bool | None = None,
) -> int:
    """Airtime of a LoRa frame, PHYPayload MHDR to MIC: exact for every LoRaWAN setting, else rounded.

    `preamble_symbols` None means LoRaWAN's: 8, at SF5 and SF6 12. Raises Invalid for values no radio has.
    """
    payload_symbols = lora_payload_symbols(
        phy_payload_bytes,
        sf=sf,
        bw_hz=bw_hz,
        coding_rate_denominator=coding_rate_denominator,
        crc_on=crc_on,
        implicit_header=implicit_header,
        low_data_rate_optimize=low_data_rate_optimize,
    )
    preamble = _data_preamble_symbols(sf) if preamble_symbols is None else preamble_symbols
    if not 1 <= preamble <= 65_535:
        raise Invalid(f"a preamble of {preamble} symbols does not exist: use 1 to 65535, LoRaWAN uses 8")
    quarter_symbols = 4 * (preamble + payload_symbols) + (25 if sf <= 6 else 17)
    duration_bw = quarter_symbols * (1_000_000 << sf)
    return (2 * duration_bw + 4 * bw_hz) // (8 * bw_hz)


def fsk_airtime_us(
    phy_payload_bytes: int,
    *,
    bitrate_bps: int = 50_000,
    preamble_bytes: int = 5,
    sync_word_bytes: int = 3,
    crc_on: bool = True,
) -> int:
    """Airtime of a GFSK frame with its length byte; LoRaWAN sends the two CRC bytes in both directions (RP002)."""
    _check_length(phy_payload_bytes)
    if bitrate_bps <= 0:
        raise Invalid(f"a bit rate of {bitrate_bps} does not exist: LoRaWAN uses 50000")
    octets = preamble_bytes + sync_word_bytes + 1 + phy_payload_bytes + 2 * crc_on
    return (2 * 8_000_000 * octets + bitrate_bps) // (2 * bitrate_bps)


def lr_fhss_airtime_us(phy_payload_bytes: int, *, coding_rate: LrFhssCodingRate) -> int:
    """Airtime of an LR-FHSS uplink with the header count that RP002 gives its coding rate."""
    _check_length(phy_payload_bytes)
    bits = (phy_payload_bytes + 2) * 8 + 6
    coded_bits = bits * 3 if coding_rate is LrFhssCodingRate.ONE_THIRD else bits * 3 // 2
    blocks, rest = divmod(coded_bits, 48)
    bits_on_air = 50 * blocks + (rest + 2 if rest else 0) + 114 * coding_rate.header_count
    return bits_on_air * 2048  # 488.28125 bit/s: exactly 2.048 ms a bit


def uplink_airtime_us(modulation: Modulation, phy_payload_bytes: int) -> int:
    """Airtime of a join-request or uplink data frame: explicit header, payload CRC."""
    match modulation:
        case LoRa(sf, bw_hz):
            return lora_airtime_us(phy_payload_bytes, sf=sf, bw_hz=bw_hz, crc_on=True)
        case Fsk(bitrate_bps):
            return fsk_airtime_us(phy_payload_bytes, bitrate_bps=bitrate_bps)
        case LrFhss(coding_rate):
            return lr_fhss_airtime_us(phy_payload_bytes, coding_rate=coding_rate)
    assert_never(modulation)


def downlink_airtime_us(modulation: Modulation, phy_payload_bytes: int) -> int:
    """Airtime of a join-accept, downlink data frame or multicast fragment: LoRa downlinks have no payload CRC.

    Raises Invalid for LR-FHSS, which no device receives.
    """
    match modulation:
        case LoRa(sf, bw_hz):
            return lora_airtime_us(phy_payload_bytes, sf=sf, bw_hz=bw_hz, crc_on=False)
        case Fsk(bitrate_bps):
            return fsk_airtime_us(phy_payload_bytes, bitrate_bps=bitrate_bps)
        case LrFhss():
            raise Invalid(f"{modulation} is for uplinks only: choose a LoRa or FSK data rate for downlinks")
    assert_never(modulation)


def beacon_airtime_us(band: Band) -> int:
    """Airtime of this band's class B beacon: ten preamble symbols, implicit header, no payload CRC."""
    modulation = band.data_rate(band.beacon.dr, Direction.DOWNLINK).modulation
    if not isinstance(modulation, LoRa):
        raise Invalid(f"{band.name}: a beacon is a LoRa frame, but DR{band.beacon.dr} is {modulation}")
    return lora_airtime_us(
        band.beacon.phy_bytes,
        sf=modulation.sf,
        bw_hz=modulation.bw_hz,
        preamble_symbols=_BEACON_PREAMBLE_SYMBOLS,
        crc_on=False,
        implicit_header=True,
    )


def fragment_airtime_us(band: Band, dr: int, fragment_size_bytes: int) -> int:
    """Airtime of one DataFragment alone in a multicast or unicast downlink, at a downlink data rate of this band.

    Raises Invalid for a data rate the band lacks and for a frame beyond 255 bytes; whether the size is within the
    band's payload limit is the matter of `fragments.max_fragment_bytes`.
    """
    modulation = band.data_rate(dr, Direction.DOWNLINK).modulation
    return downlink_airtime_us(modulation, fragment_frame_bytes(fragment_size_bytes))


def fragment_frame_bytes(fragment_size_bytes: int) -> int:
    """Length of the PHYPayload that carries one fragment, 16 bytes more than the fragment."""
    return PHY_OVERHEAD_BYTES + DATA_FRAGMENT_HEADER_BYTES + fragment_size_bytes


def _data_preamble_symbols(sf: int) -> int:
    return 12 if sf <= 6 else 8


def _check_length(phy_payload_bytes: int) -> None:
    if not 0 <= phy_payload_bytes <= MAX_PHY_PAYLOAD_BYTES:
        raise Invalid(f"a PHYPayload of {phy_payload_bytes} bytes does not exist: use 0 to {MAX_PHY_PAYLOAD_BYTES}")


def _check_bandwidth(bw_hz: int) -> None:
    if bw_hz <= 0:
        raise Invalid(f"a bandwidth of {bw_hz} Hz does not exist: LoRaWAN uses 125000, 250000 and 500000")
