"""/multicast-groups: streams of fragments, each with keys and a counter."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import Field

from fleetcast.actions import multicast_groups as actions
from fleetcast.actions.multicast_groups import GROUPS, MulticastGroup
from fleetcast.api.fields import Address, Eui, Kept, Key, KeySchema, Name, PathId, RowId, Schema, Text, Whole, example
from fleetcast.api.lists import Listed, PageOf
from fleetcast.api.objects import Patch, patched, shown
from fleetcast.api.parts import OnceOnly, Revision, TheParts, Who, mark
from fleetcast.queries import fleet

router = APIRouter(prefix="/multicast-groups", tags=["multicast groups"])


class GroupFields(Schema):
    """What people say of a multicast group."""

    dev_eui: Eui
    """The virtual device's id at the network server."""
    name: Text = ""
    tag: Text = ""
    connection_id: RowId
    session_class: Literal["B", "C"]
    band: Name
    """EU868, US915, AU915, AS923-1 to AS923-4, IN865, KR920, CN470, RU864 or EU433."""
    channel_plan: Text | None = None
    """One of the band's channel plans, where it has several (CN470)."""
    country: Text | None = None
    """One of the band's countries, where their law counts (AS923)."""
    dwell_time: bool = False
    """Downlink dwell time limit (AS923, AU915)."""
    dev_addr: Address
    frequency_hz: Whole
    data_rate: Whole
    redundancy: Text = "ADAPTIVE"
    """ONE_TO_TWO, THREE_TO_FOUR, FIVE_TO_SIX, SEVEN_TO_EIGHT, NO_REDUNDANCY_ONE, a percentage, or ADAPTIVE."""
    periodicity: Whole = 0
    """Class B: exponent p of the ping slots; 2^p is what CSV files say."""
    initial_f_cnt: Whole = 0
    gateways: tuple[Name, ...] = Field(default=(), max_length=1000)
    """Gateways it is sent through; none: the network server decides."""
    gateway_tags: tuple[Name, ...] = Field(default=(), max_length=1000)


class GroupIn(GroupFields, KeySchema):
    """A multicast group."""

    mc_key: Key | None = None
    """McKey; left out of a creation: a random one. With another key the counter begins anew."""

    model_config = example(
        dev_eui="0123456789ABCD00", connection_id=1, session_class="C", band="EU868", dev_addr="01ABCDEF",
        frequency_hz=869_525_000, data_rate=5, redundancy="ADAPTIVE",
    )  # fmt: skip

    def meant(self) -> MulticastGroup:
        """What the actions take."""
        return MulticastGroup(**{name: getattr(self, name) for name in GroupFields.model_fields})


class GroupOut(GroupFields, Kept):
    """A multicast group as it stands."""

    next_f_cnt: int
    """The next unused FCntDown; it only grows under one key."""
    has_key: bool
    network_handle: str | None
    network_state: dict[str, Any] | None
    """What it really has at the network server."""
    campaign_id: int | None
    """The running campaign that uses it."""


class GroupKeysOut(Schema):
    """The keys of a group, in hex digits."""

    mc_key: str
    mc_app_s_key: str
    mc_nwk_s_key: str


@router.get("")
def listed(parts: TheParts, who: Who, request: Listed) -> PageOf[GroupOut]:
    """The multicast groups."""
    page = fleet.page(parts.database, who, fleet.GROUP_LIST, request)
    items = [shown(GroupOut, each.stored, **each.beside) for each in page.items]
    return PageOf(items=items, total=page.total, next_cursor=page.next_cursor)


@router.post("", status_code=201)
def create(parts: TheParts, who: Who, body: GroupIn, once: OnceOnly, response: Response) -> GroupOut:
    """Put a multicast group in."""
    row_id = actions.create(parts.database, parts.vault, who, body.meant(), body.mc_key, parts.now(), once)
    return one(parts, who, row_id, response)


@router.get("/{id}")
def one(parts: TheParts, who: Who, row_id: PathId, response: Response) -> GroupOut:
    """One multicast group."""
    view = fleet.one(parts.database, who, GROUPS.kind, fleet.GROUP_LIST, row_id)
    mark(response, view.stored.revision)
    return shown(GroupOut, view.stored, **view.beside)


@router.patch("/{id}")
def edit(parts: TheParts, who: Who, row_id: PathId, patch: Patch, revision: Revision, response: Response) -> GroupOut:
    """Change a multicast group; under a running campaign only its name and tag."""
    stored = GROUPS.get(parts.database, who, row_id)
    wanted = patched(GroupIn, stored, patch)
    expected = stored.revision if revision is None else revision
    actions.edit(parts.database, parts.vault, who, row_id, wanted.meant(), wanted.mc_key, expected, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/archive")
def archive(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> GroupOut:
    """Take a multicast group out of use."""
    actions.archive(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/restore")
def restore(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> GroupOut:
    """Take a multicast group back into use."""
    actions.restore(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/keys")
def keys(parts: TheParts, who: Who, row_id: PathId, response: Response) -> GroupKeysOut:
    """Show the group's keys: a right of its own, noted in the journal."""
    response.headers["Cache-Control"] = "no-store"
    found = actions.read_keys(parts.database, parts.vault, who, row_id, parts.now())
    return GroupKeysOut(
        mc_key=found.mc_key.reveal().hex().upper(),
        mc_app_s_key=found.mc_app_s_key.reveal().hex().upper(),
        mc_nwk_s_key=found.mc_nwk_s_key.reveal().hex().upper(),
    )
