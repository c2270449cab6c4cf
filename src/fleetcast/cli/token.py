"""`fleetcast token`: what programs identify themselves with."""

from __future__ import annotations

from typing import Annotated

import typer

from fleetcast.cli.nouns import AsJson, Noun, add_looking
from fleetcast.cli.output import print_json, print_line
from fleetcast.cli.remote import connect

_TOKEN = Noun("token", "token", "/tokens", ("id", "login", "name", "scope", "last_used_at", "expires_at", "revoked_at"))

token = typer.Typer(no_args_is_help=True, help="List, make and withdraw tokens of a running server.")
add_looking(token, _TOKEN, shows=False)


@token.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for.", show_default=False)],
    *,
    scope: Annotated[
        list[str] | None, typer.Option(help="A right it is narrowed to, such as look; else all.", show_default=False)
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="When it ends, such as 2030-01-01T00:00:00Z; else never.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token that carries one's own rights, or some of them. It is shown this once, alone on its line.

    Examples:

        fleetcast token create --help
    """
    with connect() as remote:
        made = remote.post("/tokens", {"name": name, "scope": scope or None, "expires_at": expires})
    if as_json:
        print_json(made)
    else:
        print_line(made["token"])


@token.command()
def revoke(number: Annotated[int, typer.Argument(help="Its number, as list shows it.", show_default=False)]) -> None:
    """Withdraw a token; whatever uses it is refused from now on.

    Examples:

        fleetcast token revoke --help
    """
    with connect() as remote:
        remote.ask("DELETE", f"/tokens/{number}")
    print_line(f"token {number} withdrawn")
