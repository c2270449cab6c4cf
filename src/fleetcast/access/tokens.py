"""API tokens: made from random bytes that are passed in, shown once, kept as a hash.

A token is 32 random bytes, so that a plain SHA-256 is enough: there is nothing to guess that stretching would protect.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Final

from fleetcast.errors import Invalid

PREFIX: Final = "fleetcast_"
"""Makes a token that lies around recognisable, for people and for secret scanners."""

RANDOM_BYTES: Final = 32
HASH_BYTES: Final = 32


def written(random_bytes: bytes) -> str:
    """The token as its owner sees it, once. Takes `RANDOM_BYTES` bytes from a source fit for secrets."""
    if len(random_bytes) != RANDOM_BYTES:
        raise Invalid(f"a token is made of {RANDOM_BYTES} random bytes, not {len(random_bytes)}")
    return PREFIX + base64.urlsafe_b64encode(random_bytes).decode().rstrip("=")


def hash_of(token: str) -> bytes | None:
    """What is stored of a token, and searched for; None for text that can't be a token."""
    if not token.startswith(PREFIX):
        return None
    try:
        random_bytes = base64.b64decode(token.removeprefix(PREFIX) + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(random_bytes) != RANDOM_BYTES:
        return None
    return hashlib.sha256(random_bytes).digest()
