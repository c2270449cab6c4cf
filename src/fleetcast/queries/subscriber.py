"""The subscriber as it stands, and the settings its campaigns start from."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from fleetcast.access import Identity, Right
from fleetcast.planning.policy import Policy
from fleetcast.store import subscribers
from fleetcast.store.database import Database
from fleetcast.store.objects import Stored
from fleetcast.store.subscribers import Subscriber


@dataclass(frozen=True, slots=True)
class Setting:
    """One campaign setting."""

    name: str
    default: Any
    value: Any
    choices: list[str] | None


def one(database: Database, who: Identity) -> Stored[Subscriber]:
    """The subscriber of whoever asks."""
    who.require(Right.LOOK)
    with database.read() as connection:
        return subscribers.get(connection, who.subscriber_id)


def settings(database: Database, who: Identity) -> list[Setting]:
    """Every campaign setting, by its place in the list of them."""
    said = one(database, who).what.settings
    built_in = Policy()
    found: list[Setting] = []
    for each in fields(Policy):
        default = getattr(built_in, each.name)
        choices = [choice.value for choice in type(default)] if isinstance(default, StrEnum) else None
        default = default.value if isinstance(default, StrEnum) else default
        found.append(Setting(each.name, default, said.get(each.name, default), choices))
    return found
