"""The API's own description, fuzzed: whatever it allows and whatever it forbids, no answer is the server's fault.

Every route is asked with data that fit the description and data that don't; answers must be described, too. 3 of each a
route unless FLEETCAST_FUZZ asks for more.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from fleetcast.actions.first_start import first_start
from fleetcast.api.app import build
from fleetcast.clock import ManualClock
from fleetcast.instants import from_datetime
from fleetcast.store.database import Database
from tests.api import fleet
from tests.api.conftest import NOON, Api, TestClient, parts_of
from tests.conftest import Databases

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

CASES = min(max(int(os.environ.get("FLEETCAST_FUZZ", "0")) // 100, 3), 500)
CHECKS: list[Any] = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
]  # fmt: skip


APP = build(parts_of(Database.open("sqlite:////nowhere/nothing.db"), ManualClock(NOON)))
SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", APP)
# A stream without end, and what ends the session that is asked with.
ASKED = SCHEMA.exclude(path_regex="/events$").exclude(path_regex=r"^/api/v1/sessions")


@pytest.fixture(scope="module")
def token(databases: Databases) -> Iterator[str]:
    """The application on a database with something of everything in it; the admin's token."""
    url = databases.new()
    database = Database.open(url)
    made = first_start(database, from_datetime(NOON))
    assert made is not None
    APP.state.parts = parts_of(database, ManualClock(NOON))
    token = made.token.reveal().decode()
    with TestClient(APP) as client:
        api = Api(client, token)
        at, make = fleet.connection(api), fleet.profile(api)
        for number in range(3):
            fleet.device(api, number, at, make)
        api.post("/device-sets", {"name": "all", "dev_euis": [fleet.eui(number) for number in range(3)]})
        api.post("/regions", {"name": "here", "multicast_group_ids": [fleet.group(api, at)]})
        said = {
            "type": "firmware", "device_set_ids": [1], "region_ids": [1], "file_id": fleet.file(api, make),
            "max_duration_minutes": 900,
        }  # fmt: skip
        for name in ("first", "second"):
            api.post("/campaigns", said | {"name": name})
        api.post("/campaigns/2/start", status=200)
    yield token
    database.close()
    databases.drop(url)


@ASKED.parametrize()
@settings(
    max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None,
    phases=(Phase.explicit, Phase.generate),
)  # fmt: skip
def test_no_answer_is_the_servers_fault(case: Any, token: str) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)


def test_the_description_is_whole() -> None:
    raw = SCHEMA.raw_schema
    assert raw["openapi"].startswith("3.1")
    names = []
    for path, item in raw["paths"].items():
        for method, operation in item.items():
            where = f"{method} {path}"
            names.append(operation["operationId"])
            assert operation.get("description"), where
            assert operation["tags"], where
            assert {"401", "403", "422"} <= operation["responses"].keys(), where
            body = operation.get("requestBody", {}).get("content", {})
            for kind, content in body.items():
                if kind == "application/json":
                    ref = content["schema"].get("$ref", "").rsplit("/", 1)[-1]
                    known = raw["components"]["schemas"].get(ref, content["schema"])
                    optional = "anyOf" in content["schema"]
                    assert optional or known.get("examples") or known.get("example") or content.get("example"), where
    assert len(names) == len(set(names))
