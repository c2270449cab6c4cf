"""Lives of a worker in processes of their own, that really are killed: after a commit, or at any instant.

A life is forked from a server that has imported everything, so that it costs no start of Python. Whatever is handed to
the simulated network is written down before the call, so that a kill hides nothing.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, select

from fleetcast.campaign.events import Event, Stopped
from fleetcast.clock import AcceleratedClock, pause
from fleetcast.connectors.port import Queued
from fleetcast.instants import to_datetime
from fleetcast.simulator.connector import SimulatedNetwork
from fleetcast.simulator.multicast_reception import MulticastReception, Received
from fleetcast.store import inbox, ownership, tables
from fleetcast.store.database import Database
from fleetcast.store.latest import latest_instant
from tests.runtime.deployment import START, Networks, status, worker

FINAL = ("SUCCEEDED", "FAILED", "STOPPED")
LOOK_S = 0.02


@dataclass(frozen=True)
class Ending:
    """What a life that saw the campaign's end tells."""

    rebuilt: list[bytes | None]
    """What each device of the world rebuilt."""
    heard: dict[tuple[str, int], int]
    """How many different frames reached devices, by McAddr and counter, over all that the world played again."""
    commits: int


class MortalDatabase(Database):
    """The process dies right after its n-th commit, before whoever made it hears of it."""

    commits = 0
    die_after = 0
    stop_after = 0
    stop: Any = None

    @contextmanager
    def write(self) -> Generator[Connection]:
        with super().write() as connection:
            yield connection
        with self._counting:
            self.commits += 1
            if self.commits == self.die_after:
                os.kill(os.getpid(), signal.SIGKILL)
            stops = self.commits == self.stop_after
        if stops:
            self.stop()

    def prepare(self, die_after: int, stop_after: int, stop: Any) -> None:
        self.die_after, self.stop_after, self.stop = die_after, stop_after, stop
        self._counting = threading.Lock()


class Noting(SimulatedNetwork):
    """Writes down what it is asked to send, and the campaign's status at that moment."""

    database: Database
    campaign: int
    calls: Path

    async def send_unicast(self, downlink: Any, effect_id: Any) -> Queued:
        self._note(effect_id, str(downlink.dev_eui), downlink.f_port, downlink.payload, None)
        return await super().send_unicast(downlink, effect_id)

    async def send_multicast(self, downlink: Any, effect_id: Any) -> Queued:
        self._note(effect_id, str(downlink.group), downlink.f_port, downlink.payload, downlink.f_cnt)
        return await super().send_multicast(downlink, effect_id)

    def _note(self, effect: Any, target: str, f_port: int, payload: bytes, f_cnt: int | None) -> None:
        call = {
            "status": status(self.database, self.campaign).partition(",")[0], "effect": str(effect),
            "campaign": effect.campaign, "target": target, "f_port": f_port, "payload": payload.hex(), "f_cnt": f_cnt,
        }  # fmt: skip
        with self.calls.open("a") as calls:
            calls.write(json.dumps(call) + "\n")


class NotingNetworks(Networks):
    """Makes connectors that note."""

    def __init__(self, database: Database, campaign: int, calls: Path) -> None:
        super().__init__()
        self._database, self._campaign, self._calls = database, campaign, calls

    def _connect(self, settings: Any, surroundings: Any) -> SimulatedNetwork:
        connector = Noting(settings, surroundings)
        connector.database, connector.campaign, connector.calls = self._database, self._campaign, self._calls
        self.made.append(connector)
        return connector


def live(
    pipe: Pipe, url: str, directory: Path, campaign: int, die_after: int, stop_after: int, longest_s: float
) -> None:
    """One life, in a process of its own."""
    directory.mkdir(parents=True, exist_ok=True)
    sys.stdout = sys.stderr = (directory / "log.txt").open("a", buffering=1)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        database = MortalDatabase.open(url)
        database.prepare(die_after, stop_after, lambda: order(url, campaign, Stopped("tests", "by chance")))
        pipe.send(asyncio.run(_life(database, directory, campaign, longest_s)))
        database.close()
    except BaseException:
        pipe.send(traceback.format_exc())
        raise


def order(url: str, campaign: int, event: Event) -> None:
    """Put an order into the campaign's inbox."""
    database = Database.open(url)
    with database.write() as connection:
        subscriber = connection.execute(select(tables.campaign.c.subscriber_id)).scalar_one()
        now = latest_instant(connection) or START
        inbox.put(connection, [inbox.New(subscriber, campaign, event)], now)
    database.close()


async def _life(database: MortalDatabase, directory: Path, campaign: int, longest_s: float) -> Ending:
    with database.read() as connection:
        began = max(latest_instant(connection) or START, START)
    frames: dict[tuple[str, int], set[bytes]] = {}
    _watch_air(frames)
    networks = NotingNetworks(database, campaign, directory / "calls.txt")
    running = worker(database, AcceleratedClock(to_datetime(began)), directory, networks)
    try:
        async with asyncio.timeout(longest_s):
            await running.start()
            while status(database, campaign) not in FINAL or not networks.hosting:
                await pause(LOOK_S)
            rebuilt = [device.rebuilt for device in networks.world.stations.devices]
            await running.stop()
    except TimeoutError:
        for task in asyncio.all_tasks():
            task.print_stack(file=sys.stderr)  # what everybody was at
        raise
    return Ending(rebuilt, {name: len(each) for name, each in frames.items()}, database.commits)


def _watch_air(frames: dict[tuple[str, int], set[bytes]]) -> None:
    """Note every multicast frame where devices hear it, in this process, for good."""
    hear = MulticastReception.hear

    def noting(self: MulticastReception, received: Received) -> None:
        frame = received.frame
        frames.setdefault((str(frame.mc_addr), frame.f_cnt), set()).add(frame.phy_payload)
        hear(self, received)

    MulticastReception.hear = noting  # type: ignore[method-assign]


_SERVER: list[ForkServerContext] = []


def _server() -> ForkServerContext:
    if not _SERVER:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.runtime.lives", "psycopg", "fleetcast.store.database"])
        _SERVER.append(context)
    return _SERVER[0]


@dataclass
class Journey:
    """A campaign over several lives; nothing is left over from one to the next but the database and the folder."""

    url: str
    directory: Path
    campaign: int
    kills: int = 0
    ending: Ending | None = None

    def live(
        self, *, die_after: int = 0, stop_after: int = 0, kill_after_s: float | None = None, longest_s: float = 120.0
    ) -> bool:
        """Run a worker until the campaign is over (True), or the process is killed (False)."""
        ours, theirs = multiprocessing.Pipe()
        process = _server().Process(
            target=live, args=(theirs, self.url, self.directory, self.campaign, die_after, stop_after, longest_s)
        )
        process.start()
        theirs.close()
        if not ours.poll(kill_after_s):
            process.kill()
        try:
            told = ours.recv()
        except EOFError:
            told = None
        process.join()
        process.close()
        ours.close()
        self._let_leases_run_out()
        if told is None:
            self.kills += 1
            return False
        assert isinstance(told, Ending), told
        self.ending = told
        return True

    def calls(self) -> list[dict[str, Any]]:
        """Everything that was handed to the network, over all lives."""
        calls = self.directory / "calls.txt"
        return [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []

    def check_air(self) -> None:
        """No counter was used for two payloads, in what was asked and in what devices heard; no effect changed."""
        contents: dict[str, set[tuple[str, int, str]]] = {}
        counters: dict[tuple[str, int], set[str]] = {}
        for call in self.calls():
            contents.setdefault(call["effect"], set()).add((call["target"], call["f_port"], call["payload"]))
            if call["f_cnt"] is not None:
                counters.setdefault((call["target"], call["f_cnt"]), set()).add(call["payload"])
        assert counters
        assert {f_cnt: each for f_cnt, each in counters.items() if len(each) > 1} == {}
        assert {effect: each for effect, each in contents.items() if len(each) > 1} == {}
        assert self.ending is not None
        assert self.ending.heard
        assert {name: count for name, count in self.ending.heard.items() if count > 1} == {}

    def _let_leases_run_out(self) -> None:
        """In real time that takes seconds, in accelerated time for ever."""
        database = Database.open(self.url)
        with database.write() as connection:
            ownership.release_all(connection)
        database.close()
