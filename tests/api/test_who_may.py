"""Every route, every role, own and foreign tenants, no, expired and withdrawn tokens: asked, not assumed.

The routes come from the application: one without its row here fails the suite. A row says which right a route takes;
which roles have that right is said once more below, by hand.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Any

import httpx
import pytest

from fleetcast.access import Right, Role
from fleetcast.api import app as application_module
from tests.api import fleet
from tests.api.conftest import Api, Server
from tests.api.test_users import PASSWORD, basic

ROLES = {
    Right.LOOK: {"viewer", "operator", "approver", "admin"},
    Right.EDIT: {"operator", "admin"},
    Right.RUN: {"operator", "admin"},
    Right.APPROVE: {"approver", "admin"},
    Right.ADMINISTER: {"admin"},
    Right.READ_KEYS: {"keeper"},
    Right.AUDIT: {"admin", "system admin"},
    Right.SYSTEM: {"system admin"},
}
"""`keeper` is a viewer who may read keys besides."""


class Beside(Enum):
    """What needs no right of its own."""

    ANYBODY = auto()
    """Whoever is known."""
    NOBODY_KNOWN = auto()
    """It is how one becomes known."""
    SESSION = auto()
    """Whoever has a cookie: `test_sessions`."""
    PEOPLE = auto()
    """Admins, and system admins for those of their own kind."""
    MACHINES = auto()
    """Admins of either kind."""


LOOK, EDIT, RUN, APPROVE = Right.LOOK, Right.EDIT, Right.RUN, Right.APPROVE
ADMINISTER, READ_KEYS, AUDIT, SYSTEM = Right.ADMINISTER, Right.READ_KEYS, Right.AUDIT, Right.SYSTEM


def _kept(path: str, right: Right, *, creates: bool = True) -> dict[str, Right | Beside]:
    """The rows of a noun that is listed, made, looked at, changed, archived and restored."""
    made: dict[str, Right | Beside] = {f"GET {path}": LOOK, f"GET {path}/{{id}}": LOOK, f"PATCH {path}/{{id}}": right}
    made |= {f"POST {path}/{{id}}/archive": right, f"POST {path}/{{id}}/restore": right}
    return made | ({f"POST {path}": right} if creates else {})


TABLE: dict[str, Right | Beside] = {
    **_kept("/connections", ADMINISTER),
    **_kept("/device-profiles", EDIT),
    **_kept("/devices", EDIT),
    **_kept("/device-sets", EDIT),
    **_kept("/multicast-groups", EDIT),
    **_kept("/regions", EDIT),
    **_kept("/files", EDIT),
    **_kept("/delta-keys", ADMINISTER),
    **_kept("/campaigns", EDIT),
    **_kept("/webhooks", ADMINISTER),
    **_kept("/trusted-keys", ADMINISTER),
    "GET /connection-kinds": Beside.ANYBODY,
    "POST /devices/import": EDIT,
    "POST /device-sets/import": EDIT,
    "POST /multicast-groups/import": EDIT,
    "GET /devices/export": LOOK,
    "GET /device-sets/export": LOOK,
    "GET /multicast-groups/export": LOOK,
    "GET /devices/export?keys=true": READ_KEYS,
    "GET /multicast-groups/export?keys=true": READ_KEYS,
    "POST /devices/{id}/key": READ_KEYS,
    "POST /multicast-groups/{id}/keys": READ_KEYS,
    "GET /devices/{id}/messages": LOOK,
    "GET /device-sets/{id}/devices": LOOK,
    "POST /device-sets/{id}/devices": EDIT,
    "PUT /files/{id}/content": EDIT,
    "GET /files/{id}/content": LOOK,
    "POST /campaigns/validate": LOOK,
    "POST /campaigns/{id}/validate": LOOK,
    "POST /campaigns/{id}/start": RUN,
    "POST /campaigns/{id}/schedule": RUN,
    "POST /campaigns/{id}/unschedule": RUN,
    "POST /campaigns/{id}/pause": RUN,
    "POST /campaigns/{id}/resume": RUN,
    "POST /campaigns/{id}/stop": RUN,
    "POST /campaigns/{id}/approve": APPROVE,
    "POST /campaigns/{id}/withdraw-approval": APPROVE,
    "POST /campaigns/{id}/copy": EDIT,
    "POST /campaigns/{id}/failed-devices": EDIT,
    "POST /campaigns/{id}/retry-failed": EDIT,
    "GET /campaigns/{id}/progress": LOOK,
    "GET /campaigns/{id}/devices": LOOK,
    "GET /campaigns/{id}/left-out": LOOK,
    "GET /campaigns/{id}/devices/{device_id}/explanation": LOOK,
    "GET /campaigns/{id}/journal": LOOK,
    "GET /campaigns/{id}/events": LOOK,
    "GET /events": LOOK,
    "GET /journal": LOOK,
    "GET /usage-reports": LOOK,
    "POST /usage-reports": LOOK,
    "GET /usage-reports/{id}/content": LOOK,
    "GET /counters": LOOK,
    "GET /workers": Beside.MACHINES,
    "GET /subscriber": LOOK,
    "PATCH /subscriber": ADMINISTER,
    "GET /subscriber/settings": LOOK,
    "POST /webhooks/{id}/secret": ADMINISTER,
    "GET /webhooks/{id}/deliveries": LOOK,
    "POST /webhooks/{id}/deliveries/{delivery_id}/redeliver": ADMINISTER,
    "GET /me": Beside.ANYBODY,
    "GET /users": Beside.ANYBODY,
    "GET /tokens": Beside.ANYBODY,
    "POST /tokens": Beside.ANYBODY,
    "POST /users": Beside.PEOPLE,
    "GET /users/{id}": Beside.PEOPLE,
    "PATCH /users/{id}": Beside.PEOPLE,
    "PUT /users/{id}/password": Beside.PEOPLE,
    "POST /users/{id}/archive": Beside.PEOPLE,
    "POST /users/{id}/restore": Beside.PEOPLE,
    "DELETE /tokens/{id}": Beside.PEOPLE,
    "POST /session": Beside.NOBODY_KNOWN,
    "GET /session": Beside.SESSION,
    "DELETE /session": Beside.SESSION,
    **dict.fromkeys(_kept("/subscribers", SYSTEM), SYSTEM),
    "GET /audit": AUDIT,
    "GET /audit/head": AUDIT,
    "GET /audit/export": AUDIT,
}
STREAMS = {"GET /events", "GET /campaigns/{id}/events"}
"""Without an end: only refusals are asked for."""
PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----"""
"""Of RFC 8032, 7.1, test 1."""
PEOPLE = ("viewer", "operator", "approver", "admin", "keeper", "system admin")


def routes() -> list[str]:
    """What the application answers under /api/v1."""
    return sorted(
        f"{method} {route.path}"  # type: ignore[attr-defined]
        for router in application_module._ROUTERS
        for route in router.routes
        for method in route.methods - {"HEAD"}  # type: ignore[attr-defined]
    )


def test_every_route_has_its_row_and_every_row_its_route() -> None:
    assert sorted({row.partition("?")[0] for row in TABLE}) == routes()


def allowed(row: str) -> set[str]:
    """Who may, by hand."""
    match TABLE[row]:
        case Right.LOOK:
            return ROLES[Right.LOOK] | {"keeper"}
        case Right() as right:
            return ROLES[right]
        case Beside.ANYBODY:
            return set(PEOPLE)
        case Beside.MACHINES:
            return {"admin", "system admin"}
        case Beside.PEOPLE:
            return {"admin"}  # of the subscriber's people; system admins have theirs, see below
        case _:
            return set()


@dataclass
class World:
    """Two tenants: everything in one of them is called ALPHA."""

    server: Server
    people: dict[str, Api]
    foreign: Api
    ids: dict[str, int]
    numbers: Iterator[int]

    def path(self, row: str) -> str:
        """The row's path, about ALPHA's objects."""
        path = row.partition(" ")[2]
        return (
            path.replace("{device_id}", str(self.ids["/devices"]))
            .replace("{delivery_id}", "1")
            .replace("{id}", str(self.ids.get("/" + path.split("/")[1], 0)))
        )

    def ask(self, row: str, headers: dict[str, str]) -> httpx.Response:
        """One request, with a body that could be right."""
        method = row.partition(" ")[0]
        self.server.api.client.cookies.clear()
        return self.server.api.client.request(method, f"/api/v1{self.path(row)}", headers=headers, **self._body(row))

    def _body(self, row: str) -> dict[str, Any]:
        n, ids = next(self.numbers), self.ids
        method, path = row.split(" ")
        if path.endswith("/import"):
            headings = {"params": {"connection_id": ids["/connections"]}} if "sets" not in path else {}
            return {"content": b"", **headings}
        campaign = {
            "name": f"n{n}", "type": "firmware", "device_set_ids": [ids["/device-sets"]], "file_id": ids["/files"],
            "region_ids": [ids["/regions"]], "max_duration_minutes": 1440,
        }  # fmt: skip
        device = {"dev_eui": fleet.eui(1000 + n), "connection_id": ids["/connections"], "lorawan_version": "1.0",
                  "device_profile_id": ids["/device-profiles"]}  # fmt: skip
        group = {
            "dev_eui": f"{0x0300_0000_0000_0000 + 1000 + n:016X}", "connection_id": ids["/connections"],
            "session_class": "C", "band": "EU868", "dev_addr": f"{0x01FC_1000 + n:08X}", "frequency_hz": 869_525_000,
            "data_rate": 5,
        }  # fmt: skip
        bodies: dict[str, Any] = {
            "POST /connections": {"name": f"n{n}", "kind": "simulated"},
            "POST /device-profiles": {"name": f"n{n}", "producer_id": "p", "module_id": f"m{n}", "hw_revision": 1},
            "POST /devices": device,
            "POST /device-sets": {"name": f"n{n}"},
            "POST /multicast-groups": group,
            "POST /regions": {"name": f"n{n}", "multicast_group_ids": []},
            "POST /files": {"name": f"n{n}", "kind": "binary"},
            "POST /delta-keys": {"name": f"n{n}"},
            "POST /trusted-keys": {"name": f"n{n}", "public_key": PUBLIC_KEY},
            "POST /campaigns": campaign,
            "POST /campaigns/validate": campaign,
            "POST /webhooks": {"name": f"n{n}", "url": f"https://example.com/{n}"},
            "POST /device-sets/{id}/devices": {"add": []},
            "POST /campaigns/{id}/schedule": {"at": "2027-01-01T00:00:00Z"},
            "POST /campaigns/{id}/copy": {"name": f"n{n}"},
            "POST /campaigns/{id}/failed-devices": {"name": f"n{n}"},
            "POST /campaigns/{id}/retry-failed": {"name": f"n{n}"},
            "POST /usage-reports": {
                "kind": "usage",
                "from_at": "2026-01-01T00:00:00Z",
                "until_at": "2026-02-01T00:00:00Z",
            },
            "POST /users": {"login": f"n{n}", "role": "viewer", "password": PASSWORD},
            "PUT /users/{id}/password": {"password": PASSWORD},
            "POST /tokens": {"name": f"n{n}"},
            "POST /session": {"login": "nobody", "password": PASSWORD},
            "POST /subscribers": {"name": f"n{n}", "admin_login": f"a{n}", "admin_password": PASSWORD},
        }
        if path.endswith("/content") and method != "GET":
            return {"content": b"x"}
        if method == "PATCH":
            return {"json": {}}
        return {"json": bodies[row]} if row in bodies else {}


@pytest.fixture
def world(server: Server) -> World:
    admin = server.api
    admin.patch("/users/1", {"may_read_keys": False})

    def person(made_by: Api, login: str, role: str, **more: Any) -> Api:
        made_by.post("/users", {"login": login, "role": role, "password": PASSWORD, **more})
        return with_token(login, PASSWORD)

    def with_token(login: str, password: str) -> Api:
        answer = admin.client.post("/api/v1/tokens", json={"name": "t"}, headers=basic(login, password))
        return Api(admin.client, answer.json()["token"])

    system = with_token("system", server.first.system_password.reveal().decode())
    other = system.post("/subscribers", {"name": "other", "admin_login": "foreigner", "admin_password": PASSWORD})
    foreign = with_token("foreigner", PASSWORD)
    foreign.patch(f"/users/{foreign.get('/me')['user_id']}", {"may_read_keys": True})
    assert other["id"] != server.subscriber_id

    people = {role: person(admin, role, role) for role in ("viewer", "operator", "approver")}
    people |= {"admin": admin, "keeper": person(admin, "keeper", "viewer", may_read_keys=True), "system admin": system}
    connection = fleet.connection(admin, "ALPHA connection")
    profile = fleet.profile(admin, "ALPHA profile")
    device = fleet.device(admin, 1, connection, profile, name="ALPHA device")
    group = fleet.group(admin, connection, name="ALPHA group")
    chosen = admin.post("/device-sets", {"name": "ALPHA set", "dev_euis": [fleet.eui(1)]})["id"]
    region = admin.post("/regions", {"name": "ALPHA region", "multicast_group_ids": [group]})["id"]
    file = fleet.file(admin, profile, name="ALPHA file")
    campaign = people["operator"].post("/campaigns", {
        "name": "ALPHA campaign", "type": "firmware", "device_set_ids": [chosen], "region_ids": [region],
        "file_id": file, "max_duration_minutes": 1440,
    })["id"]  # fmt: skip
    spare = admin.post("/users", {"login": "ALPHA.spare", "role": "viewer", "password": PASSWORD})["id"]
    ids = {
        "/connections": connection, "/device-profiles": profile, "/devices": device, "/multicast-groups": group,
        "/device-sets": chosen, "/regions": region, "/files": file, "/campaigns": campaign, "/users": spare,
        "/delta-keys": admin.post("/delta-keys", {"name": "ALPHA key"})["id"],
        "/trusted-keys": admin.post("/trusted-keys", {"name": "ALPHA signer", "public_key": PUBLIC_KEY})["id"],
        "/webhooks": admin.post("/webhooks", {"name": "ALPHA hook", "url": "https://example.com/x"})["id"],
        "/tokens": admin.post("/tokens", {"name": "ALPHA token"})["id"],
        "/subscribers": system.post(
            "/subscribers", {"name": "third", "admin_login": "third", "admin_password": PASSWORD}
        )["id"],
        "/usage-reports": 1,
    }  # fmt: skip
    return World(server, people, foreign, ids, itertools.count(1))


def bearer(api: Api) -> dict[str, str]:
    return {"Authorization": f"Bearer {api.token}"}


def in_order() -> list[str]:
    """What takes things out of use comes last."""
    last = ("archive", "restore", "/start", "DELETE", "/stop", "PATCH /campaigns")
    return sorted(TABLE, key=lambda row: (any(word in row for word in last), row))


def test_each_route_is_open_to_the_roles_of_its_row_and_closed_to_all_others(world: World) -> None:
    wrong = []
    for row in in_order():
        if TABLE[row] in (Beside.NOBODY_KNOWN, Beside.SESSION):
            continue
        for role in PEOPLE:
            if row in STREAMS and role in allowed(row):
                continue
            status = world.ask(row, bearer(world.people[role])).status_code
            # To system admins people of others are not there, and their own are no viewers.
            hidden = (403, 404, 422) if TABLE[row] is Beside.PEOPLE else (403,)
            right = status not in (401, 403, 405, 500) if role in allowed(row) else status in hidden
            if not right:
                wrong.append(f"{row} as {role}: {status}")
    assert wrong == []


def test_nothing_of_another_tenant_is_there(world: World) -> None:
    wrong = []
    for row in in_order():
        if TABLE[row] in (Beside.NOBODY_KNOWN, Beside.SESSION) or row == "GET /events":
            continue
        answer = world.ask(row, bearer(world.foreign))
        if "{id}" in row and TABLE[row] is not SYSTEM and answer.status_code not in (403, 404):
            wrong.append(f"{row}: {answer.status_code}")
        if "ALPHA" in answer.text.upper():
            wrong.append(f"{row}: shows what is ALPHA's")
    assert wrong == []
    for path in ("/devices", "/campaigns", "/files", "/users", "/connections"):
        assert "ALPHA" in str(world.people["admin"].get(path)).upper(), "there was something to be seen"


def test_without_a_valid_token_nothing_is_open(world: World) -> None:
    admin, wrong = world.people["admin"], []
    withdrawn = admin.post("/tokens", {"name": "withdrawn"})
    admin.ask("DELETE", f"/tokens/{withdrawn['id']}", status=204)
    at = (world.server.clock.now() + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    over = admin.post("/tokens", {"name": "over", "expires_at": at})
    world.server.clock.advance(timedelta(minutes=5))
    known: dict[str, dict[str, str]] = {
        "no token": {},
        "an unknown token": {"Authorization": "Bearer fleetcast_" + "A" * 43},
        "a withdrawn token": {"Authorization": f"Bearer {withdrawn['token']}"},
        "a token that is over": {"Authorization": f"Bearer {over['token']}"},
        "a cookie of nobody": {"Cookie": "fleetcast=" + "A" * 43},
    }
    for row, (said, headers) in itertools.product(in_order(), known.items()):
        if TABLE[row] is Beside.NOBODY_KNOWN:
            continue
        status = world.ask(row, headers).status_code
        if status != 401:
            wrong.append(f"{row} with {said}: {status}")
    assert wrong == []


def test_a_narrowed_token_opens_nothing_outside_its_scope(world: World) -> None:
    admin, wrong = world.people["admin"], []
    for right in (LOOK, EDIT, AUDIT):
        narrow = Api(admin.client, admin.post("/tokens", {"name": f"only {right}", "scope": [right.value]})["token"])
        for row in in_order():
            needed = TABLE[row]
            if not isinstance(needed, Right) or needed is right or row in STREAMS:
                continue
            status = world.ask(row, bearer(narrow)).status_code
            if status != 403:
                wrong.append(f"{row} with the scope {right}: {status}")
    assert wrong == []


def test_system_admins_keep_system_admins(world: World) -> None:
    system = world.people["system admin"]
    made = system.post("/users", {"login": "second", "role": "system admin", "password": PASSWORD})["id"]
    for path in (f"/users/{made}/archive", f"/users/{made}/restore"):
        system.post(path, status=200)
    for other in (world.people["admin"], world.foreign):
        other.get(f"/users/{made}", status=404)


def test_roles_have_the_rights_that_are_written_here() -> None:
    from fleetcast.access import may

    for right, those in ROLES.items():
        if right is not READ_KEYS:
            assert {role.value for role in Role if may(role, right)} == those
