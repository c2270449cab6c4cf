"""What was said on the air, kept as bytes; it is explained when it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, Literal

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from fleetcast.instants import InstantMs
from fleetcast.store.database import BATCH
from fleetcast.store.tables import message as table

Outcome = Literal["handed over", "sent", "failed", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message; `effect_id` and `campaign_id` name the wish of a campaign that it carries out."""

    subscriber_id: int
    direction: Literal["up", "down"]
    at: InstantMs
    f_port: int | None
    payload: bytes
    f_cnt: int | None = None
    device_id: int | None = None
    multicast_group_id: int | None = None
    campaign_id: int | None = None
    effect_id: int | None = None
    outcome: str = ""
    radio: Mapping[str, Any] | None = None


_FIELDS: Final = tuple(Message.__dataclass_fields__)
_plain = attrgetter(*_FIELDS[:-1])
_INSERT: Final = f"INSERT INTO message ({', '.join(_FIELDS)}) VALUES ({', '.join('?' * len(_FIELDS))})"  # noqa: S608 - names of the schema


def write(connection: Connection, messages: Sequence[Message]) -> None:
    """Keep messages, 500 at a time."""
    for start in range(0, len(messages), BATCH):
        batch = messages[start : start + BATCH]
        if connection.dialect.name == "sqlite":
            # Thousands of rows a second: the driver takes them as they are.
            plain: Any = [(*_plain(each), None if each.radio is None else json.dumps(each.radio)) for each in batch]
            connection.exec_driver_sql(_INSERT, plain)
        else:
            connection.execute(insert(table), [{name: getattr(each, name) for name in _FIELDS} for each in batch])


def report(connection: Connection, outcomes: Sequence[tuple[int, int, Outcome, InstantMs | None, int | None]]) -> None:
    """What became of downlinks: campaign, effect, outcome, when it was sent, and its counter, the last two if known."""
    if not outcomes:
        return
    statement = (
        update(table)
        .where(table.c.campaign_id == bindparam("campaign"), table.c.effect_id == bindparam("effect"))
        .values(outcome=bindparam("became"))
    )
    plain = [
        {"campaign": campaign, "effect": effect, "became": became}
        for campaign, effect, became, at, _ in outcomes
        if at is None
    ]
    if plain:
        connection.execute(statement, plain)
    for campaign, effect, became, at, f_cnt in outcomes:
        if at is not None:
            told = statement.values(at=at) if f_cnt is None else statement.values(at=at, f_cnt=f_cnt)
            connection.execute(told, {"campaign": campaign, "effect": effect, "became": became})


def prune(connection: Connection, before: InstantMs, most: int = BATCH) -> int:
    """Forget messages of before, at most so many; how many that were."""
    old = select(table.c.id).where(table.c.at < before).order_by(table.c.at).limit(most)
    return connection.execute(delete(table).where(table.c.id.in_(old.with_for_update(skip_locked=True)))).rowcount
