"""The published shapes of ThingPark's messages, and a connection that fits them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fleetcast.connectors.connection import Settings, check
from fleetcast.connectors.thingpark.settings import FIELDS
from fleetcast.secret import Secret

DIRECTORY = Path(__file__).parents[3] / "samples" / "lns"
AS_KEY = "000102030405060708090a0b0c0d0e0f"
AS_ID = "TWA_100000001.42.AS"


def sample(name: str) -> Any:
    """A sample file, parsed."""
    return json.loads(raw(name))


def raw(name: str) -> bytes:
    """A sample file as it is."""
    return (DIRECTORY / f"thingpark-{name}.json").read_bytes()


def settings(secrets: dict[str, str] | None = None, **values: object) -> Settings:
    """A connection's settings; `secrets` None: the AS key of the samples."""
    given = {"as_key": AS_KEY} if secrets is None else secrets
    return check(
        FIELDS,
        {"downlink_url": "https://lrc.example.com/thingpark/lrc/rest/v2/downlink", "as_id": AS_ID} | values,
        {name: Secret(value.encode()) for name, value in given.items()},
    )
