"""The audit journal through the door: every change leaves before and after, keys leave nothing, an export verifies."""

from __future__ import annotations

import json

from fleetcast.access.audit_chain import Anchor, verify_lines
from tests.api import fleet
from tests.api.conftest import Api, Server


def newest(api: Api) -> dict[str, object]:
    found: dict[str, object] = api.get("/audit?limit=1")["items"][0]
    return found


def exported(api: Api, after: int = 0) -> list[str]:
    headers = {"Authorization": f"Bearer {api.token}"}
    answer = api.client.get(f"/api/v1/audit/export?after={after}", headers=headers)
    assert answer.status_code == 200
    return answer.text.splitlines()


def test_an_edit_leaves_the_fields_that_changed_as_they_were_and_as_they_are(api: Api) -> None:
    connection, profile = fleet.connection(api), fleet.profile(api)
    device = fleet.device(api, 1, connection, profile, tag="a")
    api.patch(f"/devices/{device}", {"tag": "b", "key": "FF" * 16})
    entry = newest(api)
    assert (entry["who"], entry["kind"], entry["object_id"]) == ("admin", "device.edited", device)
    assert (entry["before"], entry["after"]) == ({"tag": "a"}, {"tag": "b"})
    assert entry["more"] == {"fields": ["tag"], "key": "changed"}


def test_reading_a_key_is_an_entry_and_no_key_is_in_any(api: Api) -> None:
    connection, profile = fleet.connection(api), fleet.profile(api)
    device = fleet.device(api, 1, connection, profile)
    api.post(f"/devices/{device}/key", status=200)
    assert newest(api)["kind"] == "device.key-read"
    everything = json.dumps(api.get("/audit?limit=1000"))
    assert fleet.KEY.lower() not in everything.lower()


def test_a_set_and_a_campaign_say_what_they_were_about(api: Api) -> None:
    connection, profile = fleet.connection(api), fleet.profile(api)
    one, two = (fleet.device(api, number, connection, profile) for number in (1, 2))
    chosen = api.post("/device-sets", {"name": "north", "dev_euis": [fleet.eui(1)]})["id"]
    assert newest(api)["more"] == {"added": 1, "removed": 0, "added_ids": [one]}
    api.patch(f"/device-sets/{chosen}", {"dev_euis": [fleet.eui(2)]})
    assert newest(api)["more"] == {"fields": [], "added": 1, "removed": 1, "added_ids": [two], "removed_ids": [one]}
    region = api.post("/regions", {"name": "r", "multicast_group_ids": [fleet.group(api, connection)]})["id"]
    campaign = api.post(
        "/campaigns",
        {"name": "c", "type": "multicast setup", "device_set_ids": [chosen], "region_ids": [region],
         "max_duration_minutes": 60},
    )["id"]  # fmt: skip
    api.patch(f"/campaigns/{campaign}", {"threshold_percent": 80})
    entry = newest(api)
    assert (entry["before"], entry["after"]) == ({"threshold_percent": 90}, {"threshold_percent": 80})


def test_an_export_verifies_and_is_an_entry_itself(server: Server) -> None:
    api = server.api
    fleet.connection(api)
    noted = Anchor.parse(api.get("/audit/head")["head"])
    lines = exported(api)
    found = verify_lines(lines, [noted])
    assert found.faults == []
    assert json.loads(lines[-2])["kind"] == "audit-journal.exported"
    assert found.head == Anchor.parse(api.get("/audit/head")["head"])
    part = exported(api, noted.n)
    assert (verify_lines(part).faults, len(part)) == ([], 3)


def test_entries_are_found_by_who_and_what(api: Api) -> None:
    fleet.connection(api)
    fleet.profile(api)
    found = api.get("/audit?filter=kind=connection.created&filter=who=admin")
    assert (found["total"], found["items"][0]["name"]) == (1, "practice")


def test_who_may_not_read_the_audit_journal_is_refused(api: Api) -> None:
    for role in ("viewer", "operator", "approver"):
        api.post("/users", {"login": role, "role": role, "password": "a long enough sentence"})
        for path in ("/audit", "/audit/head", "/audit/export"):
            answer = api.client.get(f"/api/v1{path}", auth=(role, "a long enough sentence"))
            assert answer.status_code == 403
