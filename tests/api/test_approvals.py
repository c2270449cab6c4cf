"""A second person's approval: who needs it, who may give it, and everything that takes it away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from fleetcast.actions.campaign_orders import start_due
from fleetcast.instants import from_datetime
from tests.api import fleet
from tests.api.conftest import NOON, Api, Server

PASSWORD = "a long enough sentence"  # noqa: S105 - of a test


@dataclass
class Four:
    """A small fleet, and people with four eyes: `maker` makes, `runner` starts, `second` approves."""

    server: Server
    admin: Api
    maker: Api
    runner: Api
    second: Api
    set_id: int
    region_id: int
    file_id: int
    devices: list[int]

    def draft(self, name: str = "update", **more: Any) -> int:
        said = {
            "name": name, "type": "firmware", "device_set_ids": [self.set_id], "region_ids": [self.region_id],
            "file_id": self.file_id, "max_duration_minutes": 1440, **more,
        }  # fmt: skip
        return int(self.maker.post("/campaigns", said)["id"])

    def mark(self, campaign: int) -> str | None:
        found: str | None = self.admin.get(f"/campaigns/{campaign}")["approved_by"]
        return found


@pytest.fixture
def four(server: Server) -> Four:
    admin = server.api

    def person(login: str, role: str) -> Api:
        admin.post("/users", {"login": login, "role": role, "password": PASSWORD})
        made = admin.client.post("/api/v1/tokens", json={"name": "t"}, auth=(login, PASSWORD)).json()
        return Api(admin.client, made["token"])

    connection, profile = fleet.connection(admin), fleet.profile(admin)
    devices = [fleet.device(admin, number, connection, profile) for number in (1, 2, 3)]
    chosen = admin.post("/device-sets", {"name": "north", "dev_euis": [fleet.eui(1), fleet.eui(2)]})["id"]
    region = admin.post("/regions", {"name": "r", "multicast_group_ids": [fleet.group(admin, connection)]})["id"]
    file = fleet.file(admin, profile)
    admin.patch("/subscriber", {"approval_devices": 1})
    return Four(
        server, admin, person("maker", "operator"), person("runner", "operator"), person("second", "approver"),
        chosen, region, file, devices,
    )  # fmt: skip


def test_a_campaign_over_the_size_does_not_start_without_it(four: Four) -> None:
    campaign = four.draft()
    assert "over 2 devices" in four.admin.get(f"/campaigns/{campaign}")["approval_needed"]
    assert "needs an approval" in four.runner.post(f"/campaigns/{campaign}/start", status=409)["detail"]
    later = {"at": "2026-03-02T08:00:00Z"}
    assert "needs an approval" in four.runner.post(f"/campaigns/{campaign}/schedule", later, status=409)["detail"]
    shown = four.second.post(f"/campaigns/{campaign}/approve", {"why": "looked at it"}, status=200)
    assert (shown["approved_by"], shown["status"]) == ("second", "CONFIGURED")
    started = four.runner.post(f"/campaigns/{campaign}/start", status=200)
    assert (started["status"], started["approved_by"], started["approval_needed"]) == ("RUNNING", "second", None)
    kinds = [each["kind"] for each in four.admin.get("/audit?limit=2")["items"]]
    assert kinds == ["campaign.started", "campaign.approved"]


def test_small_ones_and_other_types_start_without_it(four: Four) -> None:
    four.admin.patch("/subscriber", {"approval_devices": 2, "approval_types": ["binary"]})
    campaign = four.draft()
    assert four.admin.get(f"/campaigns/{campaign}")["approval_needed"] is None
    four.admin.patch("/subscriber", {"approval_types": ["binary", "firmware"]})
    four.runner.post(f"/campaigns/{campaign}/start", status=409)
    four.admin.patch("/subscriber", {"approval_types": []})
    four.runner.post(f"/campaigns/{campaign}/start", status=200)


def test_who_made_or_changed_it_can_not_approve_it(four: Four) -> None:
    campaign = four.admin.post(
        "/campaigns",
        {"name": "own", "type": "firmware", "device_set_ids": [four.set_id], "region_ids": [four.region_id],
         "file_id": four.file_id, "max_duration_minutes": 1440},
    )["id"]  # fmt: skip
    assert "admin made it" in four.admin.post(f"/campaigns/{campaign}/approve", status=403)["detail"]
    four.maker.patch(f"/campaigns/{campaign}", {"threshold_percent": 50})
    four.admin.post(f"/campaigns/{campaign}/approve", status=403)
    copied = four.admin.post(f"/campaigns/{campaign}/copy", {"name": "copy"})
    assert copied["approved_by"] is None
    four.admin.post(f"/campaigns/{copied['id']}/approve", status=403)


def test_who_approved_it_can_neither_start_nor_schedule_it(four: Four) -> None:
    campaign = four.draft()
    four.admin.post(f"/campaigns/{campaign}/approve", status=200)
    assert "approved it and can't start it" in four.admin.post(f"/campaigns/{campaign}/start", status=403)["detail"]
    four.admin.post(f"/campaigns/{campaign}/schedule", {"at": "2026-03-02T08:00:00Z"}, status=403)
    four.maker.post(f"/campaigns/{campaign}/start", status=200)


def test_operators_and_viewers_can_not_approve(four: Four) -> None:
    campaign = four.draft()
    four.runner.post(f"/campaigns/{campaign}/approve", status=403)
    four.runner.post(f"/campaigns/{campaign}/withdraw-approval", status=403)
    four.second.post(f"/campaigns/{campaign}/start", status=403)


CHANGES: dict[str, Callable[[Four, int], Any]] = {
    "the campaign": lambda four, campaign: four.maker.patch(f"/campaigns/{campaign}", {"threshold_percent": 50}),
    "only its description": lambda four, campaign: four.maker.patch(f"/campaigns/{campaign}", {"description": "x"}),
    "what is said of its file": lambda four, _: four.maker.patch(f"/files/{four.file_id}", {"description": "x"}),
    "the name of its set": lambda four, _: four.maker.patch(f"/device-sets/{four.set_id}", {"name": "south"}),
    "the devices of its set": lambda four, _: four.maker.patch(
        f"/device-sets/{four.set_id}", {"dev_euis": [fleet.eui(1), fleet.eui(3)]}
    ),
    "one more device": lambda four, _: four.maker.post(
        f"/device-sets/{four.set_id}/devices", {"add": [fleet.eui(3)]}, status=200
    ),
    "its region": lambda four, _: four.maker.patch(f"/regions/{four.region_id}", {"description": "x"}),
    "whoever withdraws it": lambda four, campaign: four.second.post(
        f"/campaigns/{campaign}/withdraw-approval", status=200
    ),
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_it_is_taken_away_by_a_change_of(four: Four, change: str) -> None:
    campaign = four.draft()
    four.second.post(f"/campaigns/{campaign}/approve", status=200)
    CHANGES[change](four, campaign)
    assert four.mark(campaign) is None
    four.runner.post(f"/campaigns/{campaign}/start", status=409)
    four.second.post(f"/campaigns/{campaign}/approve", status=200)
    four.runner.post(f"/campaigns/{campaign}/start", status=200)


def test_a_change_of_something_else_takes_nothing_away(four: Four) -> None:
    campaign = four.draft()
    four.second.post(f"/campaigns/{campaign}/approve", status=200)
    four.maker.post("/device-sets", {"name": "other", "dev_euis": [fleet.eui(3)]})
    four.maker.patch(f"/devices/{four.devices[0]}", {"tag": "x"})
    four.maker.post("/campaigns/validate", {
        "name": "v", "type": "firmware", "device_set_ids": [four.set_id], "region_ids": [four.region_id],
        "file_id": four.file_id, "max_duration_minutes": 1440,
    }, status=200)  # fmt: skip
    assert four.mark(campaign) == "second"


def test_a_scheduled_one_whose_set_was_changed_does_not_start_by_itself(four: Four) -> None:
    campaign = four.draft()
    four.second.post(f"/campaigns/{campaign}/approve", status=200)
    four.runner.post(f"/campaigns/{campaign}/schedule", {"at": "2026-03-01T13:00:00Z"}, status=200)
    four.maker.post(f"/device-sets/{four.set_id}/devices", {"add": [fleet.eui(3)]}, status=200)
    assert four.admin.get("/audit?limit=1")["items"][0]["kind"] == "campaign.approval-lapsed"
    start_due(four.server.parts.database, from_datetime(NOON + timedelta(hours=2)))
    shown = four.admin.get(f"/campaigns/{campaign}")
    assert (shown["status"], "needs an approval" in shown["why"]) == ("CONFIGURED", True)


def test_a_scheduled_one_starts_by_itself_with_it(four: Four) -> None:
    campaign = four.draft()
    four.second.post(f"/campaigns/{campaign}/approve", status=200)
    four.runner.post(f"/campaigns/{campaign}/schedule", {"at": "2026-03-01T13:00:00Z"}, status=200)
    start_due(four.server.parts.database, from_datetime(NOON + timedelta(hours=2)))
    assert four.admin.get(f"/campaigns/{campaign}")["status"] == "RUNNING"


def test_the_approval_of_somebody_who_has_left_is_none(four: Four) -> None:
    campaign = four.draft()
    four.second.post(f"/campaigns/{campaign}/approve", status=200)
    number = four.second.get("/me")["user_id"]
    four.admin.patch(f"/users/{number}", {"role": "viewer"})
    assert "may not approve any more" in four.runner.post(f"/campaigns/{campaign}/start", status=409)["detail"]


def test_whoever_had_a_hand_in_it_can_not_approve_it(four: Four) -> None:
    """Also not the one who made nearly all of it, once somebody else has changed a word."""
    campaign = four.draft()
    four.admin.patch(f"/users/{four.maker.get('/me')['user_id']}", {"role": "admin"})
    four.runner.patch(f"/campaigns/{campaign}", {"description": "a word"})
    refused = four.maker.post(f"/campaigns/{campaign}/approve", {}, status=403)
    assert "made it, or changed it" in refused["detail"]
    four.second.post(f"/campaigns/{campaign}/approve", {}, status=200)
    copy = four.maker.post(f"/campaigns/{campaign}/copy", {"name": "copied"})["id"]
    four.runner.patch(f"/campaigns/{copy}", {"description": "a word"})
    four.maker.post(f"/campaigns/{copy}/approve", {}, status=403)
