"""`fleetcast login`: tell the commands which server to speak with, and as whom."""

from __future__ import annotations

import os
import platform
import sys
from typing import Annotated

import typer

from fleetcast.cli.arguments import BadArgument
from fleetcast.cli.output import print_json, print_line
from fleetcast.cli.remote import Login, connect, keep_login, known_login
from fleetcast.secret import Secret


def login(
    *,
    server: Annotated[str | None, typer.Option(help="Its address; else the one known.", show_default=False)] = None,
    name: Annotated[str, typer.Option("--login", help="The user's login.")] = "admin",
    token: Annotated[
        bool, typer.Option("--token", help="Ask for a token that was made already, in place of a password.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Log in at a server: later commands speak with it.

    Asks for the password, or takes FLEETCAST_PASSWORD, or a line of standard input. A token is made with it for this
    machine and kept in a file for your eyes only; the password is not kept.

    Examples:

        fleetcast login --help
    """
    known = known_login()
    address = (server or known.server).rstrip("/")
    if token:
        made = Secret(_asked("token").encode())
    else:
        password = os.environ.get("FLEETCAST_PASSWORD") or _asked("password")
        with connect(Login(address, None), basic=(name, password)) as remote:
            answer = remote.post("/tokens", {"name": f"fleetcast login on {platform.node() or 'a machine'}"[:200]})
        made = Secret(str(answer["token"]).encode())
    logged_in = Login(address, made)
    with connect(logged_in) as remote:
        me = remote.get("/me")
    path = keep_login(logged_in)
    if as_json:
        print_json({"server": address, "login": me["login"], "role": me["role"], "kept_in": str(path)})
    else:
        print_line(f"Logged in at {address} as {me['login']} ({me['role']}); kept in {path}.")


def _asked(what: str) -> str:
    """A secret from the terminal, unseen, or else a line of standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True, err=True)).strip()
    given = sys.stdin.readline().strip()
    if not given:
        where = "set FLEETCAST_PASSWORD, or write it" if what == "password" else "write it"
        raise BadArgument(f"no {what}: {where} to standard input")
    return given
