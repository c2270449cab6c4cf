"""Keys that files are vouched for with: put in by admins, never changed, archived when they are trusted no more."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from fleetcast.access import Identity, Right, signatures
from fleetcast.actions.fields import TEXT_LONGEST, Checks, InvalidField, InvalidFields
from fleetcast.actions.objects import Editable
from fleetcast.errors import Invalid
from fleetcast.instants import InstantMs
from fleetcast.store import trusted_keys
from fleetcast.store.database import Database
from fleetcast.store.idempotency import Once
from fleetcast.store.trusted_keys import TrustedKey

__all__ = ["TRUSTED_KEYS", "NotVouchedFor", "TrustedKey", "create", "vouching_key"]


class NotVouchedFor(Invalid):
    """A file without a signature by a trusted key."""


def _check(what: TrustedKey) -> None:
    checks = Checks()
    checks.text("name", what.name, must=True)
    checks.text("description", what.description, longest=TEXT_LONGEST)
    checks.done()


TRUSTED_KEYS: Final = Editable(
    kind=trusted_keys.KIND, check=_check, right=Right.ADMINISTER, label=lambda what: what.name
)


def create(
    database: Database, who: Identity, name: str, description: str, public_key: str, now: InstantMs,
    once: Once | None = None,
) -> int:  # fmt: skip
    """Trust a public key, in PEM; gives its number. Raises InvalidFields."""
    who.require(Right.ADMINISTER)
    try:
        algorithm, pem = signatures.read_public_key(public_key)
    except Invalid as error:
        raise InvalidFields(InvalidField("public_key", str(error))) from None
    new = TrustedKey(name=name, description=description, algorithm=algorithm, public_key=pem)
    return TRUSTED_KEYS.create(database, who, new, now, once)


def vouching_key(
    connection: Connection, subscriber_id: int, signature: bytes | None, content: bytes, *, required: bool,
    besides: str = "",
) -> int | None:  # fmt: skip
    """The trusted key that signed the content; None where no signature was sent and none is asked for.

    `besides` is what is to be said of signatures in the content itself.

    Raises NotVouchedFor: a signature that was sent and isn't right is refused also where none is asked for.
    """
    if signature is None:
        if required:
            also = f" ({besides})" if besides else ""
            raise NotVouchedFor(
                f"this subscriber takes signed files only: send a detached signature by a trusted key{also}"
            )
        return None
    known = trusted_keys.active(connection, subscriber_id)
    found = next((each.id for each in known if signatures.is_signed_by(each.what.public_key, signature, content)), None)
    if found is None:
        raise NotVouchedFor(f"the signature is by none of the {len(known)} trusted keys, or over something else")
    return found
