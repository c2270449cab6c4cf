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

_FEWEST_DIFFERENT: Final = 5
_TRIED_FIRST: Final = (
    "password", "passwort", "motdepasse", "fleetcast", "administrator", "admin", "qwertyuiop", "qwertzuiop", "qwerty",
    "letmein", "welcome", "changeme", "iloveyou", "abcdefghijkl", "lorawan", "secret", "firmware",
)  # fmt: skip

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# OWASP's recommendation for Argon2id: 19 MiB, two passes, one lane.


class WeakPassword(Invalid):
    """The password is too short or too long; it is not repeated."""

    def __init__(self, length: int) -> None:
        self.length = length
        super().__init__(f"a password of {length} characters: choose {SHORTEST} to {LONGEST}")


def complaints(password: str, login: str = "") -> list[str]:
    """What is wrong with a new password, a sentence each; it is not repeated. Empty: it may be taken.

    Length is what counts, and that it is none of those tried first (NIST SP 800-63B, 5.1.1.2): no rules of composition.
    """
    found = []
    if not SHORTEST <= len(password) <= LONGEST:
        found.append(str(WeakPassword(len(password))))
    letters = "".join(char for char in password.lower() if char.isalpha())
    tried_first = any(letters and letters == word * (len(letters) // len(word)) for word in _TRIED_FIRST)
    if tried_first or len(set(password)) < _FEWEST_DIFFERENT or password.isdigit():
        found.append("is among those that are tried first: choose a sentence of your own")
    if len(login) > 2 and login.lower() in password.lower():
        found.append("has the login in it: choose another one")
    return found


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
