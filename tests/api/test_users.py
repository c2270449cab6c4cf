"""Users, tokens and subscribers through the door."""

from __future__ import annotations

import base64
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from fleetcast.access import Identity, Role
from fleetcast.actions import users as actions
from fleetcast.actions.users import LastAdmin, User
from tests.api import fleet
from tests.api.conftest import Api, Server

PASSWORD = "a long enough sentence"  # noqa: S105 - of a test


def basic(login: str, password: str = PASSWORD) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()}


@pytest.fixture
def system(server: Server) -> Api:
    """The system admin."""
    client = server.api.client
    headers = basic("system", server.first.system_password.reveal().decode())
    token = client.post("/api/v1/tokens", json={"name": "test"}, headers=headers).json()["token"]
    return Api(client, token)


def user(api: Api, login: str, role: str = "admin", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = api.post("/users", {"login": login, "role": role, "password": PASSWORD, **more})
    return made


@pytest.mark.parametrize(
    "password", ["short", "x" * 257, "password-2026!!", "aaaaaaaaaaaaaaaa", "123456789012345", "bobby is my login"]
)
def test_a_password_that_is_tried_first_is_refused_and_not_repeated(api: Api, password: str) -> None:
    body = {"login": "bobby", "role": "viewer", "password": password}
    problem = api.post("/users", body, status=422)
    assert problem["errors"][0]["field"] == "password"
    assert password not in str(problem)


def test_the_last_admin_stays_one(api: Api) -> None:
    number = api.get("/me")["user_id"]
    assert "last admin" in api.patch(f"/users/{number}", {"role": "viewer"}, status=409)["detail"]
    assert "last admin" in api.post(f"/users/{number}/archive", status=409)["detail"]
    other = user(api, "ada")["id"]
    api.post(f"/users/{other}/archive", status=200)
    api.patch(f"/users/{number}", {"role": "viewer"}, status=409)
    api.post(f"/users/{other}/restore", status=200)
    api.patch(f"/users/{number}", {"role": "viewer"})


def test_of_two_admins_who_remove_each_other_at_once_one_stays(server: Server) -> None:
    api, database = server.api, server.parts.database
    for attempt in range(5):
        ids = [user(api, f"a{attempt}")["id"], user(api, f"b{attempt}")["id"]]
        people = [
            Identity(subscriber_id=server.subscriber_id, user_id=each, login=f"{each}", role=Role.ADMIN) for each in ids
        ]
        first = api.get("/me")["user_id"]
        actions.edit(database, people[0], first, User(login="admin", role="viewer"), None, 1)
        together = threading.Barrier(2)

        def remove(who: Identity, other: int, login: str | None, together: threading.Barrier = together) -> bool:
            together.wait(10)
            try:
                if login is None:
                    actions.archive(database, who, other, None, 1)
                else:
                    actions.edit(database, who, other, User(login=login, role="viewer"), None, 1)
            except LastAdmin:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            done = [
                pool.submit(remove, people[0], ids[1], None if attempt % 2 else f"b{attempt}"),
                pool.submit(remove, people[1], ids[0], f"a{attempt}"),
            ]
        assert sorted(each.result(30) for each in done) == [False, True]
        actions.edit(database, people[0], first, User(login="admin", role="admin", may_read_keys=True), None, 1)
        for each in ids:
            actions.archive(database, people[0], each, None, 1)


def test_a_narrowed_token_can_neither_widen_itself_nor_take_the_account(api: Api) -> None:
    made = api.post("/tokens", {"name": "look", "scope": ["look"]})
    narrow = Api(api.client, made["token"])
    number = narrow.get("/me")["user_id"]
    narrow.post("/tokens", {"name": "wider", "scope": ["edit"]}, status=422)
    wider = narrow.post("/tokens", {"name": "the same"})
    assert Api(api.client, wider["token"]).get("/me")["rights"] == ["look"]
    narrow.ask("PUT", f"/users/{number}/password", {"password": "another long sentence"}, status=403)
    narrow.post("/users", {"login": "eve", "role": "admin", "password": PASSWORD}, status=403)


def test_a_token_is_shown_once_and_ends(server: Server) -> None:
    api = server.api
    made = api.post("/tokens", {"name": "night", "scope": ["look"], "expires_at": "2026-03-01T13:00:00Z"})
    token = Api(api.client, made["token"])
    assert token.get("/me")["rights"] == ["look"]
    assert made["token"] not in str(api.get("/tokens")) + str(api.get("/audit"))
    server.clock.advance(timedelta(hours=1))
    token.get("/me", status=401)
    second = api.post("/tokens", {"name": "day"})
    api.ask("DELETE", f"/tokens/{second['id']}", status=204)
    Api(api.client, second["token"]).get("/me", status=401)


def test_the_first_start_makes_a_system_admin_who_sees_no_fleet(server: Server, system: Api) -> None:
    me = system.get("/me")
    assert (me["role"], me["rights"], me["subscriber_id"]) == ("system admin", ["audit", "system"], 0)
    for path in ("/devices", "/campaigns", "/connections", "/subscriber", "/journal", "/files"):
        system.get(path, status=403)
    assert [each["login"] for each in system.get("/users")["items"]] == ["system"]
    assert "system" not in [each["login"] for each in server.api.get("/users")["items"]]


def test_a_system_admin_makes_subscribers_with_quotas_and_closes_them(server: Server, system: Api) -> None:
    body = {"name": "waterworks", "max_devices": 1, "admin_login": "Wanda", "admin_password": PASSWORD}
    made = system.post("/subscribers", body)
    wanda = Api(server.api.client, "")
    wanda.token = wanda.ask("POST", "/tokens", {"name": "w"}, headers=basic("wanda"), status=201)["token"]
    assert wanda.get("/devices")["total"] == 0
    connection, profile = fleet.connection(wanda), fleet.profile(wanda)
    fleet.device(wanda, 1, connection, profile)
    said = {
        "dev_eui": fleet.eui(2),
        "connection_id": connection,
        "device_profile_id": profile,
        "lorawan_version": "1.0",
    }
    assert "quota of 1" in wanda.post("/devices", said, status=409)["detail"]
    wanda.patch("/subscriber", {"max_devices": 100}, status=422)
    system.patch(f"/subscribers/{made['id']}", {"max_devices": None})
    wanda.post("/devices", said)
    system.post(f"/subscribers/{made['id']}/archive", status=200)
    wanda.get("/devices", status=401)
    wanda.get("/me", headers=basic("wanda"), status=401)
    system.post(f"/subscribers/{made['id']}/restore", status=200)
    assert wanda.get("/devices")["total"] == 2
    kinds = [each["kind"] for each in wanda.get("/audit?filter=who=system")["items"]]
    assert kinds == ["subscriber.restored", "subscriber.archived", "subscriber.edited", "user.created"]


def test_an_admin_of_a_subscriber_makes_no_subscribers_and_no_system_admins(api: Api) -> None:
    api.get("/subscribers", status=403)
    body = {"name": "w", "admin_login": "wanda", "admin_password": PASSWORD}
    api.post("/subscribers", body, status=403)
    api.post("/users", {"login": "eve", "role": "system admin", "password": PASSWORD}, status=422)
    number = user(api, "ada")["id"]
    api.patch(f"/users/{number}", {"role": "system admin"}, status=422)


def test_system_admins_are_made_by_one_another_and_the_last_stays(server: Server, system: Api) -> None:
    first = system.get("/me")["user_id"]
    system.post(f"/users/{first}/archive", status=409)
    system.post("/users", {"login": "x", "role": "admin", "password": PASSWORD}, status=422)
    second = user(system, "second", "system admin")
    system.post(f"/users/{first}/archive", status=200)
    system.get("/me", status=401)
    again = Api(server.api.client, "")
    assert again.get("/me", headers=basic("second"))["user_id"] == second["id"]


def test_users_of_other_subscribers_are_not_there(server: Server, system: Api) -> None:
    system.post("/subscribers", {"name": "w", "admin_login": "wanda", "admin_password": PASSWORD})
    wanda = Api(server.api.client, "")
    headers = basic("wanda")
    number = wanda.get("/me", headers=headers)["user_id"]
    for api in (server.api, system):
        api.get(f"/users/{number}", status=404)
        api.patch(f"/users/{number}", {"login": "eve"}, status=404)
        api.post(f"/users/{number}/archive", status=404)
        api.ask("PUT", f"/users/{number}/password", {"password": "another long sentence"}, status=404)


def test_a_token_that_ends_makes_none_that_lasts_longer(server: Server) -> None:
    api = server.api
    short = api.post("/tokens", {"name": "short", "expires_at": "2026-03-02T12:00:00Z"})["token"]
    through = Api(api.client, short)
    refused = through.post("/tokens", {"name": "longer", "expires_at": "2026-03-03T12:00:00Z"}, status=422)
    assert "lies after the end of the token" in refused["detail"]
    through.post("/tokens", {"name": "left out"})
    through.post("/tokens", {"name": "shorter", "expires_at": "2026-03-01T18:00:00Z"})
    ends = {each["name"]: each["expires_at"] for each in api.get("/tokens")["items"]}
    assert (ends["left out"][:13], ends["shorter"][:13]) == ("2026-03-02T12", "2026-03-01T18")
