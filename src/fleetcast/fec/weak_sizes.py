"""Block sizes to avoid: some M hold twins, pairs of fragments that hardly any parity line tells apart.

A device that loses both twins can hear coded fragments for very long and still not decode. Blocks below about 100
fragments are poor in a milder way, which `recovery_odds` counts; they are not called weak here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from fleetcast.fec.implementation import active
from fleetcast.fec.lost_columns import transposed_lines
from fleetcast.fec.parity_matrix import MAX_FRAGMENT_NUMBER, Scheme, check_fragment_count, check_scheme

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LINES_LOOKED_AT: Final = 512


@dataclass(frozen=True, slots=True)
class Twins:
    """Two uncoded fragments, by number, and the share of parity lines in which both have the same bit."""

    first: int
    second: int
    agreement: float


def weak(m: int, scheme: Scheme = "v1") -> bool:
    """Whether a block of `m` fragments has twins and should be avoided; raises Invalid.

    Those are the multiples of 64 whose quotient is no power of two, in every scheme, and 96 in version 1. `twins` finds
    them by looking.
    """
    check_fragment_count(m)
    quotient, rest = divmod(m, 64)
    if rest == 0 and quotient & (quotient - 1):
        return True
    return m == 96 and check_scheme(scheme) == "v1"


def twins(m: int, scheme: Scheme = "v1", least_agreement: float = 0.95) -> tuple[Twins, ...]:
    """The pairs of fragments with the same bit in at least this share of the first 512 parity lines.

    Below a share of 0.85 pairs may be overlooked: two fragments of no kinship agree in about half of the lines.
    Raises Invalid.
    """
    check_fragment_count(m)
    count = min(_LINES_LOOKED_AT, MAX_FRAGMENT_NUMBER - m)
    if count < 16:
        return ()
    columns = transposed_lines(m, np.arange(m + 1, m + 1 + count, dtype=np.int32), scheme, active())
    keys = columns.astype("<u8", copy=False).view("<u2")[:, : count // 16]  # twins are alike in some 16 lines in a row
    found: set[tuple[int, int]] = set()
    for key in keys.T:
        order = np.argsort(key, kind="stable")
        in_order = key[order]
        for apart in (1, 2, 3):
            alike = np.flatnonzero(in_order[apart:] == in_order[:-apart])
            found.update(zip(order[alike].tolist(), order[alike + apart].tolist(), strict=True))
    pairs = sorted((min(pair), max(pair)) for pair in found)
    if not pairs:
        return ()
    first, second = np.array(pairs).T
    agreement = 1 - _bits_set(columns[first] ^ columns[second]) / count
    return tuple(
        Twins(pair[0] + 1, pair[1] + 1, round(float(share), 4))
        for pair, share in zip(pairs, agreement, strict=True)
        if share >= least_agreement
    )


def _bits_set(rows: NDArray[np.uint64]) -> NDArray[np.intp]:
    counts: NDArray[np.intp] = np.count_nonzero(np.unpackbits(rows.view(np.uint8), axis=1), axis=1)
    return counts
