"""/device-sets: choices of devices."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import Field

from fleetcast.actions import device_sets as actions
from fleetcast.actions.device_sets import SETS, DeviceSet
from fleetcast.api.devices import DeviceOut
from fleetcast.api.fields import Eui, Kept, Name, PathId, Schema, Text, example
from fleetcast.api.lists import Listed, PageOf, page_of
from fleetcast.api.objects import Patch, patched, shown
from fleetcast.api.parts import OnceOnly, Revision, TheParts, Who, mark
from fleetcast.queries import devices, fleet

router = APIRouter(prefix="/device-sets", tags=["device sets"])


class SetFields(Schema):
    """What people say of a set."""

    name: Name
    description: Text = ""


class SetIn(SetFields):
    """A set of devices."""

    dev_euis: list[Eui] = Field(default_factory=list)
    """Its devices, which must all be there."""

    model_config = example(name="North", dev_euis=["0123456789ABCDEF"])


class SetPatch(SetFields):
    """A set's patch: with `dev_euis` the set holds exactly those from then on."""

    dev_euis: list[Eui] | None = None


class SetOut(SetFields, Kept):
    """A set as it stands."""

    device_count: int
    """Devices in it, archived ones among them."""


class Members(Schema):
    """Devices to be put in and to be taken out."""

    add: list[Eui] = Field(default_factory=list)
    remove: list[Eui] = Field(default_factory=list)

    model_config = example(add=["0123456789ABCDEF"], remove=[])


@router.get("")
def listed(parts: TheParts, who: Who, request: Listed) -> PageOf[SetOut]:
    """The sets."""
    page = fleet.page(parts.database, who, fleet.SET_LIST, request)
    items = [shown(SetOut, each.stored, **each.beside) for each in page.items]
    return PageOf(items=items, total=page.total, next_cursor=page.next_cursor)


@router.post("", status_code=201)
def create(parts: TheParts, who: Who, body: SetIn, once: OnceOnly, response: Response) -> SetOut:
    """Put a set in."""
    new = DeviceSet(name=body.name, description=body.description)
    return one(parts, who, actions.create(parts.database, who, new, body.dev_euis, parts.now(), once), response)


@router.get("/{id}")
def one(parts: TheParts, who: Who, row_id: PathId, response: Response) -> SetOut:
    """One set."""
    view = fleet.one(parts.database, who, SETS.kind, fleet.SET_LIST, row_id)
    mark(response, view.stored.revision)
    return shown(SetOut, view.stored, **view.beside)


@router.patch("/{id}")
def edit(parts: TheParts, who: Who, row_id: PathId, patch: Patch, revision: Revision, response: Response) -> SetOut:
    """Change a set."""
    stored = SETS.get(parts.database, who, row_id)
    wanted = patched(SetPatch, stored, patch)
    what = DeviceSet(name=wanted.name, description=wanted.description)
    expected = stored.revision if revision is None else revision
    actions.edit(parts.database, who, row_id, what, wanted.dev_euis, expected, parts.now())
    return one(parts, who, row_id, response)


@router.get("/{id}/devices")
def members(parts: TheParts, who: Who, row_id: PathId, request: Listed) -> PageOf[DeviceOut]:
    """The devices in a set."""
    return page_of(DeviceOut, devices.page(parts.database, who, request, set_id=row_id))


@router.post("/{id}/devices")
def change_members(
    parts: TheParts, who: Who, row_id: PathId, body: Members, revision: Revision, response: Response
) -> SetOut:
    """Put devices in and take others out."""
    actions.change_members(parts.database, who, row_id, body.add, body.remove, revision, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/archive")
def archive(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> SetOut:
    """Take a set out of use."""
    SETS.archive(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/restore")
def restore(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> SetOut:
    """Take a set back into use."""
    SETS.restore(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)
