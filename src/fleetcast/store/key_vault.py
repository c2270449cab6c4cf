"""Keys, encrypted at rest: of devices, groups, signatures, connections and webhooks.

    key-encryption key (a file of ours, or a setting; never in the database)
      └─ wraps one data key for each subscriber
           └─ wraps every key of that subscriber (AES-256-GCM, bound to the row it belongs to)

So a copy of the database alone opens nothing, a wrapped key moved to another row opens nowhere, and exchanging the
key-encryption key wraps a handful of data keys anew. Whether an object has a key is said at the object (`has_key`).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from fleetcast.errors import Damaged, NotFound
from fleetcast.instants import InstantMs
from fleetcast.secret import Secret
from fleetcast.store.database import BATCH, upsert
from fleetcast.store.key_encryption import FixedKeys, KeyEncryptionKeys, KeySource
from fleetcast.store.tables import key_material as table

NONCE_BYTES: Final = 12
DATA_KEY_BYTES: Final = 32
_DATA_KEY: Final = "data key"
_KEY: Final = ("owner_table", "owner_id", "kind", "name")


class KeyKind(StrEnum):
    """What a key is for, and with that whose it is."""

    ROOT_KEY = "root key"
    """GenAppKey or AppKey of a device."""
    MC_KEY = "McKey"
    """Of a multicast group."""
    SIGNING_KEY = "signing key"
    """The private half of a delta signing key (PKCS#8)."""
    CONNECTION_SECRET = "connection secret"  # noqa: S105 - a kind, no secret
    """A secret field of a connection, by the field's name."""
    WEBHOOK_SECRET = "webhook secret"  # noqa: S105 - a kind, no secret
    """What a webhook's deliveries are signed with."""


_TABLES: Final = {
    KeyKind.ROOT_KEY: "device",
    KeyKind.MC_KEY: "multicast_group",
    KeyKind.SIGNING_KEY: "delta_signing_key",
    KeyKind.CONNECTION_SECRET: "connection",
    KeyKind.WEBHOOK_SECRET: "webhook",
}


class NoKey(NotFound):
    """The object has no such key."""

    def __init__(self, kind: KeyKind, owner_id: int) -> None:
        self.kind, self.owner_id = kind, owner_id
        super().__init__(f"{_TABLES[kind].replace('_', ' ')} {owner_id} has no {kind.value}: give it one")


class KeyDamaged(Damaged):
    """A stored key can't be opened with the key it says it was wrapped under."""

    def __init__(self, kind: str, owner_id: int) -> None:
        self.kind, self.owner_id = kind, owner_id
        super().__init__(f"The stored {kind} of row {owner_id} was altered or belongs elsewhere: put it in again.")


class KeyVault:
    """Opens and closes keys. It keeps none: every key is read, opened and forgotten with each call."""

    def __init__(self, keys: KeyEncryptionKeys | KeySource, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._source = FixedKeys(keys) if isinstance(keys, KeyEncryptionKeys) else keys
        self._entropy = entropy

    def put(
        self,
        connection: Connection,
        subscriber_id: int,
        kind: KeyKind,
        owner_id: int,
        key: Secret,
        now: InstantMs,
        *,
        name: str = "",
    ) -> None:
        """Keep a key, in the place of the one that was there."""
        self.put_many(connection, subscriber_id, kind, {owner_id: key}, now, name=name)

    def put_many(
        self,
        connection: Connection,
        subscriber_id: int,
        kind: KeyKind,
        keys: Mapping[int, Secret],
        now: InstantMs,
        *,
        name: str = "",
    ) -> None:
        """Keep the keys of many objects, by their numbers."""
        if not keys:
            return
        key_id, data_key = self._data_key(connection, subscriber_id, now)
        owner = _TABLES[kind]
        rows = [
            {
                "subscriber_id": subscriber_id,
                "kind": kind.value,
                "owner_table": owner,
                "owner_id": owner_id,
                "name": name,
                "wrapped": self._wrap(data_key, key, _place(subscriber_id, kind, owner, owner_id, name)),
                "key_id": key_id,
                "created_at": now,
            }
            for owner_id, key in sorted(keys.items())
        ]
        upsert(connection, table, rows, key=_KEY)

    def get(self, connection: Connection, kind: KeyKind, owner_id: int, *, name: str = "") -> Secret:
        """The key of one object; raises NoKey, KeyDamaged, `key_encryption.WrongKeyEncryptionKey`."""
        found = self.get_many(connection, kind, [owner_id], name=name)
        if owner_id not in found:
            raise NoKey(kind, owner_id)
        return found[owner_id]

    def get_many(
        self, connection: Connection, kind: KeyKind, owner_ids: Collection[int], *, name: str = ""
    ) -> dict[int, Secret]:
        """The keys of many objects; those without one are left out. Raises as `get` does, but not NoKey."""
        wanted, found = sorted(owner_ids), dict[int, Secret]()
        opened: dict[str, AESGCM] = {}
        for start in range(0, len(wanted), BATCH):
            rows = connection.execute(
                select(table.c.subscriber_id, table.c.owner_id, table.c.wrapped, table.c.key_id).where(
                    table.c.owner_table == _TABLES[kind],
                    table.c.owner_id.in_(wanted[start : start + BATCH]),
                    table.c.kind == kind.value,
                    table.c.name == name,
                )
            )
            for subscriber_id, owner_id, wrapped, key_id in rows.all():
                if key_id != _data_key_id(subscriber_id):
                    raise KeyDamaged(kind.value, owner_id)
                if key_id not in opened:
                    opened[key_id] = self._open_data_key(connection, subscriber_id)
                place = _place(subscriber_id, kind, _TABLES[kind], owner_id, name)
                found[owner_id] = _unwrap(opened[key_id], wrapped, place, kind.value, owner_id)
        return found

    def named(self, connection: Connection, kind: KeyKind, owner_id: int) -> dict[str, Secret]:
        """All keys of one kind that an object has, by name."""
        names = connection.execute(
            select(table.c.name)
            .where(table.c.owner_table == _TABLES[kind], table.c.owner_id == owner_id, table.c.kind == kind.value)
            .order_by(table.c.name)
        ).scalars()
        return {name: self.get(connection, kind, owner_id, name=name) for name in names.all()}

    def remove(self, connection: Connection, kind: KeyKind, owner_ids: Sequence[int], *, name: str = "") -> None:
        """Forget keys for good."""
        for start in range(0, len(owner_ids), BATCH):
            connection.execute(
                delete(table).where(
                    table.c.owner_table == _TABLES[kind],
                    table.c.owner_id.in_(owner_ids[start : start + BATCH]),
                    table.c.kind == kind.value,
                    table.c.name == name,
                )
            )

    def check(self, connection: Connection) -> None:
        """Raises WrongKeyEncryptionKey unless every data key can be opened: to be asked once, at the start."""
        for subscriber_id, wrapped, key_id in connection.execute(_DATA_KEYS).all():
            self._open(subscriber_id, wrapped, key_id)

    def used(self, connection: Connection) -> dict[str, int]:
        """How many data keys are wrapped under each key-encryption key, by its name."""
        return dict(Counter(key_id for _, _, key_id in connection.execute(_DATA_KEYS).all()))

    def rewrap(self, connection: Connection) -> int:
        """Wrap every data key under the active key-encryption key; how many weren't. Older ones can go then."""
        exchanged, active = 0, self._source.keys().active
        for subscriber_id, wrapped, key_id in connection.execute(_DATA_KEYS.with_for_update()).all():
            if key_id == active:
                continue
            data_key = self._open(subscriber_id, wrapped, key_id)
            connection.execute(
                update(table)
                .where(table.c.kind == _DATA_KEY, table.c.owner_id == subscriber_id)
                .values(wrapped=self._wrap_data_key(subscriber_id, data_key, active), key_id=active)
            )
            exchanged += 1
        return exchanged

    def _data_key(self, connection: Connection, subscriber_id: int, now: InstantMs) -> tuple[str, AESGCM]:
        """A subscriber's data key, made when it is first needed."""
        select_own = _DATA_KEYS.where(table.c.owner_id == subscriber_id)
        row = connection.execute(select_own).one_or_none()
        if row is None:
            made, active = Secret(self._entropy(DATA_KEY_BYTES)), self._source.keys().active
            dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
            connection.execute(
                # Another transaction may have made one at the same instant: then it is that one.
                dialect.insert(table).on_conflict_do_nothing(),
                {
                    "subscriber_id": subscriber_id,
                    "kind": _DATA_KEY,
                    "owner_table": "subscriber",
                    "owner_id": subscriber_id,
                    "name": "",
                    "wrapped": self._wrap_data_key(subscriber_id, made, active),
                    "key_id": active,
                    "created_at": now,
                },
            )
            row = connection.execute(select_own).one()
        return _data_key_id(subscriber_id), AESGCM(self._open(*row).reveal())

    def _open_data_key(self, connection: Connection, subscriber_id: int) -> AESGCM:
        row = connection.execute(_DATA_KEYS.where(table.c.owner_id == subscriber_id)).one_or_none()
        if row is None:
            raise KeyDamaged(_DATA_KEY, subscriber_id)
        return AESGCM(self._open(*row).reveal())

    def _open(self, subscriber_id: int, wrapped: bytes, key_id: str) -> Secret:
        kek = AESGCM(self._source.keys(key_id).named(key_id).reveal())
        return _unwrap(kek, wrapped, _data_key_place(subscriber_id), _DATA_KEY, subscriber_id)

    def _wrap_data_key(self, subscriber_id: int, data_key: Secret, under: str) -> bytes:
        kek = AESGCM(self._source.keys(under).named(under).reveal())
        return self._wrap(kek, data_key, _data_key_place(subscriber_id))

    def _wrap(self, under: AESGCM, key: Secret, place: bytes) -> bytes:
        nonce = self._entropy(NONCE_BYTES)
        return nonce + under.encrypt(nonce, key.reveal(), place)


_DATA_KEYS: Final = select(table.c.owner_id, table.c.wrapped, table.c.key_id).where(
    table.c.owner_table == "subscriber", table.c.kind == _DATA_KEY
)


def _data_key_id(subscriber_id: int) -> str:
    return f"subscriber {subscriber_id}"


def _data_key_place(subscriber_id: int) -> bytes:
    return f"{_DATA_KEY}\n{subscriber_id}".encode()


def _place(subscriber_id: int, kind: KeyKind, owner_table: str, owner_id: int, name: str) -> bytes:
    """Where a key belongs: said with the ciphertext, so that it opens nowhere else."""
    return f"{subscriber_id}\n{kind.value}\n{owner_table}\n{owner_id}\n{name}".encode()


def _unwrap(under: AESGCM, wrapped: bytes, place: bytes, kind: str, owner_id: int) -> Secret:
    try:
        return Secret(under.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], place))
    except (InvalidTag, ValueError):
        raise KeyDamaged(kind, owner_id) from None
