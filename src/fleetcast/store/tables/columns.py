"""The column kinds of the schema, said once: keys, instants, texts, what every object carries.

No table is here, and nothing that runs a statement.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""The whole schema. Names follow one convention, so that a migration can name what it alters."""

Identity = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only where the type is spelt INTEGER; there it holds 64 bits as well."""

Document = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""A JSON value that the database may look into. What only Fleetcast reads is kept as text."""

AnyColumn = Column[Any]


def row_id(comment: str = "Number of the row; never used twice.") -> AnyColumn:
    """The primary key of a table whose rows are numbered."""
    return Column("id", Identity, primary_key=True, autoincrement=True, comment=comment)


def subscriber_id(*, checked: bool = True) -> AnyColumn:
    """The subscriber a row belongs to.

    Unchecked in tables that grow with traffic: their parent is checked, and on PostgreSQL each check would lock the
    subscriber's one row for all writers alike.
    """
    reference = (ForeignKey("subscriber.id"),) if checked else ()
    return Column("subscriber_id", Identity, *reference, nullable=False, comment="The subscriber it belongs to.")


def parent(name: str, target: str, comment: str, *, primary_key: bool = False, optional: bool = False) -> AnyColumn:
    """A reference to the row with this number in another table."""
    return Column(
        name, Identity, ForeignKey(f"{target}.id"), primary_key=primary_key, nullable=optional,
        autoincrement=False, comment=comment,
    )  # fmt: skip


def word(name: str, comment: str, *, optional: bool = False, default: str | None = None) -> AnyColumn:
    """A text."""
    return Column(name, Text, nullable=optional, server_default=default, comment=comment)


def number(name: str, comment: str, *, optional: bool = False, default: int | None = None) -> AnyColumn:
    """A whole number of up to 63 bits."""
    server_default = None if default is None else str(default)
    return Column(name, BigInteger, nullable=optional, server_default=server_default, comment=comment)


def measure(name: str, comment: str) -> AnyColumn:
    """A measured or estimated number; empty while unknown."""
    return Column(name, Float(53), nullable=True, comment=comment)


def flag(name: str, comment: str, *, optional: bool = False) -> AnyColumn:
    """Yes or no; where it is optional, empty is unknown."""
    return Column(name, Boolean(create_constraint=False), nullable=optional, comment=comment)


def switch(name: str, comment: str) -> AnyColumn:
    """Yes or no, and no where nobody said anything."""
    return Column(name, Boolean(create_constraint=False), nullable=False, server_default=false(), comment=comment)


def octets(name: str, comment: str, *, optional: bool = False) -> AnyColumn:
    """Bytes."""
    return Column(name, LargeBinary, nullable=optional, comment=comment)


def document(name: str, comment: str, *, optional: bool = False) -> AnyColumn:
    """A JSON value."""
    return Column(name, Document, nullable=optional, comment=comment)


def instant(name: str, comment: str, *, optional: bool = False) -> AnyColumn:
    """Milliseconds since 1970-01-01 00:00 UTC."""
    return Column(name, BigInteger, nullable=optional, comment=f"{comment} Milliseconds UTC.")


def history() -> tuple[AnyColumn, ...]:
    """What every object that people edit carries: when made and changed, its revision, whether it is archived."""
    return (
        instant("created_at", "When it was made."),
        instant("changed_at", "When somebody changed it last."),
        number("revision", "Goes up by one with each edit: two editors can't overwrite one another.", default=1),
        instant("archived_at", "When it was archived; empty: active.", optional=True),
    )


def one_of(column: str, *allowed: str) -> CheckConstraint:
    """The column holds one of these words."""
    words = ", ".join(f"'{each}'" for each in allowed)
    return CheckConstraint(f"{column} IN ({words})", name=column)


def unique_while_active(table: str, *columns: str) -> Index:
    """Unique among the rows of a table that aren't archived."""
    active = text("archived_at IS NULL")
    named = "_".join(each for each in columns if each != "subscriber_id")
    return Index(f"uq_{table}_{named}_active", *columns, unique=True, sqlite_where=active, postgresql_where=active)
