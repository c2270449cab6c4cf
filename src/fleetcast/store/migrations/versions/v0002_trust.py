"""Audit journal, sessions, failed logins, trusted keys, approvals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
SQLITE_GUARDS = (
    (
        "CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit entries "
        "are never changed'); END"
    ),
    (
        "CREATE TRIGGER audit_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit entries are "
        "never removed'); END"
    ),
    (
        "CREATE TRIGGER audit_appended BEFORE INSERT ON audit WHEN NEW.n <> 1 + (SELECT coalesce(max(n), "
        "0) FROM audit WHERE subscriber_id = NEW.subscriber_id) BEGIN SELECT RAISE(ABORT, 'audit entries "
        "are only appended'); END"
    ),
    (
        "CREATE TRIGGER audit_chain_kept BEFORE DELETE ON audit_chain BEGIN SELECT RAISE(ABORT, 'audit "
        "chains are never removed'); END"
    ),
    (
        "CREATE TRIGGER audit_chain_grows BEFORE UPDATE ON audit_chain WHEN NEW.length < OLD.length OR "
        "NEW.subscriber_id <> OLD.subscriber_id BEGIN SELECT RAISE(ABORT, 'audit chains only grow'); END"
    ),
)
POSTGRESQL_GUARDS = (
    (
        "CREATE FUNCTION fleetcast_audit_kept() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE "
        "EXCEPTION 'audit entries are never changed or removed'; END$$"
    ),
    ("CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION fleetcast_audit_kept()"),
    (
        "CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION "
        "fleetcast_audit_kept()"
    ),
    (
        "CREATE TRIGGER audit_chain_kept BEFORE DELETE ON audit_chain FOR EACH ROW EXECUTE FUNCTION "
        "fleetcast_audit_kept()"
    ),
    (
        "CREATE TRIGGER audit_chain_not_emptied BEFORE TRUNCATE ON audit_chain FOR EACH STATEMENT "
        "EXECUTE FUNCTION fleetcast_audit_kept()"
    ),
    (
        "CREATE TRIGGER audit_chain_grows BEFORE UPDATE ON audit_chain FOR EACH ROW WHEN (NEW.length < "
        "OLD.length OR NEW.subscriber_id <> OLD.subscriber_id) EXECUTE FUNCTION fleetcast_audit_kept()"
    ),
)


def upgrade() -> None:
    """Make the tables of trust, and the columns that say who made, approved and signed."""
    _audit()
    _audit_chain()
    _login_failure()
    _trusted_key()
    _session()
    _columns()
    _idempotency_key()
    for statement in SQLITE_GUARDS if op.get_bind().dialect.name == "sqlite" else POSTGRESQL_GUARDS:
        op.execute(statement)


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column(
            "n", sa.BigInteger(), nullable=False, comment="Its place in the subscriber's chain, from 1, without gaps."
        ),
        sa.Column(
            "at",
            sa.BigInteger(),
            nullable=False,
            comment="When it was written, by the database's clock. Milliseconds UTC.",
        ),
        sa.Column(
            "user_id", sa.BigInteger(), nullable=False, comment="Who did it; 0: Fleetcast itself, or nobody known."
        ),
        sa.Column("who", sa.Text(), nullable=False, comment="Login of whoever did it; empty: Fleetcast itself."),
        sa.Column(
            "through", sa.Text(), nullable=False, comment="What that one was known by: a token, a session, a password."
        ),
        sa.Column(
            "address", sa.Text(), nullable=False, comment="Where the request came from; empty: not from the network."
        ),
        sa.Column("kind", sa.Text(), nullable=False, comment="What was done, in dotted words."),
        sa.Column("object_id", sa.BigInteger(), nullable=True, comment="Number of what it was done to."),
        sa.Column("name", sa.Text(), nullable=False, comment="What that is called."),
        sa.Column(
            "before", sa.Text(), nullable=False, comment="JSON of the fields that changed, as they were; secrets never."
        ),
        sa.Column(
            "after", sa.Text(), nullable=False, comment="JSON of the same fields as they are now; secrets never."
        ),
        sa.Column("more", sa.Text(), nullable=False, comment="JSON of what else is to be known."),
        sa.Column(
            "previous", sa.LargeBinary(), nullable=False, comment="Hash of the entry before; of the first one: zeros."
        ),
        sa.Column("hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of all of the above."),
        sa.PrimaryKeyConstraint("subscriber_id", "n", name=op.f("pk_audit")),
        comment="Who did what: only ever added to, each entry chained to the one before. Subscriber 0: the deployment.",
    )
    op.create_index("ix_audit_subscriber_id_at", "audit", ["subscriber_id", "at"], unique=False)


def _audit_chain() -> None:
    op.create_table(
        "audit_chain",
        sa.Column(
            "subscriber_id", IDENTITY, autoincrement=False, nullable=False, comment="The subscriber it belongs to."
        ),
        sa.Column("length", sa.BigInteger(), server_default="0", nullable=False, comment="Entries that were written."),
        sa.Column("head", sa.LargeBinary(), nullable=False, comment="Hash of the last one."),
        sa.PrimaryKeyConstraint("subscriber_id", name=op.f("pk_audit_chain")),
        comment="Where each chain ends: locked while it grows, and compared to find entries cut off its end.",
    )


def _login_failure() -> None:
    op.create_table(
        "login_failure",
        sa.Column("key", sa.Text(), nullable=False, comment="What is counted: a login or an address, as a hash."),
        sa.Column("failures", sa.BigInteger(), nullable=False, comment="Attempts that failed or aren't decided yet."),
        sa.Column("last_at", sa.BigInteger(), nullable=False, comment="When the last one was. Milliseconds UTC."),
        sa.Column(
            "until_at",
            sa.BigInteger(),
            nullable=False,
            comment="No attempt is looked at before this. Milliseconds UTC.",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_login_failure")),
        comment="Failed logins not long ago: they slow down whoever guesses. It belongs to no subscriber.",
    )
    op.create_index("ix_login_failure_last_at", "login_failure", ["last_at"], unique=False)


def _trusted_key() -> None:
    op.create_table(
        "trusted_key",
        sa.Column("id", IDENTITY, autoincrement=True, nullable=False, comment="Number of the row; never used twice."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column("name", sa.Text(), nullable=False, comment="Whose it is; unique among those not archived."),
        sa.Column("description", sa.Text(), server_default="", nullable=False, comment="In the operator's words."),
        sa.Column("algorithm", sa.Text(), nullable=False, comment="ed25519 or ecdsa-p256."),
        sa.Column("public_key", sa.Text(), nullable=False, comment="The public key, PEM."),
        sa.Column("created_at", sa.BigInteger(), nullable=False, comment="When it was made. Milliseconds UTC."),
        sa.Column(
            "changed_at", sa.BigInteger(), nullable=False, comment="When somebody changed it last. Milliseconds UTC."
        ),
        sa.Column(
            "revision",
            sa.BigInteger(),
            server_default="1",
            nullable=False,
            comment="Goes up by one with each edit: two editors can't overwrite one another.",
        ),
        sa.Column(
            "archived_at",
            sa.BigInteger(),
            nullable=True,
            comment="When it was archived; empty: active. Milliseconds UTC.",
        ),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_trusted_key_subscriber_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trusted_key")),
        comment="Public keys: a file signed with one of them is vouched for.",
    )
    op.create_index(
        "uq_trusted_key_name_active",
        "trusted_key",
        ["subscriber_id", "name"],
        unique=True,
        sqlite_where=sa.text("archived_at IS NULL"),
        postgresql_where=sa.text("archived_at IS NULL"),
    )


def _session() -> None:
    op.create_table(
        "session",
        sa.Column("id", IDENTITY, autoincrement=True, nullable=False, comment="Number of the row; never used twice."),
        sa.Column(
            "subscriber_id",
            IDENTITY,
            autoincrement=False,
            nullable=True,
            comment="Its user's subscriber; empty for a system admin's.",
        ),
        sa.Column("user_id", IDENTITY, autoincrement=False, nullable=False, comment="Who logged in."),
        sa.Column(
            "hash",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of the cookie; the cookie itself is kept by the browser alone.",
        ),
        sa.Column("address", sa.Text(), nullable=False, comment="Where the login came from."),
        sa.Column("created_at", sa.BigInteger(), nullable=False, comment="When it began. Milliseconds UTC."),
        sa.Column(
            "seen_at",
            sa.BigInteger(),
            nullable=False,
            comment="When it was last used, to the minute. Milliseconds UTC.",
        ),
        sa.Column(
            "expires_at", sa.BigInteger(), nullable=False, comment="When it ends, used or not. Milliseconds UTC."
        ),
        sa.Column(
            "ended_at",
            sa.BigInteger(),
            nullable=True,
            comment="When it was ended by a logout or a new password; empty: it was not. Milliseconds UTC.",
        ),
        sa.UniqueConstraint("hash", name=op.f("uq_session_hash")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_session_subscriber_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_session_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        comment="A browser that somebody logged in with.",
    )
    op.create_index("ix_session_expires_at", "session", ["expires_at"], unique=False)
    op.create_index("ix_session_user_id", "session", ["user_id"], unique=False)


def _columns() -> None:
    op.add_column(
        "campaign",
        sa.Column(
            "made_by_id",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="User who said last what it is; 0: Fleetcast itself.",
        ),
    )
    op.add_column(
        "campaign",
        sa.Column(
            "approved_content",
            sa.Text(),
            nullable=True,
            comment="Fingerprint of what was approved, its file and sets among it.",
        ),
    )
    op.add_column(
        "file",
        sa.Column(
            "uploaded_by", sa.Text(), server_default="", nullable=False, comment="Login of whoever sent the content."
        ),
    )
    op.add_column(
        "file", sa.Column("signature", sa.LargeBinary(), nullable=True, comment="Detached signature over the upload.")
    )
    op.add_column(
        "file",
        sa.Column(
            "trusted_key_id",
            sa.BigInteger(),
            nullable=True,
            comment="The trusted key that vouches for it; empty: none does.",
        ),
    )
    op.add_column(
        "file",
        sa.Column(
            "mcuboot", DOCUMENT, nullable=True, comment="What an MCUboot image says of itself, and whether it is true."
        ),
    )
    op.add_column(
        "subscriber",
        sa.Column(
            "approval_devices",
            sa.BigInteger(),
            nullable=True,
            comment="Campaigns over more devices than this need an approval; empty: none do.",
        ),
    )
    op.add_column(
        "subscriber",
        sa.Column(
            "approval_types", DOCUMENT, nullable=True, comment="Types of campaigns that need an approval; empty: none."
        ),
    )
    op.add_column(
        "subscriber",
        sa.Column(
            "requires_signature",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="Whether files need a signature by a trusted key before they are taken.",
        ),
    )


def _idempotency_key() -> None:
    """A system admin belongs to no subscriber: the reference to one goes."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("fk_idempotency_key_subscriber_id"), "idempotency_key", type_="foreignkey")
        return
    op.execute("CREATE TEMPORARY TABLE kept_keys AS SELECT * FROM idempotency_key")
    op.drop_table("idempotency_key")
    op.create_table(
        "idempotency_key",
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column("user_id", IDENTITY, autoincrement=False, nullable=False, comment="Who sent it."),
        sa.Column("key", sa.Text(), nullable=False, comment="The key, as the caller chose it."),
        sa.Column(
            "request_hash",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of method, path and body: the same key with another request is refused.",
        ),
        sa.Column(
            "status",
            sa.BigInteger(),
            nullable=True,
            comment="Status of the answer; empty while the first request is under way.",
        ),
        sa.Column("headers", DOCUMENT, nullable=True, comment="Headers of the answer that matter."),
        sa.Column("body", sa.LargeBinary(), nullable=True, comment="The answer, given again to a repetition."),
        sa.Column(
            "created_at",
            sa.BigInteger(),
            nullable=False,
            comment="When the first request came; old ones are removed. Milliseconds UTC.",
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "user_id", "key", name=op.f("pk_idempotency_key")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_idempotency_key_user_id")),
        comment="Answers to creations, so that a repeated request creates nothing twice.",
    )
    op.create_index("ix_idempotency_key_created_at", "idempotency_key", ["created_at"], unique=False)
    op.execute("INSERT INTO idempotency_key SELECT * FROM kept_keys")
    op.execute("DROP TABLE kept_keys")
