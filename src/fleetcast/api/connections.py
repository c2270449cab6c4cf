"""/connections: network servers; and which kinds of them there are, with the fields to be filled in."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from pydantic import Field, FiniteFloat

from fleetcast.actions import connections as actions
from fleetcast.actions.connections import CONNECTIONS, NetworkConnection
from fleetcast.api.fields import Instant, Kept, Name, PathId, Schema, Text, example
from fleetcast.api.lists import Listed, PageOf
from fleetcast.api.objects import Patch, patched, shown
from fleetcast.api.parts import OnceOnly, Revision, TheParts, Who, mark
from fleetcast.queries import fleet
from fleetcast.secret import Secret

router = APIRouter(tags=["connections"])


class ConnectionFields(Schema):
    """What people say of a connection."""

    name: Name
    kind: Name
    """A connector that is installed: see /connection-kinds."""
    description: Text = ""
    settings: dict[str, str | bool | int | FiniteFloat] = Field(default_factory=dict, max_length=100)
    """The fields of that kind, secrets aside."""
    enabled: bool = True


class ConnectionIn(ConnectionFields):
    """A network server."""

    secrets: dict[str, str] = Field(default_factory=dict, max_length=100, json_schema_extra={"writeOnly": True})
    """The secret fields of that kind; what is left out stays as it is."""

    model_config = example(name="practice", kind="simulated", settings={"uplink_period_s": 60})

    def meant(self) -> NetworkConnection:
        """What the actions take."""
        return NetworkConnection(
            name=self.name, kind=self.kind, description=self.description, settings=self.settings, enabled=self.enabled
        )

    def hidden(self) -> dict[str, Secret]:
        """The secret fields."""
        return {name: Secret(value.encode(errors="surrogatepass")) for name, value in self.secrets.items()}


class ConnectionOut(ConnectionFields, Kept):
    """A connection as it stands."""

    state: str
    """closed, open, lost or refused."""
    state_detail: str
    state_at: Instant | None
    capabilities: dict[str, Any] | None
    """What the network server can do, as learned when it was opened last."""


class FieldOut(Schema):
    """One field of a kind of connection."""

    name: str
    sentence: str
    type: str
    required: bool
    secret: bool
    default: str | int | float | bool | None
    least: float | None
    most: float | None
    choices: tuple[str, ...]


class KindOut(Schema):
    """A kind of network server."""

    name: str
    sentence: str
    fields: list[FieldOut]


@router.get("/connection-kinds")
def kinds(parts: TheParts, _who: Who) -> list[KindOut]:
    """The connectors that are installed."""
    return [
        KindOut(
            name=name,
            sentence=kind.sentence,
            fields=[FieldOut.model_validate(field, from_attributes=True) for field in kind.fields],
        )
        for name, kind in sorted(parts.kinds.items())
    ]


@router.get("/connections")
def listed(parts: TheParts, who: Who, request: Listed) -> PageOf[ConnectionOut]:
    """The connections."""
    page = fleet.page(parts.database, who, fleet.CONNECTION_LIST, request)
    items = [shown(ConnectionOut, each.stored, **each.beside) for each in page.items]
    return PageOf(items=items, total=page.total, next_cursor=page.next_cursor)


@router.post("/connections", status_code=201)
def create(parts: TheParts, who: Who, body: ConnectionIn, once: OnceOnly, response: Response) -> ConnectionOut:
    """Put a connection in; it is opened at once."""
    row_id = actions.create(
        parts.database, parts.vault, parts.kinds, who, body.meant(), body.hidden(), parts.now(), once
    )
    return one(parts, who, row_id, response)


@router.get("/connections/{id}")
def one(parts: TheParts, who: Who, row_id: PathId, response: Response) -> ConnectionOut:
    """One connection."""
    view = fleet.one(parts.database, who, CONNECTIONS.kind, fleet.CONNECTION_LIST, row_id)
    mark(response, view.stored.revision)
    return shown(ConnectionOut, view.stored, **view.beside)


@router.patch("/connections/{id}")
def edit(
    parts: TheParts, who: Who, row_id: PathId, patch: Patch, revision: Revision, response: Response
) -> ConnectionOut:
    """Change a connection."""
    stored = CONNECTIONS.get(parts.database, who, row_id)
    wanted = patched(ConnectionIn, stored, patch)
    expected = stored.revision if revision is None else revision
    actions.edit(
        parts.database, parts.vault, parts.kinds, who, row_id, wanted.meant(), wanted.hidden(), expected, parts.now()
    )
    return one(parts, who, row_id, response)


@router.post("/connections/{id}/archive")
def archive(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> ConnectionOut:
    """Take a connection out of use; nothing may be reached through it any more."""
    actions.archive(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)


@router.post("/connections/{id}/restore")
def restore(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> ConnectionOut:
    """Take a connection back into use."""
    actions.restore(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)
