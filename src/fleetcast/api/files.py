"""/files: what is sent to devices, or a version that they run."""

from __future__ import annotations

import asyncio
import base64
import tempfile
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from fleetcast.actions import files as actions
from fleetcast.actions.files import FILES, File
from fleetcast.api.fields import Instant, Kept, Name, PathId, RowId, Schema, Text, Version, Whole, example
from fleetcast.api.lists import Listed, PageOf
from fleetcast.api.objects import Patch, patched, shown
from fleetcast.api.parts import MEGABYTE, BadHeader, OnceOnly, Revision, TheParts, Who, mark
from fleetcast.api.upload_rate import received
from fleetcast.queries import fleet

router = APIRouter(prefix="/files", tags=["files"])


class FileFields(Schema):
    """What people say of a file."""

    name: Name
    description: Text = ""
    kind: Literal["binary", "firmware", "delta firmware"]
    device_profile_id: RowId | None = None
    """Whom it suits: must be given for firmware; a binary without one suits any device."""
    time_tolerance_s: Whole | None = None
    """Overrides the profile's."""
    uplink_period_s: Whole | None = None
    """Overrides the profile's."""
    fuota_library: Literal["smart delta", "other"] | None = None
    delta_signing_key_id: RowId | None = None


class FileIn(FileFields):
    """A file, before its content comes. A firmware file may stay without: then it only names a version."""

    version: Version | None = None
    """The version it brings: must be given for firmware."""
    base_version: Version | None = None
    """The version that a delta changes."""

    model_config = example(name="pump 2.1", kind="firmware", version="2.1.0.0", device_profile_id=1)

    def meant(self) -> File:
        """What the actions take."""
        return File(**{name: getattr(self, name) for name in FileIn.model_fields})


class McubootSignatureOut(Schema):
    """A signature in an MCUboot image."""

    kind: str
    """What it was made with: ed25519, ecdsa, ecdsa-p224, rsa-2048 or rsa-3072. The first two can be checked."""
    key_hash: str
    """SHA-256 of the public key that the image names for it; empty: it names none."""
    trusted_key_id: int | None
    """The trusted key that made it, when it was uploaded; none: none of them, or nobody could tell."""


class McubootOut(Schema):
    """What an MCUboot image says of itself, and whether it is true."""

    version: str
    """As `major.minor.revision+build`."""
    load_address: int
    header_bytes: int
    image_bytes: int
    flags: int
    encrypted: bool
    security_counter: int | None
    hash_checked: str | None
    """The hash that was compared with the image and is right: sha256, sha384 or sha512; none: there was none."""
    problem: str | None
    """Why a boot loader may refuse it."""
    unsigned_tail: bool
    """Whether bytes follow the image that nothing in it covers."""
    signatures: list[McubootSignatureOut]


class FileOut(FileFields, Kept):
    """A file as it stands. Versions are written as its profile's devices write them."""

    version: str | None
    base_version: str | None
    size_bytes: int
    sha256: str | None
    """Of the content that is sent; none: metadata only."""
    original_format: str
    original_name: str
    uploaded_at: Instant | None
    uploaded_by: str
    trusted_key_id: int | None
    """The trusted key that signed what was uploaded, or the MCUboot image in it."""
    mcuboot: McubootOut | None
    """What an MCUboot image says of itself; none: it is none."""


class UploadOut(Schema):
    """What became of an upload."""

    sha256: str
    size_bytes: int
    original_format: str
    remark: str | None
    trusted_key_id: int | None
    mcuboot: McubootOut | None


@router.get("")
def listed(parts: TheParts, who: Who, request: Listed) -> PageOf[FileOut]:
    """The files."""
    page = fleet.page(parts.database, who, fleet.FILE_LIST, request)
    items = [shown(FileOut, each.stored, **each.beside) for each in page.items]
    return PageOf(items=items, total=page.total, next_cursor=page.next_cursor)


@router.post("", status_code=201)
def create(parts: TheParts, who: Who, body: FileIn, once: OnceOnly, response: Response) -> FileOut:
    """Put a file in; its content follows by PUT /files/{id}/content."""
    return one(parts, who, FILES.create(parts.database, who, body.meant(), parts.now(), once), response)


@router.get("/{id}")
def one(parts: TheParts, who: Who, row_id: PathId, response: Response) -> FileOut:
    """One file."""
    view = fleet.one(parts.database, who, FILES.kind, fleet.FILE_LIST, row_id)
    mark(response, view.stored.revision)
    return shown(FileOut, view.stored, **view.beside)


@router.patch("/{id}")
def edit(parts: TheParts, who: Who, row_id: PathId, patch: Patch, revision: Revision, response: Response) -> FileOut:
    """Change what is said of a file; its content never changes."""
    stored = FILES.get(parts.database, who, row_id)
    wanted = patched(FileIn, stored, patch).meant()
    FILES.edit(parts.database, who, row_id, wanted, stored.revision if revision is None else revision, parts.now())
    return one(parts, who, row_id, response)


@router.put(
    "/{id}/content",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def upload(
    parts: TheParts,
    who: Who,
    row_id: PathId,
    request: Request,
    convert: Annotated[bool, Query(description="Turn Intel HEX, S-records or ELF into what flash holds.")] = False,
    name: Annotated[str, Query(description="What the file was called.", max_length=200)] = "",
    signature: Annotated[
        str | None,
        Header(
            alias="Fleetcast-Signature",
            max_length=200,
            description="Detached signature over the body by a trusted key, in base64: the 64 bytes of Ed25519, or "
            "ECDSA on P-256 with SHA-256 in DER.",
        ),
    ] = None,
) -> UploadOut:
    """Give a file its content, once, as the body of the request."""
    signed = _signature(signature)
    await asyncio.to_thread(actions.may_upload, parts.database, who, row_id)
    with tempfile.SpooledTemporaryFile(max_size=MEGABYTE) as kept:
        async for part in received(request, parts.uploads, who.user_id, parts.real_now):
            await asyncio.to_thread(kept.write, part)
        done = await asyncio.to_thread(
            actions.upload, parts.database, who, row_id, kept, name, parts.now(), convert=convert, signature=signed
        )
    return UploadOut.model_validate(done, from_attributes=True)


def _signature(text: str | None) -> bytes | None:
    try:
        return None if text is None else base64.b64decode(text, validate=True)
    except ValueError:
        raise BadHeader("Fleetcast-Signature", "write the signature in base64") from None


@router.get(
    "/{id}/content",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
)
def download(parts: TheParts, who: Who, row_id: PathId) -> StreamingResponse:
    """The content of a file."""
    found = fleet.content(parts.database, who, row_id)
    headers = {
        "Content-Length": str(found.size_bytes),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "ETag": f'"{found.sha256}"',
    }
    return StreamingResponse(found.pieces(), media_type="application/octet-stream", headers=headers)


@router.post("/{id}/archive")
def archive(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> FileOut:
    """Take a file out of use."""
    FILES.archive(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)


@router.post("/{id}/restore")
def restore(parts: TheParts, who: Who, row_id: PathId, revision: Revision, response: Response) -> FileOut:
    """Take a file back into use."""
    FILES.restore(parts.database, who, row_id, revision, parts.now())
    return one(parts, who, row_id, response)
