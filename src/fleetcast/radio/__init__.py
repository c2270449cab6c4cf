"""What the air allows: bands, airtime, duty cycle, class B timing, energy. Pure arithmetic on frozen values.

`catalog.band("EU868")` is where to begin. Instants and durations on the air are whole microseconds. Not here: what is
said (`protocol`), and what is planned with these limits (`planning`).
"""

from fleetcast.radio import answers, class_b, energy
from fleetcast.radio.airtime import (
    DATA_FRAGMENT_HEADER_BYTES,
    PHY_OVERHEAD_BYTES,
    beacon_airtime_us,
    downlink_airtime_us,
    fragment_airtime_us,
    fragment_frame_bytes,
    fsk_airtime_us,
    lora_airtime_us,
    lora_payload_symbols,
    lr_fhss_airtime_us,
    uplink_airtime_us,
)
from fleetcast.radio.band import Band, CountryProfile, DataRate, Direction, UnknownDataRate
from fleetcast.radio.bands import catalog
from fleetcast.radio.bands.catalog import UnknownBand
from fleetcast.radio.downlink import FrequencyNotAllowed, NoPayload, check_downlink, sub_band_of
from fleetcast.radio.duty_cycle import (
    BudgetSpent,
    DutyCycleBudget,
    DutyCycleUse,
    FrameExceedsBudget,
    even_gap_us,
    hourly_budget_us,
    transfer_duration_us,
    transfer_starts_us,
)
from fleetcast.radio.fragments import (
    MAX_FRAGMENT_BYTES,
    FragmentOption,
    fragment_options,
    loss_break_even,
    max_fragment_bytes,
)
from fleetcast.radio.modulation import Fsk, LoRa, LrFhss, LrFhssCodingRate, Modulation
from fleetcast.radio.payload_sizes import PayloadLimit, Revision
from fleetcast.radio.receive_windows import Beacon, ChannelPlan, ChannelPlanNeeded, PingSlotChannel, Rx2
from fleetcast.radio.spectrum import FrequencyRange, SubBand, mhz

__all__ = [
    "DATA_FRAGMENT_HEADER_BYTES",
    "MAX_FRAGMENT_BYTES",
    "PHY_OVERHEAD_BYTES",
    "Band",
    "Beacon",
    "BudgetSpent",
    "ChannelPlan",
    "ChannelPlanNeeded",
    "CountryProfile",
    "DataRate",
    "Direction",
    "DutyCycleBudget",
    "DutyCycleUse",
    "FragmentOption",
    "FrameExceedsBudget",
    "FrequencyNotAllowed",
    "FrequencyRange",
    "Fsk",
    "LoRa",
    "LrFhss",
    "LrFhssCodingRate",
    "Modulation",
    "NoPayload",
    "PayloadLimit",
    "PingSlotChannel",
    "Revision",
    "Rx2",
    "SubBand",
    "UnknownBand",
    "UnknownDataRate",
    "answers",
    "beacon_airtime_us",
    "catalog",
    "check_downlink",
    "class_b",
    "downlink_airtime_us",
    "energy",
    "even_gap_us",
    "fragment_airtime_us",
    "fragment_frame_bytes",
    "fragment_options",
    "fsk_airtime_us",
    "hourly_budget_us",
    "lora_airtime_us",
    "lora_payload_symbols",
    "loss_break_even",
    "lr_fhss_airtime_us",
    "max_fragment_bytes",
    "mhz",
    "sub_band_of",
    "transfer_duration_us",
    "transfer_starts_us",
    "uplink_airtime_us",
]
