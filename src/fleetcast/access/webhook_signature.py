"""How a delivery to a webhook is signed, so that its receiver knows whom it is from and that it is fresh.

The headers and the string that is signed are those of the Standard Webhooks specification (1.0.0), so that libraries
for receivers exist. Nothing is sent here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final

from fleetcast.errors import Invalid
from fleetcast.secret import Secret

SECRET_BYTES: Final = 32
TOLERANCE_S: Final = 300
"""A receiver refuses what was signed longer ago, or lies further ahead: so nobody can play old deliveries again."""
_PREFIX: Final = "whsec_"
_VERSION: Final = "v1"


def written(secret: Secret) -> Secret:
    """The secret as it is shown to people: `whsec_` and base64."""
    return Secret(_PREFIX.encode() + base64.b64encode(secret.reveal()))


def read(text: str) -> Secret:
    """A secret that `written` made; raises Invalid without repeating it."""
    try:
        return Secret(base64.b64decode(text.removeprefix(_PREFIX), validate=True))
    except (binascii.Error, ValueError):
        raise Invalid("this is no webhook secret: it starts with whsec_ and goes on in base64") from None


def headers(secret: Secret, message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The headers of one attempt; `timestamp_s`: seconds since 1970-01-01 00:00 UTC."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": f"{_VERSION},{_signature(secret, message_id, str(timestamp_s), body)}",
    }


def verify(
    secret: Secret, message_id: str, timestamp: str, signatures: str, body: bytes, now_s: int
) -> bool:  # fmt: skip
    """What a receiver does: whether one of the signatures is right and the timestamp within five minutes of `now_s`."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
        return False
    if abs(int(timestamp) - now_s) > TOLERANCE_S:
        return False
    right = _signature(secret, message_id, timestamp, body).encode()
    found = False
    for each in signatures.split(" "):
        version, _, value = each.partition(",")
        found |= version == _VERSION and hmac.compare_digest(value.encode(errors="replace"), right)
    return found


def _signature(secret: Secret, message_id: str, timestamp: str, body: bytes) -> str:
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return base64.b64encode(hmac.new(secret.reveal(), signed, hashlib.sha256).digest()).decode()
