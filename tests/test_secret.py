"""Secrets stay secret unless asked for by name."""

from __future__ import annotations

import copy
import pickle

import pytest

from fleetcast.errors import Invalid
from fleetcast.secret import Secret

KEY = "00112233445566778899aabbccddeeff"


def test_a_secret_shows_nowhere() -> None:
    secret = Secret.from_hex(KEY)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>20}", repr([secret]), str({"key": secret})]
    assert not any("0011" in text or "\\x11" in text for text in shown)


def test_a_secret_is_told_when_asked() -> None:
    assert Secret.from_hex(KEY).reveal() == bytes.fromhex(KEY)
    assert Secret.from_hex("00:11-22 33").reveal() == bytes.fromhex("00112233")
    assert len(Secret.from_hex(KEY)) == 16


def test_secrets_with_the_same_bytes_are_equal() -> None:
    assert Secret(b"a") == Secret(b"a")
    assert hash(Secret(b"a")) == hash(Secret(b"a"))
    assert Secret(b"a") != Secret(b"b")
    assert Secret(b"a") != b"a"


def test_a_secret_is_not_pickled() -> None:
    for leak in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            leak(Secret(b"a"))


def test_wrong_hex_is_refused_without_being_repeated() -> None:
    with pytest.raises(Invalid) as caught:
        Secret.from_hex("0011zz")
    assert "zz" not in str(caught.value)
    assert caught.value.__cause__ is None
