"""The database gone in the middle of a campaign on a running server: nothing acknowledged is lost, and it goes on.

FLEETCAST_OUTAGE_S says for how many seconds; 8 by default.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from sqlalchemy import select

from fleetcast.store import tables
from fleetcast.store.database import Database
from tests.api import fleet
from tests.api.conftest import Api
from tests.cli.servers import ServerProcess
from tests.postgresql import PostgreSQL

OUTAGE_S = float(os.environ.get("FLEETCAST_OUTAGE_S", "8"))
DEVICES = 5
FACTOR = 40
LONGEST_GAP = 4
FINAL = ("SUCCEEDED", "FAILED", "STOPPED")


@pytest.fixture
def cluster() -> Iterator[PostgreSQL]:
    """A PostgreSQL of this test's own, to be stopped."""
    made = PostgreSQL()
    yield made
    made.remove()


def wait(true: Callable[[], Any], longest_s: float) -> float:
    began = time.monotonic()  # noqa: TID251 - a process runs in real time
    while not true():
        assert time.monotonic() - began < longest_s, "nothing happened"  # noqa: TID251
        time.sleep(0.1)  # noqa: TID251
    return time.monotonic() - began  # noqa: TID251


def test_a_campaign_outlives_the_database_being_gone(cluster: PostgreSQL, tmp_path: Path) -> None:
    url = cluster.url("postgres")
    with ServerProcess(tmp_path, "--database", url, "--time-factor", str(FACTOR)) as server:
        assert server.first is not None
        with httpx.Client(base_url=server.url, timeout=60) as client:
            _journey(cluster, server, Api(cast(Any, client), server.first["token"]), url)
        assert server.process.poll() is None, "the process is still the same one"


def _journey(cluster: PostgreSQL, server: ServerProcess, api: Api, url: str) -> None:
    network = {"uplink_period_s": 120, "most_loss": 0.05, "most_uplink_loss": 0.0, "gateways": 1}
    at = api.post("/connections", {"name": "practice", "kind": "simulated", "settings": network})["id"]
    make = fleet.profile(api, takes_any_order=True, uplink_period_s=120)
    for number in range(DEVICES):
        fleet.device(api, number, at, make)
    chosen = api.post("/device-sets", {"name": "all", "dev_euis": [fleet.eui(n) for n in range(DEVICES)]})["id"]
    region = api.post("/regions", {"name": "here", "multicast_group_ids": [fleet.group(api, at)]})["id"]
    body = {
        "name": "update", "type": "firmware", "device_set_ids": [chosen], "region_ids": [region],
        "file_id": fleet.file(api, make, bytes(n % 251 for n in range(600))), "max_duration_minutes": 1440,
        "settings": {"setup": "pipelined", "msg_retries": 4, "stage_complete_delay": 3},
    }  # fmt: skip
    campaign = api.post("/campaigns", body)["id"]
    api.post(f"/campaigns/{campaign}/start", status=200)
    wait(lambda: fragments(url), 60)
    wait(lambda: server.get("/readyz").status_code == 200, 30)
    before = heard(url)
    cluster.stop(mode="immediate")
    wait(lambda: server.get("/readyz").status_code == 503, 15)
    assert "database" in server.get("/readyz").text
    assert server.get("/healthz").status_code == 200, "it lives"
    assert api.client.get("/api/v1/campaigns", headers={"Authorization": f"Bearer {api.token}"}).status_code == 503
    time.sleep(OUTAGE_S)  # noqa: TID251
    cluster.start()
    back_s = wait(lambda: server.get("/readyz").status_code == 200, 60)
    print(f"ready {back_s:.1f} s after the database was back")  # noqa: T201 - a figure for whoever asks with -s
    wait(lambda: api.get(f"/campaigns/{campaign}")["status"] in FINAL, 120)
    shown = api.get(f"/campaigns/{campaign}")
    assert (shown["status"], shown["succeeded"]) == ("SUCCEEDED", DEVICES), shown
    after = heard(url)
    for device, counters in before.items():
        assert after[device][: len(counters)] == counters, "what was acknowledged before is there after"
    for device, counters in after.items():
        # Once no group stands and nothing is under way, the simulated network may begin anew, and count anew; its first
        # frames may be lost. That is after the campaign: no counter that was heard before the outage is near so small.
        anew = next(
            (n for n, (one, other) in enumerate(pairwise(counters), 1) if other < LONGEST_GAP < one - LONGEST_GAP),
            len(counters),
        )
        gaps = [later - earlier for earlier, later in pairwise(counters[:anew])]
        assert len(gaps) > len(before[device]), f"device {device} was heard again after the outage"
        # One or another frame meets a second one on the air. The outage is longer than LONGEST_GAP periods of a device.
        assert min(gaps) >= 1, f"device {device}: an uplink entered twice"
        assert max(gaps) <= LONGEST_GAP, f"device {device}: what it said during the outage is missing"


def fragments(url: str) -> int:
    """How many multicast frames were handed over."""
    database = Database.open(url)
    with database.read() as connection:
        sent = connection.execute(
            select(tables.message.c.id).where(tables.message.c.multicast_group_id.is_not(None))
        ).all()
    database.close()
    return len(sent)


def heard(url: str) -> dict[int, list[int]]:
    """The counters of each device's uplinks, in the order of their entering."""
    database = Database.open(url)
    found: dict[int, list[int]] = {}
    table = tables.message
    with database.read() as connection:
        rows = connection.execute(
            select(table.c.device_id, table.c.f_cnt).where(table.c.direction == "up").order_by(table.c.at, table.c.id)
        ).all()
    database.close()
    for device, f_cnt in rows:
        found.setdefault(device, []).append(f_cnt)
    return found
