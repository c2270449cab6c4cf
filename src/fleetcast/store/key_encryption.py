"""The key-encryption keys: what opens the vault, kept outside the database.

They are in a file that only its owner may read, made at the first start, or come from a setting or a command. A key's
name follows from the key, so that what was wrapped under it says which one it needs. Nothing is encrypted here.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import stat
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, Self

from fleetcast.errors import Conflict, Damaged, Invalid, Unavailable
from fleetcast.secret import Secret

KEY_BYTES: Final = 32
_COMMAND_TIMEOUT_S: Final = 30


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


class KeySource(Protocol):
    """Where key-encryption keys come from. Asked with every use, so that a rotation is known at once."""

    def keys(self, needed: str | None = None) -> KeyEncryptionKeys:
        """The keys; `needed` names one that must be among them: then it is looked for anew."""
        ...


class FixedKeys:
    """Keys that are known from the start: from a setting."""

    def __init__(self, keys: KeyEncryptionKeys) -> None:
        self._keys = keys

    def keys(self, needed: str | None = None) -> KeyEncryptionKeys:  # noqa: ARG002 - there is nowhere to look
        """Always the same."""
        return self._keys


class KeyFile:
    """The keys in a file; read again whenever that was exchanged. Raises as `read` does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._known: tuple[tuple[int, int, int], KeyEncryptionKeys] | None = None

    def keys(self, needed: str | None = None) -> KeyEncryptionKeys:  # noqa: ARG002 - it looks each time
        """What is in the file now."""
        now = self._state()
        with self._lock:
            if self._known is None or self._known[0] != now:
                # It may be exchanged between the two looks: then the next one sees another state again.
                self._known = (now, read(self.path))
            return self._known[1]

    def _state(self) -> tuple[int, int, int]:
        found = self.path.stat()
        return (found.st_ino, found.st_mtime_ns, found.st_size)


class KeyCommand:
    """The keys that a command prints, in hex, a line each, the active one first: it may ask a vault or an HSM.

    It is run at the start, and again when a key is needed that it didn't print then. Raises KeyCommandFailed.
    """

    def __init__(self, command: str) -> None:
        self._words = shlex.split(command)
        self._lock = threading.Lock()
        self._known: KeyEncryptionKeys | None = None

    def keys(self, needed: str | None = None) -> KeyEncryptionKeys:
        """What it printed last, and where that isn't enough, what it prints now."""
        with self._lock:
            if self._known is None or (needed is not None and needed not in self._known.keys):
                self._known = self._run()
            return self._known

    def _run(self) -> KeyEncryptionKeys:
        try:
            ended = subprocess.run(  # noqa: S603 - the operator's own command, without a shell
                self._words, capture_output=True, check=True, timeout=_COMMAND_TIMEOUT_S, text=True
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise KeyCommandFailed(type(error).__name__) from None  # what it printed may be secret
        return parse(ended.stdout)


class KeyCommandFailed(Unavailable):
    """The command that prints the key-encryption key didn't."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The command of key_command failed ({why}): run it by hand to see what it says.")


def parse(text: str) -> KeyEncryptionKeys:
    """Keys in hex with commas, blanks or line ends between them, the active one first; raises Invalid."""
    words = text.replace(",", " ").split()
    if not words:
        raise Invalid("there is no key-encryption key: write 64 hex digits")
    try:
        active, *older = (Secret.from_hex(word) for word in words)
    except Invalid:
        raise Invalid("a key-encryption key is no hex: write 64 hex digits") from None
    return KeyEncryptionKeys.of(active, *older)


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
