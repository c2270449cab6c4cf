"""Exchanging the key-encryption key while servers run, safe to be killed at any point.

    1. the key file gets a new active key beside the present one   servers notice, and can open what either wrapped
    2. every data key is wrapped under the new one, in one transaction
    3. older keys stay in the file, for backups of the database from before, until somebody has them forgotten

Killed before 1: nothing was done. Between 1 and 2: run again, it goes on. Within 2: the database takes it back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fleetcast.errors import Conflict
from fleetcast.store import audit, key_encryption
from fleetcast.store.audit import Note
from fleetcast.store.database import Database
from fleetcast.store.key_encryption import FixedKeys, KeyFile, KeySource
from fleetcast.store.key_vault import KeyVault

DEPLOYMENT = 0
"""The audit chain that belongs to no subscriber."""
_THROUGH = "command line"


class NoNewKey(Conflict):
    """The key comes from a setting or a command, and there is no new one."""

    def __init__(self, active: str) -> None:
        super().__init__(
            f"every key is wrapped under {active} already: make a new one (fleetcast key new), put it before the "
            "present one in key_encryption_key or in what key_command prints, restart the servers, then run this again"
        )


class StillNeeded(Conflict):
    """Data keys are wrapped under an older key."""

    def __init__(self, used: Mapping[str, int]) -> None:
        named = ", ".join(f"{count} under {name}" for name, count in sorted(used.items()))
        super().__init__(f"data keys are wrapped under older keys still ({named}): run fleetcast key rotate first")


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Which keys there are, and what is wrapped under them."""

    active: str
    older: tuple[str, ...]
    used: Mapping[str, int]
    """Data keys under each key-encryption key, by its name."""

    @property
    def unfinished(self) -> bool:
        """Whether something is wrapped under another key than the active one."""
        return any(name != self.active for name in self.used)


def status(database: Database, source: KeySource) -> Status:
    """How things stand; opens every data key. Raises WrongKeyEncryptionKey."""
    vault = KeyVault(source)
    with database.read() as connection:
        used = vault.used(connection)
        vault.check(connection)
    keys = source.keys()
    older = tuple(sorted(name for name in keys.keys if name != keys.active))
    return Status(active=keys.active, older=older, used=used)


def rotate(database: Database, source: KeySource, entropy: Callable[[int], bytes] = os.urandom) -> int:
    """Exchange the key, or finish an exchange that was begun; how many data keys were wrapped anew. Raises NoNewKey."""
    before = status(database, source)
    if not before.unfinished:
        if not isinstance(source, KeyFile):
            raise NoNewKey(before.active)
        key_encryption.write(source.path, source.keys().with_new(entropy))
    vault = KeyVault(source)
    with database.write() as connection:
        active = source.keys().active
        exchanged = vault.rewrap(connection)
        more = {"key_encryption_key": active, "before": sorted(before.used), "data_keys": exchanged}
        audit.note(connection, DEPLOYMENT, Note(kind="key-encryption-key.rotated", through=_THROUGH, more=more))
    return exchanged


def forget_older(database: Database, source: KeyFile) -> tuple[str, ...]:
    """Take older keys out of the file; their names. Backups from before can't be opened then. Raises StillNeeded."""
    before = status(database, source)
    _require_unused(before)
    kept = source.keys()
    key_encryption.write(source.path, kept.without_older())
    try:
        # A data key may have been made at this moment, by a server that had not seen the new key yet.
        _require_unused(status(database, FixedKeys(kept)))
    except StillNeeded:
        key_encryption.write(source.path, kept)
        raise
    with database.write() as connection:
        more = {"key_encryption_key": before.active, "forgotten": list(before.older)}
        audit.note(connection, DEPLOYMENT, Note(kind="key-encryption-key.older-forgotten", through=_THROUGH, more=more))
    return before.older


def _require_unused(found: Status) -> None:
    if found.unfinished:
        raise StillNeeded({name: count for name, count in found.used.items() if name != found.active})
