"""Choosing between kernel and NumPy, and the kernel's own guard."""

from __future__ import annotations

import numpy as np
import pytest

from fleetcast.errors import Invalid
from fleetcast.fec import Encoder, KernelAbsent, active, available

needs_kernel = pytest.mark.skipif("kernel" not in available(), reason="the kernel is not built here")


def test_numpy_is_always_there_and_the_kernel_comes_first() -> None:
    assert available()[-1] == "numpy"
    assert active() == available()[0]


def test_an_implementation_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Invalid, match="'fortran'"):
        Encoder(b"abc", 1, implementation="fortran")  # type: ignore[arg-type]


def test_a_kernel_that_was_not_built_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleetcast.fec.implementation.KERNEL_PRESENT", False)
    assert active() == "numpy"
    with pytest.raises(KernelAbsent, match="C compiler"):
        Encoder(b"abc", 1, implementation="kernel")


@needs_kernel
def test_the_kernel_refuses_lengths_and_ranges_that_do_not_fit() -> None:
    from fleetcast.fec import _kernel

    arguments, packed = np.array([1, 2], np.int32), np.empty((2, 16), np.uint8)
    _kernel.parity_lines(100, arguments, False, packed)
    for m in (0, -5, 16384, 64, 2**40):
        with pytest.raises(ValueError, match=r"m is|bytes, not"):
            _kernel.parity_lines(m, arguments, False, packed)
    for wrong in (0, -1, 16384):
        with pytest.raises(ValueError, match="out of range"):
            _kernel.parity_lines(100, np.array([1, wrong], np.int32), True, packed)
    with pytest.raises(ValueError, match="32-bit"):
        _kernel.parity_lines(100, np.zeros(3, np.uint8), True, packed)  # type: ignore[arg-type]
    with pytest.raises((BufferError, TypeError)):
        _kernel.parity_lines(100, arguments, True, np.empty((16, 2), np.uint8).T)

    block, out = np.zeros((100, 16), np.uint8), np.empty((2, 10), np.uint8)
    _kernel.encode(100, block, arguments, False, 10, out)
    for size in (0, 9, 17, 256, -1):
        with pytest.raises(ValueError, match=r"fragment_size|bytes, not"):
            _kernel.encode(100, block, arguments, False, size, out)
    for few in (block[:99], block[:, :8].copy()):
        with pytest.raises(ValueError, match="block has"):
            _kernel.encode(100, few, arguments, False, 10, out)
    read_only = out.copy()
    read_only.flags.writeable = False
    with pytest.raises((BufferError, TypeError)):
        _kernel.encode(100, block, arguments, False, 10, read_only)

    columns, known, heard = np.zeros((100, 4), np.uint64), np.zeros((3, 2), np.uint64), np.zeros((3, 4), np.uint64)
    when, missing = np.empty(3, np.int32), np.empty(3, np.int32)
    _kernel.solve(100, 4, columns, known, heard, when, missing)
    assert (when.tolist(), missing.tolist()) == ([-1] * 3, [100] * 3)
    for words in (0, 3, 8, 260, -4):
        with pytest.raises(ValueError, match=r"words is|bytes, not"):
            _kernel.solve(100, words, columns, known, heard, when, missing)
    for bad in ((columns[:99], known, heard), (columns, known[:2], heard), (columns, known, heard[:2])):
        with pytest.raises(ValueError, match="bytes, not"):
            _kernel.solve(100, 4, *bad, when, missing)
    with pytest.raises(ValueError, match="missing has"):
        _kernel.solve(100, 4, columns, known, heard, when, missing[:2])
