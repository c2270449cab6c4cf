"""How long the answers to a status request are spread, and how many of them collide."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Final

from fleetcast.radio.airtime import PHY_OVERHEAD_BYTES, uplink_airtime_us
from fleetcast.radio.answers import spread_needed_s
from fleetcast.radio.band import Band, Direction
from fleetcast.radio.payload_sizes import Revision

ANSWER_BYTES: Final = 5
"""FragSessionStatusAns with its command identifier (TS004, 0x01)."""

LONGEST_S: Final = 2048
_SHORTEST_EXPONENT: Final = 4


def spread_s(band: Band, data_rates: Iterable[int | None], channels: int) -> float:
    """The larger of N/16 + 1 s and what lets nine of ten answers through, at most 2048 s.

    `data_rates` are those that the devices speak at; an unknown one counts as the slowest. Answers at different
    spreading factors don't collide.
    """
    numbers = Counter(data_rates)
    devices = sum(numbers.values())
    slowest = slowest_uplink(band)
    numbers[slowest] += numbers.pop(None, 0)
    needed = (
        spread_needed_s(number, answer_airtime_us(band, slowest if dr is None else dr), channels)
        for dr, number in numbers.items()
    )
    return min(max(devices / 16 + 1, *needed), LONGEST_S)


def block_ack_delay(spread: float) -> int:
    """BlockAckDelay (0 to 7) whose spread, 2^(n + 4) s, is at least this long."""
    exponent = math.ceil(math.log2(max(spread, 1.0)))
    return min(max(exponent - _SHORTEST_EXPONENT, 0), 7)


def spread_of(delay: int) -> int:
    """Seconds over which answers with this BlockAckDelay are spread."""
    return 1 << (delay + _SHORTEST_EXPONENT)


def answer_airtime_us(band: Band, data_rate: int) -> int:
    """Time on air of a FragSessionStatusAns at an uplink data rate; at the slowest where the band lacks it."""
    if data_rate not in band.usable_data_rates(Direction.UPLINK):
        data_rate = slowest_uplink(band)
    modulation = band.data_rate(data_rate, Direction.UPLINK).modulation
    return uplink_airtime_us(modulation, PHY_OVERHEAD_BYTES + ANSWER_BYTES)


def slowest_uplink(band: Band) -> int:
    """The lowest data rate that every device of the band knows and that carries a payload."""
    return band.at(Revision.LORAWAN_1_0).usable_data_rates(Direction.UPLINK)[0]
