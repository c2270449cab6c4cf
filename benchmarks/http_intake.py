"""Intake over HTTP: messages per CPU second of the real server, against a bare application that only parses the JSON.

    python -m benchmarks.http_intake [--messages 20000] [--devices 500] [--connections 64]
    python -m benchmarks.http_intake --hold 1000 --seconds 60      # a steady rate: what is committed, memory
    python -m benchmarks.http_intake --answers 200 --seconds 30    # devices ask for the time: uplink to downlink

The server is `fleetcast serve` with an SQLite file and one ThingPark connection, in a process of its own; each message
is a signed uplink of a registered device, and is answered once it is committed. The bare application runs in a process
of its own too, under the same uvicorn, reads the same bodies, parses them and answers 200. CPU is what the operating
system charged the process, user and system. The load comes from a third process, this one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.parse import quote

import httpx

from fleetcast.clock import SystemClock, pause

AS_ID: Final = "TWA_100000001.42.AS"
AS_KEY: Final = "000102030405060708090a0b0c0d0e0f"
WANTED: Final = 0.45
TICKS: Final = os.sysconf("SC_CLK_TCK")
PAGE: Final = os.sysconf("SC_PAGE_SIZE")
CLOCK_PORT: Final = 202

BARE: Final = """
import asyncio, json, socket, sys, uvicorn

async def application(scope, receive, send):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    json.loads(body)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})

listening = socket.socket(fileno=int(sys.argv[1]))
server = uvicorn.Server(uvicorn.Config(
    application, log_config=None, access_log=False, lifespan="off", http="h11", server_header=False, proxy_headers=False
))
asyncio.run(server.serve(sockets=[listening]))  # as fleetcast does it
"""


@dataclass(frozen=True)
class Load:
    """Requests as they go over the wire, and when they were answered."""

    requests: list[bytes]
    connections: int


def cpu_s(pid: int) -> float:
    """CPU seconds of a process and its threads, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1e6


def eui(number: int) -> str:
    """The DevEUI of a device."""
    return f"{0x0200_0000_0000_0000 + number:016X}"


def uplink(path: str, device: int, f_cnt: int, at: datetime, f_port: int, payload: bytes) -> bytes:
    """One report, as ThingPark sends it."""
    written = at.isoformat(timespec="milliseconds")
    fields: dict[str, Any] = {
        "Time": written, "DevEUI": eui(device), "DevAddr": f"{device:08X}", "FPort": f_port, "FCntUp": f_cnt,
        "FCntDn": 12, "LostUplinksAS": 0, "ADRbit": 1, "MType": 2, "payload_hex": payload.hex(), "PayloadEncryption": 0,
        "mic_hex": "1a2b3c4d", "Lrcid": "00000201", "LrrRSSI": -97.0, "LrrSNR": 7.5, "LrrESP": -97.7, "SpFact": 9,
        "SubBand": "G1", "Channel": "LC2", "Frequency": 868.3, "DevLrrCnt": 2, "Lrrid": "A0000001", "Late": 0,
        "LrrLAT": 1.5, "LrrLON": 2.5,
        "Lrrs": {
            "Lrr": [
                {"Lrrid": "A0000001", "Chain": 0, "LrrRSSI": -97.0, "LrrSNR": 7.5, "LrrESP": -97.7},
                {"Lrrid": "A0000002", "Chain": 0, "LrrRSSI": -112.0, "LrrSNR": -2.0, "LrrESP": -116.1},
            ]
        },
        "CustomerID": "100000001",
        "CustomerData": {"alr": {"pro": "LORA/Generic", "ver": "1"}, "name": f"meter {device}"}, "ModelCfg": "0",
        "DriverCfg": {"mod": {"pId": "example", "mId": "sample", "ver": "1"},
                      "app": {"pId": "example", "mId": "generic", "ver": "1"}},
        "InstantPER": 0.0, "MeanPER": 0.012, "TxPower": 14.0, "NbTrans": 1, "DynamicClass": "A", "MaxWaitASResps": 1200,
    }  # fmt: skip
    body = json.dumps({"DevEUI_uplink": fields}).encode()
    said = f"100000001{eui(device)}{f_port}{f_cnt}{payload.hex()}"
    query = {
        "LrnDevEui": eui(device), "LrnFPort": str(f_port), "LrnInfos": f"{AS_ID}-1-{f_cnt}", "AS_ID": AS_ID,
        "Time": written,
    }  # fmt: skip
    decoded = "&".join(f"{name}={value}" for name, value in query.items())
    token = sha256(f"{said}{decoded}{AS_KEY}".encode()).hexdigest()
    sent = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    head = (
        f"POST {path}?{sent}&Token={token} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"User-Agent: ACTILITY-LRCLRN-DEVICE-AGENT/1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def post(port: int, load: Load) -> tuple[list[int], float]:
    """Send everything as fast as it is answered; statuses and seconds."""
    waiting = iter(load.requests)
    statuses: list[int] = []

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in waiting:
            writer.write(request)
            statuses.append(await answer(reader))
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(load.connections)))
    return statuses, time.perf_counter() - began


async def answer(reader: asyncio.StreamReader) -> int:
    """The status of the next answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    if length:
        await reader.readexactly(int(length))
    return int(head[9:12])


def bare() -> tuple[subprocess.Popen[bytes], int]:
    """The bare application in a process of its own."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(512)
        process = subprocess.Popen(
            [sys.executable, "-c", BARE, str(listening.fileno())], pass_fds=(listening.fileno(),)
        )
        return process, listening.getsockname()[1]


class Network:
    """Takes downlinks, and notes when each device was sent one."""

    def __init__(self) -> None:
        self.taken: dict[str, float] = {}

    async def start(self) -> int:
        """Listen; gives the port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                if "Payload=" in head:
                    self.taken[head.partition("DevEUI=")[2][:16]] = time.perf_counter()
                writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


class Server:
    """`fleetcast serve` with one ThingPark connection and a registered fleet."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._opened = threading.Event()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fleetcast", "serve", "--data", str(directory), "--port", "0", "--json"],
            stdout=subprocess.PIPE,
            stderr=(directory.parent / "server.log").open("wb"),
        )
        assert self._process.stdout is not None
        first = json.loads(self._process.stdout.readline())["first_start"]
        self.url = json.loads(self._process.stdout.readline())["url"]
        self.port = int(self.url.rpartition(":")[2])
        self.pid = self._process.pid
        self._api = httpx.Client(
            base_url=f"{self.url}/api/v1", headers={"Authorization": f"Bearer {first['token']}"}, timeout=30
        )

    def fill(self, devices: int, lrc_port: int) -> str:
        """Register everything; gives the path of the intake."""
        for each in self._api.get("/connections").json()["items"]:
            self._api.patch(f"/connections/{each['id']}", json={"enabled": False}).raise_for_status()
        settings = {
            "downlink_url": f"http://127.0.0.1:{lrc_port}/thingpark/lrc/rest/v2/downlink", "as_id": AS_ID,
            "report_age_s": 0, "requests_per_second": 10_000,
        }  # fmt: skip
        connection = self._post(
            "/connections", name="park", kind="thingpark", settings=settings, secrets={"as_key": AS_KEY}
        )
        profile = self._post(
            "/device-profiles", name="meter", producer_id="p", module_id="m", hw_revision=1, uplink_period_s=600,
            reboots="command", multicast_setup_version="1", fragmentation_version="1",
            firmware_management_version="1", clock_sync_version="1",
        )  # fmt: skip
        for device in range(devices):
            self._post(
                "/devices", dev_eui=eui(device), connection_id=connection, device_profile_id=profile,
                lorawan_version="1.0",
            )  # fmt: skip
        while self._api.get(f"/connections/{connection}").json()["state"] != "open":
            self._opened.wait(0.1)
        return f"/intake/{connection}"

    def uplinks(self) -> int:
        """How many are committed."""
        database = sqlite3.connect(self._directory / "fleetcast.db")
        try:
            return int(database.execute("SELECT count(*) FROM message WHERE direction = 'up'").fetchone()[0])
        finally:
            database.close()

    def stop(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)

    def _post(self, path: str, **said: object) -> int:
        answer = self._api.post(path, json=said)
        answer.raise_for_status()
        return int(answer.json()["id"])


def requests(path: str, count: int, devices: int, first: int = 1) -> list[bytes]:
    """So many uplinks, device after device."""
    now = SystemClock().now() - timedelta(seconds=count)
    return [
        uplink(path, number % devices, first + number // devices, now + timedelta(milliseconds=number), 10, b"\1\2\3\4")
        for number in range(count)
    ]


def per_cpu_second(pid: int, port: int, load: Load) -> tuple[float, float]:
    """Messages per CPU second, and per second; every one must have been answered 200."""
    before = cpu_s(pid)
    statuses, seconds = asyncio.run(post(port, load))
    used = cpu_s(pid) - before
    wrong = [status for status in statuses if status != 200]
    if wrong:
        raise SystemExit(f"{len(wrong)} messages were answered {sorted(set(wrong))}")
    return len(statuses) / used, len(statuses) / seconds


async def steadily(port: int, load: list[bytes], rate: float, connections: int) -> list[float]:
    """Send at a steady rate; gives how long each answer took."""
    took: list[float] = []
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))

    async def one(request: bytes) -> None:
        due = time.perf_counter()
        reader, writer = await free.get()
        writer.write(request)
        status = await answer(reader)
        if status != 200:
            raise SystemExit(f"a message was answered {status}")
        took.append(time.perf_counter() - due)
        free.put_nowait((reader, writer))

    began, tasks = time.perf_counter(), set()
    for number, request in enumerate(load):
        ahead = began + number / rate - time.perf_counter()
        if ahead > 0:
            await pause(ahead)
        task = asyncio.create_task(one(request))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    return took


def percentile(values: list[float], share: float) -> float:
    """The value that so many don't exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def compare(server: Server, path: str, options: argparse.Namespace) -> None:
    """The figure: ratio of messages per CPU second."""
    warm, rest = requests(path, 2_000, options.devices), requests(path, options.messages, options.devices, 1_000)
    process, port = bare()
    try:
        per_cpu_second(process.pid, port, Load(warm, options.connections))
        plain, plain_rate = per_cpu_second(process.pid, port, Load(rest, options.connections))
    finally:
        process.terminate()
        process.wait()
    per_cpu_second(server.pid, server.port, Load(warm, options.connections))
    ours, rate = per_cpu_second(server.pid, server.port, Load(rest, options.connections))
    committed = server.uplinks()
    print(f"bare application   {plain:8.0f} messages per CPU second, {plain_rate:6.0f} a second")
    print(f"fleetcast serve    {ours:8.0f} messages per CPU second, {rate:6.0f} a second, {committed} committed")
    verdict = "reached" if ours / plain >= WANTED else "missed"
    print(f"ratio              {ours / plain:8.0%} (wanted {WANTED:.0%}: {verdict})")


def hold(server: Server, path: str, options: argparse.Namespace) -> None:
    """A steady rate: everything committed, memory flat."""
    load = requests(path, round(options.hold * options.seconds), options.devices)
    before_mb, before = resident_mb(server.pid), cpu_s(server.pid)
    tenth = len(load) // 10
    for part in range(10):
        took = asyncio.run(
            steadily(server.port, load[part * tenth : (part + 1) * tenth], options.hold, options.connections)
        )
        print(
            f"{(part + 1) * tenth:8d} sent, answers in {1000 * median(took):5.0f} ms median, "
            f"{1000 * percentile(took, 0.99):5.0f} ms 99 %, {resident_mb(server.pid):6.1f} MB", flush=True,
        )  # fmt: skip
    used = cpu_s(server.pid) - before
    print(
        f"{server.uplinks()} of {10 * tenth} committed, {used / (10 * tenth / options.hold):.2f} CPUs, memory "
        f"{before_mb:.1f} MB before, {resident_mb(server.pid):.1f} MB after"
    )


async def answers(server: Server, path: str, network: Network, options: argparse.Namespace) -> None:
    """Every uplink asks for the time: from its first byte sent to the answer's request taken."""
    count = round(options.answers * options.seconds)
    reader_writers = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(16)]
    free: asyncio.Queue[Any] = asyncio.Queue()
    for each in reader_writers:
        free.put_nowait(each)
    began, took = time.perf_counter(), []
    tasks: set[asyncio.Task[None]] = set()

    async def one(number: int) -> None:
        device, now = number % options.devices, SystemClock().now()
        gps = int(now.timestamp()) - 315_964_800 + 18 - 1_000
        payload = b"\1" + gps.to_bytes(4, "little") + bytes([0x10 | number // options.devices % 16])
        request = uplink(path, device, 1 + number // options.devices, now, CLOCK_PORT, payload)
        reader, writer = await free.get()
        sent = time.perf_counter()
        writer.write(request)
        await answer(reader)
        free.put_nowait((reader, writer))
        while network.taken.get(eui(device), 0.0) < sent:
            if time.perf_counter() - sent > 5:
                return
            await pause(0.01)
        took.append(network.taken[eui(device)] - sent)

    for number in range(count):
        ahead = began + number / options.answers - time.perf_counter()
        if ahead > 0:
            await pause(ahead)
        task = asyncio.create_task(one(number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    print(
        f"{len(took)} of {count} answered: median {1000 * median(took):.0f} ms (wanted below 50), "
        f"99 % {1000 * percentile(took, 0.99):.0f} ms (wanted below 250)"
    )


async def measured(options: argparse.Namespace, directory: Path) -> None:
    """Set up, measure, take down."""
    network = Network()
    lrc_port = await network.start()
    server = await asyncio.to_thread(Server, directory)
    try:
        path = await asyncio.to_thread(server.fill, options.devices, lrc_port)
        if options.answers:
            await answers(server, path, network, options)
        elif options.hold:
            await asyncio.to_thread(hold, server, path, options)
        else:
            await asyncio.to_thread(compare, server, path, options)
    finally:
        await asyncio.to_thread(server.stop)


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--devices", type=int, default=500)
    parser.add_argument("--connections", type=int, default=256)
    parser.add_argument("--hold", type=float, default=0.0)
    parser.add_argument("--answers", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(measured(options, Path(directory) / "data"))


if __name__ == "__main__":
    main()
