"""Files: what is sent to devices, or a version that they run. A content, once there, never changes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, Final

from sqlalchemy import Connection

from fleetcast.access import Identity, Right
from fleetcast.actions import mcuboot_images
from fleetcast.actions.fields import TEXT_LONGEST, Checks, is_readable
from fleetcast.actions.history import note
from fleetcast.actions.objects import Editable
from fleetcast.actions.references import require_active
from fleetcast.actions.trusted_keys import vouching_key
from fleetcast.errors import Conflict, Invalid
from fleetcast.firmware.image import ImageFormat, as_binary, recognise, refuse_unless_binary
from fleetcast.firmware.mcuboot import McubootHeader, begins_mcuboot, read_mcuboot_header
from fleetcast.instants import InstantMs
from fleetcast.planning.facts import FileKind
from fleetcast.store import delta_keys, device_profiles, file_contents, files, subscribers
from fleetcast.store.database import Database
from fleetcast.store.files import File

__all__ = ["FILES", "File", "Upload", "upload"]

LIBRARIES: Final = ("smart delta", "other")
_PART_BYTES: Final = 256 * 1024
_HEAD_BYTES: Final = 4096


class HasContent(Conflict):
    """A file has its content already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"file {name} has its content already, which never changes: make a new file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What became of an upload."""

    sha256: str
    size_bytes: int
    original_format: str
    remark: str | None
    """What was done to it; None: it is kept as it came."""
    trusted_key_id: int | None
    """The trusted key that vouches for it: of the detached signature, else of one in the image."""
    mcuboot: Mapping[str, Any] | None
    """What an MCUboot image says of itself; None: it is none."""


def _check(what: File) -> None:
    checks = Checks()
    checks.text("name", what.name, must=True)
    checks.text("description", what.description, longest=TEXT_LONGEST)
    checks.one_of("kind", what.kind, [each.value for each in FileKind])
    checks.number("version", what.version, 0, 0xFFFFFFFF)
    checks.number("base_version", what.base_version, 0, 0xFFFFFFFF)
    checks.number("time_tolerance_s", what.time_tolerance_s, 0, 3600)
    checks.number("uplink_period_s", what.uplink_period_s, 1, 366 * 86_400)
    checks.one_of("fuota_library", what.fuota_library, LIBRARIES)
    if what.kind in (FileKind.FIRMWARE, FileKind.DELTA):
        checks.that(what.version is not None, "version", f"a {what.kind} must name the version it brings")
        checks.that(what.device_profile_id is not None, "device_profile_id", f"a {what.kind} is for one profile")
    if what.kind == FileKind.DELTA:
        checks.that(what.base_version is not None, "base_version", "a delta must name the version that it changes")
        differs = what.base_version is None or what.base_version != what.version
        checks.that(differs, "base_version", "a delta leads from one version to another: these are the same")
    else:
        checks.that(what.base_version is None, "base_version", "only a delta has one")
        checks.that(what.delta_signing_key_id is None, "delta_signing_key_id", "only a delta is signed with one")
    checks.done()


def _look_up(connection: Connection, who: Identity, what: File) -> None:
    checks = Checks()
    require_active(connection, who, checks, "device_profile_id", device_profiles.KIND, what.device_profile_id)
    require_active(connection, who, checks, "delta_signing_key_id", delta_keys.KIND, what.delta_signing_key_id)
    if what.kind == FileKind.DELTA and what.device_profile_id is not None and what.base_version is not None:
        known = files.knows_version(connection, who.subscriber_id, what.device_profile_id, what.base_version)
        checks.that(
            known, "base_version", "no firmware file of this profile has it: put it in first (its name is enough)"
        )
    checks.done()


FILES: Final = Editable(kind=files.KIND, check=_check, look_up=_look_up, label=lambda what: what.name)


def may_upload(database: Database, who: Identity, row_id: int) -> File:
    """The file that waits for a content; raises HasContent, before anybody sends gigabytes for nothing."""
    who.require(Right.EDIT)
    with database.read() as connection:
        file = files.KIND.get(connection, who.subscriber_id, row_id)
        if files.content_of(connection, row_id) is not None:
            raise HasContent(file.what.name)
    return file.what


def upload(
    database: Database,
    who: Identity,
    row_id: int,
    content: IO[bytes],
    original_name: str,
    now: InstantMs,
    *,
    convert: bool = False,
    signature: bytes | None = None,
) -> Upload:
    """Give a file its content, read from the beginning. With `convert`, a build's form becomes what flash holds.

    A detached signature is over what is uploaded, before any conversion; those in an MCUboot image are over what
    devices get. Raises NotVouchedFor, HasContent, ImageBroken, and Invalid for an empty file and for a form of a build
    that nobody asked to convert.
    """
    file = may_upload(database, who, row_id)
    content.seek(0)
    head = content.read(_HEAD_BYTES)
    if not head:
        raise Invalid("the upload holds no bytes: send the file's content")
    found, remark, whole, image = ImageFormat.BINARY, None, None, None
    if file.kind == FileKind.FIRMWARE:
        if convert and recognise(head) is not ImageFormat.BINARY:
            content.seek(0)
            built = as_binary(content.read())
            found, remark, whole, image = built.format, built.remark(), built.data, built.mcuboot
        else:
            refuse_unless_binary(head)
    if whole is None and begins_mcuboot(head):
        content.seek(0)
        image = read_mcuboot_header(content.read())
    if image is not None:
        image.refuse_damaged()
    with database.read() as connection:
        _vouching(connection, who, content, signature, image)
    sha256 = _hash(_parts(content, whole))
    with database.write() as connection:
        if files.content_of(connection, row_id) is not None:
            raise HasContent(file.name)
        size_bytes = file_contents.put(connection, who.subscriber_id, sha256, _parts(content, whole))
        name = original_name[:200] if is_readable(original_name) else ""
        # A key may have been archived meanwhile.
        vouching, said = _vouching(connection, who, content, signature, image)
        files.link_content(
            connection, row_id, sha256, size_bytes, found.value, name, now, uploaded_by=who.login, signature=signature,
            trusted_key_id=vouching, mcuboot=said,
        )  # fmt: skip
        more = {} if said is None else {"mcuboot_version": said["version"]}
        note(
            connection, who, "file", "uploaded", row_id, file.name, now, sha256=sha256, size_bytes=size_bytes,
            trusted_key_id=vouching, **more,
        )  # fmt: skip
    return Upload(
        sha256=sha256, size_bytes=size_bytes, original_format=found.value, remark=remark, trusted_key_id=vouching,
        mcuboot=said,
    )  # fmt: skip


def _vouching(
    connection: Connection,
    who: Identity,
    content: IO[bytes],
    signature: bytes | None,
    image: McubootHeader | None,
) -> tuple[int | None, dict[str, Any] | None]:
    """Which key vouches for it, and what an MCUboot image says with who signed that."""
    required = subscribers.get(connection, who.subscriber_id).what.requires_signature
    said, within, why = None, None, ""
    if image is not None:
        said = mcuboot_images.described(connection, who.subscriber_id, image)
        within, why = mcuboot_images.vouching_key(image, said)
    content.seek(0)
    whole = b"" if signature is None else content.read()
    detached = vouching_key(
        connection, who.subscriber_id, signature, whole, required=required and within is None, besides=why
    )
    return within if detached is None else detached, said


def _parts(content: IO[bytes], whole: bytes | None) -> Iterator[bytes]:
    if whole is not None:
        yield whole
        return
    content.seek(0)
    while part := content.read(_PART_BYTES):
        yield part


def _hash(parts: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
