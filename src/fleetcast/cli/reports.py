"""`fleetcast usage-report`, `counters`, `workers`: what was used, how much there is, who works."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from fleetcast.cli.nouns import AsJson, Noun, add_looking, show_list
from fleetcast.cli.output import print_json, print_line, print_table
from fleetcast.cli.remote import connect

_REPORT = Noun("usage-report", "usage report", "/usage-reports", ("id", "kind", "month", "from_at", "until_at"))
_WORKER = ("id", "host", "pid", "parts", "version", "state", "heartbeat_at", "uplinks", "downlinks")
_DAY = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]

usage_report = typer.Typer(no_args_is_help=True, help="List, make and download usage reports of a running server.")
add_looking(usage_report, _REPORT, shows=False)


@usage_report.command()
def create(
    kind: Annotated[str, typer.Argument(help="usage or delta.", show_default=False)],
    *,
    begin: Annotated[datetime, typer.Option("--from", help="First instant, in UTC.", formats=_DAY, show_default=False)],
    end: Annotated[
        datetime, typer.Option("--until", help="Last instant, exclusive, in UTC.", formats=_DAY, show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Make a report for any time that is over; those of whole months are made by the server.

    Examples:

        fleetcast usage-report create --help
    """
    said = {"kind": kind, "from_at": _utc(begin), "until_at": _utc(end)}
    with connect() as remote:
        made = remote.post("/usage-reports", said)
    if as_json:
        print_json(made)
    else:
        print_line(f"usage report {made['id']} made")


@usage_report.command()
def download(
    number: Annotated[int, typer.Argument(help="Its number, as list shows it.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="Where to write it.", show_default=False)],
) -> None:
    """Download the rows of a report: CSV without a header row.

    Examples:

        fleetcast usage-report download --help
    """
    # A file cut off in the middle must not look like a whole one.
    beside = out.with_name(f"{out.name}.part")
    with connect() as remote:
        try:
            with beside.open("wb") as target:
                remote.download(f"/usage-reports/{number}/content", target)
            beside.replace(out)
        finally:
            beside.unlink(missing_ok=True)
    print_line(f"{out}: usage report {number}")


def counters(*, as_json: AsJson = False) -> None:
    """Show how many objects there are in which state, and the quotas.

    Examples:

        fleetcast counters --help
    """
    with connect() as remote:
        found = remote.get("/counters")
    if as_json:
        print_json(found)
        return
    quotas = {"devices": found["max_devices"], "multicast groups": found["max_multicast_groups"]}
    rows = [
        (what, str(counted["active"]), str(counted["archived"]), str(quotas.get(what.replace("_", " ")) or ""))
        for what, counted in found["objects"].items()
    ]
    print_table(("objects", "active", "archived", "at most"), rows, right=("active", "archived", "at most"))
    for what in ("campaigns", "workers"):
        print_line(f"{what}: {', '.join(f'{many} {state}' for state, many in found[what].items()) or 'none'}")


def workers(*, as_json: AsJson = False) -> None:
    """List the processes of the deployment: which are alive, and what each handled.

    Examples:

        fleetcast workers --help
    """
    with connect() as remote:
        show_list(remote.get("/workers"), _WORKER, as_json=as_json)


def _utc(at: datetime) -> str:
    return at.replace(tzinfo=UTC).isoformat()
