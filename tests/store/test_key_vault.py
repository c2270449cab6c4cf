"""Keys come back from the vault, and from nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from fleetcast.errors import Invalid
from fleetcast.secret import Secret
from fleetcast.store import key_encryption, tables
from fleetcast.store.database import Database
from fleetcast.store.key_encryption import KeyEncryptionKeys, KeyFileDamaged, WrongKeyEncryptionKey
from fleetcast.store.key_vault import KeyDamaged, KeyKind, KeyVault, NoKey
from tests.store.rows import subscriber

NOW = 1_790_000_000_000
KEY = Secret(bytes(range(16)))


@pytest.fixture
def keys() -> KeyEncryptionKeys:
    return KeyEncryptionKeys.of(Secret(b"k" * 32))


@pytest.fixture
def vault(keys: KeyEncryptionKeys) -> KeyVault:
    return KeyVault(keys)


def _keep(database: Database, vault: KeyVault, owner: int = 7, kind: KeyKind = KeyKind.ROOT_KEY) -> int:
    with database.write() as connection:
        tenant = subscriber(connection)
        vault.put(connection, tenant, kind, owner, KEY, NOW)
    return tenant


def _get(database: Database, vault: KeyVault, owner: int = 7, kind: KeyKind = KeyKind.ROOT_KEY) -> Secret:
    with database.read() as connection:
        return vault.get(connection, kind, owner)


def test_a_key_comes_back(database: Database, vault: KeyVault) -> None:
    _keep(database, vault)
    assert _get(database, vault) == KEY


def test_a_key_that_is_put_again_takes_the_others_place(database: Database, vault: KeyVault) -> None:
    tenant = _keep(database, vault)
    with database.write() as connection:
        vault.put(connection, tenant, KeyKind.ROOT_KEY, 7, Secret(b"another"), NOW)
    assert _get(database, vault) == Secret(b"another")


def test_a_missing_key_is_named(database: Database, vault: KeyVault) -> None:
    _keep(database, vault)
    with pytest.raises(NoKey, match="multicast group 7 has no McKey"):
        _get(database, vault, kind=KeyKind.MC_KEY)


def test_thousands_of_keys_are_put_and_read_at_once(database: Database, vault: KeyVault) -> None:
    many = {number: Secret(number.to_bytes(16, "big")) for number in range(1, 1301)}
    with database.write() as connection:
        vault.put_many(connection, subscriber(connection), KeyKind.ROOT_KEY, many, NOW)
    with database.read() as connection:
        assert vault.get_many(connection, KeyKind.ROOT_KEY, range(2000)) == many


def test_a_connection_has_several_secrets_by_name(database: Database, vault: KeyVault) -> None:
    with database.write() as connection:
        tenant = subscriber(connection)
        for name in ("password", "client key"):
            vault.put(connection, tenant, KeyKind.CONNECTION_SECRET, 3, Secret(name.encode()), NOW, name=name)
        assert vault.named(connection, KeyKind.CONNECTION_SECRET, 3) == {
            "password": Secret(b"password"),
            "client key": Secret(b"client key"),
        }
        vault.remove(connection, KeyKind.CONNECTION_SECRET, [3], name="password")
        assert list(vault.named(connection, KeyKind.CONNECTION_SECRET, 3)) == ["client key"]


def test_nothing_in_the_database_shows_a_key(database: Database, vault: KeyVault) -> None:
    _keep(database, vault)
    with database.read() as connection:
        rows = connection.execute(select(tables.key_material)).all()
    assert len(rows) == 2  # the key, and the subscriber's data key
    assert all(KEY.reveal() not in row.wrapped and b"k" * 32 not in row.wrapped for row in rows)


def test_the_same_key_never_looks_the_same(database: Database, vault: KeyVault) -> None:
    with database.write() as connection:
        vault.put_many(connection, subscriber(connection), KeyKind.ROOT_KEY, {1: KEY, 2: KEY}, NOW)
        wrapped = connection.execute(select(tables.key_material.c.wrapped)).scalars().all()
    assert len(set(wrapped)) == 3


@pytest.mark.parametrize("column", ["wrapped", "owner_id", "name", "subscriber_id", "kind"])
def test_a_wrapped_key_that_was_altered_or_moved_opens_nowhere(
    database: Database, vault: KeyVault, column: str
) -> None:
    tenant = _keep(database, vault)
    table = tables.key_material
    with database.write() as connection:
        other = subscriber(connection, "other")
        vault.put(connection, other, KeyKind.ROOT_KEY, 99, KEY, NOW)  # gives the other one a data key
        own = connection.execute(select(table).where(table.c.owner_id == 7, table.c.kind == "root key")).one()
        value = {
            "wrapped": own.wrapped[:-1] + bytes([own.wrapped[-1] ^ 1]),
            "owner_id": 8,
            "name": "x",
            "subscriber_id": other,
            "kind": "McKey",
        }[column]
        values = {column: value} | ({"owner_table": "multicast_group"} if column == "kind" else {})
        connection.execute(update(table).where(table.c.id == own.id).values(values))
    assert tenant != other
    kind = KeyKind.MC_KEY if column == "kind" else KeyKind.ROOT_KEY
    with database.read() as connection, pytest.raises(KeyDamaged):
        vault.get(connection, kind, 8 if column == "owner_id" else 7, name="x" if column == "name" else "")


def test_keys_wrapped_under_another_key_encryption_key_say_which_one_they_need(
    database: Database, vault: KeyVault, keys: KeyEncryptionKeys
) -> None:
    _keep(database, vault)
    stranger = KeyVault(KeyEncryptionKeys.of(Secret(b"s" * 32)))
    with database.read() as connection:
        vault.check(connection)
        with pytest.raises(WrongKeyEncryptionKey, match=keys.active):
            stranger.check(connection)
        with pytest.raises(WrongKeyEncryptionKey):
            stranger.get(connection, KeyKind.ROOT_KEY, 7)


def test_a_key_encryption_key_is_exchanged_and_the_old_one_thrown_away(
    database: Database, vault: KeyVault, keys: KeyEncryptionKeys
) -> None:
    _keep(database, vault)
    both = keys.with_new()
    assert _get(database, KeyVault(both)) == KEY
    with database.write() as connection:
        assert KeyVault(both).rewrap(connection) == 1
        assert KeyVault(both).rewrap(connection) == 0
    assert _get(database, KeyVault(both.without_older())) == KEY
    with pytest.raises(WrongKeyEncryptionKey):
        _get(database, vault)


def test_a_data_key_whose_transaction_is_thrown_away_was_never_used(database: Database, vault: KeyVault) -> None:
    with database.write() as connection:
        tenant = subscriber(connection)

    def put_and_fail() -> None:
        with database.write() as connection:
            vault.put(connection, tenant, KeyKind.ROOT_KEY, 7, KEY, NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        put_and_fail()
    with database.write() as connection:
        vault.put(connection, tenant, KeyKind.ROOT_KEY, 8, KEY, NOW)
    assert _get(database, vault, owner=8) == KEY


def test_the_key_file_is_made_once_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "fleetcast.key"
    made = key_encryption.read_or_make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert key_encryption.read_or_make(path) == made
    assert [each.name for each in tmp_path.iterdir()] == ["fleetcast.key"]


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fleetcast.key"
    key_encryption.read_or_make(path)
    path.chmod(0o640)
    with pytest.raises(Invalid, match="chmod 600"):
        key_encryption.read_or_make(path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: "",
        lambda _: "[]",
        lambda _: '{"active": "x", "keys": {}}',
        lambda kept: kept.replace(kept[-12:-8], "beef" if kept[-12:-8] != "beef" else "dead"),
    ],
)
def test_a_spoilt_key_file_is_never_replaced(tmp_path: Path, spoil: Callable[[str], str]) -> None:
    path = tmp_path / "fleetcast.key"
    key_encryption.read_or_make(path)
    spoilt = spoil(path.read_text())
    path.write_text(spoilt)
    with pytest.raises(KeyFileDamaged, match="belongs to the database"):
        key_encryption.read_or_make(path)
    assert path.read_text() == spoilt


def test_a_rotated_key_file_holds_both_keys(tmp_path: Path) -> None:
    path = tmp_path / "fleetcast.key"
    both = key_encryption.read_or_make(path).with_new()
    key_encryption.write(path, both)
    again = key_encryption.read(path)
    assert again == both
    assert len(again.keys) == 2


def test_a_key_encryption_key_has_thirty_two_bytes() -> None:
    with pytest.raises(Invalid, match="64 hex digits"):
        KeyEncryptionKeys.of(Secret(b"short"))


def test_keys_show_nowhere(keys: KeyEncryptionKeys) -> None:
    assert "k" * 8 not in repr(keys)
    assert (b"k" * 32).hex() not in repr(replace(keys, active="x"))


def test_what_can_be_read_with_sql_alone_opens_nothing(database: Database, vault: KeyVault) -> None:
    _keep(database, vault)
    with database.read() as connection:
        wrapped = connection.execute(text("SELECT wrapped FROM key_material WHERE kind = 'data key'")).scalar_one()
    assert len(wrapped) == 12 + 32 + 16
