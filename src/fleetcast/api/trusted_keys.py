"""/trusted-keys: public keys that files are vouched for with."""

from __future__ import annotations

from fastapi import APIRouter, Response

from fleetcast.actions import trusted_keys as actions
from fleetcast.actions.trusted_keys import TRUSTED_KEYS, TrustedKey
from fleetcast.api.fields import Kept, Name, PathId, Schema, Text, example
from fleetcast.api.lists import Listed, PageOf
from fleetcast.api.objects import Patch, patched, shown
from fleetcast.api.parts import OnceOnly, Revision, TheParts, Who, mark
from fleetcast.queries import fleet

router = APIRouter(prefix="/trusted-keys", tags=["trusted keys"])


class TrustedKeyFields(Schema):
    """What people say of a key."""

    name: Name
    description: Text = ""


class TrustedKeyIn(TrustedKeyFields):
    """A key to be trusted."""

    public_key: Text
    """Ed25519 or ECDSA on P-256, PEM (`BEGIN PUBLIC KEY`)."""

    model_config = example(name="release signing", public_key="-----BEGIN PUBLIC KEY-----\n...")


class TrustedKeyOut(TrustedKeyFields, Kept):
    """A key as it stands."""

    algorithm: str
    public_key: str


@router.get("")
def listed(parts: TheParts, who: Who, request: Listed) -> PageOf[TrustedKeyOut]:
    """The trusted keys."""
    page = fleet.page(parts.database, who, fleet.TRUSTED_KEY_LIST, request)
    items = [shown(TrustedKeyOut, each.stored, **each.beside) for each in page.items]
    return PageOf(items=items, total=page.total, next_cursor=page.next_cursor)


@router.post("", status_code=201)
def create(parts: TheParts, who: Who, body: TrustedKeyIn, once: OnceOnly, response: Response) -> TrustedKeyOut:
    """Trust a key: files signed with it are taken from now on."""
    row_id = actions.create(parts.database, who, body.name, body.description, body.public_key, parts.now(), once)
    return one(parts, who, row_id, response)


@router.get("/{id}")
def one(parts: TheParts, who: Who, row_id: PathId, response: Response) -> TrustedKeyOut:
    """One key."""
    stored = TRUSTED_KEYS.get(parts.database, who, row_id)
    mark(response, stored.revision)
    return shown(TrustedKeyOut, stored)


@router.patch("/{id}")
def edit(
    parts: TheParts, who: Who, row_id: PathId, patch: Patch, revision: Revision, response: Response
) -> TrustedKeyOut:
    """Change what a key is called; the key itself never changes."""
    stored = TRUSTED_KEYS.get(parts.database, who, row_id)
    wanted = patched(TrustedKeyFields, stored, patch)
    what = TrustedKey(
        name=wanted.name, description=wanted.description, algorithm=stored.what.algorithm,
        public_key=stored.what.public_key,
    )  # fmt: skip
    expected = stored.revision if revision is None else revision
    TRUSTED_KEYS.edit(parts.database, who, row_id, what, expected, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/archive")
def archive(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> TrustedKeyOut:
    """Trust a key no more; files that it vouched for stay."""
    TRUSTED_KEYS.archive(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/restore")
def restore(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> TrustedKeyOut:
    """Trust a key again."""
    TRUSTED_KEYS.restore(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)
