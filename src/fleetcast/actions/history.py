"""What people did, written into the journal in the transaction that did it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from fleetcast.access import Identity
from fleetcast.instants import InstantMs
from fleetcast.store import journal


def note(
    connection: Connection,
    who: Identity,
    noun: str,
    verb: str,
    row_id: int | None,
    name: str,
    now: InstantMs,
    *,
    campaign_id: int | None = None,
    device_id: int | None = None,
    multicast_group_id: int | None = None,
    **data: Any,
) -> None:
    """One line: `who` did `verb` to the `noun` with this number and name."""
    kind = f"{noun.replace(' ', '-')}.{verb.replace(' ', '-')}"
    what = f"{noun} {name}" if name else noun
    details: Mapping[str, Any] = {"id": row_id, "name": name, **data}
    line = journal.Line(
        kind=kind,
        text=f"{what} {verb}",
        who=who.login,
        campaign_id=campaign_id,
        device_id=device_id,
        multicast_group_id=multicast_group_id,
        data=details,
    )
    journal.write(connection, who.subscriber_id, [line], now)
