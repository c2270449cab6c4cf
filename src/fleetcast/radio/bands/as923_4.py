"""AS923-4: RP002, AS923 group 4, 5.9 MHz below group 1."""

from __future__ import annotations

from fleetcast.radio.band import CountryProfile
from fleetcast.radio.bands.as923 import as923
from fleetcast.radio.spectrum import FrequencyRange, SubBand

AS923_4 = as923(
    "AS923-4",
    offset_hz=-5_900_000,
    device_range=FrequencyRange(917_000_000, 920_000_000),
    gateway_sub_bands=(SubBand(917_300_000, 917_500_000, 0.01, 16),),
    country_profiles=(
        CountryProfile(
            name="Israel 917.3-919.9",
            frequencies=FrequencyRange(917_300_000, 919_900_000),
            duty_cycle=0.01,
            dwell_400ms=False,
        ),
    ),
)
