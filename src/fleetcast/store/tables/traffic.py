"""Tables that grow with traffic: what was heard, what is to be sent, what happened."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, Table, Text, text

from fleetcast.store.tables.columns import (
    document,
    instant,
    metadata,
    number,
    octets,
    one_of,
    parent,
    row_id,
    subscriber_id,
    word,
)

inbox = Table(
    "inbox",
    metadata,
    row_id("Number of the event: events are thought about in this order."),
    subscriber_id(checked=False),
    parent("campaign_id", "campaign", "Whose owner is to think about it."),
    word("event", "The event: versioned JSON."),
    instant("received_at", "When it was put in."),
    Index("ix_inbox_campaign_id_id", "campaign_id", "id"),
    sqlite_autoincrement=True,
    comment="What was learned and not yet thought about; a row goes with the commit that took it.",
)

heard_key = Table(
    "heard_key",
    metadata,
    parent("connection_id", "connection", "Where it was heard."),
    Column("key", Text, nullable=False, comment="What tells one thing heard from another."),
    instant("at", "When it was heard; old ones are removed."),
    PrimaryKeyConstraint("connection_id", "key"),
    Index("ix_heard_key_at", "at"),
    comment="What was heard lately: the same thing enters once.",
)

outbox = Table(
    "outbox",
    metadata,
    parent("campaign_id", "campaign", "Whose effect it is."),
    number("effect_id", "The engine's number of it."),
    subscriber_id(checked=False),
    number("fence", "The owner that asked for it, or claimed it since."),
    word("kind", "What is to be done."),
    word("effect", "The effect: versioned JSON. It names keys and holds none."),
    word("state", "waiting, or claimed: a worker is about to carry it out or does.", default="waiting"),
    number("claims", "How often it was claimed.", default=0),
    instant("not_before", "When it may be carried out."),
    instant("valid_until", "When it is no use any more; empty: it stays of use.", optional=True),
    instant("created_at", "When it was put in."),
    one_of("state", "waiting", "claimed"),
    PrimaryKeyConstraint("campaign_id", "effect_id"),
    Index("ix_outbox_campaign_id_state_not_before", "campaign_id", "state", "not_before"),
    comment="What is to be done outside and isn't yet; a row goes with the outcome that enters the inbox.",
)

journal = Table(
    "journal",
    metadata,
    row_id("Number of the line; rises, also where lines of several writers mix."),
    subscriber_id(checked=False),
    number("campaign_id", "The campaign it is about.", optional=True),
    number("device_id", "The device it is about.", optional=True),
    number("multicast_group_id", "The multicast group it is about.", optional=True),
    word("kind", "What sort of thing happened."),
    word("who", "Login of whoever did it; empty: Fleetcast itself.", default=""),
    word("text", "What happened, in a sentence."),
    document("data", "The same for programs.", optional=True),
    instant("at", "When it happened."),
    Column(
        "transaction_id", BigInteger, nullable=True,
        comment="PostgreSQL: the transaction that wrote it; who follows the journal passes none still open.",
    ),
    Index("ix_journal_subscriber_id_id", "subscriber_id", "id"),
    Index("ix_journal_campaign_id_id", "campaign_id", "id", sqlite_where=text("campaign_id IS NOT NULL"),
          postgresql_where=text("campaign_id IS NOT NULL")),
    Index("ix_journal_device_id_id", "device_id", "id", sqlite_where=text("device_id IS NOT NULL"),
          postgresql_where=text("device_id IS NOT NULL")),
    sqlite_autoincrement=True,
    comment="The history, only ever added to. It also moves what is watched live.",
)  # fmt: skip

message = Table(
    "message",
    metadata,
    row_id("Number of the message; rises with time, nearly."),
    subscriber_id(checked=False),
    number("device_id", "The device it came from or went to; empty: multicast.", optional=True),
    number("multicast_group_id", "The group it went to; empty: unicast.", optional=True),
    number("campaign_id", "The campaign it belongs to.", optional=True),
    word("direction", "up or down."),
    instant("at", "When it was received or sent."),
    number("f_port", "Its FPort.", optional=True),
    octets("payload", "Its bytes, in clear."),
    number("f_cnt", "Its frame counter, where known.", optional=True),
    word("outcome", "down: handed over, sent, failed or unknown; up: empty.", default=""),
    number("effect_id", "down: the campaign's effect that it carries out.", optional=True),
    document("radio", "Data rate, gateways, RSSI, SNR and the like.", optional=True),
    one_of("direction", "up", "down"),
    Index("ix_message_device_id_id", "device_id", "id", sqlite_where=text("device_id IS NOT NULL"),
          postgresql_where=text("device_id IS NOT NULL")),
    Index("ix_message_campaign_id_effect_id", "campaign_id", "effect_id",
          sqlite_where=text("effect_id IS NOT NULL"), postgresql_where=text("effect_id IS NOT NULL")),
    Index("ix_message_at", "at"),
    sqlite_autoincrement=True,
    comment="What was said on the air; explained when it is read.",
)  # fmt: skip
