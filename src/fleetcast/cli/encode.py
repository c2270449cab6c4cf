"""`fleetcast encode`: commands as JSON in, the bytes of their payload out; `decode` the other way round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from fleetcast.cli.arguments import BadArgument, parse_json, read_standard_input
from fleetcast.cli.dialect_options import (
    DirectionOption,
    PackageOption,
    PackageVersionOption,
    PackageVersionsOption,
    PortOption,
    defaults_of,
)
from fleetcast.cli.exit import ExitCode
from fleetcast.cli.json_lines import answer_lines
from fleetcast.cli.output import print_json, print_line

if TYPE_CHECKING:
    from fleetcast.cli.dialect import Dialect
    from fleetcast.protocol.packages import Package
    from fleetcast.protocol.wire import Command

_EXAMPLE_LINE = '{"commands": [{"name": "PackageVersionReq"}], "port": 201, "direction": "down"}'


def encode(
    commands: Annotated[
        str | None, typer.Argument(metavar="JSON", help="The commands; - or nothing reads them from standard input.")
    ] = None,
    *,
    port: PortOption = None,
    package_version: PackageVersionOption = None,
    direction: DirectionOption = None,
    package: PackageOption = None,
    package_versions: PackageVersionsOption = None,
    token: Annotated[int | None, typer.Option(help="For FPort 225: the two token bits, 0 to 3.")] = None,
    lines: Annotated[
        bool, typer.Option("--lines", help="Read one JSON object a line, write one result a line.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Write commands as the bytes of a payload; takes what `fleetcast decode --json` gives.

    The JSON is one command ({"name": …, "fields": {…}}), a list of commands, or {"commands": […]}; names and fields are
    in docs/reference/commands.md. On FPort 225 each command also has a "package_identifier" and may have "prefixed";
    left out, the PackageID is written where it is needed. With --lines each line is an object with "commands", and
    "port", "package_version", "direction" where the options do not say them; its result has "hex".

    Examples:

        fleetcast encode '{"name": "PackageVersionReq"}' --port 201 --direction down
        fleetcast encode '[{"name": "FragSessionDeleteReq", "fields": {"frag_index": 1}}]' -p 201 -d down
        fleetcast decode 0301 -p 201 -d down --json | fleetcast encode -p 201 -d down
    """
    defaults = defaults_of(port, package, package_version, direction, package_versions)
    if lines:
        if commands is not None:
            raise BadArgument("--lines reads from standard input: leave the commands out")
        if answer_lines(lambda line: {"hex": encoded(line, defaults.of(line), token).hex()}, _EXAMPLE_LINE):
            raise typer.Exit(ExitCode.ASKED_WRONGLY)
        return
    dialect = defaults.dialect()
    text = read_standard_input("JSON") if commands in (None, "-") else commands
    payload = encoded(parse_json(text or "", "commands"), dialect, token)
    if as_json:
        print_json({"hex": payload.hex()})
    else:
        print_line(payload.hex())


def encoded(value: object, dialect: Dialect, token: int | None = None) -> bytes:
    """The payload of commands given as JSON values. Raises BadArgument and Invalid."""
    from fleetcast.protocol.multi_package_frame import PackagedCommand, encode_frame
    from fleetcast.protocol.payload import encode

    entries, inner_token = _entries(value)
    if not dialect.mixes_packages:
        return encode(_command(entry, dialect.package, dialect.version, dialect) for entry in entries)
    packaged = []
    for entry in entries:
        package = _package(entry)
        version = dialect.versions().get(package, 1)
        prefixed = entry.get("prefixed")
        if prefixed is not None and not isinstance(prefixed, bool):
            raise BadArgument(f'"prefixed" is {prefixed!r}: write true or false, or leave it out')
        packaged.append(PackagedCommand(package, _command(entry, package, version, dialect), prefixed))
    return encode_frame(packaged, token if inner_token is None else inner_token)


def _entries(value: object) -> tuple[list[Mapping[str, object]], int | None]:
    token = None
    if isinstance(value, dict) and "commands" in value:
        token = value.get("token")
        if token is not None and type(token) is not int:
            raise BadArgument(f'"token" is {token!r}: write 0 to 3')
        if value.get("unexplained"):
            raise BadArgument('there are "unexplained" bytes: they are no commands; take them out to encode the rest')
        value = value["commands"]
    entries = [value] if isinstance(value, dict) else value
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadArgument('commands are objects: write for example [{"name": "PackageVersionReq"}]')
    if not entries:
        raise BadArgument('there is no command to encode: write for example [{"name": "PackageVersionReq"}]')
    return entries, token


def _command(entry: Mapping[str, object], package: Package, version: int, dialect: Dialect) -> Command:
    from fleetcast.protocol.json_fields import from_json_fields
    from fleetcast.protocol.packages import command_named

    name, fields = entry.get("name"), entry.get("fields", {})
    if not isinstance(name, str):
        raise BadArgument('a command has no "name": write for example {"name": "PackageVersionReq"}')
    if not isinstance(fields, dict):
        raise BadArgument(f'{name}: "fields" is {fields!r}; write an object, for example {{"frag_index": 1}}')
    command = command_named(package, version, dialect.direction, name)
    cid = entry.get("cid", command.cid)
    if cid != command.cid:
        raise BadArgument(f"{name} has the CID {command.cid}, not {cid!r}: correct one of them, or leave the CID out")
    return from_json_fields(command, fields)


def _package(entry: Mapping[str, object]) -> Package:
    from fleetcast.protocol.packages import Package

    identifier = entry.get("package_identifier")
    for package in Package:
        if type(identifier) is int and identifier == package:
            return package
    raise BadArgument(
        f'"package_identifier" is {identifier!r}: on FPort 225 every command says 0 multi-package, 1 clock, '
        "2 multicast, 3 fragmentation or 4 firmware"
    )
