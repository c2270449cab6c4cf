"""AS923-1: RP002, AS923 group 1, the frequencies that the other groups are offsets of.

Outside the common subset follow the country; two are sketched here.
"""

from __future__ import annotations

from fleetcast.radio.band import CountryProfile, ListenBeforeTalk
from fleetcast.radio.bands.as923 import as923
from fleetcast.radio.spectrum import FrequencyRange, SubBand

AS923_1 = as923(
    "AS923-1",
    offset_hz=0,
    device_range=FrequencyRange(915_000_000, 928_000_000),
    gateway_sub_bands=(
        SubBand(923_000_000, 923_500_000, 0.01, 16, note="common subset of the group; outside it follow the country"),
    ),
    country_profiles=(
        CountryProfile(
            name="Japan 920.6-923.4 (channels 24-38), LBT",
            frequencies=FrequencyRange(920_600_000, 923_400_000),
            duty_cycle=1.0,
            dwell_400ms=False,
            max_eirp_dbm=16,
            lbt=ListenBeforeTalk(threshold_dbm=-80, scan_us=5000, note="verify against national law"),
        ),
        CountryProfile(
            name="Singapore 922.0-923.4",
            frequencies=FrequencyRange(922_000_000, 923_400_000),
            duty_cycle=0.1,
            dwell_400ms=False,
        ),
    ),
)
