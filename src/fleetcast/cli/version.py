"""`fleetcast version`: what is installed and which code does the heavy work."""

from __future__ import annotations

import platform
from typing import Annotated

import typer

from fleetcast import __version__
from fleetcast.cli.output import print_json, print_line


def version(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Say which version this is, and which code corrects errors.

    The forward error correction is done by a C kernel where one was built, otherwise by NumPy: same results, slower.

    Examples:

        fleetcast version
        fleetcast version --json
    """
    from fleetcast.fec import active

    engine = active()
    if as_json:
        print_json({"version": __version__, "python": platform.python_version(), "fec_engine": engine})
        return
    explained = "C kernel" if engine == "kernel" else "NumPy (the C kernel was not built)"
    print_line(f"fleetcast {__version__}")
    print_line(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    print_line(f"forward error correction: {explained}")
