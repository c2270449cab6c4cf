"""`fleetcast subscriber`: tenants, for system admins."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from fleetcast.cli.nouns import AsJson, Noun, add_changing, add_looking, show_done
from fleetcast.cli.remote import connect

_SUBSCRIBER = Noun("subscriber", "subscriber", "/subscribers", ("id", "name", "max_devices", "max_multicast_groups"))

subscriber = typer.Typer(no_args_is_help=True, help="List, make and limit subscribers, as a system admin.")
add_looking(subscriber, _SUBSCRIBER)
add_changing(subscriber, _SUBSCRIBER, creates=False)


@subscriber.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is called.", show_default=False)],
    *,
    admin: Annotated[str, typer.Option(help="Login of its first admin.", show_default=False)],
    max_devices: Annotated[int | None, typer.Option(help="Quota; else no limit.", min=0, show_default=False)] = None,
    max_groups: Annotated[int | None, typer.Option(help="Quota; else no limit.", min=0, show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Make a subscriber and its first admin. Asks for that one's password, or takes FLEETCAST_NEW_PASSWORD.

    Examples:

        fleetcast subscriber create --help
    """
    password = os.environ.get("FLEETCAST_NEW_PASSWORD") or typer.prompt(
        "password of the admin", hide_input=True, err=True, confirmation_prompt=True
    )
    body = {
        "name": name, "max_devices": max_devices, "max_multicast_groups": max_groups, "admin_login": admin,
        "admin_password": password,
    }  # fmt: skip
    with connect() as remote:
        show_done(_SUBSCRIBER, remote.post("/subscribers", body), "made", as_json=as_json)
