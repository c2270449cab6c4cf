"""/delta-keys: keys that sign delta firmware."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import SecretStr

from fleetcast.actions import delta_keys as actions
from fleetcast.actions.delta_keys import DELTA_KEYS, DeltaKey
from fleetcast.api.fields import Kept, Name, PathId, Schema, Text, example
from fleetcast.api.lists import Listed, PageOf
from fleetcast.api.objects import Patch, patched, shown
from fleetcast.api.parts import OnceOnly, Revision, TheParts, Who, mark
from fleetcast.queries import fleet
from fleetcast.secret import Secret

router = APIRouter(prefix="/delta-keys", tags=["delta keys"])


class DeltaKeyFields(Schema):
    """What people say of a key."""

    name: Name
    description: Text = ""


class DeltaKeyIn(DeltaKeyFields):
    """A delta signing key."""

    private_key: SecretStr | None = None
    """PKCS#8 in PEM, ECDSA prime256v1; left out: a new one is made. It is never shown."""

    model_config = example(name="release key")


class DeltaKeyOut(DeltaKeyFields, Kept):
    """A key as it stands: its public half."""

    public_key: str


@router.get("")
def listed(parts: TheParts, who: Who, request: Listed) -> PageOf[DeltaKeyOut]:
    """The keys."""
    page = fleet.page(parts.database, who, fleet.DELTA_KEY_LIST, request)
    items = [shown(DeltaKeyOut, each.stored) for each in page.items]
    return PageOf(items=items, total=page.total, next_cursor=page.next_cursor)


@router.post("", status_code=201)
def create(parts: TheParts, who: Who, body: DeltaKeyIn, once: OnceOnly, response: Response) -> DeltaKeyOut:
    """Put a key in."""
    secret = body.private_key
    private = None if secret is None else Secret(secret.get_secret_value().encode(errors="replace"))
    row_id = actions.create(parts.database, parts.vault, who, body.name, body.description, private, parts.now(), once)
    return one(parts, who, row_id, response)


@router.get("/{id}")
def one(parts: TheParts, who: Who, row_id: PathId, response: Response) -> DeltaKeyOut:
    """One key."""
    stored = DELTA_KEYS.get(parts.database, who, row_id)
    mark(response, stored.revision)
    return shown(DeltaKeyOut, stored)


@router.patch("/{id}")
def edit(
    parts: TheParts, who: Who, row_id: PathId, patch: Patch, revision: Revision, response: Response
) -> DeltaKeyOut:
    """Change a key's name or description."""
    stored = DELTA_KEYS.get(parts.database, who, row_id)
    wanted = patched(DeltaKeyFields, stored, patch)
    what = DeltaKey(name=wanted.name, description=wanted.description, public_key=stored.what.public_key)
    DELTA_KEYS.edit(parts.database, who, row_id, what, stored.revision if revision is None else revision, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/archive")
def archive(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> DeltaKeyOut:
    """Take a key out of use."""
    DELTA_KEYS.archive(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/restore")
def restore(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> DeltaKeyOut:
    """Take a key back into use."""
    DELTA_KEYS.restore(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)
