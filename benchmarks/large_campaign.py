"""A campaign over 100 000 devices on the real server: how soon it starts and is back, what it costs, how it moves.

The server runs in processes of its own: one that does all on SQLite; one for the API and one worker on PostgreSQL. Its
devices are `answering_network`'s, so that what is measured is the server. Three lives, each ended by SIGKILL: the
start, in real time; the return; then time a thousand times as fast (it stands still while the server works), to see how
fast the campaign moves. Memory is the resident set of the process that owns the campaign.

    python -m benchmarks.large_campaign [--devices 100000] [--database sqlite|postgresql] [--run-s 120]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import structlog
import uvicorn
from sqlalchemy import Connection, insert, select, text, update

from benchmarks.answering_network import Fleet
from fleetcast.access import Identity, Role, tokens
from fleetcast.actions import campaigns, device_sets, regions
from fleetcast.api import app
from fleetcast.api.parts import Parts
from fleetcast.clock import AcceleratedClock, SystemClock, WorkingClock, pause, stopwatch_s
from fleetcast.instants import InstantMs, from_datetime
from fleetcast.runtime.worker import Worker, WorkerOptions
from fleetcast.store import tables, users
from fleetcast.store.database import Database
from fleetcast.store.schema import migrate
from fleetcast.store.users import User
from fleetcast.wiring import spare_the_collector
from tests.postgresql import PostgreSQL
from tests.runtime.deployment import FIRST_DEVICE, NEW_VERSION, VAULT, keys_of, populate

PERIOD_S: Final = 3600
FACTOR: Final = 1000.0
OLD_VERSION: Final = 0x01000000
DATA: Final = bytes(range(250)) * 4
GATEWAYS: Final = 200
UNICAST_EVERY_MS: Final = 0
"""Many gateways: requests go out whenever a device can be told. By default they keep a second's distance."""
LONGEST_S: Final = 180.0


class CountingDatabase(Database):
    """Counts its commits."""

    commits = 0

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with super().write() as connection:
            yield connection
        self.commits += 1


# The server


async def serve(url: str, folder: Path, port: int, role: str, devices: int, factor: float) -> None:
    """One process, until it is killed; `figures-ROLE.json` says how far it is."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    database = CountingDatabase.open(url)
    fleet = Fleet(FIRST_DEVICE, devices, PERIOD_S, OLD_VERSION, NEW_VERSION)
    clock: WorkingClock = SystemClock()
    if factor != 1.0:
        clock = AcceleratedClock(SystemClock().now(), factor)
    spare_the_collector()
    kinds = {"simulated": fleet.kind}
    tasks = []
    if role != "api":
        worker = Worker(database, clock, keys_of(database), WorkerOptions(directory=folder, parts=role), kinds)
        await worker.start()
        tasks.append(_tell(folder / f"figures-{role}.json", database, fleet, clock))
    if role != "worker":
        made = app.build(Parts(database=database, vault=VAULT, clock=clock, kinds=kinds))
        server = uvicorn.Server(uvicorn.Config(made, port=port, log_level="warning"))
        tasks.append(server.serve())
    await asyncio.gather(*tasks)


async def _tell(path: Path, database: CountingDatabase, fleet: Fleet, clock: WorkingClock) -> None:
    while True:
        network = fleet.made[-1]
        figures = {
            "uplinks": network.told, "unicasts": network.unicasts, "multicasts": network.multicasts,
            "commits": database.commits, "at": from_datetime(clock.now()), "cpu_s": time.process_time(),
        }  # fmt: skip
        path.with_suffix(".new").write_text(json.dumps(figures))
        path.with_suffix(".new").replace(path)
        await pause(0.1)


class Server:
    """The processes of one life."""

    def __init__(self, url: str, folder: Path, devices: int, factor: float) -> None:
        self._folder = folder
        self.owner = "all" if url.startswith("sqlite") else "worker"
        roles = ["all"] if self.owner == "all" else ["worker", "api"]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        (folder / f"figures-{self.owner}.json").unlink(missing_ok=True)
        log = (folder / "log.txt").open("a")
        self._processes = {
            role: subprocess.Popen(
                [
                    sys.executable, "-m", "benchmarks.large_campaign", "--serve", url, str(folder), str(self.port),
                    role, str(devices), str(factor),
                ],
                stderr=log,
            )
            for role in roles
        }  # fmt: skip
        log.close()

    def rss_mb(self) -> float:
        """Resident memory of the process that owns the campaign."""
        status = Path(f"/proc/{self._processes[self.owner].pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) / 1024

    def cpu_s(self) -> float:
        """Processor time of all its processes: what a machine with nothing else to do would need at most."""
        stats = [Path(f"/proc/{process.pid}/stat").read_text().split() for process in self._processes.values()]
        return sum(int(each[13]) + int(each[14]) for each in stats) / os.sysconf("SC_CLK_TCK")

    def figures(self) -> dict[str, Any]:
        """What it last told; empty before that."""
        told = self._folder / f"figures-{self.owner}.json"
        for process in self._processes.values():
            if process.poll() is not None:
                raise RuntimeError(f"the server ended: see {self._folder / 'log.txt'}")
        return dict(json.loads(told.read_text())) if told.exists() else {}

    def listens(self) -> bool:
        """Whether the API answers the door."""
        with socket.socket() as door:
            return door.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """SIGKILL to all its processes."""
        for process in self._processes.values():
            process.send_signal(signal.SIGKILL)
            process.wait()


# The measurement


def prepare(database: Database, devices: int) -> tuple[int, str]:
    """A fleet, a set of all of it, a region, a campaign, and somebody with a token; the campaign's number first."""
    now = from_datetime(SystemClock().now())
    fleet = populate(database, devices, settings={"uplink_period_s": PERIOD_S}, data=DATA)
    token = tokens.written(bytes(range(tokens.RANDOM_BYTES)))
    hashed = tokens.hash_of(token)
    assert hashed is not None
    with database.write() as connection:
        connection.execute(update(tables.device_profile).values(uplink_period_s=PERIOD_S))
        admin = User(login="admin", role=Role.ADMIN.value)
        user_id = users.KIND.insert(connection, fleet.subscriber_id, admin, now, password_hash="")
        rows = [_known(fleet.subscriber_id, number, now) for number in fleet.device_ids.values()]
        for start in range(0, len(rows), 5000):
            connection.execute(insert(tables.device_facts), rows[start : start + 5000])
        connection.execute(text("ANALYZE"))  # as the database does by itself a minute later
        users.insert_token(connection, fleet.subscriber_id, user_id, "benchmark", hashed, "", None, now)
    who = Identity(subscriber_id=fleet.subscriber_id, user_id=user_id, login="admin", role=Role.ADMIN)
    everybody = device_sets.create(
        database, who, device_sets.DeviceSet(name="all"), [str(each) for each in fleet.device_ids], now
    )
    region = regions.create(database, who, regions.Region(name="all"), [fleet.group_id], now)
    campaign = campaigns.Campaign(
        name="large",
        type="firmware",
        file_id=fleet.file_id,
        max_duration_s=7 * 86400,
        threshold_percent=90,
        settings={"ucast_msg_delay_ms": UNICAST_EVERY_MS},
    )
    draft = campaigns.Draft(campaign=campaign, set_ids=(everybody,), region_ids=(region,))
    return campaigns.create(database, who, draft, now), token


def _known(subscriber_id: int, device_id: int, now: InstantMs) -> dict[str, Any]:
    """What is known of a device that has spoken for a while: where it is heard."""
    heard_by = {f"gateway {device_id % GATEWAYS + 1}": [now - 3_600_000, -90.0, 5.0]}
    return {
        "device_id": device_id, "subscriber_id": subscriber_id, "gaps": b"", "gateways": heard_by,
        "package_versions": {}, "set_up_groups": {}, "frag_slots": {}, "session_cnt": {},
    }  # fmt: skip


def wait(seconds: float) -> None:
    """Real time."""
    asyncio.run(pause(seconds))


def wait_until(true: Callable[[], object], longest_s: float = LONGEST_S) -> float:
    """How long it took, in s."""
    began = stopwatch_s()
    while not true():
        if stopwatch_s() - began > longest_s:
            raise TimeoutError(f"nothing happened within {longest_s:.0f} s")
        wait(0.02)
    return stopwatch_s() - began


def measure(url: str, folder: Path, devices: int, run_s: float) -> None:
    """All three lives; prints what it finds."""
    database = Database.open(url)
    migrate(database)
    began = stopwatch_s()
    campaign, token = prepare(database, devices)
    print(f"  prepared in {stopwatch_s() - began:.1f} s")

    def column(name: str) -> Any:
        with database.read() as connection:
            return connection.execute(select(tables.campaign.c[name]).where(tables.campaign.c.id == campaign)).scalar()

    server = Server(url, folder, devices, 1.0)
    try:
        wait_until(lambda: server.figures() and server.listens())
        wait(2.0)
        idle_mb, idle_cpu_s = server.rss_mb(), server.cpu_s()
        began = stopwatch_s()
        answer = httpx.post(
            f"http://127.0.0.1:{server.port}/api/v1/campaigns/{campaign}/start",
            headers={"Authorization": f"Bearer {token}"}, timeout=LONGEST_S,
        )  # fmt: skip
        answered_s = stopwatch_s() - began
        if answer.status_code >= 300 or answer.json()["status"] != "RUNNING":
            raise RuntimeError(f"the campaign did not start: {answer.status_code} {answer.text[:500]}")
        wait_until(lambda: server.figures()["unicasts"])
        started_s, cpu_s = stopwatch_s() - began, server.cpu_s() - idle_cpu_s
        wait(5.0)
        print(f"  started: answered after {answered_s:.1f} s, first request sent after {started_s:.1f} s"
              f"{_against(started_s, 15.0, 's')}, {cpu_s:.1f} s of CPU")  # fmt: skip
        print(f"  memory after the start: {_per_device(server.rss_mb() - idle_mb, devices)}")
        server.kill()

        began = stopwatch_s()
        server = Server(url, folder, devices, 1.0)
        wait_until(lambda: server.figures().get("unicasts"))
        back_s, cpu_s = stopwatch_s() - began, server.cpu_s()
        wait(5.0)
        against = _against(back_s, 20.0, "s")
        print(f"  back after a kill: first request sent after {back_s:.1f} s{against}, {cpu_s:.1f} s of CPU")
        print(f"  memory after the return: {_per_device(server.rss_mb() - idle_mb, devices)}")
        server.kill()

        server = Server(url, folder, devices, FACTOR)
        wait_until(lambda: server.figures().get("unicasts"))
        _run(server, column, idle_mb, devices, run_s)
    finally:
        server.kill()
        database.close()


def _run(server: Server, column: Callable[[str], Any], idle_mb: float, devices: int, run_s: float) -> None:
    first = last = server.figures()
    began = at = stopwatch_s()
    while stopwatch_s() - began < run_s and column("status") == "RUNNING":
        wait(min(10.0, run_s))
        now, seconds = server.figures(), stopwatch_s() - at
        rates = {name: (now[name] - last[name]) / seconds for name in ("uplinks", "unicasts", "commits", "cpu_s")}
        print(
            f"  {stopwatch_s() - began:5.0f} s: {rates['uplinks']:6.0f} uplinks/s,"
            f" {rates['unicasts']:5.0f} requests/s,"
            f" {rates['commits']:4.0f} commits/s, {100 * rates['cpu_s']:3.0f} % CPU,"
            f" {_per_device(server.rss_mb() - idle_mb, devices)}; stage {column('stage')} {column('stage_name')!r}"
            f" {column('stage_done')}/{column('stage_total')}, {(now['at'] - first['at']) / 3.6e6:.1f} h,"
            f" {now['multicasts']} multicasts",
            flush=True,
        )
        last, at = now, stopwatch_s()
    seconds, cpu_s = at - began, last["cpu_s"] - first["cpu_s"]
    uplinks = last["uplinks"] - first["uplinks"]
    print(
        f"  in {seconds:.0f} s: {uplinks / seconds:.0f} uplinks/s, {uplinks / cpu_s:.0f} per CPU second,"
        f" {(last['commits'] - first['commits']) / seconds:.0f} commits/s; {column('status')},"
        f" {column('succeeded')} succeeded"
    )


def _per_device(grown_mb: float, devices: int) -> str:
    return f"{grown_mb:.0f} MB, {1e3 * grown_mb * 1.048576 / devices:.2f} kB a device"


def _against(value: float, target: float, unit: str) -> str:
    return f" ({value / target:.2f} of {target:.0f} {unit})"


def main() -> None:
    """Measure on the databases asked for."""
    if "--serve" in sys.argv:
        url, folder, port, role, devices, factor = sys.argv[2:]
        asyncio.run(serve(url, Path(folder), int(port), role, int(devices), float(factor)))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"))
    parser.add_argument("--run-s", type=float, default=120.0, help="how long to watch it move")
    chosen = parser.parse_args()
    for kind in [chosen.database] if chosen.database else ["sqlite", "postgresql"]:
        print(f"{kind}, {chosen.devices} devices", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            server = PostgreSQL(durable=True) if kind == "postgresql" else None
            url = server.url("postgres") if server else f"sqlite:///{Path(folder) / 'benchmark.db'}"
            try:
                measure(url, Path(folder), chosen.devices, chosen.run_s)
            finally:
                if server:
                    server.remove()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
