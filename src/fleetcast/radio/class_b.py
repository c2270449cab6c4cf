"""Class B time: beacon periods, ping slots, and where a device or group listens in each of them (TS001, class B).

GPS time throughout: beacon times in whole seconds, other instants in whole microseconds. Frequencies are in the band
(`Band.beacon`, `Band.ping_slot`).
"""

from __future__ import annotations

from dataclasses import dataclass

from fleetcast.errors import Invalid
from fleetcast.identifiers import DevAddr

BEACON_PERIOD_S = 128
BEACON_PERIOD_US = 128_000_000
BEACON_RESERVED_US = 2_120_000
BEACON_GUARD_US = 3_000_000
BEACON_WINDOW_US = 122_880_000
SLOT_US = 30_000
SLOTS = 4096
DEFAULT_PING_PERIODICITY = 7
BEACON_LESS_OPERATION_S = 7200
"""How long a device stays in class B without hearing a beacon, its windows widening."""


@dataclass(frozen=True, slots=True)
class PingSlot:
    """One slot in which a device listens: its number 0 to 4095, the beacon it counts from, and its start."""

    beacon_time_s: int
    slot: int

    @property
    def start_us(self) -> int:
        """GPS time of the slot's start, in microseconds."""
        return self.beacon_time_s * 1_000_000 + BEACON_RESERVED_US + self.slot * SLOT_US


def ping_period_slots(periodicity: int) -> int:
    """Slots from one ping slot to the next, 2^(5 + periodicity); raises Invalid outside 0 to 7."""
    if not 0 <= periodicity <= 7:
        raise Invalid(f"ping-slot periodicity {periodicity} does not exist: use 0 (every 0.96 s) to 7 (every 122.88 s)")
    return 1 << (5 + periodicity)


def ping_slots_per_beacon_period(periodicity: int) -> int:
    """How often a device listens in 128 seconds, 2^(7 - periodicity); raises Invalid outside 0 to 7."""
    return SLOTS // ping_period_slots(periodicity)


def ping_spacing_us(periodicity: int) -> int:
    """Time from one ping slot to the next inside a beacon period, 0.96 s times 2^periodicity."""
    return ping_period_slots(periodicity) * SLOT_US


def beacon_time_s(gps_us: int) -> int:
    """GPS second of the beacon that begins the period this instant is in; raises Invalid before GPS time began."""
    if gps_us < 0:
        raise Invalid(f"{gps_us} us is before GPS time began (1980-01-06): use a later instant")
    return gps_us // BEACON_PERIOD_US * BEACON_PERIOD_S


def next_beacon_time_s(gps_us: int) -> int:
    """GPS second of the first beacon at or after this instant: the earliest start of a class B session."""
    return beacon_time_s(gps_us + BEACON_PERIOD_US - 1)


def ping_offset(address: DevAddr, periodicity: int, period_beacon_time_s: int) -> int:
    """First ping slot of the beacon period that begins at this GPS second, for a DevAddr or McAddr.

    AES-128 under the zero key of beacon time and address (TS001, class B, slot randomisation). Raises Invalid outside
    periodicity 0 to 7 and for a time that begins no beacon period.
    """
    # cryptography is the heaviest import in this room, and only class B needs it.
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    period_slots = ping_period_slots(periodicity)
    if period_beacon_time_s < 0 or period_beacon_time_s % BEACON_PERIOD_S:
        raise Invalid(f"no beacon starts at GPS second {period_beacon_time_s}: use a multiple of {BEACON_PERIOD_S}")
    block = (period_beacon_time_s & 0xFFFFFFFF).to_bytes(4, "little") + address.wire() + bytes(8)
    # One block under a public key: randomness for the slots, not secrecy, so the mode does not matter.
    encryptor = Cipher(algorithms.AES(bytes(16)), modes.ECB()).encryptor()  # noqa: S305 - one block
    rand = encryptor.update(block)
    return (rand[0] + 256 * rand[1]) % period_slots


def ping_slots(address: DevAddr, periodicity: int, period_beacon_time_s: int) -> tuple[PingSlot, ...]:
    """All slots of this address in the beacon period that begins at this GPS second, in order."""
    offset = ping_offset(address, periodicity, period_beacon_time_s)
    return tuple(PingSlot(period_beacon_time_s, slot) for slot in range(offset, SLOTS, ping_period_slots(periodicity)))


def next_ping_slot(address: DevAddr, periodicity: int, not_before_us: int, airtime_us: int = 0) -> PingSlot:
    """The first slot of this address that starts at or after this instant, and whose frame ends before the next beacon.

    A frame may run past its slot, but not into a beacon. Raises Invalid for a frame that fits no slot.
    """
    if airtime_us > BEACON_PERIOD_US - BEACON_RESERVED_US - (SLOTS - 1) * SLOT_US:
        raise Invalid(f"a frame of {airtime_us} us may run into the next beacon: use a faster data rate")
    step = ping_period_slots(periodicity)
    period_s = beacon_time_s(not_before_us)
    while True:
        slots_begin_us = period_s * 1_000_000 + BEACON_RESERVED_US
        earliest_slot = max(0, -(-(not_before_us - slots_begin_us) // SLOT_US))
        offset = ping_offset(address, periodicity, period_s)
        slot = offset + max(0, -(-(earliest_slot - offset) // step)) * step
        if slot < SLOTS:
            return PingSlot(period_s, slot)
        period_s += BEACON_PERIOD_S


def useful_spacing_us(gap_us: int, periodicity: int) -> int:
    """The first multiple of the ping spacing not below a gap between frames (`duty_cycle.even_gap_us`)."""
    spacing_us = ping_spacing_us(periodicity)
    return max(1, -(-gap_us // spacing_us)) * spacing_us


def frames_per_beacon_period(gap_us: int, periodicity: int) -> float:
    """Frames in 128 s, on average, when one goes out every `useful_spacing_us`; below 1 where the gap is longer.

    The rest of a period that holds no full spacing is not counted on: the next period's slots are drawn anew. For the
    same reason a gap beyond a period ends, on average, half a ping spacing before the next slot.
    """
    spacing_us = useful_spacing_us(gap_us, periodicity)
    if spacing_us <= BEACON_WINDOW_US:
        return BEACON_WINDOW_US // spacing_us
    wait_us = BEACON_PERIOD_US / ping_slots_per_beacon_period(periodicity) / 2
    return BEACON_PERIOD_US / (gap_us + wait_us)


def transfer_periods(frame_count: int, gap_us: int, periodicity: int) -> float:
    """Beacon periods, with fractions, that so many frames take."""
    return frame_count / frames_per_beacon_period(gap_us, periodicity)
