"""Lists of what people edit, read as it is kept: for nouns whose rows say all that is to be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import BigInteger, Boolean, Connection, Table, Text

from fleetcast.access import Identity, Right
from fleetcast.queries.lists import Listing, ListRequest, Of, Page, Shown
from fleetcast.store.database import Database
from fleetcast.store.objects import Kind, Stored

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def columns(table: Table, *, hidden: Sequence[str] = (), versions: Sequence[str] = ()) -> dict[str, Shown]:
    """Every column of a table that holds a text, a number, a flag or an instant, by name."""
    found: dict[str, Shown] = {}
    for column in table.columns:
        of = _of(column.name, column.type, versions)
        if of is not None and column.name not in ("subscriber_id", *hidden):
            found[column.name] = Shown(column, of, optional=bool(column.nullable))
    return found


def _of(name: str, kind: object, versions: Sequence[str]) -> Of | None:
    if name in versions:
        return Of.VERSION
    if isinstance(kind, Boolean):
        return Of.FLAG
    if isinstance(kind, BigInteger):
        return Of.INSTANT if name.endswith("_at") else Of.NUMBER
    return Of.TEXT if isinstance(kind, Text) else None


def listing(kind: Kind[T], *, sort: str = "name", versions: Sequence[str] = ()) -> Listing[Stored[T]]:
    """The list of one kind."""

    def read(connection: Connection, ids: Sequence[int]) -> Mapping[int, Stored[T]]:
        return kind.read(connection, ids)

    return Listing(table=kind.table, fields=columns(kind.table, versions=versions), read=read, sort=sort)


def page(database: Database, who: Identity, of: Listing[T], request: ListRequest) -> Page[T]:
    """A page of the subscriber's rows."""
    who.require(Right.LOOK)
    with database.read() as connection:
        return of.page(connection, request, of.table.c.subscriber_id == who.subscriber_id)
