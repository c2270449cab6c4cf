"""Lists of rows: filter by any field, sort, page by offset and limit or by a cursor.

A cursor names the last row of a page by the values it was sorted by, so that the next page is right while rows come and
go. Only numbers of rows are sorted and skipped; what is shown of a page is read afterwards, for that page alone.
"""

from __future__ import annotations

import base64
import binascii
import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Generic, Literal, TypeVar

from sqlalchemy import ColumnElement, Connection, FromClause, Row, Select, Table, and_, func, literal, or_, select

from fleetcast.errors import Invalid
from fleetcast.identifiers import FirmwareVersion
from fleetcast.instants import parse_rfc3339

T = TypeVar("T")

LIMIT: Final = 50
MOST: Final = 1000
MOST_FILTERS: Final = 20
_LARGEST: Final = 2**63 - 1
_SIGNS: Final = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_CONDITION: Final = re.compile(r"\s*([a-z][a-z0-9_]*)\s*(!=|<=|>=|=|<|>|~)(.*)", re.DOTALL)


class BadList(Invalid):
    """A list was asked for in a way that can't be answered; `field` is the parameter."""

    def __init__(self, parameter: str, message: str) -> None:
        self.field, self.message = parameter, message
        super().__init__(f"{parameter}: {message}")


class Of(StrEnum):
    """What a column holds, and so how a filter's value is read."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "true or false"
    INSTANT = "time (RFC 3339)"
    VERSION = "firmware version"


@dataclass(frozen=True, slots=True)
class Shown:
    """A column that lists can be filtered and sorted by."""

    column: ColumnElement[Any]
    of: Of = Of.TEXT
    optional: bool = False
    """May be empty; empty values count as the smallest."""
    elsewhere: bool = False
    """Stands in another table than the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRequest:
    """Which part of a list is wanted."""

    filters: tuple[str, ...] = ()
    """Conditions that all hold: `field=value`, also !=, <, <=, >, >=, and ~ for texts that contain the value."""
    sort: str = ""
    """Fields with commas between them, a minus before those that fall."""
    offset: int = 0
    limit: int = LIMIT
    cursor: str | None = None
    archived: Literal["no", "yes", "all"] = "no"


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list."""

    items: tuple[T, ...]
    total: int
    """Rows that meet the conditions, on all pages."""
    next_cursor: str | None
    """For the page after this one; None on the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[T]):
    """A list that can be asked for: its table, the fields by name, and what is read for the rows of a page."""

    table: Table
    fields: Mapping[str, Shown]
    read: Callable[[Connection, Sequence[int]], Mapping[int, T]]
    """What is shown of the rows with these numbers, by number."""
    sort: str = "id"
    """The order unless another is asked for."""
    source: FromClause | None = None
    """The table with those that `elsewhere` fields stand in, in outer joins: they add and take away no row."""
    key: ColumnElement[int] | None = None
    """What tells rows apart; the column `id` unless said otherwise."""

    def page(self, connection: Connection, request: ListRequest, *scope: ColumnElement[bool]) -> Page[T]:
        """The page that is asked for, of the rows in `scope`; raises BadList."""
        if not 1 <= request.limit <= MOST:
            raise BadList("limit", f"{request.limit}: choose 1 to {MOST}")
        if not 0 <= request.offset <= _LARGEST:
            raise BadList("offset", f"{request.offset}: choose 0 or more")
        order = self._order(request.sort)
        conditions = [*scope, *self._archived(request.archived), *self._conditions(request.filters)]
        filtered = {_CONDITION.fullmatch(text)[1] for text in request.filters}  # type: ignore[index]
        origin = self._origin(filtered | {each.name for each in order})
        # What is only sorted by adds no rows and takes none away.
        counted = select(func.count()).select_from(self._origin(filtered)).where(*conditions)
        total = connection.execute(counted).scalar_one()
        rows = self._rows(connection, origin, order, conditions, request, total)
        more = len(rows) > request.limit
        rows = rows[: request.limit]
        ids = [row[0] for row in rows]
        shown = self.read(connection, ids) if ids else {}
        following = _written(order, rows[-1]) if more and rows else None
        return Page(tuple(shown[each] for each in ids if each in shown), total, following)

    def _origin(self, used: set[str]) -> FromClause:
        if self.source is not None and any(self.fields[name].elsewhere for name in used if name in self.fields):
            return self.source
        return self.table

    def _rows(
        self,
        connection: Connection,
        origin: FromClause,
        order: Sequence[_Sorted],
        conditions: Sequence[ColumnElement[bool]],
        request: ListRequest,
        total: int,
    ) -> list[Row[Any]]:
        key = self._key
        statement = select(key, *(each.shown.column for each in order)).select_from(origin).where(*conditions)
        if request.cursor is not None:
            values, last = _read_cursor(request.cursor, order)
            statement = statement.where(_after(order, key, values, last))
            return list(connection.execute(_ordered(statement, order, key).limit(request.limit + 1)))
        wanted = request.limit + 1
        if request.offset > total // 2:
            # From the nearer end: the last pages cost as little as the first.
            left = total - request.offset
            if left <= 0:
                return []
            skip = max(0, left - wanted)
            back = [each.turned() for each in order]
            rows = connection.execute(_ordered(statement, back, key).offset(skip).limit(min(wanted, left)))
            return list(rows)[::-1]
        return list(connection.execute(_ordered(statement, order, key).offset(request.offset).limit(wanted)))

    @property
    def _key(self) -> ColumnElement[int]:
        return self.table.c.id if self.key is None else self.key

    def _order(self, sort: str) -> list[_Sorted]:
        order: dict[str, _Sorted] = {}
        for part in (sort or self.sort).split(","):
            name = part.strip().removeprefix("-")
            if name not in self.fields:
                raise BadList("sort", f"{name[:40]!r} is no field of this list: use {', '.join(sorted(self.fields))}")
            order.setdefault(name, _Sorted(name, self.fields[name], falling=part.strip().startswith("-")))
        return list(order.values())

    def _archived(self, archived: str) -> list[ColumnElement[bool]]:
        if "archived_at" not in self.table.c or archived == "all":
            return []
        column = self.table.c.archived_at
        return [column.is_(None) if archived == "no" else column.is_not(None)]

    def _conditions(self, filters: Sequence[str]) -> list[ColumnElement[bool]]:
        if len(filters) > MOST_FILTERS:
            raise BadList("filter", f"{len(filters)} conditions: at most {MOST_FILTERS}")
        return [self._condition(text) for text in filters]

    def _condition(self, text: str) -> ColumnElement[bool]:
        match = _CONDITION.fullmatch(text)
        if match is None:
            raise BadList("filter", f"{text[:40]!r}: write field=value, or !=, <, <=, >, >=, ~ between them")
        name, sign, value = match[1], match[2], match[3].strip()
        if name not in self.fields:
            raise BadList("filter", f"{name[:40]!r} is no field of this list: use {', '.join(sorted(self.fields))}")
        shown = self.fields[name]
        column = shown.column
        if sign == "~":
            if shown.of is not Of.TEXT:
                raise BadList("filter", f"{name} is a {shown.of.value}: ~ is for texts")
            return func.lower(column).contains(_text(name, value).lower(), autoescape=True)
        if value == "" and shown.optional and sign in ("=", "!="):
            return column.is_(None) if sign == "=" else column.is_not(None)
        wanted = _parsed(name, shown.of, value)
        if sign not in ("=", "!=") and shown.of is Of.FLAG:
            raise BadList("filter", f"{name} is {shown.of.value}: use = or !=")
        holds: ColumnElement[bool] = _SIGNS[sign](column, wanted)
        return or_(holds, column.is_(None)) if sign == "!=" and shown.optional else holds


@dataclass(frozen=True, slots=True)
class _Sorted:
    name: str
    shown: Shown
    falling: bool = field(kw_only=True)

    def turned(self) -> _Sorted:
        return _Sorted(self.name, self.shown, falling=not self.falling)

    def clause(self) -> ColumnElement[Any]:
        column = self.shown.column
        if not self.shown.optional:
            return column.desc() if self.falling else column.asc()
        # PostgreSQL holds empty values for the largest, SQLite for the smallest; here they are the smallest.
        return column.desc().nulls_last() if self.falling else column.asc().nulls_first()

    def beyond(self, value: Any) -> ColumnElement[bool] | None:
        """Rows after this value; None: there are none."""
        column = self.shown.column
        if value is None:
            return None if self.falling else column.is_not(None)
        # A flag is compared like any other value, if it is told to be one.
        bound = literal(value, column.type)
        if self.falling:
            return or_(column < bound, column.is_(None)) if self.shown.optional else column < bound
        above: ColumnElement[bool] = column > bound
        return above

    def at(self, value: Any) -> ColumnElement[bool]:
        return self.shown.column.is_(None) if value is None else self.shown.column == value


def _ordered(statement: Select[Any], order: Sequence[_Sorted], key: ColumnElement[int]) -> Select[Any]:
    # The key goes the way of the first field: an index over field and key then serves both directions.
    last = key.desc() if order[0].falling else key.asc()
    return statement.order_by(*(each.clause() for each in order), last)


def _after(order: Sequence[_Sorted], key: ColumnElement[int], values: Sequence[Any], last: int) -> ColumnElement[bool]:
    falling = order[0].falling
    beyond: ColumnElement[bool] | None = key < last if falling else key > last
    for each, value in reversed(list(zip(order, values, strict=True))):
        further, at = each.beyond(value), each.at(value)
        beyond = at if beyond is None else and_(at, beyond)
        beyond = beyond if further is None else or_(further, beyond)
    first, value = order[0], values[0]
    if value is not None and not first.shown.optional and beyond is not None:
        # Says the same once more, in a way that an index understands.
        bound = literal(value, first.shown.column.type)
        near = first.shown.column <= bound if falling else first.shown.column >= bound
        return and_(near, beyond)
    assert beyond is not None  # noqa: S101 - it begins as a comparison and only grows
    return beyond


def _written(order: Sequence[_Sorted], row: Row[Any]) -> str:
    content = [_spelling(order), row[0], *row[1:]]
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def _read_cursor(cursor: str, order: Sequence[_Sorted]) -> tuple[list[Any], int]:
    wrong = BadList("cursor", "this is no cursor of this list in this order: begin again without one")
    try:
        content = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise wrong from None
    if not isinstance(content, list) or len(content) != 2 + len(order) or content[0] != _spelling(order):
        raise wrong
    last, values = content[1], content[2:]
    if not _is_number(last) or not all(_fits(each.shown, value) for each, value in zip(order, values, strict=True)):
        raise wrong
    return values, last


def _spelling(order: Sequence[_Sorted]) -> str:
    return ",".join("-" * each.falling + each.name for each in order)


def _fits(shown: Shown, value: object) -> bool:
    if value is None:
        return shown.optional
    match shown.of:
        case Of.TEXT:
            return isinstance(value, str) and _is_text(value)
        case Of.FLAG:
            return isinstance(value, bool)
        case _:
            return _is_number(value) or isinstance(value, float)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -_LARGEST <= value <= _LARGEST


def _is_text(value: str) -> bool:
    return "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)


def _text(name: str, value: str) -> str:
    if not _is_text(value):
        raise BadList("filter", f"{name}: the value is no text")
    return value


def _parsed(name: str, of: Of, value: str) -> Any:
    match of:
        case Of.TEXT:
            return _text(name, value)
        case Of.NUMBER:
            try:
                number = int(value) if re.fullmatch(r"-?\d{1,18}", value, re.ASCII) else float(value)
            except ValueError:
                raise BadList("filter", f"{name}: {value[:40]!r} is no number") from None
            if number != number or number in (float("inf"), float("-inf")):
                raise BadList("filter", f"{name}: {value[:40]!r} is no number")
            return number
        case Of.FLAG:
            flags = {"true": True, "false": False}
            if value.lower() not in flags:
                raise BadList("filter", f"{name}: {value[:40]!r} is neither true nor false")
            return flags[value.lower()]
        case Of.INSTANT:
            try:
                return parse_rfc3339(value)
            except (Invalid, OverflowError) as error:
                raise BadList("filter", f"{name}: {error}") from None
        case Of.VERSION:
            try:
                return int(FirmwareVersion.parse(value))
            except Invalid as error:
                raise BadList("filter", f"{name}: {error}") from None
