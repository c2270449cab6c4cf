"""The order of fields in what is stored, class by class, as it stands now; run as a program it is written to a file."""

from __future__ import annotations

import dataclasses
import json
import typing
from enum import Enum
from pathlib import Path
from typing import Any

from fleetcast.campaign.effects import Effect
from fleetcast.campaign.events import Event
from fleetcast.campaign.states import CampaignState, DeviceState, GroupState
from fleetcast.planning.plan import Plan
from fleetcast.store.state_codec import VERSION

FILE = Path(__file__).with_name("stored_layout.json")


def layout() -> dict[str, list[str]]:
    """By class: its fields in order; by enumeration: its values by name."""
    found: dict[str, list[str]] = {}
    for root in (DeviceState, GroupState, CampaignState, Plan, Effect, Event):
        _walk(root, found)
    return dict(sorted(found.items()))


def _walk(hint: Any, found: dict[str, list[str]]) -> None:
    for argument in typing.get_args(hint):
        _walk(argument, found)
    if not isinstance(hint, type) or hint.__name__ in found:
        return
    if issubclass(hint, Enum):
        found[hint.__name__] = [f"{each.name} {each.value}" for each in hint]
    elif dataclasses.is_dataclass(hint):
        found[hint.__name__] = [each.name for each in dataclasses.fields(hint)]
        for inner in typing.get_type_hints(hint).values():
            _walk(inner, found)


if __name__ == "__main__":
    FILE.write_text(json.dumps({"version": VERSION, "classes": layout()}, indent=1) + "\n")
