"""`fleetcast settings`: every setting of the server, its default and what holds just now."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fleetcast.cli.output import print_json, print_line, print_table


def settings(
    *,
    config: Annotated[
        Path | None, typer.Option(help="Settings in a TOML file.", envvar="FLEETCAST_CONFIG", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each setting.")] = False,
) -> None:
    """List every setting of the server: its value just now, where that comes from, its default. Secrets are hidden.

    Examples:

        fleetcast settings
        fleetcast settings --json
    """
    from fleetcast import settings as process

    found = process.shown(config)
    if as_json:
        for each in found:
            print_json(asdict(each))
        return
    print_table(
        ("setting", "value", "from", "default", ""),
        [(each.name, each.value, each.origin, each.default, each.sentence) for each in found],
    )
    for name in process.unknown_variables():
        print_line(f"{name} in the environment is no setting: misspelt?")
