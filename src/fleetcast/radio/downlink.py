"""May a downlink go out on this frequency at this data rate? If not: why, and what may.

A multicast session must name a frequency that device stacks accept and that lies in a sub-band of the gateway's
transmitter, at a data rate that devices receive and that carries a payload. How often it may go out is `duty_cycle`.
"""

from __future__ import annotations

from fleetcast.errors import Invalid
from fleetcast.radio.band import Band, DataRate, Direction, Edges
from fleetcast.radio.modulation import LrFhss
from fleetcast.radio.spectrum import SubBand, mhz

_DEFAULT_BANDWIDTH_HZ = 125_000


class FrequencyNotAllowed(Invalid):
    """Devices do not accept this downlink frequency, or no gateway may send there."""

    def __init__(self, band: str, frequency_hz: int, why: str) -> None:
        self.band, self.frequency_hz = band, frequency_hz
        super().__init__(f"{band}: no downlink at {mhz(frequency_hz)} ({frequency_hz} Hz): {why}")


class NoPayload(Invalid):
    """The data rate exists, but its largest payload is zero."""

    def __init__(self, band: str, dr: int, why: str, allowed: tuple[int, ...]) -> None:
        self.band, self.dr, self.allowed = band, dr, allowed
        rates = ", ".join(f"DR{number}" for number in allowed)
        super().__init__(f"{band} DR{dr} carries nothing {why}: use one of {rates}")


def sub_band_of(band: Band, frequency_hz: int, bandwidth_hz: int = _DEFAULT_BANDWIDTH_HZ) -> SubBand:
    """The gateway sub-band that a channel belongs to, hence its duty cycle and power; the first named of several.

    Where the band's edges bound the occupied channel, all of it must be inside. Raises FrequencyNotAllowed with the
    sub-bands there are.
    """
    width_hz = bandwidth_hz if band.sub_band_edges is Edges.OCCUPIED_CHANNEL else 0
    for sub_band in band.gateway_sub_bands:
        if sub_band.contains(frequency_hz, width_hz):
            return sub_band
    inside = f"a channel of {width_hz // 1000} kHz must lie inside one of" if width_hz else "gateways may send in"
    listed = "; ".join(str(sub_band) for sub_band in band.gateway_sub_bands)
    raise FrequencyNotAllowed(str(band), frequency_hz, f"{inside} {listed}")


def check_downlink(
    band: Band, frequency_hz: int, dr: int, *, repeater: bool = False, dwell_limited: bool = False
) -> DataRate:
    """The data rate of a downlink that devices accept and a gateway may send.

    Raises UnknownDataRate for one the band lacks or has for uplinks only, NoPayload where nothing fits, and
    FrequencyNotAllowed; each says what is allowed.
    """
    rate = band.data_rate(dr, Direction.DOWNLINK)
    if not band.max_payload(dr, repeater=repeater, dwell_limited=dwell_limited).frmpayload_bytes:
        why = "under the 400 ms dwell limit" if dr in band.usable_data_rates() else "within the band's airtime limit"
        fitting = tuple(
            number
            for number in band.usable_data_rates()
            if band.max_payload(number, repeater=repeater, dwell_limited=dwell_limited).frmpayload_bytes
        )
        raise NoPayload(str(band), dr, why, fitting)
    if not band.downlink_valid.allows(frequency_hz):
        raise FrequencyNotAllowed(str(band), frequency_hz, f"devices accept {band.downlink_valid}")
    if isinstance(rate.modulation, LrFhss):
        raise Invalid(f"{band} DR{dr} is LR-FHSS, which devices send and never receive")
    bandwidth_hz = rate.modulation.occupied_bandwidth_hz
    sub_band_of(band, frequency_hz, bandwidth_hz)
    return rate
