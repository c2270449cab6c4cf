"""When does a device complete? From what it heard, without payloads, for many devices at once.

For losses that are known beforehand. A simulation that learns them fragment by fragment uses `rank_tracker`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fleetcast.errors import Invalid
from fleetcast.fec.implementation import Implementation, choose
from fleetcast.fec.lost_columns import packed_words, solve, transposed_lines
from fleetcast.fec.parity_matrix import Scheme, check_fragment_count, check_scheme, numbers_array, row_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


def completion(
    m: int,
    uncoded_heard: NDArray[np.bool_],
    coded_heard: NDArray[np.bool_],
    *,
    numbers: Iterable[int] | None = None,
    scheme: Scheme = "v1",
    memory: int | NDArray[np.int32] | None = None,
    implementation: Implementation | None = None,
) -> NDArray[np.int32]:
    """How many coded fragments had been sent when each device was complete; 0: it needed none, -1: never.

    `uncoded_heard` is (devices, m), `coded_heard` (devices, coded fragments sent), in the order of sending. `numbers`
    are those of the coded fragments, without repetition; m + 1 and following if not given. `memory` is the largest
    number of lost uncoded fragments a device can repair (one for all or one each), None for no limit. Raises Invalid.
    """
    check_fragment_count(m)
    check_scheme(scheme)
    devices, sent = coded_heard.shape
    if uncoded_heard.shape != (devices, m):
        raise Invalid(f"What {devices} devices heard of {m} fragments is {devices} rows of {m} flags.")
    which = numbers_array(range(m + 1, m + 1 + sent) if numbers is None else numbers, m + 1)
    if len(which) != sent:
        raise Invalid(f"{sent} coded fragments were sent, but {len(which)} numbers are given.")
    chosen = choose(implementation)
    columns = transposed_lines(m, which, scheme, chosen)
    known = packed_words(uncoded_heard, row_bytes(m) // 8)
    when, _ = solve(m, columns, known, packed_words(coded_heard, columns.shape[1]), chosen)
    if memory is not None:
        lost = m - np.count_nonzero(uncoded_heard, axis=1)
        when[(lost > memory) & (lost > 0)] = -1
    return when
