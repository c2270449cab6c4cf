"""The double itself: takes downlinks over HTTP, lets its world go on in the tests' time, POSTs reports."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import random
import socket
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

import httpx
import uvicorn

from fleetcast.clock import Hold, Signal, WorkingClock
from fleetcast.connectors.port import MulticastGroup, PracticeDevice, PracticeKeys
from fleetcast.identifiers import DevEui
from fleetcast.instants import from_datetime, parse_rfc3339, to_datetime
from fleetcast.radio.bands import catalog
from fleetcast.simulator import heard
from fleetcast.simulator.multicast_group import GroupAtNetwork
from fleetcast.simulator.network_settings import NetworkSettings
from fleetcast.simulator.registered_fleet import Places, RegisteredFleet
from fleetcast.simulator.world import World
from tests.doubles.thingpark import documents
from tests.doubles.thingpark.documents import Asked

AS_ID = "TWA_100000001.42.AS"
AS_KEY = "0f0e0d0c0b0a09080706050403020100"


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Shares, 0 to 1, of what goes wrong between network and application."""

    reports_doubled: float = 0.0
    reports_lost: float = 0.0
    uplinks_doubled: float = 0.0
    uplinks_lost: float = 0.0
    breaks: float = 0.0
    """A request is taken, and the server breaks before it has answered."""


class Server(uvicorn.Server):
    """One of several in a test's loop: signals are the test's."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class Listening:
    """An ASGI application at a port of its own, that can be gone for a while."""

    def __init__(self, application: Any) -> None:
        self._application = application
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._server: Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        self._server = Server(
            uvicorn.Config(
                self._application, log_config=None, access_log=False, lifespan="off", date_header=False,
                timeout_graceful_shutdown=1, interface="asgi3",
            )
        )  # fmt: skip
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]))
        await self._server.ready.wait()

    async def stop(self) -> None:
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
            self._server = self._task = None


class ThingParkDouble:
    """A ThingPark with devices behind it."""

    def __init__(self, clock: WorkingClock, places: Places, faults: Faults | None = None, seed: int = 1) -> None:
        self.clock = clock
        self.faults = faults or Faults()
        self.intake = ""
        """Where reports go; empty: nowhere yet."""
        self.answers_with: tuple[int, dict[str, Any]] | None = None
        """What every request is refused with, while this is set."""
        self.clock_ahead_s = 0.0
        self.counted: dict[str, int] = {}
        self.payloads: dict[tuple[DevEui, int], set[bytes]] = {}
        """What was taken under each counter of each group."""
        self._random = random.Random(seed)
        self._band = catalog.band("EU868")
        self._fleet = RegisteredFleet(self._band, places)
        self._gateways = tuple(f"gateway {number + 1}" for number in range(places.gateways))
        self._settings = NetworkSettings(multicast_queue_length=64, report_timeout_s=None)
        self._seed = places.seed
        self._world: World | None = None
        self._keys: dict[DevEui, PracticeKeys] = {}
        self._groups: dict[DevEui, int] = {}
        self._asked: dict[int, Asked] = {}
        self._moved = Signal()
        self._number = 0
        self._holds: dict[str, list[Hold]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._client: httpx.AsyncClient | None = None
        self.listening = Listening(self._application)
        self.silent = False
        """Reports go nowhere: the network is out of service."""

    @property
    def downlink_url(self) -> str:
        return f"{self.listening.url}/thingpark/lrc/rest/v2/downlink"

    @property
    def world(self) -> World:
        assert self._world is not None
        return self._world

    async def start(self) -> None:
        self._client = httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=20))
        await self.listening.start()
        self._start(self._run())

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.listening.stop()
        assert self._client is not None
        await self._client.aclose()

    async def provide(self, devices: Sequence[PracticeDevice], groups: Sequence[PracticeKeys]) -> None:
        """These devices are registered in ThingPark, and these are the keys of groups to be made there."""
        self._fleet.add(devices, sample=1_000)
        self._keys.update((group.group, group) for group in groups)
        if self._world is None:
            self._world = World(
                fleet=self._fleet, band=self._band, gateways=self._gateways, settings=self._settings,
                start=from_datetime(self.clock.now()), seed=self._seed, sample=1_000,
            )  # fmt: skip
        else:
            self._world.grow()
        self._moved.set()

    def make_group(self, group: MulticastGroup) -> None:
        """What a person does in the Device Manager."""
        self._go_on()
        self._groups[group.dev_eui] = group.next_f_cnt
        self.world.ensure_group(
            self.world.now,
            GroupAtNetwork(
                dev_eui=group.dev_eui, mc_addr=group.mc_addr, mc_app_s_key=group.mc_app_s_key,
                mc_net_s_key=group.mc_net_s_key, session_class=group.session_class, frequency_hz=group.frequency_hz,
                data_rate=group.data_rate, periodicity=group.periodicity, next_f_cnt=group.next_f_cnt,
                gateways=frozenset(), network_counts=group.network_counts,
            ),
        )  # fmt: skip
        self._moved.set()

    def arrived(self, query: bytes) -> None:
        """The application took a report in: time may go on, as far as this report is concerned."""
        waiting = self._holds.get(query.decode())
        if waiting:
            waiting.pop(0).release()

    # Its time

    def _start(self, what: Any) -> None:
        task = asyncio.create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        with self.clock.join() as part:
            while True:
                next_at = None
                if self._world is not None:
                    self._go_on()
                    next_at = self._world.next_at()
                await part.wait(self._moved, None if next_at is None else to_datetime(max(next_at, self.world.now)))

    def _go_on(self) -> None:
        now = from_datetime(self.clock.now())
        while self.world.now < now:
            for told in self.world.run_until(now):
                self._tell(told)

    def _tell(self, told: heard.Heard) -> None:
        faults, chance = self.faults, self._random.random
        match told:
            case heard.Uplink():
                if told.f_port and chance() >= faults.uplinks_lost:
                    self._report(documents.uplink(told), 2 if chance() < faults.uplinks_doubled else 1)
            case heard.Joined():
                self._report(documents.joined(told), 1)
            case heard.Sent() | heard.Failed():
                asked = self._asked.pop(told.effect_id, None)
                if asked is None or chance() < faults.reports_lost:
                    return
                if isinstance(told, heard.Sent):
                    document = documents.sent(told, asked)
                else:
                    failure = documents.failed(told, asked, self.world.now)
                    if failure is None:
                        return
                    document = failure
                self._report(document, 2 if chance() < faults.reports_doubled else 1)
            case _:
                pass

    def _report(self, document: dict[str, Any], times: int) -> None:
        if not self.intake or self.silent:
            return
        self._number += 1
        query = documents.signed_query(document, AS_ID, AS_KEY, self._number, from_datetime(self.clock.now()))
        body = json.dumps(document).encode()
        for _ in range(times):
            self._start(self._post(query, body, self.clock.hold()))

    async def _post(self, query: str, body: bytes, hold: Hold) -> None:
        self._holds.setdefault(query, []).append(hold)
        assert self._client is not None
        try:
            answer = await self._client.post(
                f"{self.intake}?{query}", content=body, headers={"Content-Type": "application/json"}
            )
            self._count(f"answered {answer.status_code}")
        except httpx.TransportError as error:
            self._count(type(error).__name__)
        finally:
            hold.release()
            if not self._holds.get(query, True):
                del self._holds[query]

    def _count(self, what: str) -> None:
        self.counted[what] = self.counted.get(what, 0) + 1

    # Its HTTP

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if scope["path"] != "/thingpark/lrc/rest/v2/downlink" or scope["method"] != "POST":
            status, said = 404, {"message": "nothing here"}
        else:
            status, said = self._asked_for(scope["query_string"].decode("ascii"))
        if status == 202 and b"CorrelationID" in scope["query_string"] and self._random.random() < self.faults.breaks:
            self._count("broke")
            status, said = 500, {}
        body = b"" if status == 202 else json.dumps(said).encode()
        date = format_datetime(to_datetime(from_datetime(self.clock.now()) + round(1000 * self.clock_ahead_s)), True)
        headers = [
            (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()),
            (b"date", date.encode()),
        ]  # fmt: skip
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _asked_for(self, raw: str) -> tuple[int, dict[str, Any]]:
        given = [(name, unquote(value)) for name, _, value in (part.partition("=") for part in raw.split("&"))]
        said = dict(given)
        if self.answers_with is not None:
            return self.answers_with
        signed = "&".join(f"{name}={value}" for name, value in given if name != "Token")
        if said.get("AS_ID") != AS_ID:
            return _refused(107, "Security check. Bad AS_ID")
        if hashlib.sha256(f"{signed}{AS_KEY}".encode()).hexdigest() != said.get("Token"):
            return _refused(111, "Security check failed, bad token")
        if abs(parse_rfc3339(said["Time"]) - from_datetime(self.clock.now())) > 10_000:
            return _refused(110, "Invalid downlink frame timestamp")
        target = DevEui(said["DevEUI"])
        is_group = target in self._groups
        if not is_group and not self._fleet.knows(target):
            return _refused(100, "Invalid DevEUI")
        self._go_on()
        if said.get("FlushDownlinkQueue") == "1":
            self.world.flush(self.world.now, target)
        if "Payload" in said:
            refused = self._queue(said, target, is_group)
            if refused is not None:
                return refused
        self._moved.set()
        return 202, {}

    def _queue(self, said: dict[str, str], target: DevEui, is_group: bool) -> tuple[int, dict[str, Any]] | None:
        now, payload, f_port = self.world.now, bytes.fromhex(said["Payload"]), int(said["FPort"])
        correlation = said.get("CorrelationID", "")
        effect = int(correlation or "0", 16)
        if not is_group:
            if "FCntDn" in said:
                return _refused(119, "devices of this network are encrypted for by it")
            valid_until = parse_rfc3339(said["ValidityTime"])
            if valid_until <= now:
                return _refused(112, "ValidityTime expired or invalid")
            self.world.send_unicast(now, effect, target, f_port, payload, valid_until)
        else:
            f_cnt = int(said["FCntDn"]) if "FCntDn" in said else None
            if f_cnt is not None:
                if f_cnt < self._groups[target]:
                    return _refused(101, "Downlink counter value already used", expected=self._groups[target])
                self._groups[target] = f_cnt + 1
                self.payloads.setdefault((target, f_cnt), set()).add(payload)
            self.world.send_multicast(now, effect, target, f_port, payload, f_cnt, now, encrypted=f_cnt is not None)
        self._asked[effect] = Asked(target, f_port, correlation, is_group)
        return None


def _refused(code: int, message: str, **more: Any) -> tuple[int, dict[str, Any]]:
    return 409, {"code": code, "message": message, **more}
