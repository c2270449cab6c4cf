"""Which code does the heavy work: the optional C kernel, or NumPy.

Both give the same bytes. The kernel is chosen when it was built; whoever wants the other one (a test, a benchmark) says
so with `implementation=`. Nothing here is configuration: no environment variable, no switch that outlives a call.
"""

from __future__ import annotations

from typing import Literal

from fleetcast.errors import Invalid

try:
    from fleetcast.fec import _kernel
except ImportError:
    KERNEL_PRESENT = False
else:
    KERNEL_PRESENT = _kernel.ABI == 1  # an extension left over from another version is as good as none

Implementation = Literal["kernel", "numpy"]


class KernelAbsent(Invalid):
    """The C kernel was asked for by name, but was not built."""

    def __init__(self) -> None:
        super().__init__(
            "The C kernel of the forward error correction is not built here: reinstall with a C compiler present, "
            "or ask for implementation='numpy'."
        )


def available() -> tuple[Implementation, ...]:
    """Every implementation that works here, the preferred one first."""
    return ("kernel", "numpy") if KERNEL_PRESENT else ("numpy",)


def active() -> Implementation:
    """The implementation used when nobody asks for one."""
    return available()[0]


def choose(implementation: Implementation | None) -> Implementation:
    """The implementation to use: the one asked for, or the preferred one; raises KernelAbsent, Invalid."""
    if implementation is None:
        return active()
    if implementation not in ("kernel", "numpy"):
        raise Invalid(f"There is no implementation {implementation!r}: say 'kernel' or 'numpy'.")
    if implementation not in available():
        raise KernelAbsent
    return implementation
