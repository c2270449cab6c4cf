"""How large a fragment may be, and which sizes spend the air best.

Frames grow in steps of a coding block, so the largest fragment is not always the cheapest. Which number of fragments is
bad for the fragmentation code is not known here: the options come in order, the caller takes the first that suits.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleetcast.errors import Invalid
from fleetcast.radio.airtime import DATA_FRAGMENT_HEADER_BYTES, fragment_airtime_us
from fleetcast.radio.band import Band

MAX_FRAGMENT_BYTES = 255
"""FragSize is one byte (TS004, FragSessionSetupReq)."""


@dataclass(frozen=True, slots=True)
class FragmentOption:
    """One fragment size for one file: how many fragments, and the airtime of one frame and of all uncoded ones."""

    size_bytes: int
    fragment_count: int
    frame_airtime_us: int

    @property
    def total_airtime_us(self) -> int:
        """Airtime of the file sent once, without redundancy."""
        return self.fragment_count * self.frame_airtime_us


def max_fragment_bytes(band: Band, dr: int, *, repeater: bool = False, dwell_limited: bool = False) -> int:
    """The largest fragment of a downlink data rate: N - 3, at most 255, and 0 where the data rate carries nothing.

    Raises UnknownDataRate.
    """
    limit = band.max_payload(dr, repeater=repeater, dwell_limited=dwell_limited)
    return min(max(limit.frmpayload_bytes - DATA_FRAGMENT_HEADER_BYTES, 0), MAX_FRAGMENT_BYTES)


def fragment_options(
    band: Band,
    dr: int,
    file_bytes: int,
    *,
    repeater: bool = False,
    dwell_limited: bool = False,
    smallest_bytes: int = 1,
    largest_bytes: int | None = None,
    multiple_of: int = 1,
) -> tuple[FragmentOption, ...]:
    """Every fragment size the data rate and these bounds allow, cheapest total airtime first, then the larger fragment.

    The bounds are those of devices, at a multiple of which they may want the size. Raises Invalid when the file is
    empty or nothing is allowed.
    """
    if file_bytes < 1:
        raise Invalid(f"a file of {file_bytes} bytes has no fragments: choose a file with content")
    if smallest_bytes < 1 or multiple_of < 1:
        raise Invalid(f"smallest fragment {smallest_bytes} and multiple {multiple_of} must be at least 1 byte")
    limit = max_fragment_bytes(band, dr, repeater=repeater, dwell_limited=dwell_limited)
    largest = limit if largest_bytes is None else min(limit, largest_bytes)
    first = -(-smallest_bytes // multiple_of) * multiple_of
    options = [
        FragmentOption(size, -(-file_bytes // size), fragment_airtime_us(band, dr, size))
        for size in range(first, largest + 1, multiple_of)
    ]
    if not options:
        raise Invalid(
            f"{band} DR{dr}: no fragment size from {smallest_bytes} to {largest} bytes that is a multiple of "
            f"{multiple_of}; the data rate allows up to {limit}"
        )
    return tuple(sorted(options, key=lambda option: (option.total_airtime_us, -option.size_bytes)))


def loss_break_even(
    band: Band, fast_dr: int, slow_dr: int, *, repeater: bool = False, dwell_limited: bool = False
) -> float:
    """Loss ratio (0 to 1) at which the fast data rate costs as much air as the slow one without loss.

    Both at their largest fragments; below it stay on the fast one. 0 where the slow one is no worse. Raises Invalid
    where one of them carries no fragment.
    """
    microseconds_per_byte = []
    for dr in (fast_dr, slow_dr):
        size = max_fragment_bytes(band, dr, repeater=repeater, dwell_limited=dwell_limited)
        if size == 0:
            raise Invalid(f"{band} DR{dr} carries no fragment: compare data rates that do")
        microseconds_per_byte.append(fragment_airtime_us(band, dr, size) / size)
    fast, slow = microseconds_per_byte
    return max(0.0, 1 - fast / slow)
