"""/subscriber: what campaigns start from, and the quotas."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import Field

from fleetcast.actions import subscriber as actions
from fleetcast.actions.subscriber import Subscriber
from fleetcast.api.fields import Kept, Name, Schema, Whole, example
from fleetcast.api.objects import Patch, patched, shown
from fleetcast.api.parts import Revision, TheParts, Who, mark
from fleetcast.queries import subscriber as queries

router = APIRouter(prefix="/subscriber", tags=["subscriber"])


class SubscriberFields(Schema):
    """What an admin of the subscriber may set."""

    name: Name
    max_version_age_s: Whole = 30 * 86_400
    """A known firmware version older than this is asked again."""
    asks_versions: bool = False
    """Firmware versions are asked for outside campaigns too."""
    settings: dict[str, Any] = Field(default_factory=dict, max_length=100)
    """Campaign settings that differ from the built-in defaults."""
    approval_devices: Whole | None = None
    """Campaigns over more devices than this need a second person's approval; left out: none do for their size."""
    approval_types: tuple[Literal["multicast setup", "binary", "firmware"], ...] = Field(default=(), max_length=3)
    """Types of campaigns that need a second person's approval."""
    requires_signature: bool = False
    """Files need a signature by a trusted key before they are taken."""

    model_config = example(name="default", settings={"msg_retries": 3, "setup": "pipelined"})


class SubscriberOut(SubscriberFields, Kept):
    """The subscriber as it stands."""

    max_devices: int | None
    max_multicast_groups: int | None


class SettingOut(Schema):
    """One campaign setting."""

    name: str
    default: str | int | float | bool | None
    """Built in."""
    value: str | int | float | bool | None
    """What campaigns of this subscriber start from."""
    choices: list[str] | None


@router.get("")
def one(parts: TheParts, who: Who, response: Response) -> SubscriberOut:
    """The subscriber."""
    stored = queries.one(parts.database, who)
    mark(response, stored.revision)
    return shown(SubscriberOut, stored)


@router.patch("")
def edit(parts: TheParts, who: Who, patch: Patch, revision: Revision, response: Response) -> SubscriberOut:
    """Change the subscriber's settings; quotas are not its own to change."""
    stored = queries.one(parts.database, who)
    wanted = patched(SubscriberFields, stored, patch)
    what = Subscriber(**{name: getattr(wanted, name) for name in SubscriberFields.model_fields})
    actions.edit(parts.database, who, what, stored.revision if revision is None else revision, parts.now())
    return one(parts, who, response)


@router.get("/settings")
def settings(parts: TheParts, who: Who) -> list[SettingOut]:
    """Every campaign setting, its default and what this subscriber's campaigns start from."""
    return [SettingOut.model_validate(each, from_attributes=True) for each in queries.settings(parts.database, who)]
