"""What a database says when a row would be there twice, in our words.

Actions look before they write; this is for the two who write at the same instant.
"""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy import exc as failures

from fleetcast.errors import Conflict
from fleetcast.store.tables import metadata

_SQLITE: Final = re.compile(r"UNIQUE constraint failed: (?P<columns>.+)")
_UNIQUE_VIOLATION: Final = "23505"


class Taken(Conflict):
    """Another row has these values already."""

    def __init__(self, table: str, columns: tuple[str, ...]) -> None:
        self.table = table
        self.columns = columns
        named = [each for each in columns if each != "subscriber_id"] or list(columns)
        super().__init__(f"{table}: {' and '.join(named)} taken by another one: choose a different value.")


def clash(error: failures.IntegrityError) -> Taken | None:
    """Which row clashed; None when it isn't one that is there already."""
    diagnosis = getattr(error.orig, "diag", None)
    if diagnosis is not None:
        if getattr(error.orig, "sqlstate", None) != _UNIQUE_VIOLATION:
            return None
        return Taken(diagnosis.table_name, _columns(diagnosis.table_name, diagnosis.constraint_name))
    found = _SQLITE.search(str(error.orig))
    if found is None:
        return None
    columns = [each.strip().partition(".") for each in found["columns"].split(",")]
    return Taken(columns[0][0], tuple(column for _, _, column in columns))


def _columns(table: str, constraint: str) -> tuple[str, ...]:
    """The columns of a unique index or constraint, by its name."""
    known = metadata.tables[table]
    for index in known.indexes:
        if index.name == constraint:
            return tuple(column.name for column in index.columns)
    for each in known.constraints:
        if each.name == constraint:
            return tuple(column.name for column in getattr(each, "columns", ()))
    return tuple(column.name for column in known.primary_key.columns)
