"""Whether what a database holds can be right: schema, references, and every campaign that somebody would go on with."""

from __future__ import annotations

from sqlalchemy import select

from fleetcast.errors import Damaged, NotFound
from fleetcast.store import running_campaigns, schema
from fleetcast.store.database import Database
from fleetcast.store.ownership import UNDER_WAY
from fleetcast.store.tables import campaign


def complaints(database: Database) -> list[str]:
    """What is wrong, a sentence each; empty: nothing. Raises SchemaDiffers before anything else is looked at."""
    schema.require_current(database)
    found = schema.differences(database)
    with database.read() as connection:
        numbers = connection.execute(select(campaign.c.id).where(campaign.c.status.in_(UNDER_WAY))).scalars().all()
        for campaign_id in numbers:
            try:
                parts = running_campaigns.load(connection, campaign_id)
            except (Damaged, NotFound) as error:
                found.append(f"campaign {campaign_id}: {error}")
                continue
            if parts.campaign is not None and len(parts.devices) != len(parts.plan.devices):
                found.append(
                    f"campaign {campaign_id}: {len(parts.devices)} of {len(parts.plan.devices)} devices have a state"
                )
    return found
