"""`fleetcast user`: who may log in. Passwords are asked for, never written on a command line."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from fleetcast.cli.nouns import AsJson, Named, Noun, add_changing, add_looking, show_done
from fleetcast.cli.output import print_line
from fleetcast.cli.remote import connect

_USER = Noun("user", "user", "/users", ("id", "login", "role", "may_read_keys", "last_login_at"), ("login",))

user = typer.Typer(no_args_is_help=True, help="List, make and change users of a running server.")
add_looking(user, _USER)
add_changing(user, _USER, creates=False)


@user.command()
def create(
    login: Annotated[str, typer.Argument(help="Unique in the deployment.", show_default=False)],
    *,
    role: Annotated[str, typer.Option(help="viewer, operator, approver, admin, or system admin.")] = "viewer",
    may_read_keys: Annotated[bool, typer.Option("--may-read-keys", help="Let this one see keys.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a user. Asks for the password, or takes FLEETCAST_NEW_PASSWORD.

    Examples:

        fleetcast user create --help
    """
    password = _new_password()
    with connect() as remote:
        body = {"login": login, "role": role, "may_read_keys": may_read_keys, "password": password}
        show_done(_USER, remote.post("/users", body), "made", as_json=as_json)


@user.command()
def password(named: Named) -> None:
    """Give oneself, or as an admin another user, a new password; the user's sessions end.

    Asks for it, or takes FLEETCAST_NEW_PASSWORD; one's own present password too, or takes FLEETCAST_PASSWORD.

    Examples:

        fleetcast user password --help
    """
    with connect() as remote:
        found = _USER.one(remote, named)
        body = {}
        if remote.get("/me")["user_id"] == found["id"]:
            body["current_password"] = os.environ.get("FLEETCAST_PASSWORD") or _ask("present password")
        body["password"] = _new_password()
        remote.ask("PUT", f"/users/{found['id']}/password", body)
    print_line(f"user {found['id']} has a new password: {found['login']}")


def _new_password() -> str:
    given = os.environ.get("FLEETCAST_NEW_PASSWORD")
    return given or _ask("new password", again=True)


def _ask(what: str, *, again: bool = False) -> str:
    return str(typer.prompt(what, hide_input=True, err=True, confirmation_prompt=again))
