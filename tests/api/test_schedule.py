"""Campaigns that start by themselves: in time, once, and where they can't, with the reason."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fleetcast.actions import campaign_orders
from fleetcast.clock import AcceleratedClock, pause
from fleetcast.instants import from_datetime, rfc3339
from fleetcast.runtime.vault_keys import VaultKeys
from fleetcast.runtime.worker import Worker, WorkerOptions
from fleetcast.store.database import Database
from tests.api import fleet
from tests.api.conftest import NOON, VAULT, Api, Server

DUE = NOON + timedelta(hours=9)
SETTINGS = {"setup": "pipelined", "msg_retries": 4, "stage_complete_delay": 3}


def draft(api: Api, name: str = "update", devices: int = 3) -> int:
    """A campaign that can be carried out."""
    network = {"uplink_period_s": 600, "most_loss": 0.1, "gateways": 1}
    at = api.post("/connections", {"name": "practice", "kind": "simulated", "settings": network})["id"]
    make = fleet.profile(api, takes_any_order=True)
    euis = [fleet.eui(number) for number in range(devices)]
    for number in range(devices):
        fleet.device(api, number, at, make)
    chosen = api.post("/device-sets", {"name": "all", "dev_euis": euis})["id"]
    region = api.post("/regions", {"name": "here", "multicast_group_ids": [fleet.group(api, at)]})["id"]
    body = {
        "name": name, "type": "firmware", "device_set_ids": [chosen], "region_ids": [region],
        "file_id": fleet.file(api, make, bytes(300)), "max_duration_minutes": 1440, "settings": SETTINGS,
    }  # fmt: skip
    return int(api.post("/campaigns", body)["id"])


def schedule(api: Api, campaign: int, at: datetime) -> None:
    api.post(f"/campaigns/{campaign}/schedule", {"at": rfc3339(from_datetime(at))}, status=200)


def journal_of(api: Api, campaign: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = api.get(f"/campaigns/{campaign}/journal?limit=500&sort=id")["items"]
    return items


def test_a_scheduled_campaign_starts_when_it_is_due_and_runs_to_its_end(server: Server, tmp_path: Path) -> None:
    api, campaign = server.api, draft(server.api)

    async def run() -> dict[str, Any]:
        options = WorkerOptions(directory=tmp_path, claim_s=0.05, look_s=60, first_pause_s=0.01)
        worker = Worker(server.parts.database, AcceleratedClock(NOON), VaultKeys(server.parts.database, VAULT), options)
        await worker.start()
        # Scheduled while it runs: it is woken, for it looks by itself once in a minute only.
        await asyncio.to_thread(schedule, api, campaign, DUE)
        try:
            async with asyncio.timeout(50):
                while True:
                    shown: dict[str, Any] = await asyncio.to_thread(api.get, f"/campaigns/{campaign}")
                    if shown["status"] not in ("SCHEDULED", "RUNNING"):
                        return shown
                    await pause(0.05)
        finally:
            await worker.stop()

    shown = asyncio.run(run())
    assert shown["status"] == "SUCCEEDED", shown
    assert shown["scheduled_at"] is None
    started = [each for each in journal_of(api, campaign) if each["kind"] == "campaign.started"]
    assert [each["at"] for each in started] == [rfc3339(from_datetime(DUE))], "not before, and not later"
    assert started[0]["who"] == ""


def test_a_start_that_nobody_was_there_for_is_made_up_for(server: Server) -> None:
    campaign = draft(server.api)
    schedule(server.api, campaign, DUE)
    late = DUE + timedelta(days=3)
    assert campaign_orders.next_due(server.parts.database) == from_datetime(DUE)
    assert campaign_orders.start_due(server.parts.database, from_datetime(late)) == 1
    assert server.api.get(f"/campaigns/{campaign}")["status"] == "RUNNING"
    assert campaign_orders.next_due(server.parts.database) is None


def test_however_many_workers_look_it_starts_once(server: Server, database_url: str) -> None:
    campaign = draft(server.api)
    schedule(server.api, campaign, DUE)
    begin = threading.Barrier(4)

    def look(database: Database) -> int:
        begin.wait()
        return campaign_orders.start_due(database, from_datetime(DUE))

    others = [Database.open(database_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(look, others))
    for each in others:
        each.close()
    assert server.api.get(f"/campaigns/{campaign}")["status"] == "RUNNING"
    kinds = [each["kind"] for each in journal_of(server.api, campaign)]
    assert kinds.count("campaign.started") == 1
    assert "campaign.not-started" not in kinds


def test_a_campaign_that_can_not_start_any_more_says_why_and_may_be_edited(server: Server) -> None:
    api, campaign = server.api, draft(server.api)
    schedule(api, campaign, DUE)
    for device in api.get("/devices")["items"]:
        api.post(f"/devices/{device['id']}/archive", status=200)
    assert campaign_orders.start_due(server.parts.database, from_datetime(DUE)) == 1
    shown = api.get(f"/campaigns/{campaign}")
    assert (shown["status"], shown["scheduled_at"]) == ("CONFIGURED", None)
    assert "archived" in shown["why"]
    last = journal_of(api, campaign)[-1]
    assert last["kind"] == "campaign.not-started"
    assert shown["why"] in last["text"]
    api.patch(f"/campaigns/{campaign}", {"description": "again"})


def test_what_goes_wrong_with_one_keeps_no_other_from_its_start(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, first = server.api, draft(server.api)
    second = api.post(f"/campaigns/{first}/copy", {"name": "second"})["id"]
    schedule(api, first, DUE)
    schedule(api, second, DUE + timedelta(minutes=1))
    really = campaign_orders.planned

    def planned(request: Any, now: Any) -> Any:
        if request.campaign == str(first):
            raise ZeroDivisionError("a fault of ours")
        return really(request, now)

    monkeypatch.setattr(campaign_orders, "planned", planned)
    with pytest.raises(ExceptionGroup, match="could not be started"):
        campaign_orders.start_due(server.parts.database, from_datetime(DUE + timedelta(hours=1)))
    assert api.get(f"/campaigns/{first}")["status"] == "CONFIGURED"
    assert "a fault of ours" in api.get(f"/campaigns/{first}")["why"]
    assert api.get(f"/campaigns/{second}")["status"] == "RUNNING"
