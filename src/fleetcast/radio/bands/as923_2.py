"""AS923-2: RP002, AS923 group 2, 1.8 MHz below group 1."""

from __future__ import annotations

from fleetcast.radio.bands.as923 import as923
from fleetcast.radio.spectrum import FrequencyRange, SubBand

AS923_2 = as923(
    "AS923-2",
    offset_hz=-1_800_000,
    device_range=FrequencyRange(920_000_000, 923_000_000),
    gateway_sub_bands=(SubBand(921_400_000, 922_000_000, 0.01, 16),),
)
