"""`fleetcast webhook`: who is told what happens, and what became of each message."""

from __future__ import annotations

from typing import Annotated

import typer

from fleetcast.cli.assignments import body_of, fields_of
from fleetcast.cli.nouns import AsJson, Assignments, Named, Noun, add_changing, add_looking, show_list
from fleetcast.cli.output import print_json, print_line
from fleetcast.cli.remote import connect

_WEBHOOK = Noun("webhook", "webhook", "/webhooks", ("id", "name", "url", "enabled", "failing_since_at", "disabled_why"))
_DELIVERY = ("id", "kind", "state", "attempts", "status", "next_at", "delivered_at", "error")

webhook = typer.Typer(no_args_is_help=True, help="List, make and change webhooks of a running server.")
add_looking(webhook, _WEBHOOK)
add_changing(webhook, _WEBHOOK, creates=False)


@webhook.command()
def create(assignments: Assignments = None, *, as_json: AsJson = False) -> None:
    """Make a webhook. The secret that its messages are signed with is shown this once, alone on its line.

    Examples:

        fleetcast webhook create --help
    """
    with connect() as remote:
        fields = fields_of(remote.description(), _WEBHOOK.path)
        made = remote.post(_WEBHOOK.path, body_of(remote, fields, assignments or []))
    _show_secret(made, as_json=as_json)


@webhook.command()
def secret(named: Named, *, as_json: AsJson = False) -> None:
    """Give a webhook a new secret, shown this once; messages are signed with it from now on.

    Examples:

        fleetcast webhook secret --help
    """
    with connect() as remote:
        made = remote.post(f"{_WEBHOOK.path}/{_WEBHOOK.one(remote, named)['id']}/secret")
    _show_secret(made, as_json=as_json)


@webhook.command()
def deliveries(
    named: Named,
    *,
    filters: Annotated[
        list[str] | None,
        typer.Option("--filter", "-f", help="A condition, such as state=waiting; all must hold.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(help="So many at most; 0: all.", min=0)] = 100,
    as_json: AsJson = False,
) -> None:
    """List the messages to a webhook, and what became of each.

    Examples:

        fleetcast webhook deliveries --help
    """
    with connect() as remote:
        path = f"{_WEBHOOK.path}/{_WEBHOOK.one(remote, named)['id']}/deliveries"
        show_list(remote.items(path, most=limit or None, filter=filters), _DELIVERY, as_json=as_json)


@webhook.command()
def redeliver(
    named: Named,
    number: Annotated[int, typer.Argument(help="Number of the message, as deliveries shows it.", show_default=False)],
) -> None:
    """Send a message once more, whatever became of it.

    Examples:

        fleetcast webhook redeliver --help
    """
    with connect() as remote:
        remote.post(f"{_WEBHOOK.path}/{_WEBHOOK.one(remote, named)['id']}/deliveries/{number}/redeliver")
    print_line(f"message {number} waits to be sent again")


def _show_secret(made: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print_json(made)
    else:
        print_line(str(made["secret"]))
