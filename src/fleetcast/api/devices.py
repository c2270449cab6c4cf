"""/devices: what is updated."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Response

from fleetcast.actions import devices as actions
from fleetcast.actions.devices import DEVICES, Device
from fleetcast.api.fields import Eui, Instant, Kept, Key, KeySchema, Name, PathId, RowId, Schema, Text, Version, example
from fleetcast.api.lists import Listed, PageOf, page_of
from fleetcast.api.objects import Patch, patched
from fleetcast.api.parts import OnceOnly, Revision, TheParts, Who, mark
from fleetcast.queries import devices as queries

router = APIRouter(prefix="/devices", tags=["devices"])


class DeviceFields(Schema):
    """What people say of a device."""

    dev_eui: Eui
    name: Text = ""
    tag: Text = ""
    connection_id: RowId
    """The network server it is reached through."""
    device_profile_id: RowId | None = None
    multicast_group_id: RowId | None = None
    """The group chosen for it; left out: the plan chooses."""
    session_classes: Literal["B", "C", "BC"] = "C"
    """Multicast classes it is capable of."""
    lorawan_version: Literal["1.0", "1.1"]
    own_class: Literal["A", "B", "C"] = "A"
    """The class it is in for good."""
    band: Name | None = None
    """ISM band; left out: learned from its uplinks."""


class DeviceIn(DeviceFields, KeySchema):
    """A device."""

    firmware_version: Version | None = None
    """What it runs, where that is known."""
    firmware_file_id: RowId | None = None
    """The file that version stands for; left out: found by profile and version."""
    key: Key | None = None
    """GenAppKey (1.0) or AppKey (1.1); without it the device takes part in nothing. Left out of a patch: kept."""

    model_config = example(
        dev_eui="0123456789ABCDEF", connection_id=1, device_profile_id=1, lorawan_version="1.0",
        key="000102030405060708090A0B0C0D0E0F", firmware_version="1.0.0.0",
    )  # fmt: skip

    def meant(self) -> Device:
        """What the actions take."""
        return Device(**{name: getattr(self, name) for name in DeviceIn.model_fields if name != "key"})


class DeviceOut(DeviceFields, Kept):
    """A device, with all that is learned of it."""

    connection_name: str
    device_profile_name: str | None
    has_key: bool
    firmware_version: str | None
    """As its profile's devices write versions."""
    firmware_file_id: int | None
    firmware_learned_at: Instant | None
    heard_band: str | None
    last_uplink_at: Instant | None
    uplinks: int
    uplink_period_s: int | None
    """Learned: 90th percentile of its last gaps."""
    f_cnt_up: int | None
    data_rate: int | None
    margin_db: float | None
    clock_offset_s: float | None
    clock_checked_at: Instant | None
    hw_version: int | None
    package_versions: dict[str, Any]
    gateways: dict[str, Any]
    set_up_groups: dict[str, Any]
    frag_slots: dict[str, Any]
    session_cnt: dict[str, Any]
    expected_loss: float | None
    expected_uplink_loss: float | None
    rejoined_at: Instant | None
    campaign_id: int | None
    """The running campaign that uses it."""


class KeyOut(Schema):
    """A key, in hex digits."""

    key: str


@router.get("")
def listed(parts: TheParts, who: Who, request: Listed) -> PageOf[DeviceOut]:
    """The devices."""
    return page_of(DeviceOut, queries.page(parts.database, who, request))


@router.post("", status_code=201)
def create(parts: TheParts, who: Who, body: DeviceIn, once: OnceOnly, response: Response) -> DeviceOut:
    """Register a device."""
    row_id = actions.create(parts.database, parts.vault, who, body.meant(), body.key, parts.now(), once)
    return one(parts, who, row_id, response)


@router.get("/{id}")
def one(parts: TheParts, who: Who, row_id: PathId, response: Response) -> DeviceOut:
    """One device."""
    view = queries.one(parts.database, who, row_id)
    mark(response, view.revision)
    return DeviceOut.model_validate(view, from_attributes=True, context={"stored": True})


@router.patch("/{id}")
def edit(parts: TheParts, who: Who, row_id: PathId, patch: Patch, revision: Revision, response: Response) -> DeviceOut:
    """Change a device; under a running campaign only its name and tag."""
    stored = DEVICES.get(parts.database, who, row_id)
    if "firmware_version" in patch and "firmware_file_id" not in patch:
        patch = {**patch, "firmware_file_id": None}
    wanted = patched(DeviceIn, stored, patch)
    expected = stored.revision if revision is None else revision
    actions.edit(parts.database, parts.vault, who, row_id, wanted.meant(), wanted.key, expected, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/archive")
def archive(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> DeviceOut:
    """Take a device out of use; it stays in its sets and takes no part."""
    actions.archive(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/restore")
def restore(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> DeviceOut:
    """Take a device back into use."""
    actions.restore(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/key")
def key(parts: TheParts, who: Who, row_id: PathId, response: Response) -> KeyOut:
    """Show the device's key: a right of its own, noted in the journal."""
    response.headers["Cache-Control"] = "no-store"
    found = actions.read_key(parts.database, parts.vault, who, row_id, parts.now())
    return KeyOut(key=found.reveal().hex().upper())
