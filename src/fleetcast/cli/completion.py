"""Completes names of objects in the shell, by asking the server that one is logged in at.

A shell that completes must not be made to wait or be written at: without an answer in a moment nothing is offered.
"""

from __future__ import annotations

import os
from typing import Final

import typer

from fleetcast.errors import FleetcastError

_OBJECTS: Final = {
    "device": ("/devices", "dev_eui"),
    "profile": ("/device-profiles", "name"),
    "device-set": ("/device-sets", "name"),
    "group": ("/multicast-groups", "dev_eui"),
    "region": ("/regions", "name"),
    "file": ("/files", "name"),
    "campaign": ("/campaigns", "name"),
    "connection": ("/connections", "name"),
    "user": ("/users", "login"),
}
"""Where the objects of a command are, and by which field they are completed."""
_PATIENCE_S: Final = 2.0
_MOST: Final = 100


def complete_name(context: typer.Context, incomplete: str) -> list[str]:
    """The objects of the command whose names begin so."""
    from fleetcast.cli.remote import connect

    command = context.parent.info_name if context.parent is not None else None
    if command not in _OBJECTS:
        return []
    path, key = _OBJECTS[command]
    begun = incomplete.strip("'\"").replace("\\", "")
    try:
        with connect(patience_s=_PATIENCE_S) as remote:
            wanted = [f"{key}~{begun.upper() if key == 'dev_eui' else begun}"] if begun else None
            names = [str(each[key]) for each in remote.items(path, most=_MOST, filter=wanted)]
    except FleetcastError:
        return []
    if key == "dev_eui" and begun != begun.upper():
        names = [name.lower() for name in names]  # written as it was begun
    return [_for_shell(name) for name in names if name.startswith(begun)]


def _for_shell(name: str) -> str:
    """Bash takes what is offered as it would be typed; other shells quote it themselves."""
    if "bash" not in os.environ.get("_FLEETCAST_COMPLETE", ""):
        return name
    return "".join(each if each.isalnum() or each in "-_.:/+@%" else f"\\{each}" for each in name)
