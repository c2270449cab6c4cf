"""A real server is sent gigabytes, cut-off bodies and endless headers: refused, nothing half stored, and it goes on."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.servers import ServerProcess

MOST = 200_000
GIGABYTE = 1_000_000_000
LONG_S = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("server")
    config = folder / "fleetcast.toml"
    config.write_text(f"most_upload_bytes = {MOST}\nmost_uploads_a_minute = 0\nmost_uploaded_bytes_a_minute = 0\n")
    with ServerProcess(folder, "--config", str(config)) as running:
        yield running


def database(server: ServerProcess) -> sqlite3.Connection:
    folder = Path(str(server._log.name)).parent
    return sqlite3.connect(f"file:{folder / 'data/fleetcast.db'}?mode=ro", uri=True)


def bearer(server: ServerProcess) -> dict[str, str]:
    assert server.first is not None
    return {"Authorization": f"Bearer {server.first['token']}"}


def file(server: ServerProcess, name: str) -> str:
    """A new file that waits for its content; the path of that."""
    made = server.post("/api/v1/files", json={"name": name, "kind": "binary"}, headers=bearer(server)).json()
    return f"/api/v1/files/{made['id']}/content"


def connected(server: ServerProcess, method: str, path: str, *headers: str) -> socket.socket:
    """A request whose body is still to come."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    raw = socket.create_connection((host, int(port)), timeout=LONG_S)
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {host}",
        f"Authorization: {bearer(server)['Authorization']}",
        *headers,
    ]
    raw.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    return raw


def status(raw: socket.socket) -> int:
    return int(raw.recv(4096).split(b" ")[1])


def nothing_is_kept(server: ServerProcess, path: str) -> None:
    number = path.split("/")[4]
    with database(server) as connection:
        assert connection.execute("SELECT sha256, size_bytes FROM file WHERE id = ?", (number,)).fetchone() == (None, 0)
        # Contents belong to no file before they are whole: whatever lies there belongs to one that has it.
        kept = "SELECT count(*) FROM file_content WHERE sha256 NOT IN (SELECT sha256 FROM file WHERE sha256 NOT NULL)"
        assert connection.execute(kept).fetchone() == (0,)


def eventually(holds: Callable[[], bool]) -> None:
    until = time.perf_counter() + LONG_S
    while not holds():
        assert time.perf_counter() < until, "it never came to that"
        time.sleep(0.05)  # noqa: TID251 - waits for another process


def test_a_gigabyte_that_is_announced_is_refused_before_it_is_sent(server: ServerProcess) -> None:
    path = file(server, "announced")
    for target, method in (
        (path, "PUT"),
        ("/api/v1/devices/import?connection_id=1", "POST"),
        ("/api/v1/files", "POST"),
    ):
        with connected(server, method, target, f"Content-Length: {GIGABYTE}") as raw:
            assert status(raw) == 413
    nothing_is_kept(server, path)


def test_a_gigabyte_that_is_not_announced_is_refused_when_it_has_become_too_much(server: ServerProcess) -> None:
    path = file(server, "not announced")
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    for target, method in ((path, "PUT"), ("/api/v1/device-sets/import", "POST")):
        with connected(server, method, target, "Transfer-Encoding: chunked") as raw:
            for _ in range(MOST // 0x10000 + 1):
                raw.sendall(chunk)
            assert status(raw) == 413
    nothing_is_kept(server, path)


def test_an_upload_that_is_cut_off_leaves_nothing_and_may_be_sent_again(server: ServerProcess) -> None:
    path = file(server, "cut off")
    content = bytes(n % 251 for n in range(150_000))
    for headers, sent in (
        ((f"Content-Length: {len(content)}",), content[:100_000]),
        (("Transfer-Encoding: chunked",), b"186a0\r\n" + content[:100_000] + b"\r\n"),
    ):
        with connected(server, "PUT", path, *headers) as raw:
            raw.sendall(sent)
    requests = 'route="/files/{id}/content",status="400"'
    eventually(lambda: any(requests in line and line.endswith(" 2.0") for line in measured(server)))
    nothing_is_kept(server, path)
    answer = server.put(path, content=content, headers=bearer(server))
    assert answer.json()["size_bytes"] == len(content)
    assert server.get(path, headers=bearer(server)).content == content
    faults = [line for line in server.log() if line["event"] in ("request.bug", "request.failed")]
    assert faults == [], "somebody who goes away is no fault of ours"


def measured(server: ServerProcess) -> list[str]:
    return [line for line in server.get("/metrics").text.splitlines() if line.startswith("fleetcast_http_requests")]


def test_an_import_that_is_cut_off_imports_nothing(server: ServerProcess) -> None:
    rows = "".join(f"cut {n},,0123456789ABCDEF\r\n" for n in range(100)).encode()
    with connected(server, "POST", "/api/v1/device-sets/import", f"Content-Length: {len(rows)}") as raw:
        raw.sendall(rows[: len(rows) // 2])
    eventually(lambda: any('/device-sets/import",status="400"' in line for line in measured(server)))
    assert server.get("/api/v1/device-sets", headers=bearer(server)).json()["total"] == 0


@pytest.mark.parametrize("head", ["one long line", "many lines", "long path"])
def test_headers_without_end_are_refused(server: ServerProcess, head: str) -> None:
    host, _, port = server.url.removeprefix("http://").partition(":")
    lines = {
        "one long line": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 70_000,
        "many lines": b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(8_000)),
        "long path": b"GET /" + b"a" * 70_000,
    }
    with socket.create_connection((host, int(port)), timeout=LONG_S) as raw:
        raw.sendall(lines[head])
        assert status(raw) in (400, 431)
    assert server.get("/healthz").status_code == 200


def test_what_was_sent_and_refused_leaves_no_files_on_disk(server: ServerProcess) -> None:
    descriptors = Path(f"/proc/{server.process.pid}/fd")
    if not descriptors.exists():
        pytest.skip("this system does not show what a process has open")
    left = [str(each.readlink()) for each in descriptors.iterdir() if each.is_symlink()]
    assert not [each for each in left if "(deleted)" in each and "tmp" in each.lower() and ".log" not in each], left
    assert json.loads((server.get("/readyz")).text)
