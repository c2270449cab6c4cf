"""`fleetcast database`: give a database today's schema, look whether it is sound, copy it. No server is needed."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fleetcast.cli.exit import ExitCode
from fleetcast.cli.output import counted, print_json, print_line

if TYPE_CHECKING:
    from fleetcast.store.database import Database

database = typer.Typer(no_args_is_help=True, help="Migrate, check and back up the database.")

Config = Annotated[
    Path | None, typer.Option(help="Settings in a TOML file.", envvar="FLEETCAST_CONFIG", show_default=False)
]
Data = Annotated[Path | None, typer.Option(help="Folder of the server's database file and keys.", show_default=False)]
Url = Annotated[
    str | None,
    typer.Option("--database", help="sqlite:///path or postgresql://user@host/name; else as set.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="One line of JSON.")]


@database.command()
def migrate(*, config: Config = None, data: Data = None, url: Url = None, as_json: AsJson = False) -> None:
    """Bring the database to the schema that this version needs; an empty one gets its tables.

    Stop the servers and make a backup before: a step is never taken back.

    Examples:

        fleetcast database migrate --help
    """
    from fleetcast.store import schema

    with opened(config, data, url) as (found_there, _):
        done = schema.migrate(found_there)
    if as_json:
        print_json({"before": done.before, "after": done.after})
    elif done.before == done.after:
        print_line(f"The database has schema {done.after} already.")
    else:
        print_line(f"The database has schema {done.after} now; before: {done.before or 'none'}.")


@database.command()
def check(*, config: Config = None, data: Data = None, url: Url = None, as_json: AsJson = False) -> int:
    """Compare the schema with the one it should be, look for broken references, and read every campaign under way.

    Ends with 1 if something is wrong.

    Examples:

        fleetcast database check --help
    """
    from fleetcast.store.soundness import complaints

    with opened(config, data, url) as (found_there, _):
        found = complaints(found_there)
    if as_json:
        print_json({"sound": not found, "complaints": found})
    else:
        for line in found or ["Nothing is wrong."]:
            print_line(line)
    return ExitCode.ANSWER_IS_NO if found else ExitCode.DONE


@database.command()
def backup(
    target: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.", show_default=False)],
    *,
    config: Config = None,
    data: Data = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Copy the database into one file, while servers work on it.

    SQLite: a database file. PostgreSQL: what pg_restore reads; needs pg_dump. The key-encryption key is not in it: keep
    a copy of that file too, elsewhere.

    Examples:

        fleetcast database backup --help
    """
    from fleetcast.store.backup import back_up

    with opened(config, data, url) as (found_there, where):
        size = back_up(found_there, where, target)
    if as_json:
        print_json({"file": str(target), "size_bytes": size})
    else:
        print_line(f"{target}: {counted(size, 'byte')}. The key-encryption key is not in it.")


@contextmanager
def opened(config: Path | None, data: Path | None, url: str | None) -> Generator[tuple[Database, str]]:
    """The database that is set or named, and its URL with the password."""
    from fleetcast import settings as process
    from fleetcast.store.database import Database

    given = {"data_directory": data, "database": url}
    settings = process.load(config, {name: value for name, value in given.items() if value is not None})
    where = settings.database_url()
    if where.startswith("sqlite:///"):
        Path(where.removeprefix("sqlite:///")).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mask = os.umask(0o077)  # a new file is for its owner alone, as the server makes it
    found = Database.open(where)
    try:
        yield found, where
    finally:
        found.close()
        os.umask(mask)
