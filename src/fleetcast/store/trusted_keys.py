"""Public keys that a subscriber trusts: files signed with one of them are vouched for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from fleetcast.store import tables
from fleetcast.store.objects import Kind, Stored


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """A public key, in PEM."""

    name: str
    description: str = ""
    algorithm: str
    public_key: str


KIND: Final = Kind(tables.trusted_key, TrustedKey, "trusted key")


def active(connection: Connection, subscriber_id: int) -> list[Stored[TrustedKey]]:
    """Those in use."""
    return KIND.find(connection, subscriber_id, tables.trusted_key.c.archived_at.is_(None))
