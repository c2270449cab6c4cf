"""Device sets from a CSV file: all or nothing, and every bad row named."""

from __future__ import annotations

from dataclasses import replace

from fleetcast.access import Identity, Right
from fleetcast.actions.fields import NAME_LONGEST, TEXT_LONGEST
from fleetcast.actions.history import note
from fleetcast.actions.imports import ARCHIVED, EXISTS, Imported
from fleetcast.instants import InstantMs
from fleetcast.interchange.device_sets import NO_DEVICES, read_device_sets
from fleetcast.store import device_sets, devices, use
from fleetcast.store.database import Database
from fleetcast.store.device_sets import DeviceSet

_SHOWN = 3


def import_device_sets(
    database: Database,
    who: Identity,
    data: bytes,
    now: InstantMs,
    *,
    update_existing: bool = False,
    dry_run: bool = False,
) -> Imported:
    """Make the sets of a file; with `dry_run` only look whether that would be possible.

    With `update_existing`, devices that are given take the place of those in the set. Raises BadRows.
    """
    who.require(Right.EDIT)
    sheet = read_device_sets(data, update_existing=update_existing)
    with database.read() if dry_run else database.write() as connection:
        existing = device_sets.KIND.newest(connection, who.subscriber_id, "name", [row.name for _, row in sheet.rows])
        euis = {str(eui) for _, row in sheet.rows for eui in row.dev_euis}
        numbers = devices.ids_by_eui(connection, who.subscriber_id, euis)
        wanted: dict[str, tuple[DeviceSet, frozenset[int] | None]] = {}
        for line, row in sheet.rows:
            there = existing.get(row.name)
            before = wanted.get(row.name)
            if there is not None and not update_existing:
                sheet.complain(line, "A", f"set {row.name!r}: {ARCHIVED if there.archived else EXISTS}")
                continue
            for column, text, longest in (("A", row.name, NAME_LONGEST), ("B", row.description, TEXT_LONGEST)):
                if len(text) > longest:
                    sheet.complain(line, column, f"{len(text)} characters: at most {longest}")
            if there is None and before is None and not row.dev_euis:
                sheet.complain(line, "C", NO_DEVICES)
            if missing := [str(eui) for eui in row.dev_euis if str(eui) not in numbers]:
                more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
                sheet.complain(line, "C", f"no such device: {', '.join(missing[:_SHOWN])}{more}")
                continue
            if before is not None:
                base, chosen = before
            elif there is not None:
                base, chosen = there.what, None
            else:
                base, chosen = DeviceSet(name=row.name), None
            if there is not None and (
                users := use.campaigns_using(connection, who.subscriber_id, "device set", there.id, use.RUNNING)
            ):
                sheet.complain(line, None, f"set {row.name!r}: campaign {users[0][1]} is running with it")
            what = replace(base, description=row.description or base.description)
            wanted[row.name] = what, frozenset(numbers[str(eui)] for eui in row.dev_euis) if row.dev_euis else chosen
        sheet.refuse()
        new = [name for name in wanted if name not in existing]
        restored = sum(existing[name].archived for name in wanted if name in existing)
        done = Imported(created=len(new), updated=len(wanted) - len(new), restored=restored)
        if dry_run:
            return done
        for name, (what, members) in wanted.items():
            there = existing.get(name)
            if there is None:
                row_id = device_sets.KIND.insert(connection, who.subscriber_id, what, now)
            else:
                row_id = there.id
                device_sets.KIND.replace_many(connection, who.subscriber_id, {row_id: what}, now)
            if members is not None:
                held = device_sets.members(connection, row_id)
                device_sets.remove(connection, row_id, sorted(held - members))
                device_sets.add(connection, who.subscriber_id, row_id, sorted(members - held))
        note(
            connection, who, "device set", "imported", None, "", now,
            created=done.created, updated=done.updated, restored=done.restored,
        )  # fmt: skip
    return done
