"""Multicast groups from a CSV file: all or nothing, and every bad row named."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection

from fleetcast.access import Identity, Right
from fleetcast.actions import quotas
from fleetcast.actions.fields import Checks, InvalidFields
from fleetcast.actions.history import note
from fleetcast.actions.imports import ARCHIVED, EXISTS, Imported
from fleetcast.actions.multicast_groups import KEY_BYTES, check, derived, tidy
from fleetcast.actions.references import require_active
from fleetcast.instants import InstantMs
from fleetcast.interchange.multicast_groups import NO_PERIODICITY, MulticastGroupRow, read_multicast_groups
from fleetcast.interchange.table import Sheet
from fleetcast.radio.bands import catalog as bands
from fleetcast.secret import Secret
from fleetcast.store import connections, devices, multicast_groups, open_connections, use
from fleetcast.store.database import Database, wake
from fleetcast.store.key_vault import KeyKind, KeyVault
from fleetcast.store.multicast_groups import MulticastGroup
from fleetcast.store.objects import Stored

_COLUMN_OF: Final = {
    "dev_eui": "A", "session_class": "B", "dev_addr": "D", "frequency_hz": "E", "data_rate": "F", "band": "G",
    "redundancy": "H", "dwell_time": "I", "periodicity": "J", "name": "K", "tag": "L", "initial_f_cnt": "M",
}  # fmt: skip


def import_groups(
    database: Database,
    vault: KeyVault,
    who: Identity,
    data: bytes,
    connection_id: int,
    now: InstantMs,
    *,
    update_existing: bool = False,
    dry_run: bool = False,
) -> Imported:
    """Put the groups of a file in at a connection; with `dry_run` only look whether that would be possible.

    A new group without McKey is given a random one. Raises BadRows, InvalidFields for the connection, QuotaReached.
    """
    who.require(Right.EDIT)
    sheet = read_multicast_groups(data, bands.names(), update_existing=update_existing)
    with database.read() if dry_run else database.write() as connection:
        checks = Checks()
        require_active(connection, who, checks, "connection_id", connections.KIND, connection_id)
        checks.done()
        euis = [str(row.dev_eui) for _, row in sheet.rows]
        existing = multicast_groups.KIND.newest(connection, who.subscriber_id, "dev_eui", euis)
        intake = _Intake(connection, vault, who, sheet, existing, connection_id)
        taken = devices.ids_by_eui(connection, who.subscriber_id, euis)
        for line, row in sheet.rows:
            if str(row.dev_eui) in taken:
                sheet.complain(line, "A", f"{row.dev_eui} is a device's DevEUI")
            there = existing.get(str(row.dev_eui))
            if there is not None and not update_existing:
                sheet.complain(line, "A", f"group {row.dev_eui}: {ARCHIVED if there.archived else EXISTS}")
                continue
            intake.take(line, row)
        intake.hold_addresses_apart()
        sheet.refuse()
        new = [eui for eui in intake.whats if eui not in existing]
        restored = sum(existing[eui].archived for eui in intake.whats if eui in existing)
        done = Imported(created=len(new), updated=len(intake.whats) - len(new), restored=restored)
        if dry_run:
            quotas.keep_groups(connection, who.subscriber_id, more=len(new) + restored)
            return done
        intake.put(now)
        quotas.keep_groups(connection, who.subscriber_id)
        note(
            connection, who, "multicast group", "imported", None, "", now, connection_id=connection_id,
            created=done.created, updated=done.updated, restored=done.restored,
        )  # fmt: skip
        wake(connection, open_connections.CHANNEL)
    return done


class _Intake:
    """What the rows come to, by DevEUI."""

    def __init__(
        self,
        connection: Connection,
        vault: KeyVault,
        who: Identity,
        sheet: Sheet[MulticastGroupRow],
        existing: dict[str, Stored[MulticastGroup]],
        connection_id: int,
    ) -> None:
        self.whats: dict[str, MulticastGroup] = {}
        self._keys: dict[str, Secret] = {}
        self._lines: dict[str, int] = {}
        self._connection, self._vault, self._who = connection, vault, who
        self._sheet, self._existing, self._connection_id = sheet, existing, connection_id

    def take(self, line: int, row: MulticastGroupRow) -> None:
        """Hold one row against what is there; complains in the sheet."""
        eui = str(row.dev_eui)
        there = self._existing.get(eui)
        before = self.whats.get(eui) or (there.what if there is not None else None)
        if before is None and (missing := row.missing()):
            for column, cause in missing.items():
                self._sheet.complain(line, column, cause)
            return
        if there is not None:
            users = use.campaigns_using(
                self._connection, self._who.subscriber_id, "multicast group", there.id, use.RUNNING
            )
            if users:
                self._sheet.complain(line, None, f"group {eui}: campaign {users[0][1]} is running with it")
                return
        what = self._merged(row, before)
        if what.session_class == "B" and row.session_class == "B" and before is None and row.periodicity is None:
            self._sheet.complain(line, "J", NO_PERIODICITY)
            return
        try:
            check(what)
        except InvalidFields as wrong:
            for each in wrong.problems:
                self._sheet.complain(line, _COLUMN_OF.get(each.field), each.message)
            return
        self.whats[eui], self._lines[eui] = tidy(what), line
        if row.mc_key is not None:
            self._keys[eui] = row.mc_key
        self._compare_keys(line, row, eui)

    def _merged(self, row: MulticastGroupRow, before: MulticastGroup | None) -> MulticastGroup:
        given = {
            "name": row.name or None, "tag": row.tag or None, "session_class": row.session_class, "band": row.band,
            "dwell_time": row.dwell_time, "dev_addr": None if row.mc_addr is None else str(row.mc_addr),
            "frequency_hz": row.frequency_hz, "data_rate": row.data_rate, "redundancy": row.redundancy or None,
            "periodicity": row.periodicity, "initial_f_cnt": row.initial_f_cnt,
        }  # fmt: skip
        said = {name: value for name, value in given.items() if value is not None}
        if before is not None:
            return replace(before, connection_id=self._connection_id, **said)  # type: ignore[arg-type]
        return MulticastGroup(dev_eui=str(row.dev_eui), connection_id=self._connection_id, **said)  # type: ignore[arg-type]

    def _compare_keys(self, line: int, row: MulticastGroupRow, eui: str) -> None:
        """The derived keys of an export must follow from the key that stands beside them."""
        if row.mc_key is None or (row.mc_app_s_key is None and row.mc_nwk_s_key is None):
            return
        keys = derived(row.mc_key, self.whats[eui].dev_addr)
        for column, given, follows in (
            ("N", row.mc_app_s_key, keys.mc_app_s_key), ("O", row.mc_nwk_s_key, keys.mc_nwk_s_key),
        ):  # fmt: skip
            if given is not None and given != follows:
                self._sheet.complain(line, column, "this key does not follow from McKey and DevAddr: leave it empty")

    def hold_addresses_apart(self) -> None:
        """A DevAddr is one group's at a connection, also after everything in the file was taken over."""
        owners = multicast_groups.addresses(self._connection, self._who.subscriber_id, self._connection_id)
        held = {address: eui for address, eui in owners.items() if eui not in self.whats}
        for eui, what in self.whats.items():
            other = held.setdefault(what.dev_addr, eui)
            if other != eui:
                self._sheet.complain(self._lines[eui], "D", f"DevAddr {what.dev_addr} is group {other}'s")

    def put(self, now: InstantMs) -> None:
        """Write what was taken."""
        connection, subscriber_id = self._connection, self._who.subscriber_id
        for eui, what in self.whats.items():
            there, key = self._existing.get(eui), self._keys.get(eui)
            if there is None:
                row_id = multicast_groups.KIND.insert(
                    connection, subscriber_id, what, now, has_key=True, next_f_cnt=what.initial_f_cnt
                )
                key = key or Secret(secrets.token_bytes(KEY_BYTES))
                self._vault.put(connection, subscriber_id, KeyKind.MC_KEY, row_id, key, now)
                continue
            multicast_groups.KIND.replace_many(connection, subscriber_id, {there.id: what}, now)
            if key is not None and key != self._vault.get(connection, KeyKind.MC_KEY, there.id):
                self._vault.put(connection, subscriber_id, KeyKind.MC_KEY, there.id, key, now)
                multicast_groups.begin_counting(connection, there.id, what.initial_f_cnt)
            elif what.initial_f_cnt != there.what.initial_f_cnt:
                multicast_groups.count_from(connection, there.id, what.initial_f_cnt)
