"""What webhooks need beside: since when one fails and why it was switched off, and their deliveries found quickly."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add columns and indexes."""
    op.add_column(
        "webhook",
        sa.Column(
            "failing_since_at",
            sa.BigInteger(),
            nullable=True,
            comment="Since when no delivery was taken, by the database's clock; empty: it works. Milliseconds UTC.",
        ),
    )
    op.add_column(
        "webhook",
        sa.Column(
            "disabled_why",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="Why Fleetcast switched it off; empty: it did not.",
        ),
    )
    op.add_column(
        "webhook_delivery",
        sa.Column("kind", sa.Text(), server_default="", nullable=False, comment="Kind of the line of the journal."),
    )
    op.create_index(
        "ix_webhook_delivery_waiting",
        "webhook_delivery",
        ["webhook_id", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index("ix_webhook_delivery_created_at", "webhook_delivery", ["created_at"], unique=False)
