"""The nouns of a fleet: created, read, edited, archived and restored through the API."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fleetcast.identifiers import DevAddr
from fleetcast.protocol.keys import mc_app_s_key, mc_net_s_key
from fleetcast.secret import Secret
from tests.api import fleet
from tests.api.conftest import Api


def test_whoever_brings_no_token_is_asked_for_one(api: Api) -> None:
    answer = api.client.get("/api/v1/devices")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Bearer" in answer.headers["www-authenticate"]
    assert api.client.get("/openapi.json").status_code == 200


def test_a_login_with_its_password_opens_as_a_token_does(api: Api) -> None:
    api.post("/users", {"login": "Ada", "role": "viewer", "password": "correct horse battery"})
    assert api.client.get("/api/v1/devices", auth=("ada", "correct horse battery")).status_code == 200
    assert api.client.get("/api/v1/devices", auth=("ada", "wrong horse battery")).status_code == 401
    assert api.client.get("/api/v1/devices", auth=("nobody", "correct horse battery")).status_code == 401
    refused = api.client.post(
        "/api/v1/device-sets", json={"name": "x", "dev_euis": []}, auth=("ada", "correct horse battery")
    )
    assert refused.status_code == 403


def test_a_profile_is_kept_with_every_field(api: Api) -> None:
    said = {
        "name": "Pump", "description": "in the cellar", "producer_id": "ACME", "module_id": "P1", "hw_revision": 3,
        "hw_version": 7, "time_tolerance_s": 4, "uplink_period_s": 900, "mcu_type": "STM32WL", "scheme": "v1",
        "fuota_library": "smart delta", "clock_sync_version": "absent", "fragmentation_version": "2", "mc_groups": 4,
        "takes_any_order": True, "firmware_commands": ["DevVersionReq"], "reboots": "itself", "descriptor": 5,
        "version_format": "opaque", "regional_revision": "RP002-1.0.3", "running_f_port": 7, "running_prefix": "01ff",
        "quirks": ["says nothing"], "battery_mah": 1000.5, "max_image_bytes": 200_000,
    }  # fmt: skip
    made = api.post("/device-profiles", said)
    assert {name: made[name] for name in said} == said
    assert api.get(f"/device-profiles/{made['id']}") == made
    assert made["revision"] == 1
    assert made["created_at"] == "2026-03-01T12:00:00.000Z"


def test_every_bad_field_of_a_profile_is_named_at_once(api: Api) -> None:
    said = {
        "name": " ", "producer_id": "A", "module_id": "B", "hw_revision": 256, "clock_sync_f_port": 200,
        "running_f_port": 9, "regional_revision": "nonsense",
    }  # fmt: skip
    problem = api.post("/device-profiles", said, status=422)
    assert {each["field"] for each in problem["errors"]} == {
        "name", "hw_revision", "multicast_setup_f_port", "running_prefix", "regional_revision",
    }  # fmt: skip


def test_a_patch_changes_what_it_names_and_null_empties(api: Api) -> None:
    number = fleet.profile(api, hw_version=7, mc_groups=2)
    changed = api.patch(f"/device-profiles/{number}", {"name": "Pump II", "hw_version": None})
    assert (changed["name"], changed["hw_version"], changed["mc_groups"]) == ("Pump II", None, 2)
    assert changed["revision"] == 2
    api.patch(f"/device-profiles/{number}", {"no_such_field": 1}, status=422)


def test_the_second_of_two_editors_is_told(api: Api) -> None:
    number = fleet.profile(api)
    etag = api.client.get(
        f"/api/v1/device-profiles/{number}", headers={"Authorization": f"Bearer {api.token}"}
    ).headers["etag"]
    api.patch(f"/device-profiles/{number}", {"name": "first"}, headers={"If-Match": etag})
    problem = api.patch(f"/device-profiles/{number}", {"name": "second"}, status=412, headers={"If-Match": etag})
    assert "read it again" in problem["detail"]
    assert api.get(f"/device-profiles/{number}")["name"] == "first"


def test_names_and_triples_are_unique_among_what_is_active(api: Api) -> None:
    first = fleet.profile(api, "Pump")
    problem = api.post(
        "/device-profiles",
        {"name": "Pump", "producer_id": "other", "module_id": "x", "hw_revision": 1}, status=409,
    )  # fmt: skip
    assert [each["field"] for each in problem["errors"]] == ["name"]
    problem = api.post(
        "/device-profiles", {"name": "Valve", "producer_id": "ACME", "module_id": "Pump", "hw_revision": 1}, status=409
    )
    assert [each["field"] for each in problem["errors"]] == ["producer_id", "module_id", "hw_revision"]
    api.post(f"/device-profiles/{first}/archive", status=200)
    second = fleet.profile(api, "Pump")
    api.post(f"/device-profiles/{first}/restore", status=409)
    api.post(f"/device-profiles/{second}/archive", status=200)
    assert api.post(f"/device-profiles/{first}/restore", status=200)["archived_at"] is None


def test_a_creation_repeated_under_its_key_makes_nothing_twice(api: Api) -> None:
    key = {"Idempotency-Key": "once-1"}
    body = {"name": "Lowlands"}
    first = api.post("/regions", body, headers=key)
    assert api.post("/regions", body, headers=key)["id"] == first["id"]
    assert api.get("/regions")["total"] == 1
    problem = api.post("/regions", {"name": "Highlands"}, status=409, headers=key)
    assert "choose a new key" in problem["detail"]


def test_a_device_keeps_its_key_to_itself(api: Api) -> None:
    at, make = fleet.connection(api), fleet.profile(api)
    number = fleet.device(api, 1, at, make)
    shown = api.get(f"/devices/{number}")
    assert shown["has_key"] is True
    assert shown["firmware_version"] == "1.0.0.0"
    assert shown["connection_name"] == "practice"
    assert fleet.KEY not in str(shown)
    assert api.post(f"/devices/{number}/key", status=200) == {"key": fleet.KEY}
    problem = api.patch(f"/devices/{number}", {"key": "0102"}, status=422)
    assert "0102" not in str(problem)


def test_a_device_without_a_key_says_so(api: Api) -> None:
    number = fleet.device(api, 1, fleet.connection(api), fleet.profile(api), key=None)
    assert api.get(f"/devices/{number}")["has_key"] is False
    assert api.patch(f"/devices/{number}", {"key": fleet.KEY})["has_key"] is True
    assert api.patch(f"/devices/{number}", {"name": "cellar"})["has_key"] is True


def test_a_deveui_belongs_to_one_device_or_group(api: Api) -> None:
    at, make = fleet.connection(api), fleet.profile(api)
    fleet.device(api, 1, at, make)
    taken = api.post("/devices", {"dev_eui": fleet.eui(1), "connection_id": at, "lorawan_version": "1.0"}, status=409)
    assert taken["errors"][0]["field"] == "dev_eui"
    group = {
        "dev_eui": fleet.eui(1), "connection_id": at, "session_class": "C", "band": "EU868", "dev_addr": "01FC0001",
        "frequency_hz": 869_525_000, "data_rate": 5,
    }  # fmt: skip
    assert api.post("/multicast-groups", group, status=422)["errors"][0]["field"] == "dev_eui"


def test_a_version_that_is_stated_finds_the_file_it_stands_for(api: Api) -> None:
    at, make = fleet.connection(api), fleet.profile(api)
    old = api.post("/files", {"name": "old", "kind": "firmware", "version": "1.0.0.0", "device_profile_id": make})["id"]
    number = fleet.device(api, 1, at, make)
    shown = api.get(f"/devices/{number}")
    assert shown["firmware_file_id"] == old
    assert shown["firmware_learned_at"] == "2026-03-01T12:00:00.000Z"
    changed = api.patch(f"/devices/{number}", {"firmware_version": "0x01010000"})
    assert (changed["firmware_version"], changed["firmware_file_id"]) == ("1.1.0.0", None)


def test_what_a_device_points_to_must_be_there(api: Api) -> None:
    problem = api.post(
        "/devices", {"dev_eui": fleet.eui(1), "connection_id": 99, "device_profile_id": 98, "lorawan_version": "1.1"},
        status=422,
    )  # fmt: skip
    assert [each["field"] for each in problem["errors"]] == ["connection_id", "device_profile_id"]


def test_a_set_holds_devices_by_their_deveui(api: Api) -> None:
    at, make = fleet.connection(api), fleet.profile(api)
    for number in range(4):
        fleet.device(api, number, at, make)
    made = api.post("/device-sets", {"name": "North", "dev_euis": [fleet.eui(0), fleet.eui(1)]})
    assert made["device_count"] == 2
    change = {"add": [fleet.eui(2), fleet.eui(1)], "remove": [fleet.eui(0)]}
    assert api.post(f"/device-sets/{made['id']}/devices", change, status=200)["device_count"] == 2
    held = api.get(f"/device-sets/{made['id']}/devices")
    assert [each["dev_eui"] for each in held["items"]] == [fleet.eui(1), fleet.eui(2)]
    changed = api.patch(f"/device-sets/{made['id']}", {"dev_euis": [fleet.eui(3)]})
    assert changed["device_count"] == 1
    problem = api.post("/device-sets", {"name": "South", "dev_euis": [fleet.eui(9)]}, status=422)
    assert fleet.eui(9) in problem["errors"][0]["message"]
    assert api.get("/device-sets")["total"] == 1


def test_a_group_shows_its_keys_only_when_asked(api: Api) -> None:
    number = fleet.group(api, fleet.connection(api), mc_key=fleet.KEY)
    assert fleet.KEY not in str(api.get(f"/multicast-groups/{number}"))
    keys = api.post(f"/multicast-groups/{number}/keys", status=200)
    key, address = Secret.from_hex(fleet.KEY), DevAddr("01FC0001")
    assert keys == {
        "mc_key": fleet.KEY,
        "mc_app_s_key": mc_app_s_key(key, address).reveal().hex().upper(),
        "mc_nwk_s_key": mc_net_s_key(key, address).reveal().hex().upper(),
    }


def test_a_group_is_given_a_random_key_and_a_new_key_begins_to_count_anew(api: Api) -> None:
    number = fleet.group(api, fleet.connection(api), initial_f_cnt=5)
    first = api.post(f"/multicast-groups/{number}/keys", status=200)["mc_key"]
    assert len(first) == 32
    assert api.get(f"/multicast-groups/{number}")["next_f_cnt"] == 5
    assert api.patch(f"/multicast-groups/{number}", {"initial_f_cnt": 2})["next_f_cnt"] == 5
    assert api.patch(f"/multicast-groups/{number}", {"initial_f_cnt": 9})["next_f_cnt"] == 9
    changed = api.patch(f"/multicast-groups/{number}", {"initial_f_cnt": 0, "mc_key": fleet.KEY})
    assert changed["next_f_cnt"] == 0


def test_a_group_that_may_not_be_sent_is_refused_with_the_reason(api: Api) -> None:
    at = fleet.connection(api)
    base = {
        "dev_eui": "0300000000000001", "connection_id": at, "session_class": "C", "band": "EU868",
        "dev_addr": "01FC0001", "frequency_hz": 869_525_000, "data_rate": 5,
    }  # fmt: skip
    assert api.post("/multicast-groups", base | {"data_rate": 14}, status=422)["errors"][0]["field"] == "data_rate"
    assert api.post("/multicast-groups", base | {"frequency_hz": 915_000_000}, status=422)
    assert api.post("/multicast-groups", base | {"band": "XX1"}, status=422)["errors"][0]["field"] == "band"
    assert (
        api.post("/multicast-groups", base | {"redundancy": "much"}, status=422)["errors"][0]["field"] == "redundancy"
    )


def test_a_region_holds_groups(api: Api) -> None:
    at = fleet.connection(api)
    groups = [fleet.group(api, at, number) for number in (1, 2)]
    made = api.post("/regions", {"name": "Lowlands", "multicast_group_ids": groups})
    assert made["multicast_group_ids"] == groups
    assert (
        api.patch(f"/regions/{made['id']}", {"multicast_group_ids": [groups[1]]})["multicast_group_ids"] == groups[1:]
    )
    api.patch(f"/regions/{made['id']}", {"multicast_group_ids": [77]}, status=422)


def test_a_file_gives_back_the_bytes_it_was_given_once(api: Api) -> None:
    content = bytes(range(256)) * 3000
    number = fleet.file(api, fleet.profile(api), content)
    shown = api.get(f"/files/{number}")
    assert shown["size_bytes"] == len(content)
    assert shown["sha256"] == hashlib.sha256(content).hexdigest()
    assert shown["version"] == "2.0.0.0"
    assert api.get(f"/files/{number}/content").content == content
    api.put(f"/files/{number}/content", content=b"other", status=409)
    assert api.get(f"/files/{number}/content").content == content


def test_a_build_in_intel_hex_is_converted_only_when_asked(api: Api) -> None:
    make = fleet.profile(api)
    number = api.post("/files", {"name": "hex", "kind": "firmware", "version": "2.0.0.0", "device_profile_id": make})[
        "id"
    ]
    text = b":0400000001020304F2\n:00000001FF\n"
    refused = api.put(f"/files/{number}/content", content=text, status=422)
    assert "Intel HEX" in refused["detail"]
    done = api.put(f"/files/{number}/content?convert=true", content=text)
    assert done["original_format"] == "Intel HEX"
    assert api.get(f"/files/{number}/content").content == bytes([1, 2, 3, 4])


def test_a_file_of_metadata_alone_has_nothing_to_download(api: Api) -> None:
    number = api.post(
        "/files", {"name": "old", "kind": "firmware", "version": "1.0.0.0", "device_profile_id": fleet.profile(api)}
    )["id"]
    assert api.get(f"/files/{number}")["sha256"] is None
    api.get(f"/files/{number}/content", status=409)
    api.put(f"/files/{number}/content", content=b"", status=422)


def test_an_upload_beyond_the_limit_is_refused(api: Api) -> None:
    number = api.post("/files", {"name": "big", "kind": "binary"})["id"]
    api.put(f"/files/{number}/content", content=(bytes(1_000_000) for _ in range(70)), status=413)
    assert api.get(f"/files/{number}")["sha256"] is None


def test_a_delta_names_a_base_that_is_known(api: Api) -> None:
    make = fleet.profile(api)
    delta = {
        "name": "delta", "kind": "delta firmware", "version": "2.0.0.0", "base_version": "1.0.0.0",
        "device_profile_id": make,
    }  # fmt: skip
    assert api.post("/files", delta, status=422)["errors"][0]["field"] == "base_version"
    api.post("/files", {"name": "old", "kind": "firmware", "version": "1.0.0.0", "device_profile_id": make})
    assert api.post("/files", delta)["base_version"] == "1.0.0.0"


def test_a_delta_key_is_made_or_brought_and_never_shown(api: Api) -> None:
    made = api.post("/delta-keys", {"name": "release"})
    assert "BEGIN PUBLIC KEY" in made["public_key"]
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    brought = api.post("/delta-keys", {"name": "brought", "private_key": pem})
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert brought["public_key"] == public.decode()
    assert "PRIVATE" not in str(api.get("/delta-keys"))
    api.post("/delta-keys", {"name": "wrong", "private_key": "nonsense"}, status=422)


def test_a_connection_keeps_secrets_apart_and_is_checked_by_its_kind(api: Api) -> None:
    kinds = {each["name"]: each for each in api.get("/connection-kinds")}
    assert kinds["simulated"]["fields"]
    problem = api.post("/connections", {"name": "x", "kind": "simulated", "settings": {"nonsense": 1}}, status=422)
    assert problem["errors"][0]["field"] == "settings.nonsense"
    api.post("/connections", {"name": "x", "kind": "nobody's"}, status=404)
    number = fleet.connection(api)
    fleet.device(api, 1, number, fleet.profile(api))
    assert "1 devices" in api.post(f"/connections/{number}/archive", status=409)["detail"]
