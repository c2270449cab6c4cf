"""`fleetcast audit`: who did what, a copy of it, and whether anybody bent it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fleetcast.cli.database import Config, Data, Url, opened
from fleetcast.cli.exit import ExitCode
from fleetcast.cli.nouns import show_list
from fleetcast.cli.output import print_json, print_line
from fleetcast.cli.remote import connect
from fleetcast.errors import Conflict, NotFound

if TYPE_CHECKING:
    from fleetcast.access.audit_chain import Anchor, Verification

audit = typer.Typer(no_args_is_help=True, help="Read the audit journal, copy it, and find out whether it was bent.")

AsJson = Annotated[bool, typer.Option("--json", help="JSON, one line each.")]
_COLUMNS = ("n", "at", "who", "address", "kind", "name")
_SHOWN = 20


class FileThere(Conflict):
    """A file of that name is there already."""


@audit.command("list")
def list_(
    *,
    filters: Annotated[
        list[str] | None,
        typer.Option("--filter", "-f", help="A condition, such as who=ada; all must hold.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(help="So many at most; 0: all.", min=0)] = 100,
    columns: Annotated[str, typer.Option(help="Fields to show, with commas between.", show_default=False)] = "",
    as_json: AsJson = False,
) -> None:
    """List what people did, the newest first.

    Examples:

        fleetcast audit list --help
    """
    with connect() as remote:
        items = remote.items("/audit", most=limit or None, filter=filters)
        show_list(items, [each.strip() for each in columns.split(",") if each] or _COLUMNS, as_json=as_json)


@audit.command()
def head(*, as_json: AsJson = False) -> None:
    """Show where the chain ends. Noted elsewhere, it lets `verify` find whatever is cut off or written anew later.

    Examples:

        fleetcast audit head --help
    """
    with connect() as remote:
        found = remote.get("/audit/head")
    if as_json:
        print_json(found)
    else:
        print_line(found["head"])


@audit.command()
def export(
    target: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.", show_default=False)],
    *,
    after: Annotated[int, typer.Option(help="Only entries after this number.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Copy the audit journal into a file, as JSON lines that `verify` reads. The copy is an entry of the journal.

    Examples:

        fleetcast audit export --help
    """
    with connect() as remote:
        try:
            out = target.open("xb")
        except FileExistsError:
            raise FileThere(f"{target} is there already: choose another name") from None
        with out:
            remote.download(f"/audit/export?after={after}", out)
    found = _of_file(target, [])
    if as_json:
        print_json({"file": str(target), "entries": found.entries, "head": str(found.head)})
    else:
        print_line(f"{target}: {_counted(found.entries)}, the last one {found.head}")


@audit.command()
def verify(
    *,
    file: Annotated[Path | None, typer.Option(help="An export; else the database itself.", show_default=False)] = None,
    noted: Annotated[
        list[str] | None,
        typer.Option(help="A head that was noted before, as `head` shows it: number:hash.", show_default=False),
    ] = None,
    subscriber: Annotated[
        int | None, typer.Option(help="Only this chain; 0: the deployment's own.", min=0, show_default=False)
    ] = None,
    config: Config = None,
    data: Data = None,
    url: Url = None,
    as_json: AsJson = False,
) -> int:
    """Find entries that were changed, removed, put in or moved; works on the database or on an export, offline.

    Entries cut off the end are missed by the end that the database keeps. Whoever owns the database could bend that as
    well: note the head elsewhere from time to time, and give it with --noted. Ends with 1 if anything was bent.

    Examples:

        fleetcast audit verify --help
    """
    from fleetcast.access.audit_chain import Anchor

    anchors = [Anchor.parse(each) for each in noted or ()]
    found = [_of_file(file, anchors)] if file is not None else _of_database(config, data, url, subscriber, anchors)
    for each in found:
        _show(each, as_json=as_json)
    return ExitCode.ANSWER_IS_NO if any(each.faults for each in found) else ExitCode.DONE


def _counted(entries: int) -> str:
    return "1 entry" if entries == 1 else f"{entries} entries"


def _of_file(path: Path, anchors: Iterable[Anchor]) -> Verification:
    from fleetcast.access.audit_chain import NoEntry, verify_lines

    try:
        with path.open(encoding="utf-8") as lines:
            return verify_lines(lines, anchors)
    except FileNotFoundError:
        raise NotFound(f"{path}: there is no such file") from None
    except UnicodeDecodeError:
        raise NoEntry(f"{path}: this is no export of an audit journal") from None


def _of_database(
    config: Path | None, data: Path | None, url: str | None, subscriber: int | None, anchors: list[Anchor]
) -> list[Verification]:
    from fleetcast.errors import Invalid
    from fleetcast.store import audit as store
    from fleetcast.store import schema

    with opened(config, data, url) as (database, _):
        schema.require_current(database)
        with database.read() as connection:
            chains = store.chains(connection) if subscriber is None else [subscriber]
        if anchors and len(chains) > 1:
            raise Invalid(f"--noted belongs to one chain: say which with --subscriber ({', '.join(map(str, chains))})")
        return [store.verify(database, each, anchors) for each in chains]


def _show(found: Verification, *, as_json: bool) -> None:
    if as_json:
        said: dict[str, Any] = {
            "subscriber_id": found.subscriber_id, "entries": found.entries, "head": str(found.head),
            "whole": not found.faults, "faults": [{"n": each.n, "what": each.what} for each in found.faults],
        }  # fmt: skip
        print_line(json.dumps(said))
        return
    whose = f"subscriber {found.subscriber_id}" if found.subscriber_id else "the deployment"
    print_line(f"Chain of {whose}: {_counted(found.entries)}, the last one {found.head}")
    for each in found.faults[:_SHOWN]:
        print_line(f"  {each}")
    if len(found.faults) > _SHOWN:
        print_line(f"  and {len(found.faults) - _SHOWN} more")
    print_line("  Something was bent." if found.faults else "  Nothing was bent.")
