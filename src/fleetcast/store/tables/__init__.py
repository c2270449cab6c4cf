"""The schema: every table, with a comment on each and on each column.

Instants are milliseconds UTC (`*_at`). Rows belong to a subscriber. What people edit carries a revision and is
archived, never deleted. The same tables stand in SQLite and PostgreSQL; migrations bring an older database here.
"""

from __future__ import annotations

from fleetcast.store.tables.campaigns import (
    campaign,
    campaign_device,
    campaign_device_set,
    campaign_group,
    campaign_left_out,
    campaign_plan,
    campaign_region,
)
from fleetcast.store.tables.columns import metadata
from fleetcast.store.tables.deployment import (
    connection,
    idempotency_key,
    key_material,
    subscriber,
    token,
    usage_report,
    user,
    webhook,
    webhook_delivery,
    worker,
)
from fleetcast.store.tables.fleet import (
    delta_signing_key,
    device,
    device_facts,
    device_profile,
    device_set,
    device_set_member,
    file,
    file_content,
    multicast_group,
    region,
    region_group,
)
from fleetcast.store.tables.traffic import heard_key, inbox, journal, message, outbox
from fleetcast.store.tables.trust import audit, audit_chain, login_failure, session, trusted_key

__all__ = [
    "audit",
    "audit_chain",
    "campaign",
    "campaign_device",
    "campaign_device_set",
    "campaign_group",
    "campaign_left_out",
    "campaign_plan",
    "campaign_region",
    "connection",
    "delta_signing_key",
    "device",
    "device_facts",
    "device_profile",
    "device_set",
    "device_set_member",
    "file",
    "file_content",
    "heard_key",
    "idempotency_key",
    "inbox",
    "journal",
    "key_material",
    "login_failure",
    "message",
    "metadata",
    "multicast_group",
    "outbox",
    "region",
    "region_group",
    "session",
    "subscriber",
    "token",
    "trusted_key",
    "usage_report",
    "user",
    "webhook",
    "webhook_delivery",
    "worker",
]
