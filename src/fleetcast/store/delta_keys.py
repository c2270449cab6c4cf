"""Keys that sign delta firmware; the private half is in the vault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fleetcast.store import tables
from fleetcast.store.objects import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaKey:
    """What people say of a key, and its public half (PEM)."""

    name: str
    description: str = ""
    public_key: str


KIND: Final = Kind(tables.delta_signing_key, DeltaKey, "delta key")
