"""Device sets: choices of devices, named by their DevEUIs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from fleetcast.access import Identity, Right
from fleetcast.actions import approvals
from fleetcast.actions.fields import TEXT_LONGEST, Checks, InvalidField, InvalidFields
from fleetcast.actions.history import note
from fleetcast.actions.objects import Editable
from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs
from fleetcast.store import device_sets, devices, use
from fleetcast.store.database import Database
from fleetcast.store.device_sets import DeviceSet
from fleetcast.store.idempotency import Once
from fleetcast.store.objects import Stored

__all__ = ["SETS", "DeviceSet", "change_members", "create", "edit"]

_SHOWN: Final = 5
_NOTED: Final = 1000


def _check(what: DeviceSet) -> None:
    checks = Checks()
    checks.text("name", what.name, must=True)
    checks.text("description", what.description, longest=TEXT_LONGEST)
    checks.done()


SETS: Final = Editable(kind=device_sets.KIND, check=_check, label=lambda what: what.name)


def create(
    database: Database,
    who: Identity,
    new: DeviceSet,
    dev_euis: Sequence[str],
    now: InstantMs,
    once: Once | None = None,
) -> int:
    """Put a set in with these devices, which must all be there; gives its number."""

    told: dict[str, Any] = {}

    def fill(connection: Connection, row_id: int) -> None:
        found = set(numbers(connection, who.subscriber_id, dev_euis).values())
        device_sets.add(connection, who.subscriber_id, row_id, sorted(found))
        told.update(_moved(found, set()))

    return SETS.create(database, who, new, now, once, then=fill, told=told)


def edit(
    database: Database,
    who: Identity,
    row_id: int,
    what: DeviceSet,
    dev_euis: Sequence[str] | None,
    revision: int | None,
    now: InstantMs,
) -> None:
    """Exchange what a set says, and its devices where they are given."""

    told: dict[str, Any] = {}

    def fill(connection: Connection, _before: Stored[DeviceSet]) -> bool:
        if dev_euis is None:
            return False
        wanted = set(numbers(connection, who.subscriber_id, dev_euis).values())
        there = device_sets.members(connection, row_id)
        device_sets.remove(connection, row_id, sorted(there - wanted))
        device_sets.add(connection, who.subscriber_id, row_id, sorted(wanted - there))
        told.update(_moved(wanted - there, there - wanted))
        return there != wanted

    SETS.edit(database, who, row_id, what, revision, now, then=fill, told=told)


def change_members(
    database: Database,
    who: Identity,
    row_id: int,
    add: Sequence[str],
    remove: Sequence[str],
    revision: int | None,
    now: InstantMs,
) -> None:
    """Put devices into a set and take others out; whoever is in it, or out of it, already stays so."""
    who.require(Right.EDIT)
    with database.write() as connection:
        found = device_sets.KIND.get(connection, who.subscriber_id, row_id)
        coming = set(numbers(connection, who.subscriber_id, add, field="add").values())
        going = set(devices.ids_by_eui(connection, who.subscriber_id, _tidy(remove, "remove"), archived=True).values())
        there = device_sets.members(connection, row_id)
        gone, new = (going - coming) & there, coming - there
        if gone or new:
            use.require_idle(connection, who.subscriber_id, "device set", row_id, "edited")
        device_sets.remove(connection, row_id, sorted(gone))
        device_sets.add(connection, who.subscriber_id, row_id, sorted(new))
        device_sets.KIND.replace(connection, who.subscriber_id, row_id, found.what, revision, now)
        note(connection, who, "device set", "edited", row_id, found.what.name, now, **_moved(new, gone))
        approvals.lapse(connection, who, "device set", row_id, now)


def _moved(added: Collection[int], removed: Collection[int]) -> dict[str, Any]:
    """Who came and who went, for the journals: so many, and the numbers of the first of them."""
    named = {"added_ids": added, "removed_ids": removed}
    counts = {"added": len(added), "removed": len(removed)}
    return counts | {name: sorted(those)[:_NOTED] for name, those in named.items() if those}


def numbers(
    connection: Connection, subscriber_id: int, dev_euis: Collection[str], *, field: str = "dev_euis"
) -> dict[str, int]:
    """Numbers of active devices by DevEUI; raises InvalidFields that names those that aren't there."""
    wanted = _tidy(dev_euis, field)
    found = devices.ids_by_eui(connection, subscriber_id, wanted)
    if missing := [each for each in wanted if each not in found]:
        named = ", ".join(missing[:_SHOWN]) + (f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else "")
        raise InvalidFields(InvalidField(field, f"no such device: {named}"))
    return found


def _tidy(dev_euis: Collection[str], field: str) -> list[str]:
    checks = Checks()
    tidy = [checks.parsed(field, lambda text=text: DevEui(text)) for text in dev_euis]  # type: ignore[misc]
    checks.done()
    return list(dict.fromkeys(str(each) for each in tidy if each is not None))
