"""Tables of trust: the audit journal, sessions, failed logins, and the keys that files are vouched for with."""

from __future__ import annotations

from typing import Final

from sqlalchemy import DDL, Column, Index, PrimaryKeyConstraint, Table, Text, UniqueConstraint, event

from fleetcast.store.tables.columns import (
    history,
    instant,
    metadata,
    number,
    octets,
    parent,
    row_id,
    subscriber_id,
    unique_while_active,
    word,
)

audit = Table(
    "audit",
    metadata,
    subscriber_id(checked=False),
    number("n", "Its place in the subscriber's chain, from 1, without gaps."),
    instant("at", "When it was written, by the database's clock."),
    number("user_id", "Who did it; 0: Fleetcast itself, or nobody known."),
    word("who", "Login of whoever did it; empty: Fleetcast itself."),
    word("through", "What that one was known by: a token, a session, a password."),
    word("address", "Where the request came from; empty: not from the network."),
    word("kind", "What was done, in dotted words."),
    number("object_id", "Number of what it was done to.", optional=True),
    word("name", "What that is called."),
    word("before", "JSON of the fields that changed, as they were; secrets never."),
    word("after", "JSON of the same fields as they are now; secrets never."),
    word("more", "JSON of what else is to be known."),
    octets("previous", "Hash of the entry before; of the first one: zeros."),
    octets("hash", "SHA-256 of all of the above."),
    PrimaryKeyConstraint("subscriber_id", "n"),
    Index("ix_audit_subscriber_id_at", "subscriber_id", "at"),
    comment="Who did what: only ever added to, each entry chained to the one before. Subscriber 0: the deployment.",
)

audit_chain = Table(
    "audit_chain",
    metadata,
    Column(
        "subscriber_id", subscriber_id(checked=False).type, primary_key=True, autoincrement=False,
        comment="The subscriber it belongs to.",
    ),
    number("length", "Entries that were written.", default=0),
    octets("head", "Hash of the last one."),
    comment="Where each chain ends: locked while it grows, and compared to find entries cut off its end.",
)  # fmt: skip

session = Table(
    "session",
    metadata,
    row_id(),
    parent("subscriber_id", "subscriber", "Its user's subscriber; empty for a system admin's.", optional=True),
    parent("user_id", "user", "Who logged in."),
    octets("hash", "SHA-256 of the cookie; the cookie itself is kept by the browser alone."),
    word("address", "Where the login came from."),
    instant("created_at", "When it began."),
    instant("seen_at", "When it was last used, to the minute."),
    instant("expires_at", "When it ends, used or not."),
    instant("ended_at", "When it was ended by a logout or a new password; empty: it was not.", optional=True),
    UniqueConstraint("hash"),
    Index("ix_session_user_id", "user_id"),
    Index("ix_session_expires_at", "expires_at"),
    comment="A browser that somebody logged in with.",
)

login_failure = Table(
    "login_failure",
    metadata,
    Column("key", Text, primary_key=True, comment="What is counted: a login or an address, as a hash."),
    number("failures", "Attempts that failed or aren't decided yet."),
    instant("last_at", "When the last one was."),
    instant("until_at", "No attempt is looked at before this."),
    Index("ix_login_failure_last_at", "last_at"),
    comment="Failed logins not long ago: they slow down whoever guesses. It belongs to no subscriber.",
)

trusted_key = Table(
    "trusted_key",
    metadata,
    row_id(),
    subscriber_id(),
    word("name", "Whose it is; unique among those not archived."),
    word("description", "In the operator's words.", default=""),
    word("algorithm", "ed25519 or ecdsa-p256."),
    word("public_key", "The public key, PEM."),
    *history(),
    unique_while_active("trusted_key", "subscriber_id", "name"),
    comment="Public keys: a file signed with one of them is vouched for.",
)

SQLITE_GUARDS: Final = (
    (
        "CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit "
        "BEGIN SELECT RAISE(ABORT, 'audit entries are never changed'); END"
    ),
    (
        "CREATE TRIGGER audit_kept BEFORE DELETE ON audit "
        "BEGIN SELECT RAISE(ABORT, 'audit entries are never removed'); END"
    ),
    # A row put in the place of another one (REPLACE) would be neither changed nor removed.
    (
        "CREATE TRIGGER audit_appended BEFORE INSERT ON audit WHEN NEW.n <> 1 + "
        "(SELECT coalesce(max(n), 0) FROM audit WHERE subscriber_id = NEW.subscriber_id) "
        "BEGIN SELECT RAISE(ABORT, 'audit entries are only appended'); END"
    ),
    (
        "CREATE TRIGGER audit_chain_kept BEFORE DELETE ON audit_chain "
        "BEGIN SELECT RAISE(ABORT, 'audit chains are never removed'); END"
    ),
    (
        "CREATE TRIGGER audit_chain_grows BEFORE UPDATE ON audit_chain "
        "WHEN NEW.length < OLD.length OR NEW.subscriber_id <> OLD.subscriber_id "
        "BEGIN SELECT RAISE(ABORT, 'audit chains only grow'); END"
    ),
)
POSTGRESQL_GUARDS: Final = (
    (
        "CREATE FUNCTION fleetcast_audit_kept() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'audit entries are never changed or removed'; END$$"
    ),
    "CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION fleetcast_audit_kept()",
    (
        "CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION fleetcast_audit_kept()"
    ),
    "CREATE TRIGGER audit_chain_kept BEFORE DELETE ON audit_chain FOR EACH ROW EXECUTE FUNCTION fleetcast_audit_kept()",
    (
        "CREATE TRIGGER audit_chain_not_emptied BEFORE TRUNCATE ON audit_chain "
        "FOR EACH STATEMENT EXECUTE FUNCTION fleetcast_audit_kept()"
    ),
    (
        "CREATE TRIGGER audit_chain_grows BEFORE UPDATE ON audit_chain FOR EACH ROW "
        "WHEN (NEW.length < OLD.length OR NEW.subscriber_id <> OLD.subscriber_id) "
        "EXECUTE FUNCTION fleetcast_audit_kept()"
    ),
)
GUARDS: Final = {
    "sqlite": frozenset(each.split()[2] for each in SQLITE_GUARDS),
    "postgresql": frozenset(each.split()[2] for each in POSTGRESQL_GUARDS if "TRIGGER" in each),
}
"""Names of the triggers by database: `schema.differences` misses those that aren't there."""

for _dialect, _statements in (("sqlite", SQLITE_GUARDS), ("postgresql", POSTGRESQL_GUARDS)):
    for _statement in _statements:
        event.listen(metadata, "after_create", DDL(_statement).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]
