"""The simplest way through for an operator: from an empty server to a fleet that runs the new version."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from fleetcast.clock import AcceleratedClock, pause
from fleetcast.runtime.vault_keys import VaultKeys
from fleetcast.runtime.worker import Worker, WorkerOptions
from tests.api import fleet
from tests.api.conftest import NOON, VAULT, Server

DEVICES = 6


def test_a_fleet_is_updated_over_the_simulated_network(server: Server, tmp_path: Path) -> None:
    api = server.api
    settings = {"uplink_period_s": 600, "most_loss": 0.1, "gateways": 1}
    at = api.post("/connections", {"name": "practice", "kind": "simulated", "settings": settings})["id"]
    make = fleet.profile(api, takes_any_order=True)
    devices = [fleet.device(api, number, at, make) for number in range(DEVICES)]
    chosen = api.post("/device-sets", {"name": "all", "dev_euis": [fleet.eui(n) for n in range(DEVICES)]})["id"]
    region = api.post("/regions", {"name": "here", "multicast_group_ids": [fleet.group(api, at)]})["id"]
    firmware = fleet.file(api, make, bytes(n % 251 for n in range(700)))
    campaign = api.post(
        "/campaigns",
        {
            "name": "update", "type": "firmware", "device_set_ids": [chosen], "region_ids": [region],
            "file_id": firmware, "max_duration_minutes": 1440,
            "settings": {"setup": "pipelined", "msg_retries": 4, "stage_complete_delay": 3},
        },
    )["id"]  # fmt: skip
    api.post(f"/campaigns/{campaign}/start", status=200)

    async def run() -> dict[str, Any]:
        clock = AcceleratedClock(NOON)
        options = WorkerOptions(directory=tmp_path, claim_s=0.05, look_s=0.2, first_pause_s=0.01)
        worker = Worker(server.parts.database, clock, VaultKeys(server.parts.database, VAULT), options)
        await worker.start()
        try:
            async with asyncio.timeout(60):
                while True:
                    shown: dict[str, Any] = await asyncio.to_thread(api.get, f"/campaigns/{campaign}")
                    last = await asyncio.to_thread(api.get, f"/devices/{devices[-1]}")
                    # Devices are given back after the campaign's end, by the one who owned it.
                    if shown["status"] in ("SUCCEEDED", "FAILED", "STOPPED") and last["campaign_id"] is None:
                        return shown
                    await pause(0.05)
        finally:
            await worker.stop()

    shown = asyncio.run(run())
    assert shown["status"] == "SUCCEEDED", shown
    assert (shown["participants"], shown["succeeded"], shown["failed"]) == (DEVICES, DEVICES, 0)

    found = api.get(f"/campaigns/{campaign}/progress")
    assert found["funnel"]["running"] == DEVICES
    assert {each["status"] for each in found["stages"]} <= {"done", "not needed"}
    assert found["groups"][0]["handed_over"] > 0
    latest = api.get(f"/campaigns/{campaign}/devices")["items"]
    assert {(each["outcome"], each["firmware_after"]) for each in latest} == {("succeeded", "2.0.0.0")}
    text = api.get(f"/campaigns/{campaign}/devices/{devices[0]}/explanation")["text"]
    assert text == "Succeeded."

    device = api.get(f"/devices/{devices[0]}")
    assert (device["firmware_version"], device["firmware_file_id"]) == ("2.0.0.0", firmware)
    assert device["campaign_id"] is None
    said = api.get(f"/devices/{devices[0]}/messages?limit=200")["items"]
    commands = {part["command"] for message in said for part in message["parts"]}
    assert {"McGroupSetupReq", "McGroupSetupAns", "FragSessionSetupReq", "DevVersionAns"} <= commands
    kinds = [each["kind"] for each in api.get(f"/campaigns/{campaign}/journal?limit=500")["items"]]
    assert {"campaign.started", "campaign.ended"} <= set(kinds)
    api.post(f"/campaigns/{campaign}/archive", status=200)
