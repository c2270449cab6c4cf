"""Cells that several kinds of file have in common, parsed. Every complaint says what to write instead.

Keys are never repeated in a complaint.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, TypeAlias

from fleetcast.errors import Invalid
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.secret import Secret

SessionClasses: TypeAlias = Literal["B", "C", "BC"]

_HEX = re.compile(r"(?:[0-9A-F]{2})+", re.IGNORECASE)
_KEY_BYTES = 16


def dev_eui(text: str) -> DevEui:
    """A DevEUI: 16 hex digits."""
    return DevEui(_hex(text, 16, "DevEUI"))


def dev_addr(text: str) -> DevAddr:
    """A DevAddr: 8 hex digits."""
    return DevAddr(_hex(text, 8, "DevAddr"))


def key(text: str) -> Secret:
    """A key of 16 bytes: 32 hex digits."""
    if not _HEX.fullmatch(text) or len(text) != 2 * _KEY_BYTES:
        raise Invalid("this is not a key: write 32 hex digits")
    return Secret(bytes.fromhex(text))


def number(what: str, least: int, most: int) -> Callable[[str], int]:
    """Reads a whole number in a range."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,12}", text, re.ASCII) or not least <= int(text) <= most:
            raise Invalid(f"{text[:40]!r} is not a {what}: write a whole number from {least} to {most}")
        return int(text)

    return parse


def one_of(what: str, *allowed: str) -> Callable[[str], str]:
    """Reads one of a few words, in any case; gives it as it is written here."""
    by_upper = {word.upper(): word for word in allowed}

    def parse(text: str) -> str:
        found = by_upper.get(text.upper())
        if found is None:
            raise Invalid(f"{text[:40]!r} is not a {what}: write {' or '.join(allowed)}")
        return found

    return parse


def _hex(text: str, digits: int, what: str) -> str:
    if len(text) != digits or not _HEX.fullmatch(text):
        raise Invalid(f"{text[:40]!r} is not a {what}: write {digits} hex digits")
    return text
