"""`fleetcast key`: the key-encryption key that all other keys are kept under. Works beside running servers."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from fleetcast.cli.database import AsJson, Config, Data, Url
from fleetcast.cli.exit import ExitCode
from fleetcast.cli.output import counted, print_json, print_line
from fleetcast.errors import Invalid, NotFound

if TYPE_CHECKING:
    from fleetcast.store.database import Database
    from fleetcast.store.key_encryption import KeySource

key = typer.Typer(no_args_is_help=True, help="Look at, exchange and forget key-encryption keys.")


@key.command()
def status(*, config: Config = None, data: Data = None, url: Url = None, as_json: AsJson = False) -> int:
    """Show which key-encryption keys there are, by name, and how many data keys are wrapped under each.

    Opens every data key. Ends with 1 if something is wrapped under another key than the active one.

    Examples:

        fleetcast key status --help
    """
    from fleetcast.store import key_rotation

    with _opened(config, data, url) as (database, source):
        found = key_rotation.status(database, source)
    if as_json:
        print_json({"active": found.active, "older": list(found.older), "used": dict(found.used),
                    "finished": not found.unfinished})  # fmt: skip
    else:
        for name in (found.active, *found.older):
            kind = "active" if name == found.active else "older"
            print_line(f"{name}  {kind}, {counted(found.used.get(name, 0), 'data key')} wrapped under it")
    return ExitCode.ANSWER_IS_NO if found.unfinished else ExitCode.DONE


@key.command()
def rotate(*, config: Config = None, data: Data = None, url: Url = None, as_json: AsJson = False) -> None:
    """Make a new key-encryption key and wrap every data key under it; campaigns go on meanwhile.

    Killed at any point, it can be run again. The older key stays in the file, for backups from before. Where the key
    comes from a setting or a command, put the new one before the present one there and restart the servers first.

    Examples:

        fleetcast key rotate --help
    """
    from fleetcast.store import key_rotation

    with _opened(config, data, url) as (database, source):
        exchanged = key_rotation.rotate(database, source)
        active = source.keys().active
    if as_json:
        print_json({"active": active, "data_keys": exchanged})
    else:
        print_line(f"Key {active} is active; {counted(exchanged, 'data key')} wrapped under it anew.")


@key.command("forget-older")
def forget_older(*, config: Config = None, data: Data = None, url: Url = None, as_json: AsJson = False) -> None:
    """Take older keys out of the key file. Backups of the database from before the rotation can't be opened then.

    Examples:

        fleetcast key forget-older --help
    """
    from fleetcast.store import key_rotation
    from fleetcast.store.key_encryption import KeyFile

    with _opened(config, data, url) as (database, source):
        if not isinstance(source, KeyFile):
            raise Invalid("the key-encryption key comes from a setting or a command: take the older ones out there")
        gone = key_rotation.forget_older(database, source)
    if as_json:
        print_json({"forgotten": list(gone)})
    else:
        print_line(f"Forgotten: {', '.join(gone) or 'none, there was no older key'}.")


@key.command()
def new() -> None:
    """Print a fresh key, 64 hex digits, for key_encryption_key or a vault. Nothing else is done.

    Examples:

        fleetcast key new --help
    """
    print_line(os.urandom(32).hex())


@contextmanager
def _opened(config: Path | None, data: Path | None, url: str | None) -> Generator[tuple[Database, KeySource]]:
    from fleetcast import settings as process
    from fleetcast.cli.database import opened
    from fleetcast.store import schema
    from fleetcast.wiring import key_source

    given = {"data_directory": data, "database": url}
    settings = process.load(config, {name: value for name, value in given.items() if value is not None})
    with opened(config, data, url) as (database, _):
        schema.require_current(database)
        try:
            yield database, key_source(settings, make=False)
        except FileNotFoundError:
            raise NotFound(f"{settings.key_path()}: there is no key file; see key_file in fleetcast settings") from None
