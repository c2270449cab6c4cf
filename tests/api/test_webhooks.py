"""Webhooks as objects: made, shown, edited, archived; their secret shown once; the log of what was delivered."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from fleetcast.access import webhook_signature
from fleetcast.store import tables, webhooks
from fleetcast.store.key_vault import KeyKind
from tests.api.conftest import VAULT, Api, Server

URL = "https://pager.example/fleetcast"


def made(api: Api, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = api.post("/webhooks", {"name": "pager", "url": URL} | more)
    return found


def test_a_webhook_is_kept_as_it_was_asked_for_and_its_secret_shown_once(server: Server) -> None:
    api = server.api
    hook = made(api, kinds=["campaign.*", "webhook.switched-off"])
    shown = api.get(f"/webhooks/{hook['id']}")
    assert shown == {name: value for name, value in hook.items() if name != "secret"}
    assert (shown["url"], shown["kinds"], shown["enabled"]) == (URL, ["campaign.*", "webhook.switched-off"], True)
    assert api.get("/webhooks")["items"] == [shown]
    secret = webhook_signature.read(hook["secret"])
    assert len(secret) == webhook_signature.SECRET_BYTES
    with server.parts.database.read() as connection:
        assert VAULT.get(connection, KeyKind.WEBHOOK_SECRET, hook["id"]) == secret
        everything = str(connection.execute(select(tables.webhook)).all())
        everything += str(connection.execute(select(tables.journal)).all())
    assert hook["secret"] not in everything


def test_the_same_request_again_makes_nothing_and_shows_no_secret(api: Api) -> None:
    key = {"Idempotency-Key": "once"}
    first = api.post("/webhooks", {"name": "pager", "url": URL}, headers=key)
    again = api.post("/webhooks", {"name": "pager", "url": URL}, headers=key)
    assert (again["id"], again["secret"]) == (first["id"], None)


def test_a_secret_is_exchanged(server: Server) -> None:
    hook = made(server.api)
    new = server.api.post(f"/webhooks/{hook['id']}/secret", status=200)["secret"]
    assert new != hook["secret"]
    with server.parts.database.read() as connection:
        assert VAULT.get(connection, KeyKind.WEBHOOK_SECRET, hook["id"]) == webhook_signature.read(new)


def test_a_webhook_is_edited_archived_and_restored(api: Api) -> None:
    hook = made(api)
    path = f"/webhooks/{hook['id']}"
    changed = api.patch(path, {"enabled": False, "kinds": ["campaign.ended"]}, headers={"If-Match": '"1"'})
    assert (changed["enabled"], changed["kinds"], changed["revision"]) == (False, ["campaign.ended"], 2)
    api.patch(path, {"name": "other"}, status=412, headers={"If-Match": '"1"'})
    assert api.post(f"{path}/archive", status=200)["archived_at"]
    assert api.get("/webhooks")["items"] == []
    made(api)
    assert api.post(f"{path}/restore", status=409)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "ftp://pager.example/"), ("url", "pager.example"), ("url", "https://"), ("url", "https://a:b@c/"),
        ("url", "https://pager.example/#part"), ("url", "https://pager.example:99999/"), ("url", "https://[::1/"),
        ("kinds", ["Campaign Status"]), ("kinds", ["campaign.*.status"]), ("name", "   "),
    ],
)  # fmt: skip
def test_a_webhook_that_can_not_be_right_is_refused_with_the_field(api: Api, field: str, value: Any) -> None:
    problem = api.post("/webhooks", {"name": "pager", "url": URL, field: value}, status=422)
    assert [each["field"] for each in problem["errors"]] == [field]


def test_what_was_delivered_is_logged_and_sent_again_on_request(server: Server) -> None:
    api, database = server.api, server.parts.database
    hook = made(api, kinds=["region.*"])
    api.post("/regions", {"name": "here"})
    api.post("/regions", {"name": "there"})
    with database.write() as connection:
        webhooks.follow(connection)
        (claimed,) = webhooks.claim(connection, 1, 1000, 10)
        webhooks.taken(connection, 1, claimed, 200)
    path = f"/webhooks/{hook['id']}/deliveries"
    log = api.get(path)["items"]
    assert [(each["kind"], each["state"], each["attempts"]) for each in log] == [
        ("region.created", "waiting", 0), ("region.created", "delivered", 1),
    ]  # fmt: skip
    assert '"region here created"' in log[1]["body"]
    assert api.get(f"{path}?filter=state=delivered")["total"] == 1
    api.post(f"{path}/{log[1]['id']}/redeliver", status=202)
    assert [each["state"] for each in api.get(path)["items"]] == ["waiting", "waiting"]
    api.post(f"{path}/999/redeliver", status=404)
    api.get("/webhooks/999/deliveries", status=404)


def test_webhooks_are_an_admins_matter(server: Server) -> None:
    api, hook = server.api, made(server.api)
    token = api.post("/tokens", {"name": "looks", "scope": ["look"]})["token"]
    viewer = Api(api.client, token)
    viewer.get(f"/webhooks/{hook['id']}")
    viewer.post("/webhooks", {"name": "mine", "url": URL}, status=403)
    viewer.post(f"/webhooks/{hook['id']}/secret", status=403)
    viewer.post(f"/webhooks/{hook['id']}/archive", status=403)
    viewer.post(f"/webhooks/{hook['id']}/deliveries/1/redeliver", status=403)
