"""Tokens and passwords."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.access import passwords, tokens
from fleetcast.errors import Damaged, Invalid


@given(st.binary(min_size=32, max_size=32))
def test_a_token_is_found_again_by_its_hash_alone(random_bytes: bytes) -> None:
    token = tokens.written(random_bytes)
    assert token.startswith("fleetcast_")
    assert tokens.hash_of(token) == hashlib.sha256(random_bytes).digest()


@given(st.text(max_size=80))
def test_any_other_text_is_no_token(text: str) -> None:
    assert tokens.hash_of(text) is None
    assert tokens.hash_of("fleetcast_" + text) is None or len(text) == 43


def test_a_token_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(Invalid, match="32 random bytes"):
        tokens.written(bytes(31))


def test_a_password_matches_its_hash_and_nothing_else() -> None:
    stored = passwords.hash_password("correct horse battery", bytes(16))
    assert passwords.matches("correct horse battery", stored)
    assert not passwords.matches("correct horse batterx", stored)
    assert "correct" not in stored
    assert not passwords.is_outdated(stored)


def test_the_hash_of_nobody_matches_no_password_and_costs_the_same() -> None:
    assert not passwords.matches("correct horse battery", passwords.NOBODY)
    assert not passwords.is_outdated(passwords.NOBODY)


@pytest.mark.parametrize("password", ["short", "x" * 257])
def test_a_weak_password_is_refused_without_being_repeated(password: str) -> None:
    with pytest.raises(passwords.WeakPassword) as refused:
        passwords.hash_password(password, bytes(16))
    assert password not in str(refused.value)


def test_a_hash_that_is_none_is_damage_not_a_wrong_password() -> None:
    with pytest.raises(Damaged):
        passwords.matches("correct horse battery", "plain text")
