"""On which channels devices speak, and where their first receive window lies."""

from __future__ import annotations

from fleetcast.radio.band import Band

_CHANNEL_STEP_HZ = 200_000
_ADDED_FROM_HZ = {"EU868": 867_100_000, "RU864": 864_100_000, "IN865": 866_000_000, "KR920": 922_700_000}
"""Where networks put the channels they add to the default ones."""


def rx1_frequencies_hz(band: Band, channels: int) -> tuple[int, ...]:
    """The RX1 frequency after an uplink on each of so many channels.

    Bands with fixed channels answer on the downlink channels in turn (RP002, RX1); the others on the uplink's own
    frequency: the default channels, then those that a network would add.
    """
    downlink = tuple(hz for block in band.downlink_channels for hz in block.frequencies_hz)
    if not downlink and band.uplink_channels:
        downlink = (band.rx2.frequency_hz,)
    if not downlink:
        first_hz = _ADDED_FROM_HZ.get(band.name)
        added = () if first_hz is None else tuple(first_hz + number * _CHANNEL_STEP_HZ for number in range(5))
        downlink = band.default_channels_hz + added
    return tuple(downlink[number % len(downlink)] for number in range(channels))
