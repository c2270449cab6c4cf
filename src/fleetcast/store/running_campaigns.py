"""A running campaign, kept part by part: attached at its start, loaded whole, saved by what changed, freed at its end.

Every save proves the fence first: whoever lost the campaign changes nothing. The state's parts are versioned JSON
(`state_codec`); the columns beside them are for lists and searches, written here and never read back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from fleetcast.campaign.states import CampaignState, DeviceState, GroupState
from fleetcast.errors import Conflict, NotFound
from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs
from fleetcast.planning.plan import Plan
from fleetcast.store.database import BATCH, insert_absent, update_many, upsert
from fleetcast.store.state_codec import CAMPAIGN, DEVICE, GROUP, dump_plan, load_plan
from fleetcast.store.tables import (
    campaign,
    campaign_device,
    campaign_group,
    campaign_left_out,
    campaign_plan,
    device,
    device_facts,
    multicast_group,
)


class OwnershipLost(Conflict):
    """Another worker owns the campaign by now; nothing was written."""

    def __init__(self, campaign_id: int, fence: int) -> None:
        self.campaign_id, self.fence = campaign_id, fence
        super().__init__(f"campaign {campaign_id} was claimed after fence {fence}: this worker owns it no more")


class NoPlan(NotFound):
    """A campaign has no plan: it was not started."""

    def __init__(self, campaign_id: int) -> None:
        super().__init__(f"campaign {campaign_id} has no plan: start it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A campaign as it is kept; `campaign` None: its owner has not begun."""

    subscriber_id: int
    plan: Plan
    campaign: CampaignState | None
    devices: tuple[DeviceState, ...]
    groups: tuple[GroupState, ...]
    device_ids: tuple[int, ...]
    """The devices' numbers, in the order of the plan."""
    group_ids: tuple[int, ...]
    connection_ids: tuple[int, ...]
    """By group: the network connection it lives at."""
    file_id: int | None
    started_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What lists show of a campaign under way; counted anew from time to time, not with every commit."""

    stage: int
    stages: int
    stage_name: str
    stage_starts_at: InstantMs | None
    stage_done: int
    stage_total: int
    succeeded: int
    failed: int
    explanation: str


def attach(
    connection: Connection,
    subscriber_id: int,
    campaign_id: int,
    plan: Plan,
    devices: Mapping[DevEui, int],
    groups: Mapping[DevEui, int],
    now: InstantMs,
    engine_version: str,
) -> None:
    """Keep the plan of a campaign that starts, and take its devices and groups into use.

    `devices` and `groups` are the rows' numbers by DevEUI, devices left out included. Raises Conflict when one is in
    use by another campaign meanwhile. The caller sets the campaign's status and puts `Started` into the inbox.
    """
    connection.execute(
        insert(campaign_plan),
        {"campaign_id": campaign_id, "subscriber_id": subscriber_id, "made_at": now, "data": dump_plan(plan)},
    )
    connection.execute(
        update(campaign)
        .where(campaign.c.id == campaign_id)
        .values(participants=len(plan.devices), seed=plan.seed, engine_version=engine_version)
    )
    taken = sorted(devices[planned.dev_eui] for planned in plan.devices)
    for start in range(0, len(taken), BATCH):
        batch = taken[start : start + BATCH]
        # Of a device that was never heard nothing is known; its first uplink may be taken in at this very moment.
        unknown = [{**_NO_FACTS, "device_id": each, "subscriber_id": subscriber_id} for each in batch]
        insert_absent(connection, device_facts, unknown)
        used = connection.execute(
            update(device_facts)
            .where(device_facts.c.device_id.in_(batch), device_facts.c.campaign_id.is_(None))
            .values(campaign_id=campaign_id)
        )
        if used.rowcount != len(batch):
            raise Conflict("devices of this campaign are in use by another one since it was planned: start it again")
    for planned in plan.groups:
        used = connection.execute(
            update(multicast_group)
            .where(multicast_group.c.id == groups[planned.dev_eui], multicast_group.c.campaign_id.is_(None))
            .values(campaign_id=campaign_id)
        )
        if used.rowcount != 1:
            raise Conflict(f"multicast group {planned.dev_eui} is in use by another campaign: start this one later")
    left_out = [
        {"campaign_id": campaign_id, "device_id": devices[dev_eui], "subscriber_id": subscriber_id, "reason": why.value}
        for dev_eui, why in plan.left_out
        if dev_eui in devices
    ]
    for start in range(0, len(left_out), BATCH):
        connection.execute(insert(campaign_left_out), left_out[start : start + BATCH])


_NO_FACTS: dict[str, Any] = {
    "gaps": b"", "gateways": {}, "package_versions": {}, "set_up_groups": {}, "frag_slots": {}, "session_cnt": {},
}  # fmt: skip


def load(connection: Connection, campaign_id: int) -> Parts:
    """A campaign whole; raises NoPlan, and Damaged for what can't be read."""
    found = connection.execute(
        select(
            campaign.c.subscriber_id, campaign.c.state, campaign.c.file_id, campaign.c.started_by, campaign_plan.c.data
        )
        .join(campaign_plan, campaign_plan.c.campaign_id == campaign.c.id)
        .where(campaign.c.id == campaign_id)
    ).one_or_none()
    if found is None:
        raise NoPlan(campaign_id)
    plan = load_plan(found.data)
    if found.state is None:
        devices_of = {
            dev_eui: number
            for number, dev_eui in connection.execute(
                select(device.c.id, device.c.dev_eui)
                .join(device_facts, device_facts.c.device_id == device.c.id)
                .where(device_facts.c.campaign_id == campaign_id)
            )
        }
        groups_of = {
            row.dev_eui: row
            for row in connection.execute(
                select(multicast_group.c.id, multicast_group.c.dev_eui, multicast_group.c.connection_id).where(
                    multicast_group.c.campaign_id == campaign_id
                )
            )
        }
        return Parts(
            subscriber_id=found.subscriber_id, plan=plan, campaign=None, devices=(), groups=(),
            device_ids=tuple(devices_of[planned.dev_eui] for planned in plan.devices),
            group_ids=tuple(groups_of[planned.dev_eui].id for planned in plan.groups),
            connection_ids=tuple(groups_of[planned.dev_eui].connection_id for planned in plan.groups),
            file_id=found.file_id, started_by=found.started_by,
        )  # fmt: skip
    devices = connection.execute(
        select(campaign_device.c.device_id, campaign_device.c.state)
        .where(campaign_device.c.campaign_id == campaign_id)
        .order_by(campaign_device.c.n)
    ).all()
    groups = connection.execute(
        select(campaign_group.c.multicast_group_id, campaign_group.c.state, multicast_group.c.connection_id)
        .join(multicast_group, multicast_group.c.id == campaign_group.c.multicast_group_id)
        .where(campaign_group.c.campaign_id == campaign_id)
        .order_by(campaign_group.c.n)
    ).all()
    return Parts(
        subscriber_id=found.subscriber_id,
        plan=plan,
        campaign=CAMPAIGN.load(found.state),
        devices=tuple(DEVICE.load(text) for _, text in devices),
        groups=tuple(GROUP.load(text) for _, text, _ in groups),
        device_ids=tuple(number for number, _ in devices),
        group_ids=tuple(number for number, _, _ in groups),
        connection_ids=tuple(at for _, _, at in groups),
        file_id=found.file_id,
        started_by=found.started_by,
    )


def prove(connection: Connection, campaign_id: int, fence: int, values: Mapping[str, Any]) -> None:
    """Write columns of the campaign's own row, if it is still owned under this fence; raises OwnershipLost.

    The first statement of each commit: the row stays locked, so that no newer owner can come in between.
    """
    proven = connection.execute(
        update(campaign)
        .where(campaign.c.id == campaign_id, campaign.c.fence == fence)
        .values(dict(values) or {"fence": fence})
    )
    if proven.rowcount != 1:
        raise OwnershipLost(campaign_id, fence)


def prove_owned(connection: Connection, campaign_id: int, fence: int) -> None:
    """The same for a transaction that writes nothing into the campaign's row; raises OwnershipLost.

    No newer owner can come in before the transaction's end; others that only prove it may go on beside it.
    """
    mine = select(campaign.c.id).where(campaign.c.id == campaign_id, campaign.c.fence == fence)
    if connection.execute(mine.with_for_update(read=True)).first() is None:
        raise OwnershipLost(campaign_id, fence)


def campaign_columns(state: CampaignState | None, shown: Shown | None) -> dict[str, Any]:
    """The columns of a campaign's row for its state and what lists show of it."""
    values: dict[str, Any] = {}
    if state is not None:
        values |= {
            "state": CAMPAIGN.dump(state),
            "status": state.status.value,
            "why": state.why,
            "started_at": state.started or None,
            "ended_at": state.ended if state.status.final else None,
        }
    if shown is not None:
        values |= {name: getattr(shown, name) for name in Shown.__dataclass_fields__}
    return values


def save_devices(
    connection: Connection, campaign_id: int, parts: Parts, changed: Mapping[int, DeviceState], now: InstantMs
) -> None:
    """Write the devices that changed, by their index in the plan; those that aren't there yet are put in."""
    rows = [(*_columns_of(state, now), campaign_id, i) for i, state in sorted(changed.items())]
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        if update_many(connection, campaign_device, _SAVED, batch, key=2) != len(batch):
            _put_devices(connection, parts, batch)


_SAVED = (
    "state", "step", "outcome", "talk", "done", "cause", "detail", "missing", "heard_at", "firmware_before",
    "firmware_after", "changed_at", "campaign_id", "n",
)  # fmt: skip


def _columns_of(state: DeviceState, now: InstantMs) -> tuple[Any, ...]:
    """The values of `_SAVED`, less the row's own name."""
    failure = state.failure
    return (
        DEVICE.dump(state),
        int(state.step),
        int(state.outcome),
        int(state.talk),
        int(state.done),
        None if failure is None else failure.cause.value,
        None if failure is None else failure.detail,
        None if state.missing < 0 else state.missing,
        state.heard_at or None,
        None if state.firmware_before < 0 else state.firmware_before,
        None if state.firmware_after < 0 else state.firmware_after,
        now,
    )


def _put_devices(connection: Connection, parts: Parts, rows: Sequence[tuple[Any, ...]]) -> None:
    planned, ids, subscriber_id = parts.plan.devices, parts.device_ids, parts.subscriber_id
    upsert(
        connection,
        campaign_device,
        [
            {
                **dict(zip(_SAVED, row, strict=True)),
                "device_id": ids[row[-1]],
                "subscriber_id": subscriber_id,
                "group_n": planned[row[-1]].group,
            }
            for row in rows
        ],
        key=("campaign_id", "n"),
    )


def save_groups(
    connection: Connection, campaign_id: int, parts: Parts, changed: Mapping[int, GroupState], now: InstantMs
) -> None:
    """Write the groups that changed; the counter of a group only grows, here and at the group itself."""
    rows = []
    for g, state in sorted(changed.items()):
        planned = parts.plan.groups[g]
        rows.append(
            {
                "campaign_id": campaign_id,
                "n": g,
                "multicast_group_id": parts.group_ids[g],
                "subscriber_id": parts.subscriber_id,
                "state": GROUP.dump(state),
                "mode": int(state.mode),
                "handed_over": state.ledger.handed_over,
                "first_pass": min(planned.fragments + planned.coded_first, planned.fragments + planned.coded_max),
                "next_f_cnt": state.next_f_cnt,
                "held": state.held,
                "changed_at": now,
            }
        )
    upsert(connection, campaign_group, rows, key=("campaign_id", "n"))
    if changed:
        connection.execute(
            update(multicast_group)
            .where(multicast_group.c.id == bindparam("number"), multicast_group.c.next_f_cnt < bindparam("counter"))
            .values(next_f_cnt=bindparam("counter")),
            [
                {"number": parts.group_ids[g], "counter": state.next_f_cnt}
                for g, state in sorted(changed.items(), key=lambda each: parts.group_ids[each[0]])
            ],
        )


def free_groups(connection: Connection, campaign_id: int, states: Mapping[int, Mapping[str, Any]]) -> None:
    """The groups of a campaign that is over are no longer in use; what they really had is kept, by row number."""
    for number, really in states.items():
        connection.execute(
            update(multicast_group).where(multicast_group.c.id == number).values(network_state=dict(really))
        )
    connection.execute(
        update(multicast_group).where(multicast_group.c.campaign_id == campaign_id).values(campaign_id=None)
    )


def still_in_use(connection: Connection, campaign_id: int, most: int) -> list[int]:
    """Devices that a campaign which is over has not given back yet, at most so many."""
    found = connection.execute(
        select(device_facts.c.device_id)
        .where(device_facts.c.campaign_id == campaign_id)
        .order_by(device_facts.c.device_id)
        .limit(most)
    )
    return list(found.scalars())
