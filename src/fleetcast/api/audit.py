"""/audit: who did what, for those who have to answer for it. A system admin reads the deployment's own journal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from fleetcast.actions import audit as actions
from fleetcast.api.fields import LARGEST, Instant, Schema
from fleetcast.api.lists import Listed, PageOf, page_of
from fleetcast.api.parts import TheParts, Who
from fleetcast.queries import audit as queries

router = APIRouter(prefix="/audit", tags=["audit journal"])

_MEDIA_TYPE: Final = "application/x-ndjson"
_LINES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {_MEDIA_TYPE: {"schema": {"type": "string"}}},
        "description": "One entry a line, and a last line that says where the chain ends.",
    }
}


class EntryOut(Schema):
    """An entry of the audit journal."""

    n: int
    """Its place in the chain, from 1, without gaps."""
    at: Instant
    """Real time, by the database's clock."""
    user_id: int
    who: str
    """Empty: Fleetcast itself."""
    through: str
    """What that one was known by: a token, a session, a password."""
    address: str
    kind: str
    object_id: int | None
    name: str
    before: dict[str, Any]
    """The fields that changed, as they were."""
    after: dict[str, Any]
    """The same fields as they are since. Secrets stand nowhere."""
    more: dict[str, Any]
    hash: str


class HeadOut(Schema):
    """Where the chain ends."""

    length: int
    hash: str
    head: str
    """`number:hash`: note it elsewhere, and `fleetcast audit verify --noted` finds what was cut off or written anew."""


@router.get("")
def listed(parts: TheParts, who: Who, request: Listed) -> PageOf[EntryOut]:
    """What people did, the newest first."""
    return page_of(EntryOut, queries.page(parts.database, who, request))


@router.get("/head")
def head(parts: TheParts, who: Who) -> HeadOut:
    """Where the chain ends now."""
    found = queries.head(parts.database, who)
    return HeadOut(length=found.n, hash=found.hash.hex(), head=str(found))


@router.get("/export", response_class=StreamingResponse, responses=_LINES)
def export(
    parts: TheParts,
    who: Who,
    after: Annotated[int, Query(ge=0, le=LARGEST, description="Only entries after this number.")] = 0,
) -> StreamingResponse:
    """A copy for `fleetcast audit verify`, as JSON lines. That it was taken is an entry itself."""
    actions.exported(parts.database, who, after, parts.now())

    def encoded() -> Iterator[bytes]:
        for line in queries.lines(parts.database, who, after):
            yield line.encode()

    return StreamingResponse(encoded(), media_type=_MEDIA_TYPE)
