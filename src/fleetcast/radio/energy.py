"""What listening and sending cost a battery: charge in mAh from seconds and milliamperes.

Time spent in each state is estimated per device class; multiplied with a profile of currents it gives the charge. The
currents are typical figures of radios, not of products: an operator may give a profile of their own. Writing flash and
decoding are left out, both far below the radio (50 kB: under 0.001 mAh).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fleetcast.errors import Invalid

_WINDOW_SYMBOLS = 8  # a receiver looks for a preamble that long before it gives up
_WINDOW_MARGIN_S = 0.004
_BEACON_MARGIN_S = 0.030


@dataclass(frozen=True, slots=True)
class Currents:
    """The currents of a device during a campaign, in mA: receiving, sending, and idle underneath both."""

    receive_ma: float
    transmit_ma: float
    idle_ma: float = 0.0

    def __post_init__(self) -> None:
        if self.receive_ma < 0 or self.transmit_ma < 0 or self.idle_ma < 0:
            raise Invalid(f"{self}: a current is not negative")


@dataclass(frozen=True, slots=True)
class RadioProfile:
    """Currents of one type of radio in mA, as data sheets and published measurements give them.

    Receive normal and with the amplifier boosted; transmit by output power in dBm. `idle_ua` is the whole device
    asleep, in microamperes.
    """

    name: str
    receive_ma: float
    receive_boosted_ma: float
    receive_fsk_ma: float
    receive_fsk_boosted_ma: float
    transmit_ma_by_dbm: tuple[tuple[float, float], ...]
    sleep_ua: float
    idle_ua: float = 6.0
    source: str = ""

    def currents(self, *, boosted: bool = True, fsk: bool = False, transmit_dbm: float = 14) -> Currents:
        """The currents of one setting; the next higher power that is listed. Raises Invalid above the highest."""
        by_modulation = (
            (self.receive_fsk_ma, self.receive_fsk_boosted_ma) if fsk else (self.receive_ma, self.receive_boosted_ma)
        )
        enough = [row for row in self.transmit_ma_by_dbm if row[0] >= transmit_dbm]
        if not enough:
            highest = max(row[0] for row in self.transmit_ma_by_dbm)
            raise Invalid(f"{self.name} has no transmit current at {transmit_dbm:g} dBm: use {highest:g} dBm or less")
        return Currents(by_modulation[boosted], min(enough)[1], self.idle_ua / 1000)


_SEMTECH = "Semtech data sheets, as repeated in the radio tables of the LoRa Basics Modem examples"

SX127X = RadioProfile(
    "SX127x",
    receive_ma=10.8,
    receive_boosted_ma=11.5,
    receive_fsk_ma=11.0,
    receive_fsk_boosted_ma=11.0,
    transmit_ma_by_dbm=((10, 31.0), (14, 44.0), (20, 125.0)),
    sleep_ua=0.2,
    source="SX1276/77/78/79 data sheet (receive); Bor et al., Do LoRa LPWANs Scale?, 2016 (transmit, PA_BOOST)",
)
SX126X_DCDC = RadioProfile(
    "SX126x, DC-DC",
    receive_ma=4.6,
    receive_boosted_ma=5.3,
    receive_fsk_ma=4.2,
    receive_fsk_boosted_ma=4.8,
    transmit_ma_by_dbm=((10, 18.5), (14, 25.5), (20, 103.8), (22, 117.9)),
    sleep_ua=1.2,
    source=f"{_SEMTECH}; low-power amplifier up to 14 dBm",
)
SX126X_DCDC_HIGH_POWER = RadioProfile(
    "SX126x, DC-DC, high-power amplifier",
    receive_ma=4.6,
    receive_boosted_ma=5.3,
    receive_fsk_ma=4.2,
    receive_fsk_boosted_ma=4.8,
    transmit_ma_by_dbm=((14, 89.3), (20, 103.8), (22, 117.9)),
    sleep_ua=1.2,
    source=_SEMTECH,
)
SX126X_LDO = RadioProfile(
    "SX126x, LDO",
    receive_ma=8.88,
    receive_boosted_ma=10.1,
    receive_fsk_ma=8.0,
    receive_fsk_boosted_ma=9.3,
    transmit_ma_by_dbm=((10, 36.6), (14, 48.2), (20, 105.8), (22, 119.8)),
    sleep_ua=1.2,
    source=f"{_SEMTECH}; low-power amplifier up to 14 dBm",
)
SX126X_LDO_HIGH_POWER = RadioProfile(
    "SX126x, LDO, high-power amplifier",
    receive_ma=8.88,
    receive_boosted_ma=10.1,
    receive_fsk_ma=8.0,
    receive_fsk_boosted_ma=9.3,
    transmit_ma_by_dbm=((14, 90.2), (20, 105.8), (22, 119.8)),
    sleep_ua=1.2,
    source=_SEMTECH,
)
LR11XX_DCDC = RadioProfile(
    "LR11xx, DC-DC",
    receive_ma=5.7,
    receive_boosted_ma=7.8,
    receive_fsk_ma=5.4,
    receive_fsk_boosted_ma=7.5,
    transmit_ma_by_dbm=((10, 23.7), (14, 28.6), (20, 106.3), (22, 113.0)),
    sleep_ua=1.6,
    source=f"{_SEMTECH}; low-power amplifier up to 14 dBm",
)
LR11XX_DCDC_HIGH_POWER = RadioProfile(
    "LR11xx, DC-DC, high-power amplifier",
    receive_ma=5.7,
    receive_boosted_ma=7.8,
    receive_fsk_ma=5.4,
    receive_fsk_boosted_ma=7.5,
    transmit_ma_by_dbm=((14, 88.5), (20, 106.3), (22, 113.0)),
    sleep_ua=1.6,
    source=_SEMTECH,
)

PROFILES = (
    SX127X,
    SX126X_DCDC,
    SX126X_DCDC_HIGH_POWER,
    SX126X_LDO,
    SX126X_LDO_HIGH_POWER,
    LR11XX_DCDC,
    LR11XX_DCDC_HIGH_POWER,
)

STM32WL_BOARD = Currents(receive_ma=4.8, transmit_ma=25.0, idle_ma=3.1)
"""A demonstration board that never sleeps, measured at 3.0 V (klementc/fuotaa-reprod, 2024): above idle, and idle."""

DEFAULT_CURRENTS = Currents(receive_ma=11.0, transmit_ma=44.0, idle_ma=0.006)
"""What to assume when nothing is known of a device: an SX127x type."""


@dataclass(frozen=True, slots=True)
class RadioTime:
    """Seconds a device spends receiving and sending, and in all."""

    receive_s: float
    transmit_s: float = 0.0
    total_s: float = 0.0

    def __add__(self, other: RadioTime) -> RadioTime:
        return RadioTime(
            self.receive_s + other.receive_s, self.transmit_s + other.transmit_s, self.total_s + other.total_s
        )


def charge_mah(time: RadioTime, currents: Currents) -> float:
    """Charge in mAh: each current for its time, the idle current for all of it."""
    milliampere_seconds = (
        time.receive_s * currents.receive_ma + time.transmit_s * currents.transmit_ma + time.total_s * currents.idle_ma
    )
    return milliampere_seconds / 3600


def energy_j(charge: float, voltage_v: float) -> float:
    """Energy in joules of a charge in mAh."""
    return charge * 3.6 * voltage_v


def battery_percent(charge: float, capacity_mah: float) -> float:
    """A charge in mAh as percent of a battery; raises Invalid for a battery without capacity."""
    if capacity_mah <= 0:
        raise Invalid(f"a battery of {capacity_mah:g} mAh is empty: give its capacity, for example 2400")
    return 100 * charge / capacity_mah


def floor_time(fragment_count: int, airtime_s: float) -> RadioTime:
    """The least any device must do: receive as many frames as the file has fragments."""
    return RadioTime(receive_s=fragment_count * airtime_s)


def class_c_time(session_s: float, *, answers_s: float = 0.0) -> RadioTime:
    """Reception from the session's start to its end, or to the device's own stop, and its answers (airtime)."""
    return RadioTime(receive_s=session_s, transmit_s=answers_s, total_s=session_s)


def class_b_time(
    frame_count: int,
    airtime_s: float,
    *,
    beacon_periods: float,
    pings_per_period: int,
    symbol_s: float,
    beacon_airtime_s: float,
    answers_s: float = 0.0,
) -> RadioTime:
    """Every frame, every ping slot without one, every beacon, and the answers (airtime)."""
    empty_pings = max(0.0, beacon_periods * pings_per_period - frame_count)
    return RadioTime(
        receive_s=frame_count * airtime_s
        + empty_pings * receive_window_s(symbol_s)
        + beacon_periods * (beacon_airtime_s + _BEACON_MARGIN_S),
        transmit_s=answers_s,
        total_s=beacon_periods * 128,
    )


def class_a_time(
    fragment_count: int, airtime_s: float, uplink_airtime_s: float, *, loss: float = 0.0, uplink_interval_s: float = 0.0
) -> RadioTime:
    """One uplink for each fragment sent in RX1, as many as it takes at this loss (0 to below 1)."""
    if not 0 <= loss < 1:
        raise Invalid(f"a loss of {loss} lets nothing arrive or is none: use 0 to below 1")
    frames = math.ceil(fragment_count / (1 - loss))
    return RadioTime(
        receive_s=frames * airtime_s, transmit_s=frames * uplink_airtime_s, total_s=frames * uplink_interval_s
    )


def receive_window_s(symbol_s: float) -> float:
    """How long a ping slot or receive window without a frame keeps the receiver on."""
    return _WINDOW_SYMBOLS * symbol_s + _WINDOW_MARGIN_S
