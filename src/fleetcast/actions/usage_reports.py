"""Usage reports: made for each calendar month (UTC) when it is over, and on demand for any time.

A campaign counts in the time in which it ended; a device, when it was in use at the end of that time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection

from fleetcast.access import Identity, Right
from fleetcast.actions.fields import Checks
from fleetcast.actions.history import note
from fleetcast.errors import NotFound
from fleetcast.instants import InstantMs, from_datetime, to_datetime
from fleetcast.interchange.usage_reports import write_campaign_usage, write_delta_usage
from fleetcast.store import usage_reports as store
from fleetcast.store.database import Database

KINDS: Final = ("usage", "delta")


class NoReport(NotFound):
    """The subscriber has no report with this number."""

    def __init__(self, report_id: int) -> None:
        super().__init__(f"usage report {report_id}: there is none")


def make(database: Database, who: Identity, kind: str, from_at: InstantMs, until_at: InstantMs, now: InstantMs) -> int:
    """Make a report for any time; gives its number. Raises InvalidFields."""
    who.require(Right.LOOK)
    checks = Checks()
    checks.one_of("kind", kind, KINDS)
    checks.that(from_at < until_at, "until_at", "must lie after from_at")
    checks.that(until_at <= now, "until_at", "lies in the future: what is not over can't be counted")
    checks.done()
    with database.write() as connection:
        row_id = store.keep(
            connection, who.subscriber_id, _report(connection, who.subscriber_id, kind, from_at, until_at, "", now)
        )
        note(connection, who, "usage report", "made", row_id, kind, now, from_at=from_at, until_at=until_at)
    assert row_id is not None  # noqa: S101 - only reports of a month are made once
    return row_id


def make_monthly(database: Database, now: InstantMs) -> int:
    """The reports of the month that is over, for every subscriber that has none yet; how many were made."""
    first, until = last_month(to_datetime(now))
    month, from_at, until_at = first.strftime("%Y-%m"), from_datetime(first), from_datetime(until)
    with database.read() as connection:
        subscribers = store.without(connection, month, until_at)
    made = 0
    for subscriber_id in subscribers:
        with database.write() as connection:
            for kind in KINDS:
                report = _report(connection, subscriber_id, kind, from_at, until_at, month, now)
                made += store.keep(connection, subscriber_id, report) is not None
    return made


def read(database: Database, who: Identity, report_id: int) -> tuple[str, str]:
    """Name and CSV of a report; raises NoReport."""
    who.require(Right.LOOK)
    with database.read() as connection:
        found = store.content(connection, who.subscriber_id, report_id)
    if found is None:
        raise NoReport(report_id)
    return found


def last_month(now: datetime) -> tuple[datetime, datetime]:
    """The first instant of the calendar month (UTC) before this one, and the first after it."""
    until = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    year, month = (until.year - 1, 12) if until.month == 1 else (until.year, until.month - 1)
    return until.replace(year=year, month=month), until


def _report(
    connection: Connection,
    subscriber_id: int,
    kind: str,
    from_at: InstantMs,
    until_at: InstantMs,
    month: str,
    now: InstantMs,
) -> store.NewReport:
    if kind == "usage":
        lines = write_campaign_usage([store.usage(connection, subscriber_id, from_at, until_at)])
    else:
        lines = write_delta_usage(store.delta_usage(connection, subscriber_id, from_at, until_at))
    return store.NewReport(
        kind=kind, from_at=from_at, until_at=until_at, month=month, made_at=now, content="".join(lines)
    )
