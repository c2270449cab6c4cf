"""AS923-3: RP002, AS923 group 3, 6.6 MHz below group 1."""

from __future__ import annotations

from fleetcast.radio.bands.as923 import as923
from fleetcast.radio.spectrum import FrequencyRange, SubBand

AS923_3 = as923(
    "AS923-3",
    offset_hz=-6_600_000,
    device_range=FrequencyRange(915_000_000, 921_000_000),
    gateway_sub_bands=(SubBand(916_500_000, 917_000_000, 0.01, 16),),
)
