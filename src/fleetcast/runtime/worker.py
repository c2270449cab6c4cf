"""One worker: connections, intake, campaigns, shares, leases and heartbeat, started and stopped together.

What wiring makes and `fleetcast serve` runs. Everything it knows is in the database; whatever fails is begun again.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from fleetcast import __version__
from fleetcast.actions import campaign_orders
from fleetcast.clock import WorkingClock, pause, pause_for
from fleetcast.connectors import catalog
from fleetcast.connectors.catalog import Kind
from fleetcast.connectors.port import HttpAnswer, HttpReport
from fleetcast.errors import Unavailable
from fleetcast.runtime.airtime_shares import shares
from fleetcast.runtime.campaign_owner import CampaignOwner
from fleetcast.runtime.connection_leases import TEND_S, ConnectionLeases
from fleetcast.runtime.connections import Connections
from fleetcast.runtime.dispatch import LeaseLapsed
from fleetcast.runtime.health import Health, Report
from fleetcast.runtime.key_source import KeySource
from fleetcast.runtime.leases import LEASE_S, RENEW_S, Leases
from fleetcast.runtime.monthly import Monthly
from fleetcast.runtime.pruning import RETENTION, Pruning, Retention
from fleetcast.runtime.schedule import Schedule
from fleetcast.runtime.supervisor import Supervisor
from fleetcast.runtime.webhooks import PATIENCE, Patience, Webhooks
from fleetcast.store import (
    connection_leases,
    inbox,
    journal,
    open_connections,
    ownership,
    webhooks,
    workers,
)
from fleetcast.store.database import Database
from fleetcast.store.ownership import Claimed
from fleetcast.store.running_campaigns import OwnershipLost

CLAIM_S: Final = 0.5
SHARES_S: Final = 5.0
HEARTBEAT_S: Final = 5.0
CLAIM_AT_ONCE: Final = 10

_SETTLE_S: Final = 30.0
_REST_S: Final = 1.0
_LONGEST_REST_S: Final = 60.0

_log = structlog.get_logger("fleetcast.worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """What a worker does, and how often it looks."""

    directory: Path
    """Where connectors keep what must survive a restart."""
    owns_campaigns: bool = True
    listens: bool = True
    """False: connections are open for sending alone."""
    parts: str = "worker"
    lease_s: float = LEASE_S
    renew_s: float = RENEW_S
    claim_s: float = CLAIM_S
    look_s: float = 5.0
    first_pause_s: float = 0.2
    time_tolerance_s: int = 1
    patience: Patience = PATIENCE
    """With receivers of webhooks."""
    private_addresses: bool = False
    """Whether webhooks may lead to addresses that are not public."""
    retention: Retention = RETENTION


class Worker:
    """Every loop of one process."""

    def __init__(
        self,
        database: Database,
        clock: WorkingClock,
        keys: KeySource,
        options: WorkerOptions,
        kinds: Mapping[str, Kind] | None = None,
    ) -> None:
        """`kinds` None: every connector that is installed."""
        self.health = Health()
        self._database = database
        self._clock = clock
        self._keys = keys
        self._options = options
        self._kinds = catalog.installed() if kinds is None else kinds
        self._supervisor = Supervisor(self.health, first_pause_s=options.first_pause_s)
        self._owners: dict[int, CampaignOwner] = {}
        self._leases: Leases | None = None
        self._connections: Connections | None = None
        self._connection_leases: ConnectionLeases | None = None
        self._schedule = Schedule(database, clock, self.health, options.look_s)
        self._webhooks = Webhooks(
            database, clock, keys, self.health, random.Random(os.getpid()), options.patience,  # noqa: S311 - no secret
            private_addresses=options.private_addresses,
        )  # fmt: skip
        self._pruning = Pruning(database, clock, self.health, options.retention)
        self._worker_id = 0
        self._uplinks = self._downlinks = 0
        self._claim_now = asyncio.Event()
        self._tend_now = asyncio.Event()
        self._claimed_once = asyncio.Event()
        self._failures: Counter[int] = Counter()
        self._wakes_end: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Begin all loops. Raises Unavailable when the database can't be reached."""
        self._worker_id = await asyncio.to_thread(self._register)
        self._leases = Leases(self._database, self._worker_id, self._options.lease_s)
        self._connection_leases = ConnectionLeases(
            self._database, self._worker_id, self._kinds, self._options.lease_s
        )  # fmt: skip
        await asyncio.to_thread(self._connection_leases.tend)
        self._connections = Connections(
            self._database, self._clock, self._keys, self._kinds, self._options.directory, self.health,
            self._supervisor, self._count_uplinks, self._connection_leases.may_open,
            time_tolerance_s=self._options.time_tolerance_s,
            listens=self._options.listens, look_s=self._options.look_s,
        )  # fmt: skip
        self._listen_for_wakes()
        start = self._supervisor.start
        # Accelerated time waits until campaigns can go on where they were: connections first, then campaigns.
        hold = self._clock.hold()
        try:
            start("connections", self._connections.run)
            start("connection leases", self._tend)
            start("heartbeat", self._heartbeat)
            start("pruning", self._pruning.run)
            start("reports", Monthly(self._database, self._clock, self.health).run)
            await _at_most(_SETTLE_S, self._connections.settled())
            if self._options.owns_campaigns:
                start("leases", self._renew)
                start("shares", self._share)
                start("claims", self._claim)
                start("schedule", self._schedule.run)
                start("webhooks", partial(self._webhooks.run, self._worker_id))
                await _at_most(_SETTLE_S, self._claimed_once.wait())
        finally:
            hold.release()

    async def stop(self) -> None:
        """End all loops; campaigns are let go, so that another worker, or the next start, has them at once."""
        for end in self._wakes_end:
            end()
        owned = {} if self._leases is None else self._leases.owned()
        await self._supervisor.end("claims")
        await self._supervisor.end(*(_name(number, fence) for number, fence in owned.items()))
        await self._supervisor.end_all()
        try:
            await asyncio.to_thread(self._unregister, owned)
        except Unavailable as error:
            _log.warning("worker.not_unregistered", why=str(error))  # the leases run out by themselves

    async def receive(self, connection_id: int, path: str, query: bytes, body: bytes) -> HttpAnswer:
        """What a network server POSTed to one of the connections; answered once it is committed."""
        if self._connections is None:
            return HttpAnswer(503, "this process is only just starting", 1)
        return await self._connections.receive(connection_id, HttpReport(path, query, body))

    def report(self) -> Report:
        """Whether everything is well: what `/readyz` says."""
        return self.health.report()

    @property
    def worker_id(self) -> int:
        """Its number among the workers of the deployment."""
        return self._worker_id

    def owned(self) -> dict[int, int]:
        """The campaigns that it owns: fence by campaign."""
        return {} if self._leases is None else self._leases.owned()

    # Wakes

    def _listen_for_wakes(self) -> None:
        loop = asyncio.get_running_loop()

        def woken(do: Callable[[str], None], payload: str) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(do, payload)

        heard = {
            inbox.CHANNEL: self._look_into_inbox,
            open_connections.CHANNEL: self._look_outside,
            campaign_orders.SCHEDULE: self._look_at_schedule,
            journal.CHANNEL: self._look_at_journal,
        }
        for channel, do in heard.items():
            self._wakes_end.append(self._database.listen(channel, partial(woken, do)))

    def _look_into_inbox(self, payload: str) -> None:
        if not payload:
            for owner in self._owners.values():
                owner.news.set()
            self._claim_now.set()
            return
        owned = self._owners.get(int(payload))
        if owned is not None:
            owned.news.set()
        else:
            self._claim_now.set()

    def _look_outside(self, _: str) -> None:
        self._tend_now.set()
        if self._connections is not None:
            self._connections.look()

    def _look_at_schedule(self, _: str) -> None:
        self._schedule.news.set()

    def _look_at_journal(self, _: str) -> None:
        self._webhooks.news.set()

    # Loops

    async def _claim(self) -> None:
        """Take campaigns that nobody owns, and run them: those whose connections are here."""
        leases, have = self._leased(), self._connection_leased()
        pulse = self.health.part("claims")
        while True:
            self._claim_now.clear()
            with pulse.at_work():
                mine = [each for each in have.mine() if self._connected().tried(each)]
                claimed = await asyncio.to_thread(leases.claim, CLAIM_AT_ONCE, have.single, mine)
            for each in claimed:
                _log.info("campaign.claimed", campaign=each.campaign_id, fence=each.fence)
                self._supervisor.start(_name(each.campaign_id, each.fence), partial(self._own, each))
            self._claimed_once.set()
            if len(claimed) < CLAIM_AT_ONCE:
                await pause_for(self._claim_now, self._options.claim_s)

    async def _own(self, claimed: Claimed) -> None:
        """Run one campaign as long as it is ours; what goes wrong gives it back, to be claimed and loaded anew."""
        leases, connections = self._leased(), self._connected()
        owner = CampaignOwner(
            self._database, self._clock, claimed, self._keys, connections.connector,
            partial(leases.held, claimed.campaign_id, claimed.fence), self._count_downlinks,
        )  # fmt: skip
        self._owners[claimed.campaign_id] = owner
        try:
            await owner.run()
        except (OwnershipLost, LeaseLapsed) as error:
            _log.warning("campaign.lost", campaign=claimed.campaign_id, fence=claimed.fence, why=str(error))
        except Unavailable as error:
            _log.warning("campaign.unavailable", campaign=claimed.campaign_id, why=str(error))
        except Exception as error:  # noqa: BLE001 - whatever it was: logged whole, and the campaign is loaded anew
            await self._rest(claimed, error)
        else:
            del self._failures[claimed.campaign_id]
        finally:
            if self._owners.get(claimed.campaign_id) is owner:
                del self._owners[claimed.campaign_id]
            await self._let_go(claimed)

    async def _rest(self, claimed: Claimed, error: Exception) -> None:
        """Before a campaign that failed is tried again, by this worker or another: longer each time."""
        self._failures[claimed.campaign_id] += 1
        pause_s = min(_REST_S * 2 ** (self._failures[claimed.campaign_id] - 1), _LONGEST_REST_S)
        _log.error("campaign.failed", campaign=claimed.campaign_id, again_in_s=pause_s, exc_info=error)
        pulse = self.health.part(_name(claimed.campaign_id, claimed.fence))
        pulse.unwell(f"{type(error).__name__}: {error}")
        await pause(pause_s)

    async def _let_go(self, claimed: Claimed) -> None:
        leases = self._leased()
        try:
            await asyncio.to_thread(leases.release, claimed.campaign_id, claimed.fence)
        except Unavailable:
            leases.forget(claimed.campaign_id, claimed.fence)

    async def _renew(self) -> None:
        """Prolong the leases; a campaign that is lost is let go of at once."""
        leases, pulse = self._leased(), self.health.part("leases")
        while True:
            before = leases.owned()
            with pulse.at_work():
                lost = await asyncio.to_thread(leases.renew)
            for number in lost:
                _log.warning("campaign.lost", campaign=number, fence=before[number])
                await self._supervisor.end(_name(number, before[number]))
            await pause(self._options.renew_s)

    async def _tend(self) -> None:
        """Have the connections that are one worker's at a time; campaigns on one that was lost go with it."""
        leases, pulse = self._connection_leased(), self.health.part("connection leases")
        while True:
            self._tend_now.clear()
            with pulse.at_work():
                new, lost = await asyncio.to_thread(leases.tend)
            if new or lost:
                _log.info("connections.changed", new=sorted(new), lost=sorted(lost))
                self._connected().look()
            gone = [(number, owner) for number, owner in self._owners.items() if lost and owner.uses(lost)]
            fences = self._leased().owned()
            await self._supervisor.end(*(_name(number, fences[number]) for number, _ in gone if number in fences))
            await pause_for(self._tend_now, TEND_S)

    async def _share(self) -> None:
        """Tell the owned campaigns how much airtime each may use."""
        pulse = self.health.part("shares")
        while True:
            with pulse.at_work():
                used = shares(await asyncio.to_thread(self._groups_in_use))
            for owner in self._owners.values():
                owner.share(used)
            await pause(SHARES_S)

    async def _heartbeat(self) -> None:
        pulse = self.health.part("heartbeat")
        while True:
            with pulse.at_work():
                await asyncio.to_thread(self._beat)
            await pause(HEARTBEAT_S)

    # In threads

    def _register(self) -> int:
        with self._database.write() as connection:
            if self._database.is_sqlite:
                # An embedded file is this process's alone: whoever owned its campaigns before is gone.
                ownership.release_all(connection)
                webhooks.release(connection)
            return workers.begin(connection, socket.gethostname(), os.getpid(), self._options.parts, __version__)

    def _unregister(self, owned: dict[int, int]) -> None:
        with self._database.write() as connection:
            ownership.release(connection, self._worker_id, owned)
            webhooks.release(connection, self._worker_id)
            connection_leases.release(connection, self._worker_id)
            workers.beat(connection, self._worker_id, self._uplinks, self._downlinks)
            workers.end(connection, self._worker_id)

    def _beat(self) -> None:
        with self._database.write() as connection:
            workers.beat(connection, self._worker_id, self._uplinks, self._downlinks)

    def _groups_in_use(self) -> list[open_connections.GroupInUse]:
        with self._database.read() as connection:
            return list(open_connections.groups_in_use(connection))

    def _count_uplinks(self, count: int) -> None:
        self._uplinks += count

    def _count_downlinks(self, count: int) -> None:
        self._downlinks += count

    def _leased(self) -> Leases:
        if self._leases is None:
            raise RuntimeError("the worker has not been started")
        return self._leases

    def _connection_leased(self) -> ConnectionLeases:
        if self._connection_leases is None:
            raise RuntimeError("the worker has not been started")
        return self._connection_leases

    def _connected(self) -> Connections:
        if self._connections is None:
            raise RuntimeError("the worker has not been started")
        return self._connections


def _name(campaign_id: int, fence: int) -> str:
    return f"campaign {campaign_id}, fence {fence}"


async def _at_most(seconds: float, what: Awaitable[object]) -> None:
    try:
        async with asyncio.timeout(seconds):
            await what
    except TimeoutError:
        _log.warning("worker.starts_slowly", waited_s=seconds)
