"""Tokens of the tunnel interface: SHA-256 over what is sent and the AS key, in both directions. Pure.

Source: "LRC-AS tunnel interface" (ThingPark), section on security; confirmed on the examples that are published. Values
are hashed percent-decoded, with plus signs as they are, and the key as lower-case text.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final
from urllib.parse import unquote

from fleetcast.secret import Secret

SIGNED_QUERY: Final = ("LrnDevEui", "LrnFPort", "LrnInfos", "AS_ID", "Time")
"""What of a report's query is hashed, in this order, however it was sent."""

_ELEMENTS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "DevEUI_uplink": (("CustomerID", "DevEUI", "FPort", "FCntUp", "payload_hex"),),
    "DevEUI_downlink_Sent": (("CustomerID", "DevEUI", "FPort", "FCntDn"),),
    # No example is published: the rule of the sent report, else the one of releases that left the counters out.
    "DevEUI_multicast_summary": (("CustomerID", "DevEUI", "FPort", "FCntDn"), ("CustomerID", "DevEUI")),
    "DevEUI_notification": (("CustomerID", "DevEUI"),),
    "DevEUI_location": (("CustomerID", "DevEUI"),),
}
_OTHERS: Final = (("CustomerID", "DevEUI"),)
_WHEN_MISSING: Final = {"FPort": "0"}


def parse_query(raw: bytes) -> dict[str, str]:
    """The parameters of a query; a plus sign stays one. Of a name that is there twice the first counts.

    Raises ValueError for bytes that are no text.
    """
    found: dict[str, str] = {}
    for part in raw.decode("ascii").split("&"):
        name, _, value = part.partition("=")
        if "%" in value:
            value = value.replace("%3A", ":").replace("%2B", "+")  # those of every Time, quicker than the general way
            if "%" in value:
                value = unquote(value, errors="strict")
        found.setdefault(name, value)
    return found


def is_signed(kind: str, fields: Mapping[str, object], query: Mapping[str, str], key: Secret) -> bool:
    """Whether a report's token is one that only who knows the AS key can have made."""
    token = query.get("Token", "")
    # What was hashed must have been there: two reports that read differently must not hash alike.
    if not token.isascii() or any(name not in query for name in SIGNED_QUERY):
        return False
    asked = "&".join([f"{name}={query[name]}" for name in SIGNED_QUERY])
    secret = key_text(key)
    given = token.lower()
    for elements in _ELEMENTS.get(kind, _OTHERS):
        said = "".join([_element(kind, name, fields.get(name)) for name in elements])
        made = sha256(f"{said}{asked}{secret}".encode(errors="surrogatepass")).hexdigest()
        if hmac.compare_digest(made, given):
            return True
    return False


def request_token(parameters: Sequence[tuple[str, str]], key: Secret) -> str:
    """The token of a downlink request: over its parameters as they are sent, in their order, decoded."""
    said = "&".join(f"{name}={value}" for name, value in parameters)
    return sha256(f"{said}{key_text(key)}".encode(errors="surrogatepass")).hexdigest()


def key_text(key: Secret) -> str:
    """The AS key as it is hashed: lower case, however it was copied; one with both cases is taken as it is."""
    text = key.reveal().decode("ascii")
    return text.lower() if text == text.upper() else text


def _element(kind: str, name: str, value: object) -> str:
    if value is None:
        return _WHEN_MISSING.get(name, "")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value)
    return text.lower() if kind == "DevEUI_location" and name == "DevEUI" else text
