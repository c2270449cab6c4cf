"""The window of FCntDown that McGroupSetupReq announces (TS005, 0x02): first <= FCnt < end.

A value outside it is never sent, so a plan is cut to what the window holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fleetcast.planning.facts import SetUpGroup

WIDEST: Final = 32_768
"""Only 16 bits of the counter travel: half of them is as far ahead as a device can be wrong."""

RESERVE: Final = 16
SIXTEEN_BITS: Final = 65_536
LAST: Final = 0xFFFFFFFF
"""maxMcFCnt has 32 bits: no window ends beyond this."""
SETUP_FRAMES: Final = 1024
"""What multicast setup leaves for the user's own downlinks."""


@dataclass(frozen=True, slots=True)
class CounterWindow:
    """minMcFCnt and maxMcFCnt (exclusive), and how many frames the plan may send within."""

    first: int
    end: int
    frames: int


def counter_window(
    first: int, frames: int, *, coeff: float = 1.0, network_counts: bool = False, below_65536: bool = False
) -> CounterWindow:
    """The window from the next unused value on for so many frames.

    Where the network counts, a tenth is kept besides (copies of repeated orders); else 16. `below_65536` where devices
    take the first frame's counter for its low 16 bits. `frames` of the answer is what really fits.
    """
    wanted = math.ceil(frames * coeff) + _reserve(frames, network_counts)
    room = min(WIDEST, (SIXTEEN_BITS if below_65536 else LAST) - first)
    width = max(0, min(wanted, room))
    fits = max(0, width - _reserve(min(frames, width), network_counts))
    return CounterWindow(first, first + width, min(frames, fits))


def still_covers(record: SetUpGroup, window: CounterWindow) -> bool:
    """Whether the window a device confirmed earlier lets every frame of the plan in."""
    return record.first_f_cnt <= window.first and record.end_f_cnt >= window.first + window.frames


def within(window: CounterWindow, relied_on: Sequence[SetUpGroup]) -> CounterWindow:
    """The window cut to the earlier ones that devices keep, so that all devices accept the same values."""
    end = min((record.end_f_cnt for record in relied_on), default=window.end)
    return CounterWindow(window.first, min(window.end, end), window.frames)


def _reserve(frames: int, network_counts: bool) -> int:
    return max(RESERVE, math.ceil(frames / 10)) if network_counts else RESERVE
