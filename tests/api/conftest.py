"""A server without a network: the application on an empty database, and who may ask it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from fastapi import FastAPI

from fleetcast.actions.first_start import FirstStart, first_start
from fleetcast.api.app import build
from fleetcast.api.parts import Parts
from fleetcast.clock import ManualClock
from fleetcast.connectors.catalog import installed
from fleetcast.instants import from_datetime
from fleetcast.secret import Secret
from fleetcast.store.database import Database
from fleetcast.store.key_encryption import KeyEncryptionKeys
from fleetcast.store.key_vault import KeyVault

with warnings.catch_warnings():
    # It would rather have a successor of httpx, which the rest of the program does not use.
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
VAULT = KeyVault(KeyEncryptionKeys.of(Secret(bytes(range(32)))))
KINDS = installed()
_NOTHING = Database.open("sqlite:////nowhere/nothing.db")


class Api:
    """The routes under /api/v1, asked as the admin unless told otherwise. Answers are JSON."""

    def __init__(self, client: TestClient, token: str) -> None:
        self.client, self.token = client, token

    def ask(self, method: str, path: str, body: Any = None, *, status: int | None = None, **how: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} | how.pop("headers", {})
        if body is not None:
            how["json"] = body
        answer = self.client.request(method, f"/api/v1{path}", headers=headers, **how)
        expected = status or {"POST": 201 if "archive" not in path else 200}.get(method, 200)
        assert answer.status_code == expected, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content and "json" in answer.headers.get("content-type", "") else answer

    def get(self, path: str, *, status: int = 200, **how: Any) -> Any:
        return self.ask("GET", path, status=status, **how)

    def post(self, path: str, body: Any = None, *, status: int = 201, **how: Any) -> Any:
        return self.ask("POST", path, body, status=status, **how)

    def patch(self, path: str, body: Any, *, status: int = 200, **how: Any) -> Any:
        return self.ask("PATCH", path, body, status=status, **how)

    def put(self, path: str, *, status: int = 200, **how: Any) -> Any:
        return self.ask("PUT", path, status=status, **how)


@dataclass
class Server:
    """The parts, for tests that look behind the door."""

    parts: Parts
    clock: ManualClock
    api: Api
    subscriber_id: int
    first: FirstStart


@cache
def application() -> FastAPI:
    """Built once, for its routes take a while; each test puts its own parts in."""
    return build(Parts(database=_NOTHING, vault=VAULT, clock=ManualClock(NOON), kinds=KINDS))


def parts_of(database: Database, clock: ManualClock) -> Parts:
    """What the routes work with in tests."""
    return Parts(database=database, vault=VAULT, clock=clock, wall=clock, kinds=KINDS)


@pytest.fixture
def server(database: Database) -> Iterator[Server]:
    clock = ManualClock(NOON)
    made = first_start(database, from_datetime(NOON))
    assert made is not None
    parts, app = parts_of(database, clock), application()
    app.state.parts = parts
    with TestClient(app) as client:
        yield Server(parts, clock, Api(client, made.token.reveal().decode()), made.subscriber_id, made)


@pytest.fixture
def api(server: Server) -> Api:
    return server.api
