"""Campaigns through the API: drafted, judged, started, steered, copied. Nobody runs them here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from fleetcast.actions.campaign_orders import start_due
from fleetcast.campaign.events import Paused, Resumed, Started, Stopped
from fleetcast.instants import from_datetime
from fleetcast.store import inbox, running_campaigns, tables
from tests.api import fleet
from tests.api.conftest import NOON, Api, Server


class Prepared:
    """A profile, four devices in a set, a group in a region, a file."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.connection = fleet.connection(api)
        self.profile = fleet.profile(api)
        self.devices = [fleet.device(api, n, self.connection, self.profile) for n in range(4)]
        self.set = api.post("/device-sets", {"name": "North", "dev_euis": [fleet.eui(n) for n in range(4)]})["id"]
        self.group = fleet.group(api, self.connection)
        self.region = api.post("/regions", {"name": "Lowlands", "multicast_group_ids": [self.group]})["id"]
        self.file = fleet.file(api, self.profile)

    def body(self, **more: Any) -> dict[str, Any]:
        return {
            "name": "update", "type": "firmware", "device_set_ids": [self.set], "region_ids": [self.region],
            "file_id": self.file, "max_duration_minutes": 1440, "threshold_percent": 90,
        } | more  # fmt: skip

    def campaign(self, **more: Any) -> int:
        return int(self.api.post("/campaigns", self.body(**more))["id"])


@pytest.fixture
def prepared(api: Api) -> Prepared:
    return Prepared(api)


def test_a_campaign_is_kept_as_it_was_asked_for(prepared: Prepared) -> None:
    body = prepared.body(
        description="for the pumps", update_type="full", reboot_at="2026-03-02T02:00:00.000Z", strategy="adaptive",
        success_means="valid", settings={"msg_retries": 4, "setup": "pipelined"}, confirmed_downgrade=True,
    )  # fmt: skip
    made = prepared.api.post("/campaigns", body)
    assert {name: made[name] for name in body} == body
    assert made["status"] == "CONFIGURED"
    changed = prepared.api.patch(f"/campaigns/{made['id']}", {"threshold_percent": 50, "reboot_at": None})
    assert (changed["threshold_percent"], changed["reboot_at"]) == (50, None)
    assert changed["device_set_ids"] == [prepared.set]


def test_every_bad_field_of_a_campaign_is_named(prepared: Prepared) -> None:
    wrong = prepared.body(file_id=None, threshold_percent=101, settings={"nonsense": 1, "setup": "quick"})
    problem = prepared.api.post("/campaigns", wrong, status=422)
    assert {each["field"] for each in problem["errors"]} == {
        "file_id", "threshold_percent", "settings.nonsense", "settings.setup",
    }  # fmt: skip
    problem = prepared.api.post("/campaigns", prepared.body(device_set_ids=[99], region_ids=[98]), status=422)
    assert {each["field"] for each in problem["errors"]} == {"device_set_ids", "region_ids"}
    problem = prepared.api.post("/campaigns", prepared.body(reboot_at="2026-03-02T02:00:00"), status=422)
    assert "offset" in str(problem) or "zone" in str(problem)


def test_a_campaign_is_judged_before_it_is_saved(prepared: Prepared) -> None:
    api = prepared.api
    api.patch(f"/devices/{prepared.devices[0]}", {"firmware_version": "2.0.0.0"})
    api.post(f"/devices/{prepared.devices[1]}/archive", status=200)
    found = api.post("/campaigns/validate", prepared.body(), status=200)
    assert found["can_start"] is True
    assert (found["devices"], found["participants"]) == (4, 2)
    assert {each["reason"]: each["dev_euis"] for each in found["left_out"]} == {
        "already runs the target version": [fleet.eui(0)], "archived": [fleet.eui(1)],
    }  # fmt: skip
    assert [each["devices"] for each in found["groups"]] == [2]
    assert len(found["stages"]) == 6
    assert found["estimate"]["duration_s"]["median"] > 0
    assert api.get("/campaigns")["total"] == 0


def test_a_judgement_says_why_nothing_can_start_and_what_to_change(prepared: Prepared) -> None:
    body = prepared.body(max_duration_minutes=1)
    found = prepared.api.post("/campaigns/validate", body, status=200)
    assert found["can_start"] is False
    assert found["refusal"]
    assert found["remedy"]


def test_a_start_settles_who_takes_part_and_orders_the_owner(server: Server, prepared: Prepared) -> None:
    api, number = prepared.api, prepared.campaign()
    api.patch(f"/devices/{prepared.devices[3]}", {"firmware_version": "2.0.0.0"})
    started = api.post(f"/campaigns/{number}/start", status=200)
    assert (started["status"], started["participants"], started["left_out"]) == ("RUNNING", 3, 1)
    assert started["stage_name"] == "McGroupSetup"
    assert started["started_by"] == "admin"
    with server.parts.database.read() as connection:
        assert [entry.event for entry in inbox.waiting(connection, number, 10)] == [Started()]
        plan = running_campaigns.load(connection, number).plan
    assert [str(device.dev_eui) for device in plan.devices] == [fleet.eui(n) for n in range(3)]
    without = api.get(f"/campaigns/{number}/left-out")["items"]
    assert [(each["dev_eui"], each["reason"]) for each in without] == [
        (fleet.eui(3), "already runs the target version")
    ]
    assert api.get(f"/devices/{prepared.devices[0]}")["campaign_id"] == number


def test_nothing_that_changes_the_run_is_edited_under_it(prepared: Prepared) -> None:
    api, number = prepared.api, prepared.campaign()
    api.post(f"/campaigns/{number}/start", status=200)
    assert "update" in api.patch(f"/devices/{prepared.devices[0]}", {"own_class": "C"}, status=409)["detail"]
    api.patch(f"/devices/{prepared.devices[0]}", {"name": "free text"})
    api.patch(f"/multicast-groups/{prepared.group}", {"data_rate": 3}, status=409)
    api.patch(f"/device-profiles/{prepared.profile}", {"time_tolerance_s": 9}, status=409)
    api.patch(f"/files/{prepared.file}", {"version": "3.0.0.0"}, status=409)
    api.post(f"/device-sets/{prepared.set}/devices", {"remove": [fleet.eui(0)]}, status=409)
    api.patch(f"/regions/{prepared.region}", {"multicast_group_ids": []}, status=409)
    api.patch(f"/campaigns/{number}", {"threshold_percent": 1}, status=409)
    api.post(f"/campaigns/{number}/archive", status=409)


def test_what_a_prepared_campaign_uses_is_not_archived(prepared: Prepared) -> None:
    api, number = prepared.api, prepared.campaign()
    for path in (
        f"/device-sets/{prepared.set}", f"/regions/{prepared.region}", f"/files/{prepared.file}",
        f"/multicast-groups/{prepared.group}", f"/device-profiles/{prepared.profile}",
    ):  # fmt: skip
        problem = api.post(f"{path}/archive", status=409)
        assert "update" in problem["detail"]
    api.post(f"/campaigns/{number}/archive", status=200)
    api.post(f"/regions/{prepared.region}/archive", status=200)


def test_a_second_campaign_on_the_same_group_is_refused_and_named(prepared: Prepared) -> None:
    api = prepared.api
    first, second = prepared.campaign(), prepared.campaign(name="another")
    api.post(f"/campaigns/{first}/start", status=200)
    problem = api.post(f"/campaigns/{second}/start", status=409)
    assert "update" in problem["detail"]
    judged = api.post(f"/campaigns/{second}/validate", status=200)
    assert judged["can_start"] is False
    assert judged["conflicts"]


def test_a_file_without_content_is_not_sent(prepared: Prepared) -> None:
    api = prepared.api
    empty = api.post(
        "/files", {"name": "empty", "kind": "firmware", "version": "3.0.0.0", "device_profile_id": prepared.profile}
    )["id"]
    number = prepared.campaign(file_id=empty)
    assert api.post(f"/campaigns/{number}/start", status=422)["errors"][0]["field"] == "file_id"
    assert api.get(f"/campaigns/{number}")["status"] == "CONFIGURED"


def test_orders_go_into_the_inbox_and_only_where_they_fit(server: Server, prepared: Prepared) -> None:
    api, number = prepared.api, prepared.campaign()
    api.post(f"/campaigns/{number}/pause", status=409)
    api.post(f"/campaigns/{number}/start", status=200)
    api.post(f"/campaigns/{number}/start", status=409)
    api.post(f"/campaigns/{number}/pause", {"why": "maintenance"}, status=200)
    api.post(f"/campaigns/{number}/resume", status=200)
    api.post(f"/campaigns/{number}/stop", {"why": "wrong file"}, status=200)
    with server.parts.database.read() as connection:
        events = [entry.event for entry in inbox.waiting(connection, number, 10)]
    assert events == [Started(), Paused("admin", "maintenance"), Resumed("admin"), Stopped("admin", "wrong file")]


def test_a_scheduled_campaign_starts_by_itself_when_its_time_has_come(server: Server, prepared: Prepared) -> None:
    api, number = prepared.api, prepared.campaign()
    api.post(f"/campaigns/{number}/schedule", {"at": "2026-03-01T11:00:00Z"}, status=422)
    assert (
        api.post(f"/campaigns/{number}/schedule", {"at": "2026-03-01T13:00:00Z"}, status=200)["status"] == "SCHEDULED"
    )
    api.patch(f"/campaigns/{number}", {"threshold_percent": 1}, status=409)
    assert api.post(f"/campaigns/{number}/unschedule", status=200)["status"] == "CONFIGURED"
    api.post(f"/campaigns/{number}/schedule", {"at": "2026-03-01T13:00:00Z"}, status=200)
    database = server.parts.database
    assert start_due(database, from_datetime(NOON)) == 0
    server.clock.advance(timedelta(hours=1))
    assert start_due(database, server.parts.now()) == 1
    assert api.get(f"/campaigns/{number}")["status"] == "RUNNING"
    assert start_due(database, server.parts.now()) == 0


def test_a_scheduled_campaign_that_cannot_start_says_why(server: Server, prepared: Prepared) -> None:
    api, number = prepared.api, prepared.campaign(max_duration_minutes=1)
    api.post(f"/campaigns/{number}/schedule", {"at": "2026-03-01T13:00:00Z"}, status=200)
    server.clock.advance(timedelta(hours=2))
    start_due(server.parts.database, server.parts.now())
    shown = api.get(f"/campaigns/{number}")
    assert shown["status"] == "CONFIGURED"
    assert shown["why"]
    assert "campaign.not-started" in [each["kind"] for each in api.get(f"/campaigns/{number}/journal")["items"]]


def finished(server: Server, prepared: Prepared, status: str = "FAILED") -> int:
    """A campaign that is over: the first device succeeded, the second never spoke, the third lost too much."""
    number = prepared.campaign()
    api = prepared.api
    api.patch(f"/devices/{prepared.devices[3]}", {"firmware_version": "2.0.0.0"})
    api.post(f"/campaigns/{number}/start", status=200)
    ends = [(1, None), (3, "never heard"), (3, "too many fragments lost")]
    with server.parts.database.write() as connection:
        for n, (outcome, cause) in enumerate(ends):
            connection.execute(
                insert(tables.campaign_device).values(
                    campaign_id=number, n=n, device_id=prepared.devices[n], subscriber_id=server.subscriber_id,
                    group_n=0, state="", step=11 if outcome == 1 else 2, outcome=outcome, cause=cause, changed_at=1,
                )
            )  # fmt: skip
        connection.execute(update(tables.campaign).where(tables.campaign.c.id == number).values(status=status))
        connection.execute(update(tables.device_facts).values(campaign_id=None))
        connection.execute(update(tables.multicast_group).values(campaign_id=None))
    return number


def test_a_set_is_made_of_devices_that_failed(server: Server, prepared: Prepared) -> None:
    api, number = prepared.api, finished(server, prepared)
    made = api.post(f"/campaigns/{number}/failed-devices", {"name": "all"})["device_set_id"]
    held = api.get(f"/device-sets/{made}/devices")["items"]
    assert [each["dev_eui"] for each in held] == [fleet.eui(1), fleet.eui(2)]
    made = api.post(
        f"/campaigns/{number}/failed-devices", {"name": "some", "causes": ["never heard"], "left_out": True}
    )["device_set_id"]
    held = api.get(f"/device-sets/{made}/devices")["items"]
    assert [each["dev_eui"] for each in held] == [fleet.eui(1), fleet.eui(3)]
    api.post(f"/campaigns/{number}/failed-devices", {"name": "none", "causes": ["clock off"]}, status=422)


def test_a_retry_is_a_copy_for_the_devices_that_failed(server: Server, prepared: Prepared) -> None:
    api, number = prepared.api, finished(server, prepared)
    retry = api.post(f"/campaigns/{number}/retry-failed", {"name": "second try"})
    assert retry["status"] == "CONFIGURED"
    assert retry["copied_from_id"] == number
    assert retry["file_id"] == prepared.file
    assert api.post(f"/campaigns/{retry['id']}/validate", status=200)["participants"] == 2


def test_a_copy_has_the_same_settings_and_no_times(prepared: Prepared) -> None:
    number = prepared.campaign(reboot_at="2026-03-02T02:00:00Z", settings={"msg_retries": 7})
    copy = prepared.api.post(f"/campaigns/{number}/copy", {"name": "again"})
    assert (copy["settings"], copy["reboot_at"], copy["name"]) == ({"msg_retries": 7}, None, "again")
    prepared.api.post(f"/campaigns/{number}/copy", {"name": "again"}, status=409)


def test_progress_counts_participants_by_what_became_of_them(server: Server, prepared: Prepared) -> None:
    api, number = prepared.api, finished(server, prepared)
    found = api.get(f"/campaigns/{number}/progress")
    assert found["outcomes"] == {"open": 0, "succeeded": 1, "behind": 0, "failed": 2}
    assert found["causes"] == {"never heard": 1, "too many fragments lost": 1}
    assert found["left_out"] == {"already runs the target version": 1}
    assert found["stages"][0]["name"] == "McGroupSetup"
    failed = api.get(f"/campaigns/{number}/devices?filter=outcome=failed&sort=-dev_eui")
    assert [each["dev_eui"] for each in failed["items"]] == [fleet.eui(2), fleet.eui(1)]
    assert failed["items"][0]["advice"]
    assert api.get(f"/campaigns/{number}/devices?filter=stage=1")["total"] == 2


def test_a_campaign_without_anything_yet_shows_its_stages_too(prepared: Prepared) -> None:
    found = prepared.api.get(f"/campaigns/{prepared.campaign()}/progress")
    assert [each["status"] for each in found["stages"]] == ["waiting"] * 6
    assert found["funnel"]["participants"] == 0


def test_settings_of_the_subscriber_reach_the_plan(server: Server, prepared: Prepared) -> None:
    api = prepared.api
    api.patch("/subscriber", {"settings": {"msg_retries": 9}})
    api.patch("/subscriber", {"settings": {"msg_retries": 9, "duty_cycle_share": 101}}, status=422)
    number = prepared.campaign(settings={"stage_complete_delay": 3})
    api.post(f"/campaigns/{number}/start", status=200)
    with server.parts.database.read() as connection:
        policy = running_campaigns.load(connection, number).plan.policy
    assert (policy.msg_retries, policy.stage_complete_delay) == (9, 3)
    values = {each["name"]: each for each in api.get("/subscriber/settings")}
    assert (values["msg_retries"]["default"], values["msg_retries"]["value"]) == (2, 9)


def test_a_new_group_key_makes_devices_be_set_up_anew(server: Server, prepared: Prepared) -> None:
    api = prepared.api
    slot = {
        "group": "0300000000000001", "mc_addr": "01FC0001", "first_f_cnt": 0, "end_f_cnt": 32_000,
        "last_used_at": from_datetime(NOON),
    }  # fmt: skip
    facts = {
        "subscriber_id": server.subscriber_id, "gaps": b"", "gateways": {}, "package_versions": {}, "frag_slots": {},
        "session_cnt": {}, "set_up_groups": {"0": slot},
    }  # fmt: skip
    with server.parts.database.write() as connection:
        connection.execute(
            insert(tables.device_facts), [facts | {"device_id": number} for number in prepared.devices[:1]]
        )
    server.clock.advance(timedelta(hours=1))
    plans = []
    for key in (None, fleet.KEY):
        if key is not None:
            api.patch(f"/multicast-groups/{prepared.group}", {"mc_key": key})
        number = prepared.campaign(name=f"with key {key}")
        api.post(f"/campaigns/{number}/start", status=200)
        with server.parts.database.write() as connection:
            plans.append(running_campaigns.load(connection, number).plan)
            connection.execute(update(tables.device_facts).values(campaign_id=None))
            connection.execute(update(tables.multicast_group).values(campaign_id=None))
            connection.execute(update(tables.campaign).values(status="FAILED"))
            assert connection.execute(select(tables.campaign.c.id)).first()
    assert [plan.devices[0].group_set_up for plan in plans] == [True, False]
