"""What the C kernel offers. Arrays are C-contiguous; wrong lengths and ranges raise ValueError."""

import numpy as np
from numpy.typing import NDArray

ABI: int

def parity_lines(m: int, arguments: NDArray[np.int32], distinct: bool, packed: NDArray[np.uint8], /) -> None: ...
def encode(
    m: int,
    block: NDArray[np.uint8],
    arguments: NDArray[np.int32],
    distinct: bool,
    fragment_size: int,
    out: NDArray[np.uint8],
    /,
) -> None: ...
def solve(
    m: int,
    words: int,
    columns: NDArray[np.uint64],
    known: NDArray[np.uint64],
    heard: NDArray[np.uint64],
    when: NDArray[np.int32],
    missing: NDArray[np.int32],
    /,
) -> None: ...
