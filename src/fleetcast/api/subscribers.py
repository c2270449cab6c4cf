"""/subscribers: what a system admin does for tenants. Their fleets are not seen here."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import SecretStr

from fleetcast.actions import subscribers as actions
from fleetcast.actions.subscribers import FirstAdmin, Subscriber
from fleetcast.api.fields import Kept, Name, PathId, Schema, Whole, example
from fleetcast.api.lists import Listed, PageOf
from fleetcast.api.objects import Patch, patched, shown
from fleetcast.api.parts import Revision, TheParts, Who, mark
from fleetcast.queries import subscribers as queries
from fleetcast.secret import Secret

router = APIRouter(prefix="/subscribers", tags=["subscribers"])


class TenantFields(Schema):
    """What a system admin says of a subscriber."""

    name: Name
    max_devices: Whole | None = None
    """Most devices that aren't archived; left out: no limit."""
    max_multicast_groups: Whole | None = None
    """Most multicast groups that aren't archived; left out: no limit."""


class TenantIn(TenantFields):
    """A subscriber and its first admin."""

    admin_login: Name
    admin_password: SecretStr

    model_config = example(
        name="waterworks", max_devices=10_000, admin_login="ada", admin_password="a long sentence is best"  # noqa: S106 - an example
    )  # fmt: skip


class TenantOut(TenantFields, Kept):
    """A subscriber as it stands."""


@router.get("")
def listed(parts: TheParts, who: Who, request: Listed) -> PageOf[TenantOut]:
    """The subscribers."""
    page = queries.page(parts.database, who, request)
    items = [shown(TenantOut, each) for each in page.items]
    return PageOf(items=items, total=page.total, next_cursor=page.next_cursor)


@router.post("", status_code=201)
def create(parts: TheParts, who: Who, body: TenantIn, response: Response) -> TenantOut:
    """Make a subscriber, and the admin who makes everything else in it."""
    new = Subscriber(name=body.name, max_devices=body.max_devices, max_multicast_groups=body.max_multicast_groups)
    password = Secret(body.admin_password.get_secret_value().encode(errors="replace"))
    row_id = actions.create(parts.database, who, new, FirstAdmin(body.admin_login, password), parts.real_now())
    return one(parts, who, row_id, response)


@router.get("/{id}")
def one(parts: TheParts, who: Who, row_id: PathId, response: Response) -> TenantOut:
    """One subscriber."""
    stored = queries.one(parts.database, who, row_id)
    mark(response, stored.revision)
    return shown(TenantOut, stored)


@router.patch("/{id}")
def edit(parts: TheParts, who: Who, row_id: PathId, patch: Patch, revision: Revision, response: Response) -> TenantOut:
    """Change name and quotas; what its own admins set stays as it is."""
    stored = queries.one(parts.database, who, row_id)
    wanted = patched(TenantFields, stored, patch)
    what = Subscriber(**{name: getattr(wanted, name) for name in TenantFields.model_fields})
    expected = stored.revision if revision is None else revision
    actions.edit(parts.database, who, row_id, what, expected, parts.real_now())
    return one(parts, who, row_id, response)


@router.post("/{id}/archive")
def archive(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> TenantOut:
    """Close a subscriber: nobody of it may log in, its connections rest. Its campaigns must be over."""
    actions.archive(parts.database, who, row_id, revision, parts.real_now())
    return one(parts, who, row_id, response)


@router.post("/{id}/restore")
def restore(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> TenantOut:
    """Open it again."""
    actions.restore(parts.database, who, row_id, revision, parts.real_now())
    return one(parts, who, row_id, response)
