"""Webhooks, and their deliveries from the line of the journal to the answer of whoever is told.

A webhook follows the journal by number (`store.journal`), so it passes nothing over, and falls behind while it is
switched off or its receiver is slow. Of each webhook only the oldest waiting delivery is ever handed out: so they are
made in order, and one that is never settled, since its worker died, is handed out again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, exists, func, insert, or_, select, update

from fleetcast.instants import InstantMs, rfc3339
from fleetcast.store import journal
from fleetcast.store import tables as t
from fleetcast.store.database import clock_ms
from fleetcast.store.journal import Written
from fleetcast.store.objects import Kind, Missing

AT_ONCE: Final = 500
MOST_WAITING: Final = 1_000
"""A webhook with so many waiting deliveries is given no more: the rest waits in the journal."""

_webhook, _delivery = t.webhook, t.webhook_delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """What people say of a webhook."""

    name: str
    url: str
    kinds: tuple[str, ...] = ()
    """Kinds of journal lines; `campaign.*` stands for all that begin so; none: all."""
    enabled: bool = True


KIND: Final = Kind(_webhook, Webhook, "webhook")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message that a worker is to post."""

    id: int
    subscriber_id: int
    webhook_id: int
    journal_id: int
    url: str
    body: str
    attempts: int
    """Those made before."""

    @property
    def message_id(self) -> str:
        """The same with each attempt: by it a receiver knows what it has seen."""
        return f"fleetcast-{self.webhook_id}-{self.journal_id}"


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that failed, and what is to follow."""

    status: int | None
    error: str
    again_in_ms: int
    final: bool
    """This one is given up; the next of the webhook is due."""


def start_at(connection: Connection, webhook_id: int, journal_id: int) -> None:
    """It is told of nothing up to this line."""
    connection.execute(update(_webhook).where(_webhook.c.id == webhook_id).values(journal_id=journal_id))


def begin_anew(connection: Connection, webhook_id: int) -> None:
    """Forget that it failed: what waits is due at once."""
    connection.execute(
        update(_webhook).where(_webhook.c.id == webhook_id).values(failing_since_at=None, disabled_why="")
    )
    connection.execute(
        update(_delivery)
        .where(_delivery.c.webhook_id == webhook_id, _delivery.c.state == "waiting")
        .values(next_at=clock_ms(connection))
    )


# From the journal to deliveries


def behind(connection: Connection) -> bool:
    """Whether a webhook has lines of the journal before it."""
    return connection.execute(select(_webhook.c.id).where(_news()).limit(1)).first() is not None


def follow(connection: Connection) -> int:
    """Turn lines of the journal into deliveries, one batch a webhook; how many lines were looked at.

    A webhook that another worker is at is left to it.
    """
    rows = connection.execute(
        select(_webhook.c.id, _webhook.c.subscriber_id, _webhook.c.kinds, _webhook.c.journal_id)
        .where(_news())
        .order_by(_webhook.c.id)
        .with_for_update(skip_locked=True)
    ).all()
    looked_at = 0
    for webhook_id, subscriber_id, kinds, last in rows:
        room = min(AT_ONCE, MOST_WAITING - _waiting(connection, webhook_id))
        lines = journal.following(connection, subscriber_id, last, room) if room > 0 else []
        if not lines:
            continue
        wanted = [line for line in lines if wants(kinds or (), line.kind)]
        now = clock_ms(connection)
        if wanted:
            connection.execute(
                insert(_delivery).values(created_at=now, next_at=now, state="waiting"),
                [
                    {
                        "subscriber_id": subscriber_id, "webhook_id": webhook_id, "journal_id": line.id,
                        "kind": line.kind, "body": body_of(line),
                    }
                    for line in wanted
                ],
            )  # fmt: skip
        connection.execute(update(_webhook).where(_webhook.c.id == webhook_id).values(journal_id=lines[-1].id))
        looked_at += len(lines)
    return looked_at


def wants(kinds: Sequence[str], kind: str) -> bool:
    """Whether a webhook with these kinds is told of a line of this kind."""
    return not kinds or any(
        kind == each or (each.endswith("*") and kind.startswith(each.removesuffix("*"))) for each in kinds
    )


def body_of(line: Written) -> str:
    """What is posted: JSON, the same with each attempt."""
    said = {
        "type": line.kind,
        "timestamp": rfc3339(line.at),
        "data": {
            "id": line.id, "at": rfc3339(line.at), "kind": line.kind, "text": line.text, "who": line.who,
            "campaign_id": line.campaign_id, "device_id": line.device_id,
            "multicast_group_id": line.multicast_group_id, "data": dict(line.data),
        },
    }  # fmt: skip
    return json.dumps(said)


def _news() -> ColumnElement[bool]:
    lines = exists(
        select(t.journal.c.id).where(
            t.journal.c.subscriber_id == _webhook.c.subscriber_id, t.journal.c.id > _webhook.c.journal_id
        )
    )
    return and_(_webhook.c.enabled, _webhook.c.archived_at.is_(None), lines)


def _waiting(connection: Connection, webhook_id: int) -> int:
    some = (
        select(_delivery.c.id)
        .where(_delivery.c.webhook_id == webhook_id, _delivery.c.state == "waiting")
        .limit(MOST_WAITING)
    )
    return int(connection.execute(select(func.count()).select_from(some.subquery())).scalar_one())


# From deliveries to attempts


def _due(connection: Connection) -> Select[Any]:
    """The oldest waiting delivery of each webhook that is switched on, where it may be tried now."""
    now, other = clock_ms(connection), _delivery.alias()
    oldest = (
        select(func.min(other.c.id))
        .where(other.c.webhook_id == _webhook.c.id, other.c.state == "waiting")
        .scalar_subquery()
    )
    return (
        select(_delivery, _webhook.c.url)
        .join_from(_webhook, _delivery, _delivery.c.id == oldest)
        .where(
            _webhook.c.enabled,
            _webhook.c.archived_at.is_(None),
            _delivery.c.state == "waiting",
            _delivery.c.next_at <= now,
            or_(_delivery.c.claimed_until.is_(None), _delivery.c.claimed_until < now),
        )
        .order_by(_delivery.c.next_at, _delivery.c.id)
    )


def any_due(connection: Connection) -> bool:
    """Whether there is anything to claim."""
    return connection.execute(_due(connection).limit(1)).first() is not None


def claim(connection: Connection, worker_id: int, lease_ms: int, most: int) -> list[Delivery]:
    """Take deliveries that are due, at most one of each webhook; nobody else is given them before the lease is over."""
    rows = connection.execute(_due(connection).limit(most).with_for_update(skip_locked=True, of=_delivery)).all()
    if rows:
        connection.execute(
            update(_delivery)
            .where(_delivery.c.id.in_([row.id for row in rows]))
            .values(claimed_by=worker_id, claimed_until=clock_ms(connection) + lease_ms)
        )
    return [
        Delivery(row.id, row.subscriber_id, row.webhook_id, row.journal_id, row.url, row.body, row.attempts)
        for row in rows
    ]


def taken(connection: Connection, worker_id: int, claimed: Delivery, status: int) -> None:
    """The receiver has it."""
    values = {
        "state": "delivered",
        "next_at": None,
        "delivered_at": clock_ms(connection),
        "status": status,
        "error": "",
    }
    if _settle(connection, worker_id, claimed, values):
        connection.execute(
            update(_webhook)
            .where(_webhook.c.id == claimed.webhook_id, _webhook.c.failing_since_at.is_not(None))
            .values(failing_since_at=None)
        )


def failed(connection: Connection, worker_id: int, claimed: Delivery, failure: Failure) -> int:
    """The attempt failed; for how long, in milliseconds, the webhook has failed by now."""
    values = {"status": failure.status, "error": failure.error} | (
        {"state": "given up", "next_at": None}
        if failure.final
        else {"next_at": clock_ms(connection) + failure.again_in_ms}
    )
    if not _settle(connection, worker_id, claimed, values):
        return 0
    since = func.coalesce(_webhook.c.failing_since_at, clock_ms(connection))
    row = connection.execute(
        update(_webhook)
        .where(_webhook.c.id == claimed.webhook_id)
        .values(failing_since_at=since)
        .returning(_webhook.c.failing_since_at, clock_ms(connection))
    ).one()
    return int(row[1] - row[0])


def switch_off(connection: Connection, claimed: Delivery, why: str, now: InstantMs) -> None:
    """No more deliveries, until somebody switches it on again; a line in the journal says so."""
    row = connection.execute(
        update(_webhook)
        .where(_webhook.c.id == claimed.webhook_id, _webhook.c.enabled)
        .values(enabled=False, disabled_why=why, revision=_webhook.c.revision + 1, changed_at=now)
        .returning(_webhook.c.name)
    ).first()
    if row is None:
        return
    line = journal.Line(
        kind="webhook.switched-off", text=f"webhook {row.name} switched off: {why}",
        data={"id": claimed.webhook_id, "name": row.name, "why": why},
    )  # fmt: skip
    journal.write(connection, claimed.subscriber_id, [line], now)


def release(connection: Connection, worker_id: int | None = None) -> None:
    """Let go of what a worker was at, or of everything: it is due again at once."""
    mine = _delivery.c.claimed_until.is_not(None) if worker_id is None else _delivery.c.claimed_by == worker_id
    connection.execute(
        update(_delivery).where(_delivery.c.state == "waiting", mine).values(claimed_by=None, claimed_until=None)
    )


def deliver_again(connection: Connection, subscriber_id: int, webhook_id: int, delivery_id: int) -> None:
    """Let one wait anew, whatever became of it; it goes before what came later. Raises Missing."""
    changed = connection.execute(
        update(_delivery)
        .where(
            _delivery.c.id == delivery_id,
            _delivery.c.webhook_id == webhook_id,
            _delivery.c.subscriber_id == subscriber_id,
        )
        .values(
            state="waiting", attempts=0, next_at=clock_ms(connection), error="", status=None, delivered_at=None,
            claimed_by=None, claimed_until=None,
        )
    )  # fmt: skip
    if not changed.rowcount:
        raise Missing("webhook delivery", delivery_id)


def prune(connection: Connection, older_than_ms: int, most: int) -> int:
    """Forget deliveries that are over and older than this, at most so many; how many that were."""
    old = (
        select(_delivery.c.id)
        .where(_delivery.c.created_at < clock_ms(connection) - older_than_ms, _delivery.c.state != "waiting")
        .limit(most)
    )
    return connection.execute(delete(_delivery).where(_delivery.c.id.in_(old))).rowcount


def _settle(connection: Connection, worker_id: int, claimed: Delivery, values: dict[str, Any]) -> bool:
    """Write what became of an attempt, unless somebody else was given the delivery since."""
    changed = connection.execute(
        update(_delivery)
        .where(
            _delivery.c.id == claimed.id,
            _delivery.c.state == "waiting",
            _delivery.c.claimed_by == worker_id,
            _delivery.c.attempts == claimed.attempts,
        )
        .values(**values, attempts=claimed.attempts + 1, claimed_by=None, claimed_until=None)
    )
    return bool(changed.rowcount)
