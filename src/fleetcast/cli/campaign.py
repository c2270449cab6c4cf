"""`fleetcast campaign`: draft, judge, start, steer, watch and explain the campaigns of a running server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from fleetcast.cli.assignments import body_of, fields_of
from fleetcast.cli.exit import ExitCode
from fleetcast.cli.fleet import DEVICE
from fleetcast.cli.nouns import AsJson, Assignments, Named, Noun, commands_of, show_done, show_list
from fleetcast.cli.output import counted, duration, percent, print_json, print_line, print_table
from fleetcast.cli.remote import Remote, connect

CAMPAIGN = Noun(
    "campaign", "campaign", "/campaigns",
    ("id", "name", "type", "status", "stage", "stage_name", "participants", "succeeded", "failed"),
)  # fmt: skip
campaign = commands_of(CAMPAIGN)

Why = Annotated[str, typer.Option(help="Why, for the journal.", show_default=False)]
NewName = Annotated[str, typer.Option("--name", help="What it is to be called.", show_default=False)]
Causes = Annotated[
    list[str] | None,
    typer.Option(
        "--cause", help="Only devices that failed for this cause; may stand several times.", show_default=False
    ),
]
LeftOut = Annotated[bool, typer.Option("--left-out", help="Devices that took no part as well.")]
_DEVICES = ("dev_eui", "name", "stage_name", "step", "outcome", "cause", "missing", "heard_at")
_JOURNAL = ("at", "kind", "who", "text")
_MOST_REASONS = 5


@campaign.command()
def validate(
    named: Annotated[str | None, typer.Argument(help="A saved campaign.", show_default=False)] = None,
    assignments: Assignments = None,
    *,
    as_json: AsJson = False,
) -> int:
    """Say who would take part, why the others wouldn't, and what it would take; nothing is sent. Ends with 1 for no.

    Name a saved campaign, or give FIELD=VALUE as for `create` and nothing is saved.
    """
    with connect() as remote:
        if named is not None and "=" not in named:
            found = remote.post(f"{CAMPAIGN.path}/{CAMPAIGN.one(remote, named)['id']}/validate")
        else:
            given = [*([named] if named else []), *(assignments or [])]
            body = body_of(remote, fields_of(remote.description(), CAMPAIGN.path), given)
            found = remote.post(f"{CAMPAIGN.path}/validate", body)
    if as_json:
        print_json(found)
    else:
        _show_judgement(found)
    return ExitCode.DONE if found["can_start"] else ExitCode.ANSWER_IS_NO


def _show_judgement(found: Mapping[str, Any]) -> None:
    print_line(f"{counted(found['participants'], 'device')} of {found['devices']} take part")
    for reason in found["left_out"]:
        shown = ", ".join(reason["dev_euis"][:_MOST_REASONS])
        more = ", …" if reason["count"] > _MOST_REASONS else ""
        print_line(f"  left out: {reason['reason']}: {reason['count']} ({shown}{more})")
    for conflict in found["conflicts"]:
        print_line(f"  conflict: {conflict}")
    for warning in found["warnings"]:
        print_line(f"  warning: {warning}")
    if found["groups"]:
        rows = [
            (
                each["name"] or each["dev_eui"], str(each["devices"]), each["session_class"], f"DR{each['data_rate']}",
                f"{each['fragments']} x {each['fragment_bytes']} bytes", each["strategy"],
                duration(each["transfer_s"]),
            )
            for each in found["groups"]
        ]  # fmt: skip
        print_table(("group", "devices", "class", "data rate", "fragments", "strategy", "transfer"), rows)
    estimate = found["estimate"]
    if estimate is not None:
        took, share = estimate["duration_s"], estimate["success_share"]
        print_line(
            f"duration {duration(took['median'])} ({duration(took['low'])} to {duration(took['high'])}), success "
            f"{percent(round(share['median'], 3))} ({percent(round(share['low'], 3))} to "
            f"{percent(round(share['high'], 3))})"
        )
    if not found["can_start"]:
        print_line(f"It can't start: {found['refusal']}. {found['remedy'] or ''}".rstrip())


@campaign.command()
def start(named: Named, *, as_json: AsJson = False) -> None:
    """Settle who takes part, and begin."""
    _order(named, "start", "started", as_json=as_json)


@campaign.command()
def schedule(
    named: Named,
    at: Annotated[str, typer.Option("--at", help="When, such as 2030-01-01T02:00:00Z.", show_default=False)],
    *,
    as_json: AsJson = False,
) -> None:
    """Let it start by itself."""
    _order(named, "schedule", f"is to start at {at}", {"at": at}, as_json=as_json)


@campaign.command()
def unschedule(named: Named, *, as_json: AsJson = False) -> None:
    """Let it wait for somebody again."""
    _order(named, "unschedule", "waits for somebody to start it", as_json=as_json)


@campaign.command()
def pause(named: Named, *, why: Why = "", as_json: AsJson = False) -> None:
    """Hold everything that would be sent; its time goes on."""
    _order(named, "pause", "is to pause", {"why": why}, as_json=as_json)


@campaign.command()
def resume(named: Named, *, why: Why = "", as_json: AsJson = False) -> None:
    """Let a paused one go on."""
    _order(named, "resume", "is to go on", {"why": why}, as_json=as_json)


@campaign.command()
def stop(named: Named, *, why: Why = "", as_json: AsJson = False) -> None:
    """End it, and clean up behind it."""
    _order(named, "stop", "is to stop", {"why": why}, as_json=as_json)


@campaign.command("copy")
def copy_(named: Named, *, name: NewName, as_json: AsJson = False) -> None:
    """Make a new campaign with the same settings."""
    _order(named, "copy", "made", {"name": name}, as_json=as_json)


@campaign.command("retry-failed")
def retry_failed(
    named: Named, *, name: NewName, cause: Causes = None, left_out: LeftOut = False, as_json: AsJson = False
) -> None:
    """Make a copy of a campaign for the devices that did not succeed."""
    body = {"name": name, "causes": cause or [], "left_out": left_out}
    _order(named, "retry-failed", "made", body, as_json=as_json)


@campaign.command("failed-devices")
def failed_devices(
    named: Named, *, name: NewName, cause: Causes = None, left_out: LeftOut = False, as_json: AsJson = False
) -> None:
    """Make a device set of the devices that did not succeed."""
    with connect() as remote:
        path = f"{CAMPAIGN.path}/{CAMPAIGN.one(remote, named)['id']}/failed-devices"
        made = remote.post(path, {"name": name, "causes": cause or [], "left_out": left_out})
    if as_json:
        print_json(made)
    else:
        print_line(f"device set {made['device_set_id']} made: {name}")


@campaign.command()
def approve(named: Named, *, why: Why = "", as_json: AsJson = False) -> None:
    """Approve a configured campaign of somebody else as it is now; any later change takes that away."""
    _order(named, "approve", "approved", {"why": why}, as_json=as_json)


@campaign.command("withdraw-approval")
def withdraw_approval(named: Named, *, why: Why = "", as_json: AsJson = False) -> None:
    """Take an approval back, while the campaign hasn't started."""
    _order(named, "withdraw-approval", "not approved any more", {"why": why}, as_json=as_json)


def _order(named: str, order: str, done: str, body: object = None, *, as_json: bool) -> None:
    with connect() as remote:
        answer = remote.post(f"{CAMPAIGN.path}/{CAMPAIGN.one(remote, named)['id']}/{order}", body)
    show_done(CAMPAIGN, answer, done, as_json=as_json)


@campaign.command()
def devices(
    named: Named,
    *,
    filters: Annotated[
        list[str] | None,
        typer.Option("--filter", "-f", help="A condition, such as outcome=failed.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(help="So many at most; 0: all.", min=0)] = 100,
    as_json: AsJson = False,
) -> None:
    """List the participants, each in its latest state."""
    with connect() as remote:
        path = f"{CAMPAIGN.path}/{CAMPAIGN.one(remote, named)['id']}/devices"
        show_list(remote.items(path, most=limit or None, filter=filters), _DEVICES, as_json=as_json)


@campaign.command("left-out")
def left_out(
    named: Named, *, limit: Annotated[int, typer.Option(help="So many at most; 0: all.", min=0)] = 100,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """List the devices that take no part, each with its reason."""
    with connect() as remote:
        path = f"{CAMPAIGN.path}/{CAMPAIGN.one(remote, named)['id']}/left-out"
        show_list(remote.items(path, most=limit or None), ("dev_eui", "name", "reason"), as_json=as_json)


@campaign.command()
def journal(
    named: Named, *, limit: Annotated[int, typer.Option(help="So many lines at most.", min=1)] = 50,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """List what happened in a campaign, the newest first."""
    with connect() as remote:
        path = f"{CAMPAIGN.path}/{CAMPAIGN.one(remote, named)['id']}/journal"
        show_list(remote.items(path, most=limit), _JOURNAL, as_json=as_json)


@campaign.command()
def explain(
    named: Named,
    device: Annotated[str | None, typer.Argument(help="One of its devices.", show_default=False)] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say what a campaign, or one of its devices, waits for, until when, and what happens then."""
    with connect() as remote:
        found = CAMPAIGN.one(remote, named)
        text = found["explanation"] if device is None else _explained(remote, found["id"], device)
    if as_json:
        print_json({"text": text})
    else:
        print_line(text or f"It is {found['status']}: it waits for nothing.")


def _explained(remote: Remote, campaign_id: int, device: str) -> str:
    number = DEVICE.one(remote, device)["id"]
    return str(remote.get(f"{CAMPAIGN.path}/{campaign_id}/devices/{number}/explanation")["text"])


@campaign.command()
def watch(
    named: Named,
    *,
    every: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.1)] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON whenever something moved.")] = False,
) -> int:
    """Follow a campaign with live bars until it is over. Ends with 0 if it succeeded, else with 1.

    Ctrl-C ends the watching, not the campaign.
    """
    from fleetcast.cli.watching import watch_campaign

    with connect() as remote:
        status = watch_campaign(remote, CAMPAIGN.one(remote, named)["id"], every, as_json=as_json)
    return ExitCode.DONE if status == "SUCCEEDED" else ExitCode.ANSWER_IS_NO
