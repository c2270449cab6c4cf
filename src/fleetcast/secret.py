"""Bytes that must not be seen: keys. They print as `***` and are handed out only when asked for by name."""

from __future__ import annotations

import hmac
from typing import NoReturn, Self

from fleetcast.errors import Invalid


class Secret:
    """Bytes that never show in a `repr`, a log, a format or a pickle; compared in constant time."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = bytes(value)

    @classmethod
    def from_hex(cls, text: str) -> Self:
        """The secret in hex digits; spaces, colons and dashes are skipped. Raises Invalid without repeating it."""
        try:
            return cls(bytes.fromhex(text.replace(":", "").replace("-", "")))
        except ValueError:
            raise Invalid("the secret is not written in pairs of hex digits: check its length and its digits") from None

    def reveal(self) -> bytes:
        """The bytes themselves; keep them where they are used."""
        return self._value

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled or copied: reveal() it where it has to be stored, encrypted")
