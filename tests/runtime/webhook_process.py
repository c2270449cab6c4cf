"""Webhooks served by a process of its own, to be killed: `python -m tests.runtime.webhook_process URL WORKER_ID`."""

from __future__ import annotations

import asyncio
import random
import sys

from fleetcast.clock import SystemClock
from fleetcast.runtime.health import Health
from fleetcast.runtime.webhooks import Patience, Webhooks
from fleetcast.store.database import Database
from tests.runtime.deployment import keys_of

if __name__ == "__main__":
    database = Database.open(sys.argv[1])
    serving = Webhooks(
        database, SystemClock(), keys_of(database), Health(), random.Random(1), Patience(claim_s=0.5, within_s=1.5),
        private_addresses=True,
    )  # fmt: skip
    asyncio.run(serving.run(int(sys.argv[2])))
