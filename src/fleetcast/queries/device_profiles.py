"""Lists of device profiles."""

from __future__ import annotations

from typing import Final

from fleetcast.access import Identity
from fleetcast.queries import kept
from fleetcast.queries.lists import ListRequest, Page
from fleetcast.store.database import Database
from fleetcast.store.device_profiles import KIND, DeviceProfile
from fleetcast.store.objects import Stored

_PROFILES: Final = kept.listing(KIND, versions=("hw_version",))


def page(database: Database, who: Identity, request: ListRequest) -> Page[Stored[DeviceProfile]]:
    """A page of the profiles."""
    return kept.page(database, who, _PROFILES, request)
