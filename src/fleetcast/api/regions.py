"""/regions: areas that campaigns run in."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import Field

from fleetcast.actions import regions as actions
from fleetcast.actions.regions import REGIONS, Region
from fleetcast.api.fields import Kept, Name, PathId, RowId, Schema, Text, example
from fleetcast.api.lists import Listed, PageOf
from fleetcast.api.objects import Patch, patched, shown
from fleetcast.api.parts import OnceOnly, Revision, TheParts, Who, mark
from fleetcast.queries import fleet

router = APIRouter(prefix="/regions", tags=["regions"])


class RegionFields(Schema):
    """What people say of a region."""

    name: Name
    description: Text = ""


class RegionIn(RegionFields):
    """A region."""

    multicast_group_ids: tuple[RowId, ...] = Field(default=(), max_length=10_000)
    """The groups in it."""

    model_config = example(name="Lowlands", multicast_group_ids=[1])


class RegionPatch(RegionFields):
    """A region's patch."""

    multicast_group_ids: tuple[RowId, ...] | None = None


class RegionOut(RegionFields, Kept):
    """A region as it stands."""

    multicast_group_ids: tuple[int, ...]


@router.get("")
def listed(parts: TheParts, who: Who, request: Listed) -> PageOf[RegionOut]:
    """The regions."""
    page = fleet.page(parts.database, who, fleet.REGION_LIST, request)
    items = [shown(RegionOut, each.stored, **each.beside) for each in page.items]
    return PageOf(items=items, total=page.total, next_cursor=page.next_cursor)


@router.post("", status_code=201)
def create(parts: TheParts, who: Who, body: RegionIn, once: OnceOnly, response: Response) -> RegionOut:
    """Put a region in."""
    new = Region(name=body.name, description=body.description)
    row_id = actions.create(parts.database, who, new, body.multicast_group_ids, parts.now(), once)
    return one(parts, who, row_id, response)


@router.get("/{id}")
def one(parts: TheParts, who: Who, row_id: PathId, response: Response) -> RegionOut:
    """One region."""
    view = fleet.one(parts.database, who, REGIONS.kind, fleet.REGION_LIST, row_id)
    mark(response, view.stored.revision)
    return shown(RegionOut, view.stored, **view.beside)


@router.patch("/{id}")
def edit(parts: TheParts, who: Who, row_id: PathId, patch: Patch, revision: Revision, response: Response) -> RegionOut:
    """Change a region."""
    stored = REGIONS.get(parts.database, who, row_id)
    wanted = patched(RegionPatch, stored, patch)
    what = Region(name=wanted.name, description=wanted.description)
    expected = stored.revision if revision is None else revision
    actions.edit(parts.database, who, row_id, what, wanted.multicast_group_ids, expected, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/archive")
def archive(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> RegionOut:
    """Take a region out of use."""
    REGIONS.archive(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/restore")
def restore(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> RegionOut:
    """Take a region back into use."""
    REGIONS.restore(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)
