"""What people edit: create, edit, archive and restore, the same for every noun.

A noun says which rights it takes, what its fields may be, what it may point to, and what of it may change while a
campaign runs. Each method is one transaction, and leaves a line in the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import Connection

from fleetcast.access import Identity, Right
from fleetcast.actions import approvals
from fleetcast.actions.creation import create_once
from fleetcast.actions.history import difference, note, said
from fleetcast.instants import InstantMs
from fleetcast.store import use
from fleetcast.store.database import Database
from fleetcast.store.idempotency import Once
from fleetcast.store.objects import Kind, Stored

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def _nothing_more(_connection: Connection, _who: Identity, _what: Any) -> None:
    """Nothing to look up."""


def _no_questions(_connection: Connection, _who: Identity, _row_id: int) -> None:
    """Nothing stands against it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Editable(Generic[T]):
    """One noun."""

    kind: Kind[T]
    check: Callable[[T], None]
    """Raises InvalidFields for what can't be right whatever else is there."""
    look_up: Callable[[Connection, Identity, T], None] = _nothing_more
    """Raises InvalidFields for what it points to and isn't there."""
    may_archive: Callable[[Connection, Identity, int], None] = _no_questions
    """Raises Conflict where something beside campaigns stands against it."""
    free: frozenset[str] = frozenset({"name", "description"})
    """Fields that may change under a running campaign."""
    right: Right = Right.EDIT
    label: Callable[[T], str]
    """What one is called in the journal."""

    def create(
        self,
        database: Database,
        who: Identity,
        new: T,
        now: InstantMs,
        once: Once | None = None,
        *,
        then: Callable[[Connection, int], None] | None = None,
        told: Mapping[str, Any] | None = None,
        **others: Any,
    ) -> int:
        """Put one in, and in the same transaction what `then` adds; gives its number.

        `told`: what the journals say besides; `then` may still add to it.

        Raises InvalidFields, and `clashes.Taken` where another one has its name.
        """
        who.require(self.right)
        self.check(new)

        def make(connection: Connection) -> int:
            self.look_up(connection, who, new)
            row_id = self.kind.insert(connection, who.subscriber_id, new, now, **others)
            if then is not None:
                then(connection, row_id)
            note(
                connection, who, self.kind.noun, "created", row_id, self.label(new), now, after=said(new),
                **told or {},
            )  # fmt: skip
            return row_id

        return create_once(database, who, once, now, make)

    def edit(
        self,
        database: Database,
        who: Identity,
        row_id: int,
        what: T,
        revision: int | None,
        now: InstantMs,
        *,
        then: Callable[[Connection, Stored[T]], bool] | None = None,
        told: Mapping[str, Any] | None = None,
        **others: Any,
    ) -> None:
        """Exchange what one says. `then` changes what belongs to it, and says whether that concerns running campaigns.

        Raises InvalidFields, Missing, Stale, `clashes.Taken`, and InUse for a change that a running campaign forbids.
        """
        who.require(self.right)
        self.check(what)
        with database.write() as connection:
            before = self.kind.get(connection, who.subscriber_id, row_id)
            self.look_up(connection, who, what)
            self.kind.replace(connection, who.subscriber_id, row_id, what, revision, now, **others)
            old, new = difference(said(before.what), said(what))
            concerns = then(connection, before) if then is not None else False
            if concerns or not self.free.issuperset(new):
                use.require_idle(connection, who.subscriber_id, self.kind.noun, row_id, "edited")
            note(
                connection, who, self.kind.noun, "edited", row_id, self.label(what), now, before=old, after=new,
                fields=list(new), **told or {},
            )  # fmt: skip
            approvals.lapse(connection, who, self.kind.noun, row_id, now)

    def archive(self, database: Database, who: Identity, row_id: int, revision: int | None, now: InstantMs) -> None:
        """Take one out of use; raises Missing, Stale, and InUse where a campaign not yet over uses it."""
        who.require(self.right)
        with database.write() as connection:
            found = self.kind.get(connection, who.subscriber_id, row_id)
            use.require_unused(connection, who.subscriber_id, self.kind.noun, row_id)
            self.may_archive(connection, who, row_id)
            self.kind.archive(connection, who.subscriber_id, row_id, revision, now)
            note(connection, who, self.kind.noun, "archived", row_id, self.label(found.what), now)

    def restore(self, database: Database, who: Identity, row_id: int, revision: int | None, now: InstantMs) -> None:
        """Take one back into use; raises Missing, Stale, and `clashes.Taken` where another one has its name by now."""
        who.require(self.right)
        with database.write() as connection:
            found = self.kind.get(connection, who.subscriber_id, row_id)
            self.look_up(connection, who, found.what)
            self.kind.restore(connection, who.subscriber_id, row_id, revision, now)
            note(connection, who, self.kind.noun, "restored", row_id, self.label(found.what), now)

    def get(self, database: Database, who: Identity, row_id: int) -> Stored[T]:
        """What one says now, to be edited; raises Missing."""
        who.require(Right.LOOK)
        with database.read() as connection:
            return self.kind.get(connection, who.subscriber_id, row_id)
