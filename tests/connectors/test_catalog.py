"""Kinds of network servers are found by entry point, and what is filled in is checked field by field."""

from __future__ import annotations

import pytest

from fleetcast.connectors import catalog
from fleetcast.connectors.catalog import UnknownKind
from fleetcast.connectors.connection import Field, FieldType, FieldWrong, check
from fleetcast.secret import Secret

FIELDS = (
    Field(name="address", sentence="Where it is.", required=True),
    Field(name="window", sentence="How much.", type=FieldType.WHOLE, default=1, least=1, most=3),
    Field(name="strict", sentence="Whether.", type=FieldType.YES_NO, default=False),
    Field(name="mode", sentence="Which.", default="push", choices=("push", "poll")),
    Field(name="token", sentence="The key to it.", required=True, secret=True),
)
SECRETS = {"token": Secret(b"t")}


def test_the_simulated_network_is_installed_like_any_other() -> None:
    kind = catalog.kind("simulated")
    assert kind.any_speed
    assert {field.name for field in kind.fields} >= {"band", "gateways", "seed"}


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownKind, match="simulated"):
        catalog.kind("carrier pigeons")


def test_defaults_are_filled_in() -> None:
    settings = check(FIELDS, {"address": "here"}, SECRETS)
    assert (settings.text("mode"), settings.whole("window"), settings.yes("strict")) == ("push", 1, False)
    assert "t" not in repr(settings.secrets["token"]).replace("Secret", "")


@pytest.mark.parametrize(
    ("values", "secrets", "field"),
    [
        ({}, SECRETS, "address"),
        ({"address": "here"}, {}, "token"),
        ({"address": "here", "window": 4}, SECRETS, "window"),
        ({"address": "here", "window": 1.5}, SECRETS, "window"),
        ({"address": "here", "window": True}, SECRETS, "window"),
        ({"address": 7}, SECRETS, "address"),
        ({"address": "here", "mode": "pull"}, SECRETS, "mode"),
        ({"address": "here", "strict": "yes"}, SECRETS, "strict"),
        ({"address": "here", "colour": "red"}, SECRETS, "colour"),
        ({"address": "here", "token": "t"}, {}, "token"),
    ],
)
def test_what_cannot_be_right_is_refused_by_its_field(
    values: dict[str, object], secrets: dict[str, Secret], field: str
) -> None:
    with pytest.raises(FieldWrong) as refused:
        check(FIELDS, values, secrets)
    assert refused.value.field == field
