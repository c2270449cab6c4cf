"""/device-profiles: makes of devices and what they can do."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response

from fleetcast.actions.device_profiles import PROFILES, DeviceProfile
from fleetcast.api.fields import Kept, Name, Octets, PathId, RowId, Schema, Text, Whole, example
from fleetcast.api.lists import Listed, PageOf
from fleetcast.api.objects import Patch, patched, shown
from fleetcast.api.parts import OnceOnly, Revision, TheParts, Who, mark
from fleetcast.queries import device_profiles as queries

router = APIRouter(prefix="/device-profiles", tags=["device profiles"])

PackageVersion = Literal["1", "2", "absent", "ask"]


class ProfileIn(Schema):
    """A make of device. What is left out is unknown, and nothing is assumed beyond the cautious value in brackets."""

    name: Name
    description: Text = ""
    producer_id: Name
    module_id: Name
    hw_revision: Whole
    """0 to 255; unique together with producer and module."""
    hw_version: Whole | None = None
    """HWversion that DevVersionAns reports, 32 bits; left out: any."""
    time_tolerance_s: Whole = 2
    """How far a device's clock may be off."""
    uplink_period_s: Whole = 3600
    """Time between uplinks until it is learned."""
    mcu_type: Text = ""
    fuota_library: Literal["smart delta", "other"] = "other"
    delta_signing_key_id: RowId | None = None
    clock_sync_f_port: Whole = 202
    clock_sync_version: PackageVersion = "ask"
    multicast_setup_f_port: Whole = 200
    multicast_setup_version: PackageVersion = "ask"
    fragmentation_f_port: Whole = 201
    fragmentation_version: PackageVersion = "ask"
    firmware_management_f_port: Whole = 203
    firmware_management_version: PackageVersion = "ask"
    scheme: Literal["v1", "v2-relative", "v2-absolute"] | None = None
    """Parity scheme; left out: what the package version says."""
    mc_groups: Whole | None = None
    """Multicast groups at once [1]."""
    frag_sessions: Whole | None = None
    """Fragmentation sessions at once [1]."""
    max_fragment_bytes: Whole | None = None
    min_fragment_bytes: Whole | None = None
    fragment_multiple_of: Whole | None = None
    max_image_bytes: Whole | None = None
    max_fragments: Whole | None = None
    max_lost_fragments: Whole | None = None
    """Most lost fragments its decoder can repair."""
    takes_any_order: bool | None = None
    """Takes fragment numbers out of order [no]."""
    commands_per_downlink: Whole | None = None
    """Commands of one package in a downlink [1]."""
    store_time_ms: Whole | None = None
    """Time to store a fragment [100]."""
    firmware_commands: tuple[str, ...] | None = None
    """TS006 requests it knows."""
    reboots: Literal["command", "itself"] | None = None
    """What makes it start a new image [command]."""
    version_format: Literal["dotted", "opaque"] = "dotted"
    descriptor: Whole | None = None
    """Descriptor of its fragmentation sessions; left out: the file's version."""
    regional_revision: str | None = None
    """Edition of the regional parameters, such as RP002-1.0.3."""
    repeater: bool | None = None
    running_f_port: Whole | None = None
    """FPort of the application uplink that proves what it runs."""
    running_prefix: Octets | None = None
    """What that uplink begins with."""
    quirks: tuple[str, ...] = ()
    receive_ma: float | None = None
    transmit_ma: float | None = None
    idle_ma: float | None = None
    battery_mah: float | None = None

    model_config = example(name="Pump v2", producer_id="ACME", module_id="PUMP", hw_revision=2)

    def meant(self) -> DeviceProfile:
        """What the actions take."""
        return DeviceProfile(**{name: getattr(self, name) for name in ProfileIn.model_fields})


class ProfileOut(ProfileIn, Kept):
    """A profile as it stands."""


@router.get("")
def listed(parts: TheParts, who: Who, request: Listed) -> PageOf[ProfileOut]:
    """The profiles."""
    page = queries.page(parts.database, who, request)
    return PageOf(
        items=[shown(ProfileOut, each) for each in page.items], total=page.total, next_cursor=page.next_cursor
    )


@router.post("", status_code=201)
def create(parts: TheParts, who: Who, body: ProfileIn, once: OnceOnly, response: Response) -> ProfileOut:
    """Put a profile in."""
    row_id = PROFILES.create(parts.database, who, body.meant(), parts.now(), once)
    return one(parts, who, row_id, response)


@router.get("/{id}")
def one(parts: TheParts, who: Who, row_id: PathId, response: Response) -> ProfileOut:
    """One profile."""
    stored = PROFILES.get(parts.database, who, row_id)
    mark(response, stored.revision)
    return shown(ProfileOut, stored)


@router.patch("/{id}")
def edit(parts: TheParts, who: Who, row_id: PathId, patch: Patch, revision: Revision, response: Response) -> ProfileOut:
    """Change a profile; what a running campaign goes by can't be changed."""
    stored = PROFILES.get(parts.database, who, row_id)
    wanted = patched(ProfileIn, stored, patch).meant()
    PROFILES.edit(parts.database, who, row_id, wanted, stored.revision if revision is None else revision, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/archive")
def archive(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> ProfileOut:
    """Take a profile out of use."""
    PROFILES.archive(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/restore")
def restore(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> ProfileOut:
    """Take a profile back into use."""
    PROFILES.restore(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)
