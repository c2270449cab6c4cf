"""What an MCUboot image says of itself, and which of the subscriber's trusted keys signed it."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection

from fleetcast.access import signatures
from fleetcast.firmware.mcuboot import McubootHeader, McubootSignature, SignatureKind
from fleetcast.store import trusted_keys
from fleetcast.store.objects import Stored
from fleetcast.store.trusted_keys import TrustedKey

_ALGORITHM: Final = {SignatureKind.ED25519: signatures.ED25519, SignatureKind.ECDSA: signatures.ECDSA_P256}
"""What the signatures that can be checked are made with; keys of other kinds can't be put in."""


def described(connection: Connection, subscriber_id: int, image: McubootHeader) -> dict[str, Any]:
    """The document that is kept with the file: its form is part of the API."""
    known = trusted_keys.active(connection, subscriber_id)
    return {
        "version": image.version,
        "load_address": image.load_address,
        "header_bytes": image.header_bytes,
        "image_bytes": image.image_bytes,
        "flags": image.flags,
        "encrypted": image.encrypted,
        "security_counter": image.security_counter,
        "hash_checked": image.hash_checked,
        "problem": image.problem,
        "unsigned_tail": image.tail,
        "signatures": [_signature(known, each, encrypted=image.encrypted) for each in image.signatures],
    }


def vouching_key(image: McubootHeader, said: dict[str, Any]) -> tuple[int | None, str]:
    """The trusted key that vouches for all that devices get; None, and why not."""
    signed = [each["trusted_key_id"] for each in said["signatures"] if each["trusted_key_id"] is not None]
    if signed and not image.tail:
        return signed[0], ""
    if signed:
        return None, "bytes follow the MCUboot image that its signature does not cover"
    if image.encrypted:
        return None, "the signature in an encrypted MCUboot image can be checked by devices alone"
    if not image.signatures:
        return None, "the MCUboot image carries no signature"
    kinds = ", ".join(sorted({each.kind.value for each in image.signatures}))
    return None, f"the signature in the MCUboot image ({kinds}) is by none of the trusted keys"


def _signature(known: list[Stored[TrustedKey]], found: McubootSignature, *, encrypted: bool) -> dict[str, Any]:
    algorithm = _ALGORITHM.get(found.kind)
    fitting = [] if encrypted else [each for each in known if each.what.algorithm == algorithm]
    by = next((each.id for each in fitting if _is_by(each.what.public_key, found)), None)
    return {"kind": found.kind.value, "key_hash": found.key_hash, "trusted_key_id": by}


def _is_by(pem: str, found: McubootSignature) -> bool:
    check = signatures.is_signed_by if found.pure else signatures.is_signed_over_digest
    return check(pem, found.signature, found.signed)
