"""Mass import and export: CSV without a header row, all or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from fleetcast.access import Right
from fleetcast.actions import device_import, exports, group_import, set_import
from fleetcast.actions.imports import Imported
from fleetcast.api.fields import LARGEST, Schema
from fleetcast.api.parts import TheParts, Who
from fleetcast.api.upload_rate import received

router = APIRouter(tags=["import and export"])

CSV: Final = "text/csv"
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {CSV: {"schema": {"type": "string"}, "example": "0123456789ABCDEF,...\r\n"}},
    }
}
_ANSWER: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The rows.", "content": {CSV: {"schema": {"type": "string"}}}}
}


class ImportedOut(Schema):
    """What an import did, or with `dry_run` would do."""

    created: int
    updated: int
    """Those that were there already, restored ones among them."""
    restored: int
    """Of these those that were archived."""


async def _csv(parts: TheParts, who: Who, request: Request) -> bytes:
    who.require(Right.EDIT)
    body = bytearray()
    async for part in received(request, parts.uploads, who.user_id, parts.real_now):
        body += part
    return bytes(body)


Body = Annotated[bytes, Depends(_csv)]
ConnectionId = Annotated[int, Query(ge=1, le=LARGEST, description="The connection that they are reached through.")]
Update = Annotated[bool, Query(description="What exists is updated: what is given replaces what is there.")]
DryRun = Annotated[bool, Query(description="Only look whether it would be possible.")]
Keys = Annotated[bool, Query(description="With keys: takes the right to read them, and is journalled.")]


@router.post("/devices/import", openapi_extra=_BODY)
async def import_devices(
    parts: TheParts,
    who: Who,
    data: Body,
    connection_id: ConnectionId,
    update_existing: Update = False,
    dry_run: DryRun = False,
) -> ImportedOut:
    """Register the devices of a file: the export format of network servers, 32 columns A to AF."""
    return await _done(
        lambda: device_import.import_devices(
            parts.database, parts.vault, who, data, connection_id, parts.now(), update_existing=update_existing,
            dry_run=dry_run,
        )
    )  # fmt: skip


@router.post("/device-sets/import", openapi_extra=_BODY)
async def import_sets(
    parts: TheParts, who: Who, data: Body, update_existing: Update = False, dry_run: DryRun = False
) -> ImportedOut:
    """Make the sets of a file: name, description, DevEUIs with semicolons between them."""
    return await _done(
        lambda: set_import.import_device_sets(
            parts.database, who, data, parts.now(), update_existing=update_existing, dry_run=dry_run
        )
    )


@router.post("/multicast-groups/import", openapi_extra=_BODY)
async def import_groups(
    parts: TheParts,
    who: Who,
    data: Body,
    connection_id: ConnectionId,
    update_existing: Update = False,
    dry_run: DryRun = False,
) -> ImportedOut:
    """Put the groups of a file in: columns A to M; N and O, which an export adds, are only compared."""
    return await _done(
        lambda: group_import.import_groups(
            parts.database, parts.vault, who, data, connection_id, parts.now(), update_existing=update_existing,
            dry_run=dry_run,
        )
    )  # fmt: skip


@router.get("/devices/export", response_class=StreamingResponse, responses=_ANSWER)
def export_devices(parts: TheParts, who: Who, keys: Keys = False) -> StreamingResponse:
    """The devices in use, in the format that imports take."""
    return _file("devices", exports.export_devices(parts.database, parts.vault, who, parts.now(), keys=keys))


@router.get("/device-sets/export", response_class=StreamingResponse, responses=_ANSWER)
def export_sets(parts: TheParts, who: Who) -> StreamingResponse:
    """The sets in use, in the format that imports take."""
    return _file("device-sets", exports.export_device_sets(parts.database, who, parts.now()))


@router.get("/multicast-groups/export", response_class=StreamingResponse, responses=_ANSWER)
def export_groups(parts: TheParts, who: Who, keys: Keys = False) -> StreamingResponse:
    """The groups in use, in the format that imports take; with keys also AppSKey and NwkSKey."""
    return _file("multicast-groups", exports.export_groups(parts.database, parts.vault, who, parts.now(), keys=keys))


async def _done(do: Callable[[], Imported]) -> ImportedOut:
    return ImportedOut.model_validate(await asyncio.to_thread(do), from_attributes=True)


def _file(name: str, lines: Iterator[str]) -> StreamingResponse:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.csv"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse((line.encode() for line in lines), media_type=f"{CSV}; charset=utf-8", headers=headers)
