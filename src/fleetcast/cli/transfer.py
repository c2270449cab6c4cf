"""`fleetcast import` and `fleetcast export`: devices, sets and groups as CSV, all or nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fleetcast.cli.arguments import FileUnusable
from fleetcast.cli.exit import ExitCode
from fleetcast.cli.fleet import CONNECTION
from fleetcast.cli.nouns import AsJson
from fleetcast.cli.output import print_json, print_line
from fleetcast.cli.remote import BadRows, connect

imports = typer.Typer(
    no_args_is_help=True, help="Bring devices, sets or groups into a running server from a CSV file, all or nothing."
)
exports = typer.Typer(no_args_is_help=True, help="Write devices, sets or groups of a running server as CSV.")

Source = Annotated[Path, typer.Argument(help="The CSV file, without header row; - for standard input.")]
Connection = Annotated[
    str, typer.Option("--connection", "-c", help="The connection that they are reached through: name or number.")
]
Update = Annotated[
    bool, typer.Option("--update-existing", help="What exists is updated: what is given replaces what is there.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only look whether it would be possible.")]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", help="The file to write; left out: standard output.", show_default=False)
]
Keys = Annotated[bool, typer.Option("--keys", help="With keys: takes the right to read them, and is journalled.")]


@imports.command("devices")
def import_devices(
    source: Source, *, connection: Connection, update: Update = False, dry_run: DryRun = False, as_json: AsJson = False
) -> int:
    """Register devices: the export format of network servers, 32 columns A to AF.

    Used are B DevEUI, K name, W LoRaWAN version, X AppKey, Y GenAppKey, AA multicast class, AB tag, AC firmware
    version, AD producer id, AE module id, AF HW revision. The profile with these last three must be there.

    Examples:

        fleetcast import devices meters.csv --connection simulated --dry-run
    """
    return _import("/devices/import", source, connection, as_json=as_json, update_existing=update, dry_run=dry_run)


@imports.command("device-sets")
def import_sets(source: Source, *, update: Update = False, dry_run: DryRun = False, as_json: AsJson = False) -> int:
    """Make device sets: name, description, and DevEUIs with semicolons between them.

    Examples:

        fleetcast import device-sets sets.csv --update-existing
    """
    return _import("/device-sets/import", source, None, as_json=as_json, update_existing=update, dry_run=dry_run)


@imports.command("groups")
def import_groups(
    source: Source, *, connection: Connection, update: Update = False, dry_run: DryRun = False, as_json: AsJson = False
) -> int:
    """Put multicast groups in: columns A to M, as an export writes them.

    DevEUI, class, McKey, DevAddr, frequency in Hz, data rate, ISM band, redundancy, dwell time, ping-slot periodicity
    (class B), name, tag, initial FCntDown. A group without McKey is given a random one.

    Examples:

        fleetcast import groups groups.csv --connection simulated
    """
    return _import(
        "/multicast-groups/import", source, connection, as_json=as_json, update_existing=update, dry_run=dry_run
    )


@exports.command("devices")
def export_devices(*, keys: Keys = False, out: Out = None) -> None:
    """Write the devices in use.

    Examples:

        fleetcast export devices --out devices.csv
    """
    _export("/devices/export", out, keys=keys)


@exports.command("device-sets")
def export_sets(*, out: Out = None) -> None:
    """Write the device sets in use.

    Examples:

        fleetcast export device-sets --out sets.csv
    """
    _export("/device-sets/export", out, keys=False)


@exports.command("groups")
def export_groups(*, keys: Keys = False, out: Out = None) -> None:
    """Write the multicast groups in use; with keys also AppSKey and NwkSKey.

    Examples:

        fleetcast export groups --out groups.csv
    """
    _export("/multicast-groups/export", out, keys=keys)


def _import(path: str, source: Path, connection: str | None, *, as_json: bool, **how: bool) -> int:
    data = sys.stdin.buffer.read() if str(source) == "-" else _read(source)
    with connect() as remote:
        asked: dict[str, Any] = {name: "true" for name, wanted in how.items() if wanted}
        if connection is not None:
            asked["connection_id"] = CONNECTION.one(remote, connection)["id"]
        try:
            done = remote.post(path, params=asked, content=data, headers={"Content-Type": "text/csv"})
        except BadRows as bad:
            if as_json:
                print_json({"imported": False, "bad_rows": bad.bad_rows, "errors": bad.rows})
            else:
                for each in bad.rows:
                    column = f", column {each['column']}" if each["column"] else ""
                    sys.stderr.write(f"{source}: line {each['line']}{column}: {each['message']}\n")
                raise
            return ExitCode.ASKED_WRONGLY
    if as_json:
        print_json({"imported": not how["dry_run"]} | done)
    else:
        verb = "Would be imported" if how["dry_run"] else "Imported"
        print_line(f"{verb}: {done['created']} new, {done['updated']} updated ({done['restored']} restored).")
    return ExitCode.DONE


def _read(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise FileUnusable(f"{source}: {error.strerror or error}") from None


def _export(path: str, out: Path | None, *, keys: bool) -> None:
    path += "?keys=true" if keys else ""
    with connect() as remote:
        if out is None:
            remote.download(path, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            return
        beside = out.with_name(f".{out.name}.new")
        try:
            with beside.open("wb") as file:
                remote.download(path, file)
            beside.replace(out)
        except OSError as error:
            raise FileUnusable(f"{out}: {error.strerror or error}") from None
        finally:
            beside.unlink(missing_ok=True)
