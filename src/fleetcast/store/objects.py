"""What people edit, stored: one `Kind` for each table whose rows have a revision and are archived, never deleted.

A kind maps a frozen dataclass to the columns of the same names. What a value may be is the actions' matter.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, bindparam, insert, select, update

from fleetcast.errors import Conflict, NotFound
from fleetcast.instants import InstantMs
from fleetcast.store.database import BATCH

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


class Missing(NotFound):
    """The subscriber has nothing of this kind with this number."""

    def __init__(self, noun: str, row_id: int) -> None:
        self.noun, self.id = noun, row_id
        super().__init__(f"{noun} {row_id}: there is none")


class Stale(Conflict):
    """Somebody else changed it since it was read."""

    def __init__(self, noun: str, row_id: int, expected: int, found: int) -> None:
        self.noun, self.id, self.expected, self.found = noun, row_id, expected, found
        super().__init__(
            f"{noun} {row_id}: you have revision {expected}, it is at {found} by now: read it again, then change it"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored(Generic[T]):
    """Something people edit, as it is stored."""

    id: int
    subscriber_id: int
    what: T
    revision: int
    created_at: InstantMs
    changed_at: InstantMs
    archived_at: InstantMs | None

    @property
    def archived(self) -> bool:
        """Whether it is out of use."""
        return self.archived_at is not None


class Kind(Generic[T]):
    """One kind of thing: its table, the dataclass that says what people may edit, and what one is called."""

    def __init__(self, table: Table, type_: type[T], noun: str) -> None:
        self.table, self.type, self.noun = table, type_, noun
        self.names = tuple(field.name for field in fields(type_))
        self._columns = (
            *(table.c[name] for name in self.names),
            *(table.c[name] for name in ("id", "subscriber_id", "revision", "created_at", "changed_at", "archived_at")),
        )

    def of(self, subscriber_id: int) -> ColumnElement[bool]:
        """The rows of this subscriber."""
        return self.table.c.subscriber_id == subscriber_id

    def insert(self, connection: Connection, subscriber_id: int, what: T, now: InstantMs, **others: Any) -> int:
        """Put one in; `others`: columns that people don't edit. Gives its number."""
        row = self._row(subscriber_id, what, now, others)
        key = connection.execute(insert(self.table).values(row)).inserted_primary_key
        return int(key[0]) if key is not None else 0

    def insert_many(
        self, connection: Connection, subscriber_id: int, whats: Sequence[T], now: InstantMs, **others: Any
    ) -> None:
        """Put many in, in batches; find their numbers by what tells them apart."""
        statement = insert(self.table)
        for start in range(0, len(whats), BATCH):
            rows = [self._row(subscriber_id, what, now, others) for what in whats[start : start + BATCH]]
            connection.execute(statement, rows)

    def get(self, connection: Connection, subscriber_id: int, row_id: int) -> Stored[T]:
        """The one with this number, archived or not; raises Missing."""
        row = connection.execute(
            select(*self._columns).where(self.table.c.id == row_id, self.of(subscriber_id))
        ).first()
        if row is None:
            raise Missing(self.noun, row_id)
        return self._stored_row(row._mapping)

    def find(self, connection: Connection, subscriber_id: int, *conditions: ColumnElement[bool]) -> list[Stored[T]]:
        """Those that meet all conditions, archived ones too, by number."""
        rows = connection.execute(
            select(*self._columns).where(self.of(subscriber_id), *conditions).order_by(self.table.c.id)
        )
        return [self._stored_row(row._mapping) for row in rows]

    def read(self, connection: Connection, row_ids: Collection[int]) -> dict[int, Stored[T]]:
        """Those with these numbers, whoever's they are, by number: for rows that were found before."""
        rows = connection.execute(select(*self._columns).where(self.table.c.id.in_(row_ids)))
        return {row.id: self._stored_row(row._mapping) for row in rows}

    def among(
        self,
        connection: Connection,
        subscriber_id: int,
        column: str,
        values: Collection[Any],
        *,
        archived: bool = False,
    ) -> dict[Any, Stored[T]]:
        """Those whose `column` holds one of the values, by that value; archived ones only if asked for."""
        found: dict[Any, Stored[T]] = {}
        for part in batches(values):
            conditions = [self.table.c[column].in_(part)]
            if not archived:
                conditions.append(self.table.c.archived_at.is_(None))
            for stored in self.find(connection, subscriber_id, *conditions):
                found[getattr(stored.what, column) if column in self.names else stored.id] = stored
        return found

    def read_many(self, connection: Connection, row_ids: Collection[int]) -> dict[int, Stored[T]]:
        """The same for more numbers than one statement takes."""
        found: dict[int, Stored[T]] = {}
        for part in batches(row_ids):
            found |= self.read(connection, part)
        return found

    def numbers(self, connection: Connection, subscriber_id: int) -> Iterator[list[int]]:
        """Numbers of all that are in use, rising, so many at a time as one statement takes."""
        column, last = self.table.c.id, 0
        while True:
            rows = connection.execute(
                select(column)
                .where(self.of(subscriber_id), self.table.c.archived_at.is_(None), column > last)
                .order_by(column)
                .limit(BATCH)
            )
            ids = [int(each) for each in rows.scalars()]
            if not ids:
                return
            yield ids
            last = ids[-1]

    def newest(
        self, connection: Connection, subscriber_id: int, column: str, values: Collection[Any]
    ) -> dict[Any, Stored[T]]:
        """By the value of its `column`: the one in use, else the newest archived one."""
        found: dict[Any, Stored[T]] = {}
        for part in batches(values):
            rows = self.find(connection, subscriber_id, self.table.c[column].in_(part))
            for stored in sorted(rows, key=lambda each: not each.archived):
                found[getattr(stored.what, column)] = stored
        return found

    def replace(
        self,
        connection: Connection,
        subscriber_id: int,
        row_id: int,
        what: T,
        revision: int | None,
        now: InstantMs,
        **others: Any,
    ) -> None:
        """Put this in the place of what is there, revision by one up; raises Missing and Stale."""
        self._update(connection, subscriber_id, row_id, self._values(what) | others, revision, now)

    def replace_many(self, connection: Connection, subscriber_id: int, whats: Mapping[int, T], now: InstantMs) -> None:
        """The same for many, by number, whatever their revision."""
        table = self.table
        statement = (
            update(table)
            .where(table.c.id == bindparam("row_id"), table.c.subscriber_id == subscriber_id)
            .values(
                {name: bindparam(f"new_{name}") for name in self.names}
                | {"revision": table.c.revision + 1, "changed_at": now, "archived_at": None}
            )
        )
        for part in batches(whats.items()):
            connection.execute(
                statement,
                [
                    {f"new_{name}": value for name, value in self._values(what).items()} | {"row_id": row_id}
                    for row_id, what in part
                ],
            )

    def archive(
        self, connection: Connection, subscriber_id: int, row_id: int, revision: int | None, now: InstantMs
    ) -> None:
        """Out of use from now on; nothing happens where it is so already. Raises Missing and Stale."""
        if not self.get(connection, subscriber_id, row_id).archived:
            self._update(connection, subscriber_id, row_id, {"archived_at": now}, revision, now)

    def restore(
        self, connection: Connection, subscriber_id: int, row_id: int, revision: int | None, now: InstantMs
    ) -> None:
        """Back in use; raises Missing, Stale, and `clashes.Taken` where another one has its name by now."""
        if self.get(connection, subscriber_id, row_id).archived:
            self._update(connection, subscriber_id, row_id, {"archived_at": None}, revision, now)

    def _update(
        self,
        connection: Connection,
        subscriber_id: int,
        row_id: int,
        values: Mapping[str, Any],
        revision: int | None,
        now: InstantMs,
    ) -> None:
        table = self.table
        conditions = [table.c.id == row_id, self.of(subscriber_id)]
        if revision is not None:
            conditions.append(table.c.revision == revision)
        changed = connection.execute(
            update(table).where(*conditions).values({**values, "revision": table.c.revision + 1, "changed_at": now})
        ).rowcount
        if not changed:
            found = self.get(connection, subscriber_id, row_id)
            raise Stale(self.noun, row_id, revision or 0, found.revision)

    def _row(self, subscriber_id: int, what: T, now: InstantMs, others: Mapping[str, Any]) -> dict[str, Any]:
        return self._values(what) | {
            "subscriber_id": subscriber_id, "created_at": now, "changed_at": now, "revision": 1, **others,
        }  # fmt: skip

    def _values(self, what: T) -> dict[str, Any]:
        return {name: _stored(getattr(what, name)) for name in self.names}

    def _stored_row(self, row: RowMapping) -> Stored[T]:
        return Stored(
            id=row["id"],
            subscriber_id=row["subscriber_id"] or 0,
            what=self.type(**{name: _read(row[name]) for name in self.names}),
            revision=row["revision"],
            created_at=row["created_at"],
            changed_at=row["changed_at"],
            archived_at=row["archived_at"],
        )


def batches(values: Iterable[Any]) -> Iterable[list[Any]]:
    """The values, so many at a time as one statement takes."""
    everything = list(values)
    return (everything[start : start + BATCH] for start in range(0, len(everything), BATCH))


def _stored(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _read(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
