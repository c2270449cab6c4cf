"""What an object points to must be there, and in use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection

from fleetcast.access import Identity
from fleetcast.actions.fields import Checks
from fleetcast.store.objects import Kind, Missing

T = TypeVar("T")


def require_active(
    connection: Connection, who: Identity, checks: Checks, field: str, kind: Kind[Any], row_id: int | None
) -> None:
    """Complain where a number is given and the subscriber has no such thing, or has archived it."""
    if row_id is None:
        return
    try:
        found = kind.get(connection, who.subscriber_id, row_id)
    except Missing as error:
        checks.complain(field, str(error))
        return
    checks.that(not found.archived, field, f"{kind.noun} {row_id} is archived: restore it, or choose another one")


def require_all_active(
    connection: Connection, who: Identity, checks: Checks, field: str, kind: Kind[Any], row_ids: Sequence[int]
) -> None:
    """The same for several."""
    found = kind.among(connection, who.subscriber_id, "id", row_ids, archived=True)
    for row_id in row_ids:
        if row_id not in found:
            checks.complain(field, f"{kind.noun} {row_id}: there is none")
        elif found[row_id].archived:
            checks.complain(field, f"{kind.noun} {row_id} is archived: restore it, or choose another one")
