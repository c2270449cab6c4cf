"""/webhooks: addresses that are told what happens, and the log of what they were told."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import Field

from fleetcast.actions import webhooks as actions
from fleetcast.actions.webhooks import WEBHOOKS, Webhook
from fleetcast.api.fields import LARGEST, Instant, Kept, Name, PathId, Schema, example
from fleetcast.api.lists import Listed, PageOf, page_of
from fleetcast.api.objects import Patch, patched, shown
from fleetcast.api.parts import OnceOnly, Revision, TheParts, Who, mark
from fleetcast.queries import webhooks as queries

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

DeliveryId = Annotated[int, Path(ge=1, le=LARGEST, description="Number of the delivery.")]


class WebhookIn(Schema):
    """A webhook."""

    name: Name
    url: str = Field(max_length=actions.URL_LONGEST, min_length=1)
    """Where deliveries are posted; redirects are not followed."""
    kinds: tuple[str, ...] = Field(default=(), max_length=actions.MOST_KINDS)
    """Kinds of journal lines it is told of; `campaign.*` stands for all that begin so; none: all."""
    enabled: bool = True
    """Switched off, it is told nothing; on again, it goes on where it was."""

    model_config = example(name="pager", url="https://pager.example/fleetcast", kinds=["campaign.ended", "webhook.*"])

    def meant(self) -> Webhook:
        """What the actions take."""
        return Webhook(name=self.name, url=self.url, kinds=self.kinds, enabled=self.enabled)


class WebhookOut(WebhookIn, Kept):
    """A webhook as it stands."""

    journal_id: int
    """The last line of the journal it was considered for."""
    failing_since_at: Instant | None
    """Since when no delivery was taken."""
    disabled_why: str
    """Why Fleetcast switched it off; empty: it did not."""


class WebhookMade(WebhookOut):
    """A webhook that was made, with its secret."""

    secret: str | None
    """Deliveries are signed with it; shown this once. Null: the same request made it before."""


class SecretOut(Schema):
    """A new secret."""

    secret: str
    """Deliveries are signed with it; shown this once."""


class DeliveryOut(Schema):
    """One message to a webhook."""

    id: int
    journal_id: int
    kind: str
    state: str
    """waiting, delivered or given up."""
    attempts: int
    next_at: Instant | None
    status: int | None
    """Status of the last answer."""
    error: str
    created_at: Instant
    delivered_at: Instant | None
    body: str
    """What is posted, byte for byte, with each attempt."""


@router.get("")
def listed(parts: TheParts, who: Who, request: Listed) -> PageOf[WebhookOut]:
    """The webhooks."""
    page = queries.page(parts.database, who, request)
    items = [shown(WebhookOut, each.stored, **each.beside) for each in page.items]
    return PageOf(items=items, total=page.total, next_cursor=page.next_cursor)


@router.post("", status_code=201)
def create(parts: TheParts, who: Who, body: WebhookIn, once: OnceOnly, response: Response) -> WebhookMade:
    """Put a webhook in; it is told what happens from now on. Its secret is shown this once."""
    response.headers["Cache-Control"] = "no-store"
    made = actions.create(parts.database, parts.vault, who, body.meant(), parts.now(), once)
    view = queries.one(parts.database, who, made.id)
    mark(response, view.stored.revision)
    secret = None if made.secret is None else made.secret.reveal().decode()
    return shown(WebhookMade, view.stored, **view.beside, secret=secret)


@router.get("/{id}")
def one(parts: TheParts, who: Who, row_id: PathId, response: Response) -> WebhookOut:
    """One webhook."""
    view = queries.one(parts.database, who, row_id)
    mark(response, view.stored.revision)
    return shown(WebhookOut, view.stored, **view.beside)


@router.patch("/{id}")
def edit(parts: TheParts, who: Who, row_id: PathId, patch: Patch, revision: Revision, response: Response) -> WebhookOut:
    """Change a webhook; switched on again, it is told what it missed."""
    stored = WEBHOOKS.get(parts.database, who, row_id)
    wanted = patched(WebhookIn, stored, patch)
    expected = stored.revision if revision is None else revision
    actions.edit(parts.database, who, row_id, wanted.meant(), expected, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/archive")
def archive(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> WebhookOut:
    """Take a webhook out of use."""
    WEBHOOKS.archive(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/restore")
def restore(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> WebhookOut:
    """Take a webhook back into use; it goes on where it was."""
    WEBHOOKS.restore(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/secret")
def exchange_secret(parts: TheParts, who: Who, row_id: PathId, response: Response) -> SecretOut:
    """A new secret in place of the old one, shown this once."""
    response.headers["Cache-Control"] = "no-store"
    secret = actions.exchange_secret(parts.database, parts.vault, who, row_id, parts.now())
    return SecretOut(secret=secret.reveal().decode())


@router.get("/{id}/deliveries")
def deliveries(parts: TheParts, who: Who, row_id: PathId, request: Listed) -> PageOf[DeliveryOut]:
    """What was delivered or waits, the newest first."""
    return page_of(DeliveryOut, queries.deliveries(parts.database, who, row_id, request))


@router.post("/{id}/deliveries/{delivery_id}/redeliver", status_code=202)
def redeliver(parts: TheParts, who: Who, row_id: PathId, delivery_id: DeliveryId) -> None:
    """Deliver it again, whatever became of it; it goes before what came later."""
    actions.deliver_again(parts.database, who, row_id, delivery_id, parts.now())
