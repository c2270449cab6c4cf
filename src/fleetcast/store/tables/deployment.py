"""Tables of the deployment itself: subscribers, people, programs, workers, connections, keys and reports."""

from __future__ import annotations

from sqlalchemy import Column, Index, PrimaryKeyConstraint, Table, Text, UniqueConstraint, text

from fleetcast.store.tables.columns import (
    document,
    flag,
    history,
    instant,
    metadata,
    number,
    octets,
    one_of,
    parent,
    row_id,
    subscriber_id,
    switch,
    unique_while_active,
    word,
)

subscriber = Table(
    "subscriber",
    metadata,
    row_id(),
    word("name", "What the tenant is called; unique among those not archived."),
    number("max_devices", "Most devices that aren't archived; empty: no limit.", optional=True),
    number("max_multicast_groups", "Most multicast groups that aren't archived; empty: no limit.", optional=True),
    number("max_version_age_s", "A known firmware version older than this is asked again.", default=30 * 86400),
    flag("asks_versions", "Whether firmware versions are asked for outside campaigns too."),
    document("settings", "Campaign settings that differ from the built-in defaults, by name."),
    *history(),
    number(
        "approval_devices", "Campaigns over more devices than this need an approval; empty: none do.", optional=True
    ),
    document("approval_types", "Types of campaigns that need an approval; empty: none.", optional=True),
    switch("requires_signature", "Whether files need a signature by a trusted key before they are taken."),
    unique_while_active("subscriber", "name"),
    comment="A tenant: everything else belongs to one.",
)

user = Table(
    "user",
    metadata,
    row_id(),
    parent("subscriber_id", "subscriber", "Empty for a system admin, who belongs to none.", optional=True),
    word("login", "Unique in the deployment, in lower case, among those not archived."),
    word("password_hash", "Argon2id, with its parameters and salt."),
    word("role", "What the user may do."),
    flag("may_read_keys", "Whether keys may be shown to the user: a right given apart from the role."),
    instant("last_login_at", "When the user last logged in.", optional=True),
    *history(),
    unique_while_active("user", "login"),
    Index("ix_user_subscriber_id", "subscriber_id"),
    comment="A person who may log in.",
)

token = Table(
    "token",
    metadata,
    row_id(),
    parent("subscriber_id", "subscriber", "Its user's subscriber; empty for a system admin's.", optional=True),
    parent("user_id", "user", "Whose rights it carries."),
    word("name", "What it is for, in its owner's words."),
    octets("hash", "SHA-256 of the token; the token itself is shown once and kept nowhere."),
    word("scope", "What it may be used for."),
    instant("created_at", "When it was made."),
    instant("last_used_at", "When it was last used, to the minute.", optional=True),
    instant("expires_at", "When it ends; empty: it does not.", optional=True),
    instant("revoked_at", "When it was withdrawn; empty: valid.", optional=True),
    UniqueConstraint("hash"),
    Index("ix_token_user_id", "user_id"),
    comment="Opens the API to a program or a session.",
)

worker = Table(
    "worker",
    metadata,
    row_id(),
    word("host", "Name of the machine."),
    number("pid", "Number of the process there."),
    word("parts", "What it runs: api, worker, or both."),
    word("version", "Version of Fleetcast."),
    instant("started_at", "When it started."),
    instant("heartbeat_at", "When it last said that it is alive."),
    instant("stopped_at", "When it ended cleanly; empty: running, or lost.", optional=True),
    number("uplinks", "Uplinks it has handled.", default=0),
    number("downlinks", "Downlinks it has handed over.", default=0),
    comment="A process of this deployment. It belongs to no subscriber.",
)

connection = Table(
    "connection",
    metadata,
    row_id(),
    subscriber_id(),
    word("name", "What people call it; unique among those not archived."),
    word("kind", "The connector that speaks to it, by the name of its entry point."),
    word("description", "In the operator's words.", default=""),
    document("settings", "What the operator filled in, secrets aside."),
    flag("enabled", "Whether it is opened."),
    word("state", "Where it stands: closed, open, lost, refused.", default="closed"),
    word("state_detail", "Why, in words.", default=""),
    instant("state_at", "Since when.", optional=True),
    document("capabilities", "What the network server can do, as learned when it was opened last.", optional=True),
    parent("worker_id", "worker", "The worker that holds it open.", optional=True),
    number("fence", "Goes up by one with each claim of the connection by a worker.", default=0),
    instant("owner_until", "Until when that worker holds it, by the database's clock.", optional=True),
    *history(),
    unique_while_active("connection", "subscriber_id", "name"),
    comment="One configured network server.",
)

key_material = Table(
    "key_material",
    metadata,
    row_id(),
    subscriber_id(),
    word("kind", "What the key is: root key, McKey, signing key, connection secret, webhook secret, data key."),
    word("owner_table", "The table of the row it belongs to."),
    number("owner_id", "The number of that row."),
    word("name", "Tells several keys of one kind and owner apart; mostly empty.", default=""),
    octets("wrapped", "Nonce, ciphertext and tag of AES-256-GCM."),
    word("key_id", "The key it is wrapped under: a data key, or for a data key the key-encryption key."),
    instant("created_at", "When it was put in."),
    UniqueConstraint("owner_table", "owner_id", "kind", "name"),
    Index("ix_key_material_key_id", "key_id"),
    comment="Secrets, encrypted: each under its subscriber's data key, that one under a key-encryption key.",
)

idempotency_key = Table(
    "idempotency_key",
    metadata,
    subscriber_id(checked=False),
    parent("user_id", "user", "Who sent it."),
    word("key", "The key, as the caller chose it."),
    octets("request_hash", "SHA-256 of method, path and body: the same key with another request is refused."),
    number("status", "Status of the answer; empty while the first request is under way.", optional=True),
    document("headers", "Headers of the answer that matter.", optional=True),
    octets("body", "The answer, given again to a repetition.", optional=True),
    instant("created_at", "When the first request came; old ones are removed."),
    PrimaryKeyConstraint("subscriber_id", "user_id", "key"),
    Index("ix_idempotency_key_created_at", "created_at"),
    comment="Answers to creations, so that a repeated request creates nothing twice.",
)

webhook = Table(
    "webhook",
    metadata,
    row_id(),
    subscriber_id(),
    word("name", "What it is for; unique among those not archived."),
    word("url", "Where deliveries are posted."),
    document("kinds", "Kinds of journal lines it wants; empty: all."),
    flag("enabled", "Whether deliveries are made."),
    number("journal_id", "The last line of the journal it was considered for.", default=0),
    *history(),
    unique_while_active("webhook", "subscriber_id", "name"),
    comment="An address that is told what happens. Its signing secret is key material.",
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    row_id(),
    subscriber_id(),
    parent("webhook_id", "webhook", "Whom it is for."),
    number("journal_id", "The line of the journal it tells."),
    word("body", "What is posted, byte for byte, with each attempt."),
    word("state", "Where it stands."),
    number("attempts", "Attempts made.", default=0),
    instant("next_at", "When the next attempt is due; empty: none is.", optional=True),
    number("claimed_by", "The worker that makes an attempt just now.", optional=True),
    instant("claimed_until", "Until when that worker has it, by the database's clock.", optional=True),
    number("status", "Status of the last answer.", optional=True),
    word("error", "Why the last attempt failed.", default=""),
    instant("created_at", "When it was put here."),
    instant("delivered_at", "When it was taken.", optional=True),
    one_of("state", "waiting", "delivered", "given up"),
    UniqueConstraint("webhook_id", "journal_id"),
    Index(
        "ix_webhook_delivery_next_at",
        "next_at",
        sqlite_where=text("next_at IS NOT NULL"),
        postgresql_where=text("next_at IS NOT NULL"),
    ),
    comment="One message to a webhook, until it is taken or given up.",
)

usage_report = Table(
    "usage_report",
    metadata,
    row_id(),
    subscriber_id(),
    word("kind", "usage, or delta (devices that take deltas)."),
    instant("from_at", "Beginning of the time it covers."),
    instant("until_at", "End of that time, exclusive."),
    word("month", "The calendar month (UTC) as 2026-03; empty for one made on demand.", default=""),
    instant("made_at", "When it was made."),
    Column("content", Text, nullable=False, comment="The report: CSV without a header row."),
    one_of("kind", "usage", "delta"),
    Index(
        "uq_usage_report_subscriber_id_kind_month",
        "subscriber_id",
        "kind",
        "month",
        unique=True,
        sqlite_where=text("month <> ''"),
        postgresql_where=text("month <> ''"),
    ),
    comment="Usage reports: one of each kind for a month, and those made on demand.",
)
