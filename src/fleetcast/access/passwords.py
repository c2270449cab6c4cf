"""Passwords: hashed with Argon2id (RFC 9106), compared, and renewed when the cost of a hash has become too low.

Salts are passed in, as all chance is.
"""

from __future__ import annotations

from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from fleetcast.errors import Damaged, Invalid

SALT_BYTES: Final = 16
SHORTEST: Final = 12
LONGEST: Final = 256

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# OWASP's recommendation for Argon2id: 19 MiB, two passes, one lane.


class WeakPassword(Invalid):
    """The password is too short or too long; it is not repeated."""

    def __init__(self, length: int) -> None:
        self.length = length
        super().__init__(f"a password of {length} characters: choose {SHORTEST} to {LONGEST}")


def hash_password(password: str, salt: bytes) -> str:
    """The hash to store, with its salt (`SALT_BYTES` random bytes) and cost in it; raises WeakPassword."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise WeakPassword(len(password))
    return _HASHER.hash(password, salt=salt)


def matches(password: str, stored: str) -> bool:
    """Whether this is the password; takes as long for a wrong one. Raises Damaged for what is no hash."""
    try:
        return len(password) <= LONGEST and _HASHER.verify(stored, password)
    except VerificationError:
        return False
    except InvalidHashError:
        raise Damaged("the stored password hash can't be read: set a new password") from None


def is_outdated(stored: str) -> bool:
    """Whether a hash was made at another cost than today's, and should be made anew at the next login."""
    return _HASHER.check_needs_rehash(stored)


NOBODY: Final = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
"""A hash that no password has: compared when a login is unknown, so that the answer takes equally long."""
