"""Builds the optional C kernel of the forward error correction; everything else is declared in pyproject.toml.

Without a compiler the extension is left out with a warning, and NumPy does the same work (`fleetcast version` says
which is active). FLEETCAST_NO_KERNEL=1 leaves it out on purpose.
"""

import os

from setuptools import Extension, setup

kernel = Extension(
    "fleetcast.fec._kernel",
    sources=["src/fleetcast/fec/_kernel.c"],
    define_macros=[("Py_LIMITED_API", "0x030B0000")],
    extra_compile_args=["-O3"],
    py_limited_api=True,
    optional=True,
)
wanted = os.environ.get("FLEETCAST_NO_KERNEL", "") in ("", "0")
setup(
    ext_modules=[kernel] if wanted else [],
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if wanted else {},
)
