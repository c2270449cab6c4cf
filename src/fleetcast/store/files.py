"""Files as people describe them; their bytes are in `file_contents`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select, update

from fleetcast.instants import InstantMs
from fleetcast.store import tables
from fleetcast.store.objects import Kind, Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """What people say of a file. Versions are 32-bit numbers."""

    name: str
    description: str = ""
    kind: str
    version: int | None = None
    base_version: int | None = None
    device_profile_id: int | None = None
    time_tolerance_s: int | None = None
    uplink_period_s: int | None = None
    fuota_library: str | None = None
    delta_signing_key_id: int | None = None


KIND: Final = Kind(tables.file, File, "file")


def link_content(
    connection: Connection,
    file_id: int,
    sha256: str,
    size_bytes: int,
    original_format: str,
    original_name: str,
    now: InstantMs,
    *,
    uploaded_by: str = "",
    signature: bytes | None = None,
    trusted_key_id: int | None = None,
    mcuboot: Mapping[str, Any] | None = None,
) -> None:
    """Give a file the content with this hash; raises Missing where it has one by now."""
    table = tables.file
    changed = connection.execute(
        update(table)
        .where(table.c.id == file_id, table.c.sha256.is_(None))
        .values(
            sha256=sha256,
            size_bytes=size_bytes,
            original_format=original_format,
            original_name=original_name,
            uploaded_at=now,
            uploaded_by=uploaded_by,
            signature=signature,
            trusted_key_id=trusted_key_id,
            mcuboot=mcuboot,
            changed_at=now,
            revision=table.c.revision + 1,
        )
    ).rowcount
    if not changed:
        raise Missing("file without content", file_id)


def content_of(connection: Connection, file_id: int) -> tuple[str, int, str] | None:
    """SHA-256, size and original name of a file's content; None: it has none."""
    table = tables.file
    row = connection.execute(
        select(table.c.sha256, table.c.size_bytes, table.c.original_name).where(table.c.id == file_id)
    ).first()
    return None if row is None or row.sha256 is None else (row.sha256, row.size_bytes, row.original_name)


def is_vouched_for(connection: Connection, file_id: int) -> bool:
    """Whether a key that is still trusted signed what was uploaded."""
    file, key = tables.file, tables.trusted_key
    found = connection.execute(
        select(key.c.id)
        .join(file, file.c.trusted_key_id == key.c.id)
        .where(file.c.id == file_id, key.c.archived_at.is_(None), key.c.subscriber_id == file.c.subscriber_id)
    ).scalar()
    return found is not None


def knows_version(connection: Connection, subscriber_id: int, profile_id: int, version: int) -> bool:
    """Whether a firmware file of this profile, metadata only or not, names this version."""
    table = tables.file
    found = connection.execute(
        select(table.c.id)
        .where(
            table.c.subscriber_id == subscriber_id,
            table.c.device_profile_id == profile_id,
            table.c.version == version,
            table.c.kind == "firmware",
            table.c.archived_at.is_(None),
        )
        .limit(1)
    ).first()
    return found is not None
