"""The key-encryption key is exchanged beside running servers, and survives being killed anywhere in between."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from fleetcast.errors import Invalid
from fleetcast.secret import Secret
from fleetcast.store import audit, key_encryption, key_rotation
from fleetcast.store.database import Database
from fleetcast.store.key_encryption import (
    FixedKeys,
    KeyCommand,
    KeyCommandFailed,
    KeyEncryptionKeys,
    KeyFile,
    WrongKeyEncryptionKey,
    parse,
)
from fleetcast.store.key_rotation import NoNewKey, StillNeeded
from fleetcast.store.key_vault import KeyKind, KeyVault
from tests.store import rows

KEYS = {number: Secret(bytes([number]) * 16) for number in (1, 2, 3)}


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def source(tmp_path: Path) -> KeyFile:
    path = tmp_path / "keys.json"
    key_encryption.read_or_make(path)
    return KeyFile(path)


@pytest.fixture
def filled(database: Database, source: KeyFile) -> Database:
    """Two subscribers with keys of devices."""
    vault = KeyVault(source)
    with database.write() as connection:
        for name in ("one", "two"):
            subscriber = rows.subscriber(connection, name)
            for number, key in KEYS.items():
                vault.put(connection, subscriber, KeyKind.ROOT_KEY, 10 * subscriber + number, key, rows.NOW)
    return database


def opened(database: Database, vault: KeyVault) -> dict[int, Secret]:
    with database.read() as connection:
        return vault.get_many(connection, KeyKind.ROOT_KEY, range(100))


def test_everything_opens_with_the_new_key_and_a_server_that_ran_meanwhile_goes_on(
    filled: Database, source: KeyFile
) -> None:
    running = KeyVault(KeyFile(source.path))
    before = opened(filled, running)
    old = source.keys().active
    assert len(before) == 6
    assert key_rotation.rotate(filled, source) == 2
    assert source.keys().active != old
    assert opened(filled, running) == before
    found = key_rotation.status(filled, source)
    assert (found.older, found.used, found.unfinished) == ((old,), {source.keys().active: 2}, False)
    assert key_rotation.forget_older(filled, source) == (old,)
    assert opened(filled, running) == before
    with filled.read() as connection:
        kinds = [each.kind for each in audit.entries(connection, 0)]
    assert kinds == ["key-encryption-key.rotated", "key-encryption-key.older-forgotten"]


def test_killed_after_the_file_was_written_it_goes_on_where_it_was(
    filled: Database, source: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = opened(filled, KeyVault(source))

    def die(_vault: KeyVault, _connection: object) -> int:
        raise Killed

    monkeypatch.setattr(KeyVault, "rewrap", die)
    with pytest.raises(Killed):
        key_rotation.rotate(filled, source)
    monkeypatch.undo()
    active = source.keys().active
    assert key_rotation.status(filled, source).unfinished
    assert opened(filled, KeyVault(KeyFile(source.path))) == before
    with pytest.raises(StillNeeded):
        key_rotation.forget_older(filled, source)
    assert key_rotation.rotate(filled, source) == 2
    assert source.keys().active == active, "the exchange that was begun is finished, not another one begun"
    assert not key_rotation.status(filled, source).unfinished


@pytest.mark.parametrize("call", [1, 2])
def test_killed_while_wrapping_nothing_of_it_is_kept(
    filled: Database, source: KeyFile, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    before, calls = opened(filled, KeyVault(source)), [0]
    wrap = KeyVault._wrap_data_key

    def die(vault: KeyVault, subscriber_id: int, data_key: Secret, under: str) -> bytes:
        calls[0] += 1
        if calls[0] == call:
            raise Killed
        return wrap(vault, subscriber_id, data_key, under)

    monkeypatch.setattr(KeyVault, "_wrap_data_key", die)
    with pytest.raises(Killed):
        key_rotation.rotate(filled, source)
    monkeypatch.undo()
    assert opened(filled, KeyVault(KeyFile(source.path))) == before
    assert key_rotation.rotate(filled, source) == 2


def test_killed_while_the_file_is_written_the_old_one_is_there(
    filled: Database, source: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = source.keys().active

    def die(_self: Path, _target: Path) -> Path:
        raise Killed

    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(Killed):
        key_rotation.rotate(filled, source)
    monkeypatch.undo()
    assert KeyFile(source.path).keys().active == old
    assert key_rotation.rotate(filled, source) == 2


def test_keys_are_read_and_put_in_while_it_is_exchanged_again_and_again(filled: Database, source: KeyFile) -> None:
    """As campaigns and people do: another process with its own eyes on the file."""
    vault, over, wrong = KeyVault(KeyFile(source.path)), threading.Event(), list[str]()

    def work() -> None:
        number = 0
        while not over.is_set():
            number += 1
            with filled.write() as connection:
                subscriber = rows.subscriber(connection, f"new {number}")
                vault.put(connection, subscriber, KeyKind.MC_KEY, subscriber, KEYS[1], rows.NOW)
            with filled.read() as connection:
                if vault.get(connection, KeyKind.MC_KEY, subscriber) != KEYS[1]:
                    wrong.append("another key")

    def look() -> None:
        while not over.is_set():
            if len(opened(filled, vault)) != 6:
                wrong.append("keys are missing")

    threads = [threading.Thread(target=each) for each in (work, look)]
    for each in threads:
        each.start()
    for _ in range(8):
        key_rotation.rotate(filled, source)
    over.set()
    for each in threads:
        each.join()
    assert not wrong
    key_rotation.rotate(filled, source)
    key_rotation.forget_older(filled, source)
    assert len(opened(filled, KeyVault(KeyFile(source.path)))) == 6


def test_a_key_from_a_setting_is_exchanged_by_putting_the_new_one_before_it(database: Database) -> None:
    old, new = (os.urandom(32).hex() for _ in range(2))
    with database.write() as connection:
        subscriber = rows.subscriber(connection)
        KeyVault(FixedKeys(parse(old))).put(connection, subscriber, KeyKind.ROOT_KEY, 1, KEYS[1], rows.NOW)
    with pytest.raises(NoNewKey):
        key_rotation.rotate(database, FixedKeys(parse(old)))
    assert key_rotation.rotate(database, FixedKeys(parse(f"{new}, {old}"))) == 1
    assert opened(database, KeyVault(FixedKeys(parse(new)))) == {1: KEYS[1]}
    with pytest.raises(WrongKeyEncryptionKey):
        opened(database, KeyVault(FixedKeys(parse(old))))


def test_a_key_from_a_command_is_asked_for_again_when_another_one_is_needed(database: Database, tmp_path: Path) -> None:
    old, new = (os.urandom(32).hex() for _ in range(2))
    script, runs = tmp_path / "keys.txt", tmp_path / "runs"
    script.write_text(old)
    program = f"open({str(runs)!r}, 'a').write('x'); print(open({str(script)!r}).read())"
    server = KeyVault(KeyCommand(f'{sys.executable} -c "{program}"'))
    with database.write() as connection:
        subscriber = rows.subscriber(connection)
        server.put(connection, subscriber, KeyKind.ROOT_KEY, 1, KEYS[1], rows.NOW)
    assert (opened(database, server), runs.read_text()) == ({1: KEYS[1]}, "x")
    script.write_text(f"{new}\n{old}\n")
    assert key_rotation.rotate(database, KeyCommand(f'{sys.executable} -c "{program}"')) == 1
    assert opened(database, server) == {1: KEYS[1]}


def test_a_command_that_fails_is_said_without_what_it_printed() -> None:
    with pytest.raises(KeyCommandFailed) as failed:
        KeyCommand(f"{sys.executable} -c \"import sys; print('c0ffee'); sys.exit(3)\"").keys()
    assert "c0ffee" not in str(failed.value)
    with pytest.raises(KeyCommandFailed):
        KeyCommand("/nowhere/at-all").keys()


@pytest.mark.parametrize("text", ["", "  ", "00", "zz" * 32, "00" * 31, f"{'00' * 32}, 11"])
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(text)
    assert "zz" not in str(refused.value)


def test_the_first_key_is_the_active_one() -> None:
    one, two = "01" * 32, "02" * 32
    expected = KeyEncryptionKeys.of(Secret.from_hex(one), Secret.from_hex(two))
    assert parse(f"{one}\n{two}\n") == expected
