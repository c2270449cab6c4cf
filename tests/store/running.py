"""A campaign under way, for tests of the store: a plan, its rows, and states as busy as in the middle of a setup."""

from __future__ import annotations

import random
from dataclasses import replace

from sqlalchemy import Connection, insert, update

from fleetcast.campaign.engine import begin
from fleetcast.campaign.states import DeviceState, Done, Step, Talk
from fleetcast.campaign.table import State
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.planning.facts import Profile
from fleetcast.planning.plan import CampaignType, LeftOut, Plan, PlannedDevice, PlannedGroup, SuccessMeans
from fleetcast.planning.policy import Policy
from fleetcast.store import running_campaigns, tables
from fleetcast.store.database import Database
from fleetcast.store.running_campaigns import Parts
from tests.store import rows
from tests.store.rows import NOW

GROUP = DevEui("0000000000000001")
_FIRST = 0x70B3_D500_0000_0000


def dev_eui(i: int) -> DevEui:
    """Of the i-th device."""
    return DevEui.from_int(_FIRST + i)


def plan(devices: int, *, left_out: tuple[int, ...] = ()) -> Plan:
    """A binary to so many devices over one group."""
    planned = tuple(
        PlannedDevice(
            dev_eui=dev_eui(i), group=0, profile=0, lorawan_1_1=False, class_c_for_good=False, uplink_period_s=3600,
            mc_group_id=0, session_cnt=0, versions=(), group_set_up=False, ask_version=False,
            must_know_version=False, expected_loss=0.1, data_rate=5,
        )
        for i in range(devices)
    )  # fmt: skip
    group = PlannedGroup(
        dev_eui=GROUP, name="group", connection="simulated", band="EU868", session_class="C",
        mc_addr=DevAddr("00000001"), frequency_hz=869_525_000, data_rate=2, periodicity=0, sub_band="P",
        duty_cycle=0.1, network_counts=False, max_under_way=1, gateways=frozenset(), first_f_cnt=40, end_f_cnt=8000,
        fragments=10, fragment_bytes=50, coded_first=2, coded_max=20,
    )  # fmt: skip
    return Plan(
        campaign="update", type=CampaignType.BINARY, file=None, success_means=SuccessMeans.TRANSFERRED,
        threshold_percent=90, policy=Policy(), profiles=(Profile(name="any"),), devices=planned, groups=(group,),
        left_out=tuple((dev_eui(i), LeftOut.NO_KEY) for i in left_out), start=NOW, max_duration_s=86_400,
        reboot_at=None, stage_latest_ends=(), seed=7,
    )  # fmt: skip


def busy(chance: random.Random, at: int) -> DeviceState:
    """A device in the middle of its setup, as busy states are."""
    now = NOW + 1000 * at
    return DeviceState(
        period_s=3600, step=Step(chance.randrange(2, 7)), talk=Talk.SENT, tries=1, effect=chance.randrange(1_000_000),
        since=now, due=now + 60_000, heard_at=now + at, heard=True, f_cnt=chance.randrange(60_000),
        seen=chance.getrandbits(32), gaps=chance.randbytes(64), versions=85, done=Done.GROUP_SAID | Done.GROUP_SET,
        session=1, session_start_asked=now,
    )  # fmt: skip


def populate(connection: Connection, devices: int, *, others: int = 0) -> tuple[int, int]:
    """A subscriber with so many devices and some more, and the group; numbers of subscriber and group."""
    tenant = rows.subscriber(connection)
    network = rows.network(connection, tenant)
    group = rows.group(connection, tenant, network, GROUP, "00000001")
    edited = {"created_at": NOW, "changed_at": NOW}
    connection.execute(
        insert(tables.device),
        [
            {"subscriber_id": tenant, "connection_id": network, "dev_eui": dev_eui(i), "session_classes": "C",
             "lorawan_version": "1.0", "has_key": True, **edited}
            for i in range(devices + others)
        ],
    )  # fmt: skip
    return tenant, group


def attach(connection: Connection, tenant: int, group: int, made: Plan, name: str = "update") -> int:
    """A campaign that starts by this plan; its number."""
    campaign_id = rows.campaign(connection, tenant, name, status="CONFIGURED")
    numbers = {
        DevEui(each): number
        for number, each in connection.execute(tables.device.select().with_only_columns(*_NUMBERED)).all()
    }
    running_campaigns.attach(connection, tenant, campaign_id, made, numbers, {GROUP: group}, NOW, "0.0")
    connection.execute(update(tables.campaign).where(tables.campaign.c.id == campaign_id).values(status="RUNNING"))
    return campaign_id


_NUMBERED = (tables.device.c.id, tables.device.c.dev_eui)


def start(database: Database, devices: int, *, left_out: int = 0) -> int:
    """A campaign under way whose owner hasn't begun; its number."""
    made = plan(devices, left_out=tuple(range(devices, devices + left_out)))
    with database.write() as connection:
        tenant, group = populate(connection, devices, others=left_out)
        return attach(connection, tenant, group, made)


def load(database: Database, campaign_id: int) -> Parts:
    """All of it."""
    with database.read() as connection:
        return running_campaigns.load(connection, campaign_id)


def begun(database: Database, campaign_id: int, fence: int) -> tuple[Parts, State]:
    """Its first state, kept under a fence as an owner does it."""
    parts = load(database, campaign_id)
    state = begin(parts.plan)
    with database.write() as connection:
        # Its status is RUNNING from the start on, though the engine has not reacted to that yet.
        columns = {"state": running_campaigns.campaign_columns(state.campaign, None)["state"]}
        running_campaigns.prove(connection, campaign_id, fence, columns)
        running_campaigns.save_devices(connection, campaign_id, parts, dict(enumerate(state.devices)), NOW)
        running_campaigns.save_groups(connection, campaign_id, parts, dict(enumerate(state.groups)), NOW)
    return replace(parts, devices=(), groups=()), state
