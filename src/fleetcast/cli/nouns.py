"""What every kind of object can be told on the command line: list, show, create, edit, archive, restore, fields.

A noun declares where its objects are and what a list shows of them; which fields there are, the server says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from fleetcast.cli.assignments import body_of, fields_of, find
from fleetcast.cli.completion import complete_name
from fleetcast.cli.output import print_json, print_line, print_table
from fleetcast.cli.remote import Remote, connect

AsJson = Annotated[bool, typer.Option("--json", help="JSON, a line for each object.")]
Named = Annotated[
    str, typer.Argument(help="Its name, DevEUI or number.", show_default=False, autocompletion=complete_name)
]
Assignments = Annotated[
    list[str] | None, typer.Argument(help="FIELD=VALUE, as often as needed.", metavar="FIELD=VALUE", show_default=False)
]


@dataclass(frozen=True, slots=True)
class Noun:
    """One kind of object."""

    command: str
    """As the command line calls it."""
    what: str
    """As a sentence calls it."""
    path: str
    """Where the API has it."""
    columns: tuple[str, ...]
    """What a list shows."""
    keys: tuple[str, ...] = ("name",)
    """Fields that an object may be called by."""

    def one(self, remote: Remote, named: str) -> dict[str, Any]:
        """The object of that name."""
        return find(remote, self.path, self.keys, named)


def commands_of(noun: Noun, *, edits: bool = True) -> typer.Typer:
    """The commands that every noun has; its own ones are added to them."""
    app = typer.Typer(no_args_is_help=True, help=f"List, make and change {noun.what}s of a running server.")
    add_looking(app, noun)
    if edits:
        add_changing(app, noun)
    return app


def add_looking(app: typer.Typer, noun: Noun, *, shows: bool = True) -> None:
    """The commands that only look; without `show` where there is no more to be seen of one."""

    @app.command("list", help=f"List {noun.what}s.")
    def _list(
        *,
        filters: Annotated[
            list[str] | None,
            typer.Option("--filter", "-f", help="A condition, such as name~pump; all must hold.", show_default=False),
        ] = None,
        sort: Annotated[
            str, typer.Option(help="Fields with commas between; a minus: falling.", show_default=False)
        ] = "",
        limit: Annotated[int, typer.Option(help="So many at most; 0: all.", min=0)] = 100,
        archived: Annotated[str, typer.Option(help="no, yes or all.")] = "no",
        columns: Annotated[str, typer.Option(help="Fields to show, with commas between.", show_default=False)] = "",
        as_json: AsJson = False,
    ) -> None:
        with connect() as remote:
            items = remote.items(noun.path, most=limit or None, filter=filters, sort=sort, archived=archived)
            show_list(items, [each.strip() for each in columns.split(",") if each] or noun.columns, as_json=as_json)

    if not shows:
        return

    @app.command("show", help=f"Show everything about one {noun.what}.")
    def _show(named: Named, *, as_json: AsJson = False) -> None:
        with connect() as remote:
            show_one(noun.one(remote, named), as_json=as_json)


def add_changing(app: typer.Typer, noun: Noun, *, creates: bool = True) -> None:
    """The commands that change something; without `create` where that needs a password."""
    if creates:
        _add_creating(app, noun)

    @app.command("edit", help=f"Change a {noun.what}; what is not named stays as it is, an empty value empties.")
    def _edit(named: Named, assignments: Assignments = None, *, as_json: AsJson = False) -> None:
        with connect() as remote:
            fields = fields_of(remote.description(), noun.path)
            found = noun.one(remote, named)
            changes = body_of(remote, fields, assignments or [])
            # The revision that was looked at: whoever changed it meanwhile is not overwritten.
            headers = {"If-Match": f'"{found["revision"]}"'}
            done = remote.ask("PATCH", f"{noun.path}/{found['id']}", changes, headers=headers)
            show_done(noun, done, "changed", as_json=as_json)

    @app.command("archive", help=f"Take a {noun.what} out of use; nothing is deleted.")
    def _archive(named: Named, *, as_json: AsJson = False) -> None:
        with connect() as remote:
            done = remote.post(f"{noun.path}/{noun.one(remote, named)['id']}/archive")
            show_done(noun, done, "archived", as_json=as_json)

    @app.command("restore", help=f"Take an archived {noun.what} back into use.")
    def _restore(named: Named, *, as_json: AsJson = False) -> None:
        with connect() as remote:
            done = remote.post(f"{noun.path}/{noun.one(remote, named)['id']}/restore")
            show_done(noun, done, "restored", as_json=as_json)

    @app.command("fields", help=f"List the fields that a {noun.what} can be given.")
    def _fields(*, as_json: AsJson = False) -> None:
        with connect() as remote:
            found = fields_of(remote.description(), noun.path)
        if as_json:
            for each in found.values():
                print_json({"name": each.name, "required": each.required, "choices": each.choices,
                            "default": each.default, "sentence": each.sentence})  # fmt: skip
            return
        rows = []
        for each in found.values():
            kind = " or ".join(each.choices) or ", ".join(sorted(each.types - {"null"}))
            default = "must be given" if each.required else _text(each.default)
            rows.append((each.name, default, f"{kind}. {each.sentence}" if each.sentence else kind))
        print_table(("field", "default", ""), rows)


def _add_creating(app: typer.Typer, noun: Noun) -> None:
    @app.command("create", help=f"Make a {noun.what}; see `fields` for what can be said of it.")
    def _create(assignments: Assignments = None, *, as_json: AsJson = False) -> None:
        with connect() as remote:
            fields = fields_of(remote.description(), noun.path)
            show_done(noun, remote.post(noun.path, body_of(remote, fields, assignments or [])), "made", as_json=as_json)


def show_list(items: Any, columns: Sequence[str], *, as_json: bool) -> None:
    """Objects, one a line."""
    if as_json:
        for each in items:
            print_json(each)
        return
    rows = [[_text(each.get(column)) for column in columns] for each in items]
    if not rows:
        print_line("none")
        return
    print_table(columns, rows)


def show_one(item: Mapping[str, Any], *, as_json: bool) -> None:
    """One object, a field a line."""
    if as_json:
        print_json(item)
        return
    width = max(map(len, item))
    for name, value in item.items():
        print_line(f"{name:<{width}}  {_text(value)}".rstrip())


def show_done(noun: Noun, item: Mapping[str, Any], verb: str, *, as_json: bool) -> None:
    """What became of it."""
    if as_json:
        print_json(item)
        return
    name = item.get("name") or item.get("dev_eui") or item.get("login") or ""
    print_line(f"{noun.what} {item['id']} {verb}: {name}")


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list() | dict():
            return json.dumps(value) if value else ""
        case _:
            return str(value)
