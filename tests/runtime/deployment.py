"""A small deployment for tests: a fleet on the simulated network, a campaign, workers on a clock of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

from fleetcast.campaign.events import Event, Started
from fleetcast.clock import WorkingClock
from fleetcast.connectors.catalog import Kind
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.instants import InstantMs
from fleetcast.planning import facts
from fleetcast.planning.plan import CampaignType
from fleetcast.planning.planner import make_plan
from fleetcast.planning.policy import Policy, Setup
from fleetcast.planning.request import CampaignRequest
from fleetcast.protocol.packages import Package
from fleetcast.runtime.vault_keys import VaultKeys
from fleetcast.runtime.worker import Worker, WorkerOptions
from fleetcast.secret import Secret
from fleetcast.simulator.chance import key
from fleetcast.simulator.connector import KIND, SimulatedNetwork
from fleetcast.store import inbox, running_campaigns, tables
from fleetcast.store.database import Database
from fleetcast.store.key_encryption import KeyEncryptionKeys
from fleetcast.store.key_vault import KeyKind, KeyVault

START: InstantMs = 1_767_225_600_000
"""2026-01-01 00:00 UTC."""
FIRST_DEVICE = 0x02F1_EE70_0000_0000
GROUP = DevEui("02F1EE7100000001")
MC_ADDR = DevAddr("01FC0001")
NEW_VERSION = 0x02000000
PERIOD_S = 600
FILE = bytes((7 * i + i // 251) % 256 for i in range(600))

_HISTORY = {"created_at": START, "changed_at": START, "revision": 1}


VAULT = KeyVault(KeyEncryptionKeys.of(Secret(bytes(range(32)))))


def keys_of(database: Database) -> VaultKeys:
    """The way to the keys that `populate` has put into the vault."""
    return VaultKeys(database, VAULT)


@dataclass(frozen=True)
class Fleet:
    """The rows' numbers."""

    subscriber_id: int
    connection_id: int
    group_id: int
    device_ids: dict[DevEui, int]
    file_id: int
    profile_id: int


def populate(
    database: Database, devices: int, *, settings: Mapping[str, Any] | None = None, data: bytes = FILE
) -> Fleet:
    """A subscriber with one simulated connection, a profile, devices, a group and a file."""
    network = {"most_loss": 0.1, "most_uplink_loss": 0.05, "uplink_period_s": PERIOD_S, "gateways": 1}
    digest = hashlib.sha256(data).hexdigest()
    with database.write() as link:

        def put(table: Any, **values: Any) -> int:
            return int(link.execute(insert(table).values(**values).returning(table.c.id)).scalar_one())

        subscriber = put(tables.subscriber, name="tests", asks_versions=False, settings={}, **_HISTORY)
        connection = put(
            tables.connection, subscriber_id=subscriber, name="practice", kind="simulated", enabled=True,
            settings=network | dict(settings or {}), **_HISTORY,
        )  # fmt: skip
        profile = put(
            tables.device_profile, subscriber_id=subscriber, name="meter", producer_id="p", module_id="m",
            hw_revision=1, uplink_period_s=PERIOD_S, reboots="command", clock_sync_version="1",
            multicast_setup_version="1", fragmentation_version="1", firmware_management_version="1",
            takes_any_order=True, quirks=[], **_HISTORY,
        )  # fmt: skip
        group = put(
            tables.multicast_group, subscriber_id=subscriber, dev_eui=str(GROUP), connection_id=connection,
            session_class="C", band="EU868", dwell_time=False, dev_addr=str(MC_ADDR), frequency_hz=869_525_000,
            data_rate=5, redundancy="ADAPTIVE", gateways=[], gateway_tags=[], has_key=True, **_HISTORY,
        )  # fmt: skip
        rows = [
            {
                "subscriber_id": subscriber, "dev_eui": str(DevEui.from_int(FIRST_DEVICE + i)), "tag": "",
                "connection_id": connection, "device_profile_id": profile, "session_classes": "C",
                "lorawan_version": "1.0", "has_key": True, "firmware_version": 0x01000000,
                "firmware_learned_at": START, **_HISTORY,
            }
            for i in range(devices)
        ]  # fmt: skip
        for start in range(0, len(rows), 5000):
            link.execute(insert(tables.device), rows[start : start + 5000])
        numbers = {
            DevEui(row.dev_eui): row.id for row in link.execute(select(tables.device.c.id, tables.device.c.dev_eui))
        }
        file = put(
            tables.file, subscriber_id=subscriber, name="new", kind="firmware", size_bytes=len(data), sha256=digest,
            version=NEW_VERSION, device_profile_id=profile, uploaded_at=START, **_HISTORY,
        )  # fmt: skip
        roots = {number: Secret(key(1, "root", number)) for number in numbers.values()}
        VAULT.put_many(link, subscriber, KeyKind.ROOT_KEY, roots, START)
        VAULT.put(link, subscriber, KeyKind.MC_KEY, group, Secret(key(1, "McKey", group)), START)
        link.execute(
            insert(tables.file_content),
            [
                {"subscriber_id": subscriber, "sha256": digest, "n": n, "data": data[at : at + 262144]}
                for n, at in enumerate(range(0, len(data), 262144))
            ],
        )
    return Fleet(subscriber, connection, group, numbers, file, profile)


def start_campaign(
    database: Database, fleet: Fleet, now: InstantMs, *, data: bytes = FILE, name: str = "update", **changes: Any
) -> int:
    """Plan a firmware campaign over the whole fleet, and give it to whatever worker takes it."""
    policy = Policy(setup=Setup.PIPELINED, msg_retries=4, stage_complete_delay=3)
    with database.write() as link:
        campaign = int(
            link.execute(
                insert(tables.campaign)
                .values(
                    subscriber_id=fleet.subscriber_id, name=name, type="firmware", file_id=fleet.file_id,
                    max_duration_s=86400, threshold_percent=90, status="CONFIGURED", settings={},
                    confirmed_downgrade=False, override_already_running=False, **_HISTORY,
                )
                .returning(tables.campaign.c.id)
            ).scalar_one()
        )  # fmt: skip
        next_f_cnt = link.execute(select(tables.multicast_group.c.next_f_cnt)).scalar_one()
        profile = facts.Profile(
            name="meter",
            packages={
                Package.CLOCK_SYNC: facts.PackageAbility(202, 1),
                Package.MULTICAST_SETUP: facts.PackageAbility(200, 1),
                Package.FRAGMENTATION: facts.PackageAbility(201, 1),
                Package.FIRMWARE_MANAGEMENT: facts.PackageAbility(203, 1),
            },
            takes_any_order=True,
            uplink_period_s=PERIOD_S,
        )
        request = CampaignRequest(
            campaign=str(campaign),
            type=CampaignType.FIRMWARE,
            devices=[
                facts.Device(
                    dev_eui=dev_eui, profile="meter", connection="practice", firmware_version=0x01000000,
                    firmware_version_learned=now, data_rate=5, expected_loss=0.05,
                )
                for dev_eui in fleet.device_ids
            ],
            profiles={"meter": profile},
            groups=[
                facts.Group(
                    dev_eui=GROUP, connection="practice", mc_addr=MC_ADDR, frequency_hz=869_525_000, data_rate=5,
                    coded_per_uncoded=None, next_f_cnt=next_f_cnt,
                )
            ],
            file=facts.File(
                name="new", kind=facts.FileKind.FIRMWARE, size_bytes=len(data),
                sha256=hashlib.sha256(data).hexdigest(), profile="meter", version=NEW_VERSION,
            ),
            policy=replace(policy, **changes),
        )  # fmt: skip
        plan = make_plan(request, now)
        running_campaigns.attach(
            link, fleet.subscriber_id, campaign, plan, fleet.device_ids, {GROUP: fleet.group_id}, now, "test"
        )
        link.execute(update(tables.campaign).where(tables.campaign.c.id == campaign).values(status="RUNNING"))
        inbox.put(link, [inbox.New(fleet.subscriber_id, campaign, Started())], now)
    return campaign


def order(database: Database, fleet: Fleet, campaign: int, event: Event, now: InstantMs) -> None:
    """An order to a running campaign."""
    with database.write() as link:
        inbox.put(link, [inbox.New(fleet.subscriber_id, campaign, event)], now)


class Networks:
    """The simulated network, and the connectors to it that were made: so that tests can look into the world."""

    def __init__(self) -> None:
        self.made: list[SimulatedNetwork] = []

    @property
    def kinds(self) -> dict[str, Kind]:
        return {"simulated": replace(KIND, connect=self._connect)}

    def _connect(self, settings: Any, surroundings: Any) -> SimulatedNetwork:
        connector = SimulatedNetwork(settings, surroundings)
        self.made.append(connector)
        return connector

    @property
    def hosting(self) -> bool:
        """Whether the world of the connector made last is there."""
        return bool(self.made) and self.made[-1].world is not None

    @property
    def world(self) -> Any:
        """The world of the connector made last."""
        played = self.made[-1].world
        assert played is not None
        return played.world


def worker(database: Database, clock: WorkingClock, directory: Path, networks: Networks, **options: Any) -> Worker:
    """A worker in a hurry."""
    quick: dict[str, Any] = {"claim_s": 0.05, "look_s": 0.2, "first_pause_s": 0.01} | options
    return Worker(database, clock, keys_of(database), WorkerOptions(directory=directory, **quick), networks.kinds)


def status(database: Database, campaign: int) -> str:
    """The campaign's status, and whether all it used was given back."""
    with database.read() as link:
        found = str(link.execute(select(tables.campaign.c.status).where(tables.campaign.c.id == campaign)).scalar_one())
        held = link.execute(
            select(tables.multicast_group.c.id).where(tables.multicast_group.c.campaign_id == campaign)
        ).first()
    return found if held is None else f"{found}, not given back"


def outcomes(database: Database, campaign: int) -> list[tuple[Any, ...]]:
    """Outcome and cause of every device."""
    with database.read() as link:
        table = tables.campaign_device
        columns = (table.c.n, table.c.step, table.c.outcome, table.c.cause, table.c.firmware_after)
        rows = link.execute(select(*columns).where(table.c.campaign_id == campaign).order_by(table.c.n))
        return [tuple(row) for row in rows]
