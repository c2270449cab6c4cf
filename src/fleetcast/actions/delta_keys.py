"""Keys that sign delta firmware (ECDSA on prime256v1): the private half goes into the vault and stays there."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection

from fleetcast.access import Identity, Right
from fleetcast.actions.fields import TEXT_LONGEST, Checks, InvalidField, InvalidFields
from fleetcast.actions.history import CHANGED
from fleetcast.actions.objects import Editable
from fleetcast.instants import InstantMs
from fleetcast.secret import Secret
from fleetcast.store import delta_keys
from fleetcast.store.database import Database
from fleetcast.store.delta_keys import DeltaKey
from fleetcast.store.idempotency import Once
from fleetcast.store.key_vault import KeyKind, KeyVault

__all__ = ["DELTA_KEYS", "DeltaKey", "create"]


def _check(what: DeltaKey) -> None:
    checks = Checks()
    checks.text("name", what.name, must=True)
    checks.text("description", what.description, longest=TEXT_LONGEST)
    checks.done()


DELTA_KEYS: Final = Editable(kind=delta_keys.KIND, check=_check, right=Right.ADMINISTER, label=lambda what: what.name)


def create(
    database: Database,
    vault: KeyVault,
    who: Identity,
    name: str,
    description: str,
    private_key: Secret | None,
    now: InstantMs,
    once: Once | None = None,
) -> int:
    """Put a key in, as PKCS#8 in PEM; without one given, a new one is made. Gives its number."""
    key = ec.generate_private_key(ec.SECP256R1()) if private_key is None else _read(private_key)
    kept = Secret(
        key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def keep(connection: Connection, row_id: int) -> None:
        vault.put(connection, who.subscriber_id, KeyKind.SIGNING_KEY, row_id, kept, now)

    new = DeltaKey(name=name, description=description, public_key=public.decode())
    return DELTA_KEYS.create(database, who, new, now, once, then=keep, told={"private_key": CHANGED})


def _read(private_key: Secret) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(private_key.reveal(), password=None)
    except (ValueError, TypeError):
        # The parser's own text is left out: it might repeat what it read.
        raise InvalidFields(InvalidField("private_key", "can't be read: send PKCS#8 in PEM, not encrypted")) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InvalidFields(InvalidField("private_key", "is no ECDSA key on prime256v1 (secp256r1)"))
    return key
