"""The terminal door: thin commands over what lies below, one file each."""

from __future__ import annotations


def main() -> None:
    """Run the command line of this process and end it with the exit code."""
    try:
        import sys

        from fleetcast.cli.app import app
        from fleetcast.cli.exit import run

        sys.exit(run(app, sys.argv[1:]))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
