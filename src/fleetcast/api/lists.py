"""Lists over HTTP: filter, sort, offset and limit or cursor, the same for every resource."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel

from fleetcast.queries.lists import LIMIT, MOST, ListRequest, Page

T = TypeVar("T")
S = TypeVar("S", bound=BaseModel)


class PageOf(BaseModel, Generic[T]):
    """A part of a list."""

    items: list[T]
    total: int
    next_cursor: str | None


def _list_request(
    filters: Annotated[
        list[str] | None,
        Query(
            alias="filter",
            description="Conditions that all hold: `field=value`; also `!=`, `<`, `<=`, `>`, `>=`, and `~` for texts "
            "that contain the value. An empty value means: not known.",
            examples=["name~pump"],
        ),
    ] = None,
    sort: Annotated[
        str, Query(description="Fields with commas between them, a minus before those that fall.", max_length=200)
    ] = "",
    offset: Annotated[int, Query(ge=0, le=2**53 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST)] = LIMIT,
    cursor: Annotated[
        str | None,
        Query(description="`next_cursor` of the page before: stays right while data changes.", max_length=4000),
    ] = None,
    archived: Annotated[Literal["no", "yes", "all"], Query(description="Whether archived ones are shown.")] = "no",
) -> ListRequest:
    return ListRequest(
        filters=tuple(filters or ()), sort=sort, offset=offset, limit=limit, cursor=cursor, archived=archived
    )


Listed = Annotated[ListRequest, Depends(_list_request)]


def page_of(schema: type[S], page: Page[Any]) -> PageOf[S]:
    """A page in the form of the answer."""
    items = [schema.model_validate(each, from_attributes=True, context={"stored": True}) for each in page.items]
    return PageOf[schema](items=items, total=page.total, next_cursor=page.next_cursor)  # type: ignore[valid-type]
