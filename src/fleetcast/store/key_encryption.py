"""The key-encryption keys: what opens the vault, kept outside the database.

They are in a file that only its owner may read, made at the first start, or come from a setting. A key's name follows
from the key, so that what was wrapped under it says which one it needs. Nothing is encrypted here.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from fleetcast.errors import Conflict, Damaged, Invalid
from fleetcast.secret import Secret

KEY_BYTES: Final = 32


class WrongKeyEncryptionKey(Conflict):
    """Keys in the database are wrapped under a key-encryption key that isn't at hand."""

    def __init__(self, needed: str, known: tuple[str, ...]) -> None:
        self.needed = needed
        super().__init__(
            f"The database was written with key-encryption key {needed}, at hand: {', '.join(known)}. Bring the key "
            "file that belongs to this database."
        )


class KeyFileDamaged(Damaged):
    """The key file isn't what was written."""

    def __init__(self, path: Path, why: str) -> None:
        self.path = path
        super().__init__(f"The key file {path} can't be read ({why}): bring back the one that belongs to the database.")


@dataclass(frozen=True, slots=True)
class KeyEncryptionKeys:
    """The active key, and older ones that data keys may still be wrapped under; by their names."""

    active: str
    keys: Mapping[str, Secret]

    @classmethod
    def of(cls, active: Secret, *older: Secret) -> Self:
        """These keys, of 32 bytes each; raises Invalid."""
        for key in (active, *older):
            if len(key) != KEY_BYTES:
                raise Invalid(f"a key-encryption key of {len(key)} bytes: it has {KEY_BYTES}, 64 hex digits")
        return cls(name_of(active), {name_of(key): key for key in (active, *older)})

    def named(self, name: str) -> Secret:
        """The key of this name; raises WrongKeyEncryptionKey."""
        if name not in self.keys:
            raise WrongKeyEncryptionKey(name, tuple(self.keys))
        return self.keys[name]

    def with_new(self, entropy: Callable[[int], bytes] = os.urandom) -> KeyEncryptionKeys:
        """The same with a fresh active key; keep it before anything is wrapped under it."""
        fresh = Secret(entropy(KEY_BYTES))
        return KeyEncryptionKeys(name_of(fresh), {name_of(fresh): fresh, **self.keys})

    def without_older(self) -> KeyEncryptionKeys:
        """Only the active key: once nothing is wrapped under the others."""
        return KeyEncryptionKeys(self.active, {self.active: self.keys[self.active]})


def name_of(key: Secret) -> str:
    """A key's name: it follows from the key and tells nothing about it."""
    return hashlib.sha256(b"fleetcast key-encryption key" + key.reveal()).hexdigest()[:16]


def read_or_make(path: Path, entropy: Callable[[int], bytes] = os.urandom) -> KeyEncryptionKeys:
    """The keys in a file; where there is none, one is made. Raises Invalid, KeyFileDamaged.

    Of several processes that start at once, one makes the file and the others read it.
    """
    try:
        return read(path)
    except FileNotFoundError:
        keys = KeyEncryptionKeys.of(Secret(entropy(KEY_BYTES)))
    beside = _written_beside(path, keys)
    try:
        os.link(beside, path)  # fails where there is one by now, and never shows half a file
    except FileExistsError:
        return read(path)
    finally:
        beside.unlink()
    _sync_directory(path)
    return keys


def read(path: Path) -> KeyEncryptionKeys:
    """The keys in a file; raises FileNotFoundError, Invalid when others may read it, KeyFileDamaged."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise Invalid(f"The key file {path} may be read by others (mode {mode:04o}): chmod 600 {path}")
    try:
        kept = json.loads(path.read_text())
        keys = {name: Secret.from_hex(text) for name, text in kept["keys"].items()}
        found = KeyEncryptionKeys(kept["active"], keys)
    except (ValueError, LookupError, TypeError, AttributeError, Invalid) as error:
        raise KeyFileDamaged(path, type(error).__name__) from None
    wrong = [name for name, key in keys.items() if name_of(key) != name or len(key) != KEY_BYTES]
    if wrong or found.active not in keys:
        raise KeyFileDamaged(path, f"key {(wrong or [found.active])[0]} is missing or altered")
    return found


def write(path: Path, keys: KeyEncryptionKeys) -> None:
    """Put these keys in the place of the file's; after a crash there is the old file or the new one."""
    _written_beside(path, keys).replace(path)
    _sync_directory(path)


def _written_beside(path: Path, keys: KeyEncryptionKeys) -> Path:
    """The keys in a file of another name, safely on the disk."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    content = {"active": keys.active, "keys": {name: key.reveal().hex() for name, key in keys.keys.items()}}
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    return beside


def _sync_directory(path: Path) -> None:
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
