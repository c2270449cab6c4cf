"""Multicast groups: one stream of fragments each, with keys and a counter that only grows under one key."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from sqlalchemy import Connection

from fleetcast.access import Identity, Right
from fleetcast.actions import quotas
from fleetcast.actions.fields import Checks
from fleetcast.actions.history import CHANGED, note
from fleetcast.actions.objects import Editable
from fleetcast.actions.references import require_active
from fleetcast.errors import Invalid
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.instants import InstantMs
from fleetcast.interchange.redundancy import parse_redundancy, write_redundancy
from fleetcast.planning import facts
from fleetcast.planning.group_air import group_air
from fleetcast.protocol.keys import mc_app_s_key, mc_net_s_key
from fleetcast.radio.bands import catalog as bands
from fleetcast.secret import Secret
from fleetcast.store import connections, devices, multicast_groups, open_connections
from fleetcast.store.database import Database, wake
from fleetcast.store.idempotency import Once
from fleetcast.store.key_vault import KeyKind, KeyVault
from fleetcast.store.multicast_groups import MulticastGroup
from fleetcast.store.objects import Stored

__all__ = [
    "GROUPS",
    "GroupKeys",
    "MulticastGroup",
    "archive",
    "check",
    "create",
    "edit",
    "read_keys",
    "restore",
    "tidy",
]

KEY_BYTES: Final = 16
_MOST_F_CNT: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class GroupKeys:
    """The keys of a group: McKey, and what follows from it and the DevAddr."""

    mc_key: Secret
    mc_app_s_key: Secret
    mc_nwk_s_key: Secret


def check(what: MulticastGroup) -> None:
    """Raises InvalidFields for what no network and no device could work with."""
    checks = Checks()
    checks.parsed("dev_eui", lambda: DevEui(what.dev_eui))
    checks.parsed("dev_addr", lambda: DevAddr(what.dev_addr))
    checks.parsed("redundancy", lambda: parse_redundancy(what.redundancy))
    checks.text("name", what.name)
    checks.text("tag", what.tag)
    checks.one_of("session_class", what.session_class, ("B", "C"))
    checks.one_of("band", what.band, bands.names())
    checks.number("frequency_hz", what.frequency_hz, 1, 0xFFFFFF * 100)
    checks.that(what.frequency_hz % 100 == 0, "frequency_hz", f"{what.frequency_hz}: write a multiple of 100 Hz")
    checks.number("data_rate", what.data_rate, 0, 15)
    checks.number("periodicity", what.periodicity, 0, 7)
    checks.number("initial_f_cnt", what.initial_f_cnt, 0, _MOST_F_CNT)
    for field, names in (("gateways", what.gateways), ("gateway_tags", what.gateway_tags)):
        for name in names:
            checks.text(field, name, must=True)
    for field, text in (("channel_plan", what.channel_plan), ("country", what.country)):
        checks.text(field, text)
    checks.done()
    try:
        group_air(as_planned(what))
    except Invalid as error:
        checks.complain(_blamed(str(error)), str(error))
    checks.done()


def as_planned(what: MulticastGroup, **more: Any) -> facts.Group:
    """The group as the planner sees it."""
    share = parse_redundancy(what.redundancy)
    return facts.Group(
        dev_eui=DevEui(what.dev_eui),
        name=what.name,
        session_class=cast(facts.SessionClass, what.session_class),
        band=what.band,
        channel_plan=what.channel_plan,
        country=what.country,
        dwell_time=what.dwell_time,
        mc_addr=DevAddr(what.dev_addr),
        frequency_hz=what.frequency_hz,
        data_rate=what.data_rate,
        coded_per_uncoded=None if share is None else float(share),
        periodicity=what.periodicity,
        gateways=frozenset(what.gateways),
        **more,
    )


def _blamed(text: str) -> str:
    """Which field a refusal of the radio's is about."""
    named = {" DR": "data_rate", "Hz": "frequency_hz", "plan": "channel_plan", "country": "country"}
    return next((field for word, field in named.items() if word in text), "band")


def _look_up(connection: Connection, who: Identity, what: MulticastGroup) -> None:
    checks = Checks()
    require_active(connection, who, checks, "connection_id", connections.KIND, what.connection_id)
    taken = devices.ids_by_eui(connection, who.subscriber_id, [what.dev_eui])
    checks.that(not taken, "dev_eui", f"{what.dev_eui} is a device's: choose another one")
    checks.done()


GROUPS: Final = Editable(
    kind=multicast_groups.KIND,
    check=check,
    look_up=_look_up,
    free=frozenset({"name", "tag"}),
    label=lambda what: what.dev_eui,
)


def create(
    database: Database,
    vault: KeyVault,
    who: Identity,
    new: MulticastGroup,
    mc_key: Secret | None,
    now: InstantMs,
    once: Once | None = None,
) -> int:
    """Put a group in; without a key it is given a random one. Gives its number."""
    key = _key(mc_key)

    def keep(connection: Connection, row_id: int) -> None:
        quotas.keep_groups(connection, who.subscriber_id)
        vault.put(connection, who.subscriber_id, KeyKind.MC_KEY, row_id, key, now)
        wake(connection, open_connections.CHANNEL)

    others = {"has_key": True, "next_f_cnt": new.initial_f_cnt}
    check(new)
    return GROUPS.create(database, who, tidy(new), now, once, then=keep, told={"mc_key": CHANGED}, **others)


def edit(
    database: Database,
    vault: KeyVault,
    who: Identity,
    row_id: int,
    what: MulticastGroup,
    mc_key: Secret | None,
    revision: int | None,
    now: InstantMs,
) -> None:
    """Exchange what is said of a group; with a new key its counter begins anew, under the old one it never falls."""
    key = None if mc_key is None else _key(mc_key)

    def keep(connection: Connection, before: Stored[MulticastGroup]) -> bool:
        if key is not None and key != vault.get(connection, KeyKind.MC_KEY, row_id):
            vault.put(connection, who.subscriber_id, KeyKind.MC_KEY, row_id, key, now)
            multicast_groups.begin_counting(connection, row_id, what.initial_f_cnt)
        elif what.initial_f_cnt != before.what.initial_f_cnt:
            multicast_groups.count_from(connection, row_id, what.initial_f_cnt)
        wake(connection, open_connections.CHANNEL)
        return key is not None

    check(what)
    told = {} if key is None else {"mc_key": CHANGED}
    GROUPS.edit(database, who, row_id, tidy(what), revision, now, then=keep, told=told)


def archive(database: Database, who: Identity, row_id: int, revision: int | None, now: InstantMs) -> None:
    """Take a group out of use."""
    GROUPS.archive(database, who, row_id, revision, now)


def restore(database: Database, who: Identity, row_id: int, revision: int | None, now: InstantMs) -> None:
    """Take a group back into use, within the quota."""
    who.require(Right.EDIT)
    with database.write() as connection:
        found = multicast_groups.KIND.get(connection, who.subscriber_id, row_id)
        _look_up(connection, who, found.what)
        multicast_groups.KIND.restore(connection, who.subscriber_id, row_id, revision, now)
        quotas.keep_groups(connection, who.subscriber_id)
        name = found.what.dev_eui
        note(connection, who, "multicast group", "restored", row_id, name, now, multicast_group_id=row_id)
        wake(connection, open_connections.CHANNEL)


def read_keys(database: Database, vault: KeyVault, who: Identity, row_id: int, now: InstantMs) -> GroupKeys:
    """The keys of a group; takes the right to read keys, and leaves a line in the journal."""
    who.require(Right.READ_KEYS)
    with database.write() as connection:
        found = multicast_groups.KIND.get(connection, who.subscriber_id, row_id)
        mc_key = vault.get(connection, KeyKind.MC_KEY, row_id)
        name = found.what.dev_eui
        note(connection, who, "multicast group", "keys read", row_id, name, now, multicast_group_id=row_id)
    return derived(mc_key, found.what.dev_addr)


def derived(mc_key: Secret, dev_addr: str) -> GroupKeys:
    """The keys that follow from McKey and DevAddr."""
    address = DevAddr(dev_addr)
    return GroupKeys(mc_key, mc_app_s_key(mc_key, address), mc_net_s_key(mc_key, address))


def tidy(what: MulticastGroup) -> MulticastGroup:
    """The same, identifiers and redundancy written in the one way they are kept."""
    return replace(
        what,
        dev_eui=str(DevEui(what.dev_eui)),
        dev_addr=str(DevAddr(what.dev_addr)),
        redundancy=write_redundancy(parse_redundancy(what.redundancy)),
        periodicity=what.periodicity if what.session_class == "B" else 0,
    )


def _key(mc_key: Secret | None) -> Secret:
    key = Secret(secrets.token_bytes(KEY_BYTES)) if mc_key is None else mc_key
    checks = Checks()
    checks.that(len(key) == KEY_BYTES, "mc_key", f"McKey has {KEY_BYTES} bytes, 32 hex digits")
    checks.done()
    return key
