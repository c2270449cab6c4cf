"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """Make every table of the first schema, those that others refer to first."""
    _journal()
    _message()
    _subscriber()
    _worker()
    _connection()
    _delta_signing_key()
    _device_set()
    _file_content()
    _key_material()
    _region()
    _usage_report()
    _user()
    _webhook()
    _device_profile()
    _heard_key()
    _idempotency_key()
    _token()
    _webhook_delivery()
    _file()
    _campaign()
    _campaign_device_set()
    _campaign_plan()
    _campaign_region()
    _inbox()
    _multicast_group()
    _outbox()
    _campaign_group()
    _device()
    _region_group()
    _campaign_device()
    _campaign_left_out()
    _device_facts()
    _device_set_member()


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column(
            "id",
            IDENTITY,
            autoincrement=True,
            nullable=False,
            comment="Number of the line; rises, also where lines of several writers mix.",
        ),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column("campaign_id", sa.BigInteger(), nullable=True, comment="The campaign it is about."),
        sa.Column("device_id", sa.BigInteger(), nullable=True, comment="The device it is about."),
        sa.Column("multicast_group_id", sa.BigInteger(), nullable=True, comment="The multicast group it is about."),
        sa.Column("kind", sa.Text(), nullable=False, comment="What sort of thing happened."),
        sa.Column(
            "who",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="Login of whoever did it; empty: Fleetcast itself.",
        ),
        sa.Column("text", sa.Text(), nullable=False, comment="What happened, in a sentence."),
        sa.Column("data", DOCUMENT, nullable=True, comment="The same for programs."),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="When it happened. Milliseconds UTC."),
        sa.Column(
            "transaction_id",
            sa.BigInteger(),
            nullable=True,
            comment="PostgreSQL: the transaction that wrote it; who follows the journal passes none still open.",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
        comment="The history, only ever added to. It also moves what is watched live.",
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_journal_campaign_id_id",
        "journal",
        ["campaign_id", "id"],
        unique=False,
        sqlite_where=sa.text("campaign_id IS NOT NULL"),
        postgresql_where=sa.text("campaign_id IS NOT NULL"),
    )
    op.create_index(
        "ix_journal_device_id_id",
        "journal",
        ["device_id", "id"],
        unique=False,
        sqlite_where=sa.text("device_id IS NOT NULL"),
        postgresql_where=sa.text("device_id IS NOT NULL"),
    )
    op.create_index("ix_journal_subscriber_id_id", "journal", ["subscriber_id", "id"], unique=False)


def _message() -> None:
    op.create_table(
        "message",
        sa.Column(
            "id",
            IDENTITY,
            autoincrement=True,
            nullable=False,
            comment="Number of the message; rises with time, nearly.",
        ),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column(
            "device_id", sa.BigInteger(), nullable=True, comment="The device it came from or went to; empty: multicast."
        ),
        sa.Column(
            "multicast_group_id", sa.BigInteger(), nullable=True, comment="The group it went to; empty: unicast."
        ),
        sa.Column("campaign_id", sa.BigInteger(), nullable=True, comment="The campaign it belongs to."),
        sa.Column("direction", sa.Text(), nullable=False, comment="up or down."),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="When it was received or sent. Milliseconds UTC."),
        sa.Column("f_port", sa.BigInteger(), nullable=True, comment="Its FPort."),
        sa.Column("payload", sa.LargeBinary(), nullable=False, comment="Its bytes, in clear."),
        sa.Column("f_cnt", sa.BigInteger(), nullable=True, comment="Its frame counter, where known."),
        sa.Column(
            "outcome",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="down: handed over, sent, failed or unknown; up: empty.",
        ),
        sa.Column(
            "effect_id", sa.BigInteger(), nullable=True, comment="down: the campaign's effect that it carries out."
        ),
        sa.Column("radio", DOCUMENT, nullable=True, comment="Data rate, gateways, RSSI, SNR and the like."),
        sa.CheckConstraint("direction IN ('up', 'down')", name=op.f("ck_message_direction")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        comment="What was said on the air; explained when it is read.",
        sqlite_autoincrement=True,
    )
    op.create_index("ix_message_at", "message", ["at"], unique=False)
    op.create_index(
        "ix_message_campaign_id_effect_id",
        "message",
        ["campaign_id", "effect_id"],
        unique=False,
        sqlite_where=sa.text("effect_id IS NOT NULL"),
        postgresql_where=sa.text("effect_id IS NOT NULL"),
    )
    op.create_index(
        "ix_message_device_id_id",
        "message",
        ["device_id", "id"],
        unique=False,
        sqlite_where=sa.text("device_id IS NOT NULL"),
        postgresql_where=sa.text("device_id IS NOT NULL"),
    )


def _subscriber() -> None:
    op.create_table(
        "subscriber",
        sa.Column("id", IDENTITY, autoincrement=True, nullable=False, comment="Number of the row; never used twice."),
        sa.Column(
            "name", sa.Text(), nullable=False, comment="What the tenant is called; unique among those not archived."
        ),
        sa.Column(
            "max_devices", sa.BigInteger(), nullable=True, comment="Most devices that aren't archived; empty: no limit."
        ),
        sa.Column(
            "max_multicast_groups",
            sa.BigInteger(),
            nullable=True,
            comment="Most multicast groups that aren't archived; empty: no limit.",
        ),
        sa.Column(
            "max_version_age_s",
            sa.BigInteger(),
            server_default="2592000",
            nullable=False,
            comment="A known firmware version older than this is asked again.",
        ),
        sa.Column(
            "asks_versions",
            sa.Boolean(),
            nullable=False,
            comment="Whether firmware versions are asked for outside campaigns too.",
        ),
        sa.Column(
            "settings",
            DOCUMENT,
            nullable=False,
            comment="Campaign settings that differ from the built-in defaults, by name.",
        ),
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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriber")),
        comment="A tenant: everything else belongs to one.",
    )
    op.create_index(
        "uq_subscriber_name_active",
        "subscriber",
        ["name"],
        unique=True,
        sqlite_where=sa.text("archived_at IS NULL"),
        postgresql_where=sa.text("archived_at IS NULL"),
    )


def _worker() -> None:
    op.create_table(
        "worker",
        sa.Column("id", IDENTITY, autoincrement=True, nullable=False, comment="Number of the row; never used twice."),
        sa.Column("host", sa.Text(), nullable=False, comment="Name of the machine."),
        sa.Column("pid", sa.BigInteger(), nullable=False, comment="Number of the process there."),
        sa.Column("parts", sa.Text(), nullable=False, comment="What it runs: api, worker, or both."),
        sa.Column("version", sa.Text(), nullable=False, comment="Version of Fleetcast."),
        sa.Column("started_at", sa.BigInteger(), nullable=False, comment="When it started. Milliseconds UTC."),
        sa.Column(
            "heartbeat_at",
            sa.BigInteger(),
            nullable=False,
            comment="When it last said that it is alive. Milliseconds UTC.",
        ),
        sa.Column(
            "stopped_at",
            sa.BigInteger(),
            nullable=True,
            comment="When it ended cleanly; empty: running, or lost. Milliseconds UTC.",
        ),
        sa.Column("uplinks", sa.BigInteger(), server_default="0", nullable=False, comment="Uplinks it has handled."),
        sa.Column(
            "downlinks", sa.BigInteger(), server_default="0", nullable=False, comment="Downlinks it has handed over."
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker")),
        comment="A process of this deployment. It belongs to no subscriber.",
    )


def _connection() -> None:
    op.create_table(
        "connection",
        sa.Column("id", IDENTITY, autoincrement=True, nullable=False, comment="Number of the row; never used twice."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column("name", sa.Text(), nullable=False, comment="What people call it; unique among those not archived."),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="The connector that speaks to it, by the name of its entry point.",
        ),
        sa.Column("description", sa.Text(), server_default="", nullable=False, comment="In the operator's words."),
        sa.Column("settings", DOCUMENT, nullable=False, comment="What the operator filled in, secrets aside."),
        sa.Column("enabled", sa.Boolean(), nullable=False, comment="Whether it is opened."),
        sa.Column(
            "state",
            sa.Text(),
            server_default="closed",
            nullable=False,
            comment="Where it stands: closed, open, lost, refused.",
        ),
        sa.Column("state_detail", sa.Text(), server_default="", nullable=False, comment="Why, in words."),
        sa.Column("state_at", sa.BigInteger(), nullable=True, comment="Since when. Milliseconds UTC."),
        sa.Column(
            "capabilities",
            DOCUMENT,
            nullable=True,
            comment="What the network server can do, as learned when it was opened last.",
        ),
        sa.Column("worker_id", IDENTITY, autoincrement=False, nullable=True, comment="The worker that holds it open."),
        sa.Column(
            "fence",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="Goes up by one with each claim of the connection by a worker.",
        ),
        sa.Column(
            "owner_until",
            sa.BigInteger(),
            nullable=True,
            comment="Until when that worker holds it, by the database's clock. Milliseconds UTC.",
        ),
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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_connection_subscriber_id")),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_connection_worker_id")),
        comment="One configured network server.",
    )
    op.create_index(
        "uq_connection_name_active",
        "connection",
        ["subscriber_id", "name"],
        unique=True,
        sqlite_where=sa.text("archived_at IS NULL"),
        postgresql_where=sa.text("archived_at IS NULL"),
    )


def _delta_signing_key() -> None:
    op.create_table(
        "delta_signing_key",
        sa.Column("id", IDENTITY, autoincrement=True, nullable=False, comment="Number of the row; never used twice."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column("name", sa.Text(), nullable=False, comment="Unique among those not archived."),
        sa.Column("description", sa.Text(), server_default="", nullable=False, comment="In the operator's words."),
        sa.Column(
            "public_key",
            sa.Text(),
            nullable=False,
            comment="The public half (ECDSA prime256v1), PEM. The private half is key material.",
        ),
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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delta_signing_key")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_delta_signing_key_subscriber_id")),
        comment="A key that signs delta firmware.",
    )
    op.create_index(
        "uq_delta_signing_key_name_active",
        "delta_signing_key",
        ["subscriber_id", "name"],
        unique=True,
        sqlite_where=sa.text("archived_at IS NULL"),
        postgresql_where=sa.text("archived_at IS NULL"),
    )


def _device_set() -> None:
    op.create_table(
        "device_set",
        sa.Column("id", IDENTITY, autoincrement=True, nullable=False, comment="Number of the row; never used twice."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column("name", sa.Text(), nullable=False, comment="Unique among those not archived."),
        sa.Column("description", sa.Text(), server_default="", nullable=False, comment="In the operator's words."),
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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_set")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_device_set_subscriber_id")),
        comment="A choice of devices.",
    )
    op.create_index(
        "uq_device_set_name_active",
        "device_set",
        ["subscriber_id", "name"],
        unique=True,
        sqlite_where=sa.text("archived_at IS NULL"),
        postgresql_where=sa.text("archived_at IS NULL"),
    )


def _file_content() -> None:
    op.create_table(
        "file_content",
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column("sha256", sa.Text(), nullable=False, comment="SHA-256 of the whole content, lower-case hex."),
        sa.Column("n", sa.BigInteger(), nullable=False, comment="Number of the piece, from 0."),
        sa.Column("data", sa.LargeBinary(), nullable=False, comment="The piece: 256 kB, the last one less."),
        sa.PrimaryKeyConstraint("subscriber_id", "sha256", "n", name=op.f("pk_file_content")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_file_content_subscriber_id")),
        comment="Contents by their hash, in pieces: kept once, never changed, seen by every worker.",
    )


def _key_material() -> None:
    op.create_table(
        "key_material",
        sa.Column("id", IDENTITY, autoincrement=True, nullable=False, comment="Number of the row; never used twice."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="What the key is: root key, McKey, signing key, connection secret, webhook secret, data key.",
        ),
        sa.Column("owner_table", sa.Text(), nullable=False, comment="The table of the row it belongs to."),
        sa.Column("owner_id", sa.BigInteger(), nullable=False, comment="The number of that row."),
        sa.Column(
            "name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="Tells several keys of one kind and owner apart; mostly empty.",
        ),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False, comment="Nonce, ciphertext and tag of AES-256-GCM."),
        sa.Column(
            "key_id",
            sa.Text(),
            nullable=False,
            comment="The key it is wrapped under: a data key, or for a data key the key-encryption key.",
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False, comment="When it was put in. Milliseconds UTC."),
        sa.UniqueConstraint(
            "owner_table", "owner_id", "kind", "name", name=op.f("uq_key_material_owner_table_owner_id_kind_name")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_material")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_key_material_subscriber_id")),
        comment="Secrets, encrypted: each under its subscriber's data key, that one under a key-encryption key.",
    )
    op.create_index("ix_key_material_key_id", "key_material", ["key_id"], unique=False)


def _region() -> None:
    op.create_table(
        "region",
        sa.Column("id", IDENTITY, autoincrement=True, nullable=False, comment="Number of the row; never used twice."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column("name", sa.Text(), nullable=False, comment="Unique among those not archived."),
        sa.Column("description", sa.Text(), server_default="", nullable=False, comment="In the operator's words."),
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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_region")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_region_subscriber_id")),
        comment="An area that campaigns run in: a choice of multicast groups.",
    )
    op.create_index(
        "uq_region_name_active",
        "region",
        ["subscriber_id", "name"],
        unique=True,
        sqlite_where=sa.text("archived_at IS NULL"),
        postgresql_where=sa.text("archived_at IS NULL"),
    )


def _usage_report() -> None:
    op.create_table(
        "usage_report",
        sa.Column("id", IDENTITY, autoincrement=True, nullable=False, comment="Number of the row; never used twice."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column("kind", sa.Text(), nullable=False, comment="usage, or delta (devices that take deltas)."),
        sa.Column(
            "from_at", sa.BigInteger(), nullable=False, comment="Beginning of the time it covers. Milliseconds UTC."
        ),
        sa.Column(
            "until_at", sa.BigInteger(), nullable=False, comment="End of that time, exclusive. Milliseconds UTC."
        ),
        sa.Column(
            "month",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="The calendar month (UTC) as 2026-03; empty for one made on demand.",
        ),
        sa.Column("made_at", sa.BigInteger(), nullable=False, comment="When it was made. Milliseconds UTC."),
        sa.Column("content", sa.Text(), nullable=False, comment="The report: CSV without a header row."),
        sa.CheckConstraint("kind IN ('usage', 'delta')", name=op.f("ck_usage_report_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_report")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_usage_report_subscriber_id")),
        comment="Usage reports: one of each kind for a month, and those made on demand.",
    )
    op.create_index(
        "uq_usage_report_subscriber_id_kind_month",
        "usage_report",
        ["subscriber_id", "kind", "month"],
        unique=True,
        sqlite_where=sa.text("month <> ''"),
        postgresql_where=sa.text("month <> ''"),
    )


def _user() -> None:
    op.create_table(
        "user",
        sa.Column("id", IDENTITY, autoincrement=True, nullable=False, comment="Number of the row; never used twice."),
        sa.Column(
            "subscriber_id",
            IDENTITY,
            autoincrement=False,
            nullable=True,
            comment="Empty for a system admin, who belongs to none.",
        ),
        sa.Column(
            "login",
            sa.Text(),
            nullable=False,
            comment="Unique in the deployment, in lower case, among those not archived.",
        ),
        sa.Column("password_hash", sa.Text(), nullable=False, comment="Argon2id, with its parameters and salt."),
        sa.Column("role", sa.Text(), nullable=False, comment="What the user may do."),
        sa.Column(
            "may_read_keys",
            sa.Boolean(),
            nullable=False,
            comment="Whether keys may be shown to the user: a right given apart from the role.",
        ),
        sa.Column(
            "last_login_at", sa.BigInteger(), nullable=True, comment="When the user last logged in. Milliseconds UTC."
        ),
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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_user_subscriber_id")),
        comment="A person who may log in.",
    )
    op.create_index("ix_user_subscriber_id", "user", ["subscriber_id"], unique=False)
    op.create_index(
        "uq_user_login_active",
        "user",
        ["login"],
        unique=True,
        sqlite_where=sa.text("archived_at IS NULL"),
        postgresql_where=sa.text("archived_at IS NULL"),
    )


def _webhook() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", IDENTITY, autoincrement=True, nullable=False, comment="Number of the row; never used twice."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column("name", sa.Text(), nullable=False, comment="What it is for; unique among those not archived."),
        sa.Column("url", sa.Text(), nullable=False, comment="Where deliveries are posted."),
        sa.Column("kinds", DOCUMENT, nullable=False, comment="Kinds of journal lines it wants; empty: all."),
        sa.Column("enabled", sa.Boolean(), nullable=False, comment="Whether deliveries are made."),
        sa.Column(
            "journal_id",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="The last line of the journal it was considered for.",
        ),
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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_webhook_subscriber_id")),
        comment="An address that is told what happens. Its signing secret is key material.",
    )
    op.create_index(
        "uq_webhook_name_active",
        "webhook",
        ["subscriber_id", "name"],
        unique=True,
        sqlite_where=sa.text("archived_at IS NULL"),
        postgresql_where=sa.text("archived_at IS NULL"),
    )


def _device_profile() -> None:
    op.create_table(
        "device_profile",
        sa.Column("id", IDENTITY, autoincrement=True, nullable=False, comment="Number of the row; never used twice."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column("name", sa.Text(), nullable=False, comment="Unique among those not archived."),
        sa.Column("description", sa.Text(), server_default="", nullable=False, comment="In the operator's words."),
        sa.Column("producer_id", sa.Text(), nullable=False, comment="Who makes the device."),
        sa.Column("module_id", sa.Text(), nullable=False, comment="Which of the maker's modules it is."),
        sa.Column("hw_revision", sa.BigInteger(), nullable=False, comment="Hardware revision, 0 to 255."),
        sa.Column(
            "hw_version",
            sa.BigInteger(),
            nullable=True,
            comment="HWversion that DevVersionAns reports, 32 bits; empty: any.",
        ),
        sa.Column(
            "time_tolerance_s",
            sa.BigInteger(),
            server_default="2",
            nullable=False,
            comment="How far a device's clock may be off.",
        ),
        sa.Column(
            "uplink_period_s",
            sa.BigInteger(),
            server_default="3600",
            nullable=False,
            comment="Time between uplinks until it is learned.",
        ),
        sa.Column("mcu_type", sa.Text(), server_default="", nullable=False, comment="Type of its microcontroller."),
        sa.Column(
            "fuota_library",
            sa.Text(),
            server_default="other",
            nullable=False,
            comment="How it rebuilds a delta: smart delta or other.",
        ),
        sa.Column(
            "delta_signing_key_id",
            IDENTITY,
            autoincrement=False,
            nullable=True,
            comment="The key its deltas are signed with.",
        ),
        sa.Column(
            "clock_sync_f_port", sa.BigInteger(), server_default="202", nullable=False, comment="FPort of TS003."
        ),
        sa.Column(
            "clock_sync_version",
            sa.Text(),
            server_default="ask",
            nullable=False,
            comment="Version of TS003: 1, 2, absent, or ask.",
        ),
        sa.Column(
            "multicast_setup_f_port", sa.BigInteger(), server_default="200", nullable=False, comment="FPort of TS005."
        ),
        sa.Column(
            "multicast_setup_version",
            sa.Text(),
            server_default="ask",
            nullable=False,
            comment="Version of TS005: 1, 2, absent, or ask.",
        ),
        sa.Column(
            "fragmentation_f_port", sa.BigInteger(), server_default="201", nullable=False, comment="FPort of TS004."
        ),
        sa.Column(
            "fragmentation_version",
            sa.Text(),
            server_default="ask",
            nullable=False,
            comment="Version of TS004: 1, 2, absent, or ask.",
        ),
        sa.Column(
            "firmware_management_f_port",
            sa.BigInteger(),
            server_default="203",
            nullable=False,
            comment="FPort of TS006.",
        ),
        sa.Column(
            "firmware_management_version",
            sa.Text(),
            server_default="ask",
            nullable=False,
            comment="Version of TS006: 1, absent, or ask.",
        ),
        sa.Column(
            "scheme",
            sa.Text(),
            nullable=True,
            comment="Parity scheme of its decoder; empty: what its package version says.",
        ),
        sa.Column("mc_groups", sa.BigInteger(), nullable=True, comment="Multicast groups at once."),
        sa.Column("frag_sessions", sa.BigInteger(), nullable=True, comment="Fragmentation sessions at once."),
        sa.Column("max_fragment_bytes", sa.BigInteger(), nullable=True, comment="Largest fragment."),
        sa.Column("min_fragment_bytes", sa.BigInteger(), nullable=True, comment="Smallest fragment."),
        sa.Column(
            "fragment_multiple_of", sa.BigInteger(), nullable=True, comment="Fragment sizes are a multiple of this."
        ),
        sa.Column("max_image_bytes", sa.BigInteger(), nullable=True, comment="Largest image."),
        sa.Column("max_fragments", sa.BigInteger(), nullable=True, comment="Most uncoded fragments."),
        sa.Column(
            "max_lost_fragments", sa.BigInteger(), nullable=True, comment="Most lost fragments its decoder can repair."
        ),
        sa.Column(
            "takes_any_order", sa.Boolean(), nullable=True, comment="Whether it takes fragment numbers out of order."
        ),
        sa.Column(
            "commands_per_downlink",
            sa.BigInteger(),
            nullable=True,
            comment="Commands of one package it takes in a downlink.",
        ),
        sa.Column("store_time_ms", sa.BigInteger(), nullable=True, comment="Time to store a fragment."),
        sa.Column(
            "firmware_commands",
            DOCUMENT,
            nullable=True,
            comment="Names of the TS006 requests it knows; empty: unknown.",
        ),
        sa.Column(
            "reboots",
            sa.Text(),
            nullable=True,
            comment="What makes it start a new image: command or itself; empty: unknown.",
        ),
        sa.Column(
            "version_format",
            sa.Text(),
            server_default="dotted",
            nullable=False,
            comment="How its versions are written: dotted or opaque.",
        ),
        sa.Column(
            "descriptor",
            sa.BigInteger(),
            nullable=True,
            comment="Descriptor of its fragmentation sessions, 32 bits; empty: the file's version.",
        ),
        sa.Column(
            "regional_revision",
            sa.Text(),
            nullable=True,
            comment="Edition of the regional parameters it was built for; empty: unknown.",
        ),
        sa.Column(
            "repeater", sa.Boolean(), nullable=True, comment="Whether a repeater may be in its way; empty: unknown."
        ),
        sa.Column(
            "running_f_port",
            sa.BigInteger(),
            nullable=True,
            comment="FPort of the application uplink that proves what it runs.",
        ),
        sa.Column("running_prefix", sa.LargeBinary(), nullable=True, comment="What that uplink begins with."),
        sa.Column("quirks", DOCUMENT, nullable=False, comment="Names of known departures from the specifications."),
        sa.Column("receive_ma", sa.Float(precision=53), nullable=True, comment="Current while it receives."),
        sa.Column("transmit_ma", sa.Float(precision=53), nullable=True, comment="Current while it transmits."),
        sa.Column("idle_ma", sa.Float(precision=53), nullable=True, comment="Current while it sleeps."),
        sa.Column("battery_mah", sa.Float(precision=53), nullable=True, comment="Charge of its battery."),
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
        sa.CheckConstraint("version_format IN ('dotted', 'opaque')", name=op.f("ck_device_profile_version_format")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_profile")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_device_profile_subscriber_id")),
        sa.ForeignKeyConstraint(
            ["delta_signing_key_id"], ["delta_signing_key.id"], name=op.f("fk_device_profile_delta_signing_key_id")
        ),
        comment="A make of device and what it can do.",
    )
    op.create_index(
        "uq_device_profile_name_active",
        "device_profile",
        ["subscriber_id", "name"],
        unique=True,
        sqlite_where=sa.text("archived_at IS NULL"),
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    op.create_index(
        "uq_device_profile_producer_id_module_id_hw_revision_active",
        "device_profile",
        ["subscriber_id", "producer_id", "module_id", "hw_revision"],
        unique=True,
        sqlite_where=sa.text("archived_at IS NULL"),
        postgresql_where=sa.text("archived_at IS NULL"),
    )


def _heard_key() -> None:
    op.create_table(
        "heard_key",
        sa.Column("connection_id", IDENTITY, autoincrement=False, nullable=False, comment="Where it was heard."),
        sa.Column("key", sa.Text(), nullable=False, comment="What tells one thing heard from another."),
        sa.Column(
            "at", sa.BigInteger(), nullable=False, comment="When it was heard; old ones are removed. Milliseconds UTC."
        ),
        sa.PrimaryKeyConstraint("connection_id", "key", name=op.f("pk_heard_key")),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name=op.f("fk_heard_key_connection_id")),
        comment="What was heard lately: the same thing enters once.",
    )
    op.create_index("ix_heard_key_at", "heard_key", ["at"], unique=False)


def _idempotency_key() -> None:
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
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_idempotency_key_subscriber_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_idempotency_key_user_id")),
        comment="Answers to creations, so that a repeated request creates nothing twice.",
    )
    op.create_index("ix_idempotency_key_created_at", "idempotency_key", ["created_at"], unique=False)


def _token() -> None:
    op.create_table(
        "token",
        sa.Column("id", IDENTITY, autoincrement=True, nullable=False, comment="Number of the row; never used twice."),
        sa.Column(
            "subscriber_id",
            IDENTITY,
            autoincrement=False,
            nullable=True,
            comment="Its user's subscriber; empty for a system admin's.",
        ),
        sa.Column("user_id", IDENTITY, autoincrement=False, nullable=False, comment="Whose rights it carries."),
        sa.Column("name", sa.Text(), nullable=False, comment="What it is for, in its owner's words."),
        sa.Column(
            "hash",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of the token; the token itself is shown once and kept nowhere.",
        ),
        sa.Column("scope", sa.Text(), nullable=False, comment="What it may be used for."),
        sa.Column("created_at", sa.BigInteger(), nullable=False, comment="When it was made. Milliseconds UTC."),
        sa.Column(
            "last_used_at",
            sa.BigInteger(),
            nullable=True,
            comment="When it was last used, to the minute. Milliseconds UTC.",
        ),
        sa.Column(
            "expires_at", sa.BigInteger(), nullable=True, comment="When it ends; empty: it does not. Milliseconds UTC."
        ),
        sa.Column(
            "revoked_at",
            sa.BigInteger(),
            nullable=True,
            comment="When it was withdrawn; empty: valid. Milliseconds UTC.",
        ),
        sa.UniqueConstraint("hash", name=op.f("uq_token_hash")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_token_subscriber_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_token_user_id")),
        comment="Opens the API to a program or a session.",
    )
    op.create_index("ix_token_user_id", "token", ["user_id"], unique=False)


def _webhook_delivery() -> None:
    op.create_table(
        "webhook_delivery",
        sa.Column("id", IDENTITY, autoincrement=True, nullable=False, comment="Number of the row; never used twice."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column("webhook_id", IDENTITY, autoincrement=False, nullable=False, comment="Whom it is for."),
        sa.Column("journal_id", sa.BigInteger(), nullable=False, comment="The line of the journal it tells."),
        sa.Column("body", sa.Text(), nullable=False, comment="What is posted, byte for byte, with each attempt."),
        sa.Column("state", sa.Text(), nullable=False, comment="Where it stands."),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False, comment="Attempts made."),
        sa.Column(
            "next_at",
            sa.BigInteger(),
            nullable=True,
            comment="When the next attempt is due; empty: none is. Milliseconds UTC.",
        ),
        sa.Column("claimed_by", sa.BigInteger(), nullable=True, comment="The worker that makes an attempt just now."),
        sa.Column(
            "claimed_until",
            sa.BigInteger(),
            nullable=True,
            comment="Until when that worker has it, by the database's clock. Milliseconds UTC.",
        ),
        sa.Column("status", sa.BigInteger(), nullable=True, comment="Status of the last answer."),
        sa.Column("error", sa.Text(), server_default="", nullable=False, comment="Why the last attempt failed."),
        sa.Column("created_at", sa.BigInteger(), nullable=False, comment="When it was put here. Milliseconds UTC."),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True, comment="When it was taken. Milliseconds UTC."),
        sa.CheckConstraint("state IN ('waiting', 'delivered', 'given up')", name=op.f("ck_webhook_delivery_state")),
        sa.UniqueConstraint("webhook_id", "journal_id", name=op.f("uq_webhook_delivery_webhook_id_journal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_webhook_delivery_subscriber_id")),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhook.id"], name=op.f("fk_webhook_delivery_webhook_id")),
        comment="One message to a webhook, until it is taken or given up.",
    )
    op.create_index(
        "ix_webhook_delivery_next_at",
        "webhook_delivery",
        ["next_at"],
        unique=False,
        sqlite_where=sa.text("next_at IS NOT NULL"),
        postgresql_where=sa.text("next_at IS NOT NULL"),
    )


def _file() -> None:
    op.create_table(
        "file",
        sa.Column("id", IDENTITY, autoincrement=True, nullable=False, comment="Number of the row; never used twice."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column("name", sa.Text(), nullable=False, comment="Unique among those not archived."),
        sa.Column("description", sa.Text(), server_default="", nullable=False, comment="In the operator's words."),
        sa.Column("kind", sa.Text(), nullable=False, comment="binary, firmware, or delta firmware."),
        sa.Column(
            "size_bytes",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="Size of the content that is sent; 0 for metadata only.",
        ),
        sa.Column(
            "sha256",
            sa.Text(),
            nullable=True,
            comment="SHA-256 of that content in lower-case hex; empty: metadata only, can't be sent.",
        ),
        sa.Column(
            "original_format",
            sa.Text(),
            server_default="binary",
            nullable=False,
            comment="What was uploaded: binary, or what it was converted from.",
        ),
        sa.Column(
            "original_name", sa.Text(), server_default="", nullable=False, comment="Name of the file that was uploaded."
        ),
        sa.Column(
            "uploaded_at",
            sa.BigInteger(),
            nullable=True,
            comment="When the content came; empty: metadata only. Milliseconds UTC.",
        ),
        sa.Column("version", sa.BigInteger(), nullable=True, comment="Firmware version, 32 bits."),
        sa.Column(
            "base_version", sa.BigInteger(), nullable=True, comment="Firmware version that a delta changes, 32 bits."
        ),
        sa.Column(
            "device_profile_id",
            IDENTITY,
            autoincrement=False,
            nullable=True,
            comment="Whom it suits; empty: a binary for any device.",
        ),
        sa.Column("time_tolerance_s", sa.BigInteger(), nullable=True, comment="Overrides the profile's."),
        sa.Column("uplink_period_s", sa.BigInteger(), nullable=True, comment="Overrides the profile's."),
        sa.Column(
            "fuota_library",
            sa.Text(),
            nullable=True,
            comment="How a delta is rebuilt: smart delta or other; empty: as the profile says.",
        ),
        sa.Column(
            "delta_signing_key_id",
            IDENTITY,
            autoincrement=False,
            nullable=True,
            comment="The key a delta was signed with.",
        ),
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
        sa.CheckConstraint("kind IN ('binary', 'firmware', 'delta firmware')", name=op.f("ck_file_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_file_subscriber_id")),
        sa.ForeignKeyConstraint(["device_profile_id"], ["device_profile.id"], name=op.f("fk_file_device_profile_id")),
        sa.ForeignKeyConstraint(
            ["delta_signing_key_id"], ["delta_signing_key.id"], name=op.f("fk_file_delta_signing_key_id")
        ),
        comment="What is sent to devices, or a version that they run.",
    )
    op.create_index("ix_file_device_profile_id_version", "file", ["device_profile_id", "version"], unique=False)
    op.create_index("ix_file_subscriber_id_sha256", "file", ["subscriber_id", "sha256"], unique=False)
    op.create_index(
        "uq_file_name_active",
        "file",
        ["subscriber_id", "name"],
        unique=True,
        sqlite_where=sa.text("archived_at IS NULL"),
        postgresql_where=sa.text("archived_at IS NULL"),
    )


def _campaign() -> None:
    op.create_table(
        "campaign",
        sa.Column("id", IDENTITY, autoincrement=True, nullable=False, comment="Number of the row; never used twice."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column("name", sa.Text(), nullable=False, comment="Unique among those not archived."),
        sa.Column("description", sa.Text(), server_default="", nullable=False, comment="In the operator's words."),
        sa.Column("type", sa.Text(), nullable=False, comment="multicast setup, binary, or firmware."),
        sa.Column("file_id", IDENTITY, autoincrement=False, nullable=True, comment="What is sent."),
        sa.Column("update_type", sa.Text(), nullable=True, comment="full or delta, where it was said."),
        sa.Column("reboot_at", sa.BigInteger(), nullable=True, comment="When devices reboot. Milliseconds UTC."),
        sa.Column(
            "session_start_at",
            sa.BigInteger(),
            nullable=True,
            comment="When the class session begins, where the operator says so. Milliseconds UTC.",
        ),
        sa.Column("max_duration_s", sa.BigInteger(), nullable=False, comment="Longest duration, pauses included."),
        sa.Column("threshold_percent", sa.BigInteger(), nullable=False, comment="Success threshold, 1 to 100."),
        sa.Column(
            "scheduled_at", sa.BigInteger(), nullable=True, comment="When it starts by itself. Milliseconds UTC."
        ),
        sa.Column(
            "strategy",
            sa.Text(),
            nullable=True,
            comment="adaptive, fixed or carousel; empty: what the groups' redundancy says.",
        ),
        sa.Column(
            "success_means",
            sa.Text(),
            nullable=True,
            comment="set up, transferred, valid or running; empty: what the type says.",
        ),
        sa.Column("settings", DOCUMENT, nullable=False, comment="Settings that differ from the subscriber's, by name."),
        sa.Column(
            "confirmed_downgrade",
            sa.Boolean(),
            nullable=False,
            comment="Whether sending an older version was confirmed.",
        ),
        sa.Column(
            "override_already_running",
            sa.Boolean(),
            nullable=False,
            comment="Whether devices known to run the target version take part.",
        ),
        sa.Column(
            "copied_from_id", IDENTITY, autoincrement=False, nullable=True, comment="The campaign it is a copy of."
        ),
        sa.Column("approved_by_id", IDENTITY, autoincrement=False, nullable=True, comment="Who approved it."),
        sa.Column("approved_at", sa.BigInteger(), nullable=True, comment="When. Milliseconds UTC."),
        sa.Column(
            "status",
            sa.Text(),
            nullable=False,
            comment="CONFIGURED, SCHEDULED, RUNNING, PAUSED, STOPPING, STOPPED, FAILED or SUCCEEDED.",
        ),
        sa.Column("why", sa.Text(), server_default="", nullable=False, comment="Why it has that status, in words."),
        sa.Column("started_by", sa.Text(), server_default="", nullable=False, comment="Login of whoever started it."),
        sa.Column("started_at", sa.BigInteger(), nullable=True, comment="When it started. Milliseconds UTC."),
        sa.Column(
            "ended_at", sa.BigInteger(), nullable=True, comment="When it reached a final status. Milliseconds UTC."
        ),
        sa.Column(
            "stage",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="Number of the stage shown; 0 before the start.",
        ),
        sa.Column("stages", sa.BigInteger(), server_default="0", nullable=False, comment="How many stages it has."),
        sa.Column(
            "stage_name", sa.Text(), server_default="", nullable=False, comment="Name of that stage, with its phase."
        ),
        sa.Column(
            "stage_starts_at",
            sa.BigInteger(),
            nullable=True,
            comment="When that stage begins, where it waits for a time. Milliseconds UTC.",
        ),
        sa.Column(
            "stage_done",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="Operations of the stage that are done.",
        ),
        sa.Column(
            "stage_total", sa.BigInteger(), server_default="0", nullable=False, comment="Operations of the stage."
        ),
        sa.Column(
            "participants", sa.BigInteger(), server_default="0", nullable=False, comment="Devices that take part."
        ),
        sa.Column("succeeded", sa.BigInteger(), server_default="0", nullable=False, comment="Of them: succeeded."),
        sa.Column("failed", sa.BigInteger(), server_default="0", nullable=False, comment="Of them: failed, or behind."),
        sa.Column(
            "explanation",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="What it waits for, until when, and what happens then.",
        ),
        sa.Column(
            "state",
            sa.Text(),
            nullable=True,
            comment="What concerns it as a whole: versioned JSON; empty before the start.",
        ),
        sa.Column("seed", sa.BigInteger(), server_default="0", nullable=False, comment="Of everything that is spread."),
        sa.Column(
            "engine_version",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="Version of Fleetcast that planned it.",
        ),
        sa.Column("owner_worker_id", IDENTITY, autoincrement=False, nullable=True, comment="The worker that owns it."),
        sa.Column(
            "fence",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="Goes up by one with each claim; every write of its state proves it.",
        ),
        sa.Column(
            "owner_until",
            sa.BigInteger(),
            nullable=True,
            comment="Until when that worker owns it, by the database's clock. Milliseconds UTC.",
        ),
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
        sa.CheckConstraint(
            "status IN ('CONFIGURED', 'SCHEDULED', 'RUNNING', 'PAUSED', 'STOPPING', 'STOPPED', 'FAILED', 'SUCCEEDED')",
            name=op.f("ck_campaign_status"),
        ),
        sa.CheckConstraint("type IN ('multicast setup', 'binary', 'firmware')", name=op.f("ck_campaign_type")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_campaign_subscriber_id")),
        sa.ForeignKeyConstraint(["file_id"], ["file.id"], name=op.f("fk_campaign_file_id")),
        sa.ForeignKeyConstraint(["copied_from_id"], ["campaign.id"], name=op.f("fk_campaign_copied_from_id")),
        sa.ForeignKeyConstraint(["approved_by_id"], ["user.id"], name=op.f("fk_campaign_approved_by_id")),
        sa.ForeignKeyConstraint(["owner_worker_id"], ["worker.id"], name=op.f("fk_campaign_owner_worker_id")),
        comment="An update campaign: what was asked for, and where it stands.",
    )
    op.create_index("ix_campaign_file_id", "campaign", ["file_id"], unique=False)
    op.create_index(
        "ix_campaign_owner_until_under_way",
        "campaign",
        ["owner_until"],
        unique=False,
        sqlite_where=sa.text("status IN ('RUNNING', 'PAUSED', 'STOPPING')"),
        postgresql_where=sa.text("status IN ('RUNNING', 'PAUSED', 'STOPPING')"),
    )
    op.create_index("ix_campaign_subscriber_id_status", "campaign", ["subscriber_id", "status"], unique=False)
    op.create_index(
        "uq_campaign_name_active",
        "campaign",
        ["subscriber_id", "name"],
        unique=True,
        sqlite_where=sa.text("archived_at IS NULL"),
        postgresql_where=sa.text("archived_at IS NULL"),
    )


def _campaign_device_set() -> None:
    op.create_table(
        "campaign_device_set",
        sa.Column("campaign_id", IDENTITY, autoincrement=False, nullable=False, comment="The campaign."),
        sa.Column("device_set_id", IDENTITY, autoincrement=False, nullable=False, comment="A set it is for."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.PrimaryKeyConstraint("campaign_id", "device_set_id", name=op.f("pk_campaign_device_set")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_device_set_campaign_id")),
        sa.ForeignKeyConstraint(
            ["device_set_id"], ["device_set.id"], name=op.f("fk_campaign_device_set_device_set_id")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name=op.f("fk_campaign_device_set_subscriber_id")
        ),
        comment="Which device sets a campaign is for.",
    )
    op.create_index("ix_campaign_device_set_device_set_id", "campaign_device_set", ["device_set_id"], unique=False)


def _campaign_plan() -> None:
    op.create_table(
        "campaign_plan",
        sa.Column("campaign_id", IDENTITY, autoincrement=False, nullable=False, comment="The campaign."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column("made_at", sa.BigInteger(), nullable=False, comment="When it was made. Milliseconds UTC."),
        sa.Column("data", sa.LargeBinary(), nullable=False, comment="The plan: versioned JSON, compressed (zlib)."),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_campaign_plan")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_plan_campaign_id")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_campaign_plan_subscriber_id")),
        comment="The plan a campaign runs by; made at the start, never changed; apart, since the campaign's row is.",
    )


def _campaign_region() -> None:
    op.create_table(
        "campaign_region",
        sa.Column("campaign_id", IDENTITY, autoincrement=False, nullable=False, comment="The campaign."),
        sa.Column("region_id", IDENTITY, autoincrement=False, nullable=False, comment="A region it runs in."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.PrimaryKeyConstraint("campaign_id", "region_id", name=op.f("pk_campaign_region")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_region_campaign_id")),
        sa.ForeignKeyConstraint(["region_id"], ["region.id"], name=op.f("fk_campaign_region_region_id")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_campaign_region_subscriber_id")),
        comment="Which regions a campaign runs in.",
    )
    op.create_index("ix_campaign_region_region_id", "campaign_region", ["region_id"], unique=False)


def _inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column(
            "id",
            IDENTITY,
            autoincrement=True,
            nullable=False,
            comment="Number of the event: events are thought about in this order.",
        ),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column(
            "campaign_id", IDENTITY, autoincrement=False, nullable=False, comment="Whose owner is to think about it."
        ),
        sa.Column("event", sa.Text(), nullable=False, comment="The event: versioned JSON."),
        sa.Column("received_at", sa.BigInteger(), nullable=False, comment="When it was put in. Milliseconds UTC."),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_inbox_campaign_id")),
        comment="What was learned and not yet thought about; a row goes with the commit that took it.",
        sqlite_autoincrement=True,
    )
    op.create_index("ix_inbox_campaign_id_id", "inbox", ["campaign_id", "id"], unique=False)


def _multicast_group() -> None:
    op.create_table(
        "multicast_group",
        sa.Column("id", IDENTITY, autoincrement=True, nullable=False, comment="Number of the row; never used twice."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column(
            "dev_eui",
            sa.Text(),
            nullable=False,
            comment="The virtual device at the network server; unique among groups and devices not archived.",
        ),
        sa.Column("name", sa.Text(), server_default="", nullable=False, comment="Free text."),
        sa.Column("tag", sa.Text(), server_default="", nullable=False, comment="Free text."),
        sa.Column(
            "connection_id", IDENTITY, autoincrement=False, nullable=False, comment="The network server it lives at."
        ),
        sa.Column("session_class", sa.Text(), nullable=False, comment="Class of its sessions: B or C."),
        sa.Column("band", sa.Text(), nullable=False, comment="ISM band."),
        sa.Column(
            "channel_plan", sa.Text(), nullable=True, comment="One of the band's channel plans, where it has several."
        ),
        sa.Column(
            "country",
            sa.Text(),
            nullable=True,
            comment="A country profile of the band, where the country's law counts.",
        ),
        sa.Column("dwell_time", sa.Boolean(), nullable=False, comment="Downlink dwell time limit (AS923, AU915)."),
        sa.Column(
            "dev_addr",
            sa.Text(),
            nullable=False,
            comment="McAddr; unique within its connection among those not archived.",
        ),
        sa.Column("frequency_hz", sa.BigInteger(), nullable=False, comment="Frequency of its downlinks."),
        sa.Column("data_rate", sa.BigInteger(), nullable=False, comment="Data rate of its downlinks, 0 to 15."),
        sa.Column(
            "redundancy",
            sa.Text(),
            nullable=False,
            comment="A named redundancy, a percentage such as 25%, or ADAPTIVE.",
        ),
        sa.Column(
            "periodicity",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="Ping-slot periodicity exponent p, 0 to 7 (2^p): class B.",
        ),
        sa.Column(
            "initial_f_cnt", sa.BigInteger(), server_default="0", nullable=False, comment="FCntDown it began with."
        ),
        sa.Column(
            "next_f_cnt",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="The next unused FCntDown; only grows.",
        ),
        sa.Column(
            "gateways",
            DOCUMENT,
            nullable=False,
            comment="Identifiers of the gateways it is sent through; empty: the network server decides.",
        ),
        sa.Column("gateway_tags", DOCUMENT, nullable=False, comment="Tags of such gateways."),
        sa.Column("has_key", sa.Boolean(), nullable=False, comment="Whether its McKey is in the vault."),
        sa.Column(
            "network_handle",
            sa.Text(),
            nullable=True,
            comment="The network server's own name for it, once it stands there.",
        ),
        sa.Column("network_state", DOCUMENT, nullable=True, comment="What it really has there, as last learned."),
        sa.Column(
            "campaign_id", IDENTITY, autoincrement=False, nullable=True, comment="The running campaign that uses it."
        ),
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
        sa.CheckConstraint("session_class IN ('B', 'C')", name=op.f("ck_multicast_group_session_class")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_multicast_group")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_multicast_group_subscriber_id")),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name=op.f("fk_multicast_group_connection_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_multicast_group_campaign_id")),
        comment="A multicast group: one stream of fragments in a campaign.",
    )
    op.create_index("ix_multicast_group_campaign_id", "multicast_group", ["campaign_id"], unique=False)
    op.create_index(
        "uq_multicast_group_connection_id_dev_addr_active",
        "multicast_group",
        ["connection_id", "dev_addr"],
        unique=True,
        sqlite_where=sa.text("archived_at IS NULL"),
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    op.create_index(
        "uq_multicast_group_dev_eui_active",
        "multicast_group",
        ["subscriber_id", "dev_eui"],
        unique=True,
        sqlite_where=sa.text("archived_at IS NULL"),
        postgresql_where=sa.text("archived_at IS NULL"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("campaign_id", IDENTITY, autoincrement=False, nullable=False, comment="Whose effect it is."),
        sa.Column("effect_id", sa.BigInteger(), nullable=False, comment="The engine's number of it."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column(
            "fence", sa.BigInteger(), nullable=False, comment="The owner that asked for it, or claimed it since."
        ),
        sa.Column("kind", sa.Text(), nullable=False, comment="What is to be done."),
        sa.Column(
            "effect", sa.Text(), nullable=False, comment="The effect: versioned JSON. It names keys and holds none."
        ),
        sa.Column(
            "state",
            sa.Text(),
            server_default="waiting",
            nullable=False,
            comment="waiting, or claimed: a worker is about to carry it out or does.",
        ),
        sa.Column("claims", sa.BigInteger(), server_default="0", nullable=False, comment="How often it was claimed."),
        sa.Column(
            "not_before", sa.BigInteger(), nullable=False, comment="When it may be carried out. Milliseconds UTC."
        ),
        sa.Column(
            "valid_until",
            sa.BigInteger(),
            nullable=True,
            comment="When it is no use any more; empty: it stays of use. Milliseconds UTC.",
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False, comment="When it was put in. Milliseconds UTC."),
        sa.CheckConstraint("state IN ('waiting', 'claimed')", name=op.f("ck_outbox_state")),
        sa.PrimaryKeyConstraint("campaign_id", "effect_id", name=op.f("pk_outbox")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_outbox_campaign_id")),
        comment="What is to be done outside and isn't yet; a row goes with the outcome that enters the inbox.",
    )
    op.create_index(
        "ix_outbox_campaign_id_state_not_before", "outbox", ["campaign_id", "state", "not_before"], unique=False
    )


def _campaign_group() -> None:
    op.create_table(
        "campaign_group",
        sa.Column("campaign_id", IDENTITY, autoincrement=False, nullable=False, comment="The campaign."),
        sa.Column("n", sa.BigInteger(), nullable=False, comment="Index of the group in the plan."),
        sa.Column("multicast_group_id", IDENTITY, autoincrement=False, nullable=False, comment="The group."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="All the engine knows of it, its transfer and ledger among it: versioned JSON.",
        ),
        sa.Column(
            "mode", sa.BigInteger(), server_default="0", nullable=False, comment="What its stream is doing, 0 to 10."
        ),
        sa.Column(
            "handed_over", sa.BigInteger(), server_default="0", nullable=False, comment="Fragments handed over so far."
        ),
        sa.Column(
            "first_pass",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="Fragments of the first pass, coded ones among them.",
        ),
        sa.Column(
            "next_f_cnt", sa.BigInteger(), server_default="0", nullable=False, comment="The next unused FCntDown."
        ),
        sa.Column(
            "held",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="Why nothing is sent; empty: nothing holds it.",
        ),
        sa.Column(
            "changed_at", sa.BigInteger(), nullable=False, comment="When this row changed last. Milliseconds UTC."
        ),
        sa.PrimaryKeyConstraint("campaign_id", "n", name=op.f("pk_campaign_group")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_group_campaign_id")),
        sa.ForeignKeyConstraint(
            ["multicast_group_id"], ["multicast_group.id"], name=op.f("fk_campaign_group_multicast_group_id")
        ),
        comment="A multicast group in a campaign: its state, and what of it is shown in lists.",
    )
    op.create_index("ix_campaign_group_multicast_group_id", "campaign_group", ["multicast_group_id"], unique=False)


def _device() -> None:
    op.create_table(
        "device",
        sa.Column("id", IDENTITY, autoincrement=True, nullable=False, comment="Number of the row; never used twice."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column("dev_eui", sa.Text(), nullable=False, comment="Unique among devices and groups not archived."),
        sa.Column("name", sa.Text(), server_default="", nullable=False, comment="Free text."),
        sa.Column("tag", sa.Text(), server_default="", nullable=False, comment="Free text."),
        sa.Column(
            "connection_id",
            IDENTITY,
            autoincrement=False,
            nullable=False,
            comment="The network server it is reached through.",
        ),
        sa.Column("device_profile_id", IDENTITY, autoincrement=False, nullable=True, comment="Its make."),
        sa.Column(
            "multicast_group_id",
            IDENTITY,
            autoincrement=False,
            nullable=True,
            comment="The group the operator chose for it.",
        ),
        sa.Column(
            "session_classes", sa.Text(), nullable=False, comment="Multicast classes it is capable of: B, C, or BC."
        ),
        sa.Column("lorawan_version", sa.Text(), nullable=False, comment="1.0 or 1.1."),
        sa.Column(
            "own_class",
            sa.Text(),
            server_default="A",
            nullable=False,
            comment="The class it is in for good: A, B or C.",
        ),
        sa.Column("band", sa.Text(), nullable=True, comment="ISM band; empty: learned from its uplinks."),
        sa.Column(
            "has_key", sa.Boolean(), nullable=False, comment="Whether its root key (GenAppKey, AppKey) is in the vault."
        ),
        sa.Column("firmware_version", sa.BigInteger(), nullable=True, comment="What it runs, as last known, 32 bits."),
        sa.Column(
            "firmware_file_id",
            IDENTITY,
            autoincrement=False,
            nullable=True,
            comment="The file that version stands for.",
        ),
        sa.Column(
            "firmware_learned_at",
            sa.BigInteger(),
            nullable=True,
            comment="When the version was last learned. Milliseconds UTC.",
        ),
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
        sa.CheckConstraint("session_classes IN ('B', 'C', 'BC')", name=op.f("ck_device_session_classes")),
        sa.CheckConstraint("lorawan_version IN ('1.0', '1.1')", name=op.f("ck_device_lorawan_version")),
        sa.CheckConstraint("own_class IN ('A', 'B', 'C')", name=op.f("ck_device_own_class")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_device_subscriber_id")),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name=op.f("fk_device_connection_id")),
        sa.ForeignKeyConstraint(["device_profile_id"], ["device_profile.id"], name=op.f("fk_device_device_profile_id")),
        sa.ForeignKeyConstraint(
            ["multicast_group_id"], ["multicast_group.id"], name=op.f("fk_device_multicast_group_id")
        ),
        sa.ForeignKeyConstraint(["firmware_file_id"], ["file.id"], name=op.f("fk_device_firmware_file_id")),
        comment="A device, as people describe it. What is learned of it is in device_facts.",
    )
    op.create_index("ix_device_connection_id_dev_eui", "device", ["connection_id", "dev_eui"], unique=False)
    op.create_index("ix_device_device_profile_id", "device", ["device_profile_id"], unique=False)
    op.create_index(
        "uq_device_dev_eui_active",
        "device",
        ["subscriber_id", "dev_eui"],
        unique=True,
        sqlite_where=sa.text("archived_at IS NULL"),
        postgresql_where=sa.text("archived_at IS NULL"),
    )


def _region_group() -> None:
    op.create_table(
        "region_group",
        sa.Column("region_id", IDENTITY, autoincrement=False, nullable=False, comment="The region."),
        sa.Column("multicast_group_id", IDENTITY, autoincrement=False, nullable=False, comment="A group in it."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.PrimaryKeyConstraint("region_id", "multicast_group_id", name=op.f("pk_region_group")),
        sa.ForeignKeyConstraint(["region_id"], ["region.id"], name=op.f("fk_region_group_region_id")),
        sa.ForeignKeyConstraint(
            ["multicast_group_id"], ["multicast_group.id"], name=op.f("fk_region_group_multicast_group_id")
        ),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_region_group_subscriber_id")),
        comment="Which multicast groups a region holds.",
    )
    op.create_index("ix_region_group_multicast_group_id", "region_group", ["multicast_group_id"], unique=False)


def _campaign_device() -> None:
    op.create_table(
        "campaign_device",
        sa.Column("campaign_id", IDENTITY, autoincrement=False, nullable=False, comment="The campaign."),
        sa.Column("n", sa.BigInteger(), nullable=False, comment="Index of the device in the plan."),
        sa.Column("device_id", IDENTITY, autoincrement=False, nullable=False, comment="The device."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column("group_n", sa.BigInteger(), nullable=False, comment="Index of its group in the plan."),
        sa.Column("state", sa.Text(), nullable=False, comment="All the engine knows of it: versioned JSON."),
        sa.Column("step", sa.BigInteger(), server_default="0", nullable=False, comment="How far it is, 0 to 11."),
        sa.Column(
            "outcome",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="0 open, 1 succeeded, 2 behind, 3 failed.",
        ),
        sa.Column(
            "talk",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="0 waiting, 1 queued, 2 requested, 3 sent.",
        ),
        sa.Column("done", sa.BigInteger(), server_default="0", nullable=False, comment="Bits of what it confirmed."),
        sa.Column("cause", sa.Text(), nullable=True, comment="Why it failed."),
        sa.Column("detail", sa.Text(), nullable=True, comment="The particulars of that."),
        sa.Column("missing", sa.BigInteger(), nullable=True, comment="Fragments missing, as it last said."),
        sa.Column(
            "heard_at",
            sa.BigInteger(),
            nullable=True,
            comment="When it was last heard in this campaign. Milliseconds UTC.",
        ),
        sa.Column("firmware_before", sa.BigInteger(), nullable=True, comment="Version it ran before, 32 bits."),
        sa.Column("firmware_after", sa.BigInteger(), nullable=True, comment="Version it ran after, 32 bits."),
        sa.Column(
            "changed_at", sa.BigInteger(), nullable=False, comment="When this row changed last. Milliseconds UTC."
        ),
        sa.PrimaryKeyConstraint("campaign_id", "n", name=op.f("pk_campaign_device")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_device_campaign_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_campaign_device_device_id")),
        comment="A participant of a campaign: its state, and what of it is searched.",
    )
    op.create_index(
        "ix_campaign_device_campaign_id_outcome_step",
        "campaign_device",
        ["campaign_id", "outcome", "step"],
        unique=False,
    )
    op.create_index("ix_campaign_device_device_id", "campaign_device", ["device_id"], unique=False)


def _campaign_left_out() -> None:
    op.create_table(
        "campaign_left_out",
        sa.Column("campaign_id", IDENTITY, autoincrement=False, nullable=False, comment="The campaign."),
        sa.Column("device_id", IDENTITY, autoincrement=False, nullable=False, comment="The device."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why it takes no part."),
        sa.PrimaryKeyConstraint("campaign_id", "device_id", name=op.f("pk_campaign_left_out")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_left_out_campaign_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_campaign_left_out_device_id")),
        comment="Devices of the sets that take no part, each with its reason.",
    )
    op.create_index("ix_campaign_left_out_device_id", "campaign_left_out", ["device_id"], unique=False)


def _device_facts() -> None:
    op.create_table(
        "device_facts",
        sa.Column("device_id", IDENTITY, autoincrement=False, nullable=False, comment="The device."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.Column(
            "last_uplink_at", sa.BigInteger(), nullable=True, comment="When it was last heard. Milliseconds UTC."
        ),
        sa.Column("uplinks", sa.BigInteger(), server_default="0", nullable=False, comment="Uplinks heard."),
        sa.Column(
            "gaps",
            sa.LargeBinary(),
            nullable=False,
            comment="The last sixteen gaps between uplinks, s, four bytes each.",
        ),
        sa.Column(
            "uplink_period_s",
            sa.BigInteger(),
            nullable=True,
            comment="90th percentile of those gaps, after five uplinks.",
        ),
        sa.Column("f_cnt_up", sa.BigInteger(), nullable=True, comment="FCntUp last heard."),
        sa.Column("data_rate", sa.BigInteger(), nullable=True, comment="Data rate of its last uplink."),
        sa.Column("band", sa.Text(), nullable=True, comment="ISM band it was heard in."),
        sa.Column(
            "gateways",
            DOCUMENT,
            nullable=False,
            comment="By gateway that heard it lately: when (ms), RSSI in dBm, SNR in dB.",
        ),
        sa.Column(
            "margin_db",
            sa.Float(precision=53),
            nullable=True,
            comment="Demodulation margin of its link at the best gateway, smoothed.",
        ),
        sa.Column(
            "clock_offset_s",
            sa.Float(precision=53),
            nullable=True,
            comment="How far its clock was off when it last asked for the time.",
        ),
        sa.Column("clock_checked_at", sa.BigInteger(), nullable=True, comment="When that was. Milliseconds UTC."),
        sa.Column("hw_version", sa.BigInteger(), nullable=True, comment="HWversion it reported, 32 bits."),
        sa.Column("package_versions", DOCUMENT, nullable=False, comment="Version by package identifier; null: absent."),
        sa.Column(
            "set_up_groups",
            DOCUMENT,
            nullable=False,
            comment="Multicast groups it confirmed, by McGroupID: group, McAddr, counter window, last use.",
        ),
        sa.Column(
            "frag_slots",
            DOCUMENT,
            nullable=False,
            comment="Fragmentation sessions that stand, by FragIndex: campaign and descriptor.",
        ),
        sa.Column("session_cnt", DOCUMENT, nullable=False, comment="Last SessionCnt used, by FragIndex."),
        sa.Column(
            "expected_loss",
            sa.Float(precision=53),
            nullable=True,
            comment="Share of downlinks it loses, as transfers and margins tell.",
        ),
        sa.Column(
            "expected_uplink_loss",
            sa.Float(precision=53),
            nullable=True,
            comment="Share of its uplinks that nobody hears, as gaps in FCntUp tell.",
        ),
        sa.Column(
            "rejoined_at",
            sa.BigInteger(),
            nullable=True,
            comment="When it last joined anew or its session was reset. Milliseconds UTC.",
        ),
        sa.Column(
            "campaign_id", IDENTITY, autoincrement=False, nullable=True, comment="The running campaign that uses it."
        ),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_device_facts")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_device_facts_device_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_device_facts_campaign_id")),
        comment="What is learned of a device by listening to it.",
    )
    op.create_index("ix_device_facts_campaign_id", "device_facts", ["campaign_id"], unique=False)


def _device_set_member() -> None:
    op.create_table(
        "device_set_member",
        sa.Column("device_set_id", IDENTITY, autoincrement=False, nullable=False, comment="The set."),
        sa.Column("device_id", IDENTITY, autoincrement=False, nullable=False, comment="A device in it."),
        sa.Column("subscriber_id", IDENTITY, nullable=False, comment="The subscriber it belongs to."),
        sa.PrimaryKeyConstraint("device_set_id", "device_id", name=op.f("pk_device_set_member")),
        sa.ForeignKeyConstraint(["device_set_id"], ["device_set.id"], name=op.f("fk_device_set_member_device_set_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_device_set_member_device_id")),
        comment="Which devices a set holds.",
    )
    op.create_index("ix_device_set_member_device_id", "device_set_member", ["device_id"], unique=False)
