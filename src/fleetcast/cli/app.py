"""The list of commands. Each is a function in the file of its name; importing them loads nothing heavy."""

from __future__ import annotations

from typing import Annotated

import typer

from fleetcast import __version__
from fleetcast.cli.airtime import airtime
from fleetcast.cli.assemble import assemble
from fleetcast.cli.audit import audit
from fleetcast.cli.bands import bands
from fleetcast.cli.campaign import campaign
from fleetcast.cli.database import database
from fleetcast.cli.decode import decode
from fleetcast.cli.encode import encode
from fleetcast.cli.fleet import connection, device, device_set, file, group, profile, region, trusted_key
from fleetcast.cli.fragment import fragment
from fleetcast.cli.key import key
from fleetcast.cli.login import login
from fleetcast.cli.rehearse import rehearse
from fleetcast.cli.reports import counters, usage_report, workers
from fleetcast.cli.seed_demo import seed_demo
from fleetcast.cli.serve import serve
from fleetcast.cli.settings import settings
from fleetcast.cli.subscriber import subscriber
from fleetcast.cli.token import token
from fleetcast.cli.transfer import exports, imports
from fleetcast.cli.user import user
from fleetcast.cli.version import version
from fleetcast.cli.webhook import webhook

app = typer.Typer(
    name="fleetcast",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fleetcast {__version__}")
        raise typer.Exit


@app.callback()
def fleetcast(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Firmware update campaigns over LoRaWAN (FUOTA)."""


for command in (
    decode, encode, airtime, bands, fragment, assemble, rehearse, serve, settings, login, seed_demo, counters, workers,
    version,
):  # fmt: skip
    app.command()(command)

for name, noun in (
    ("device", device),
    ("device-set", device_set),
    ("profile", profile),
    ("group", group),
    ("region", region),
    ("file", file),
    ("campaign", campaign),
    ("connection", connection),
    ("import", imports),
    ("export", exports),
    ("database", database),
    ("user", user),
    ("token", token),
    ("subscriber", subscriber),
    ("key", key),
    ("trusted-key", trusted_key),
    ("audit", audit),
    ("webhook", webhook),
    ("usage-report", usage_report),
):
    app.add_typer(noun, name=name)
