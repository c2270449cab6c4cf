"""A real PostgreSQL for the tests: a cluster in a temporary directory, started, stopped and killed at will."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

_FOR_TESTS = (
    "fsync=off", "full_page_writes=off", "max_connections=60", "shared_buffers=64MB",
    "log_min_messages=error", "wal_level=minimal", "max_wal_senders=0", "autovacuum_naptime=10min",
)  # fmt: skip


def _directory_of_binaries() -> Path | None:
    """Where initdb and its like really are: a wrapper on the path knows nothing of its neighbours."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda each: int(each.parts[-3]))
    return versions[-1].parent if versions else None


class PostgreSQL:
    """One cluster, owned by the tests."""

    def __init__(self, *, durable: bool = False) -> None:
        """Make and start it, `durable` as it is run in earnest; raises RuntimeError where it isn't installed."""
        binaries = _directory_of_binaries()
        if binaries is None:
            raise RuntimeError("the tests need PostgreSQL: run scripts/set_up as root, or install it (initdb, pg_ctl)")
        self._binaries = binaries
        self.directory = Path(tempfile.mkdtemp(prefix="fleetcast-postgresql-"))
        if os.getuid() == 0:
            shutil.chown(self.directory, "postgres", "postgres")
        self._data = self.directory / "data"
        self._settings = () if durable else _FOR_TESTS
        self.port = _free_port()
        self._run(
            "initdb", "--pgdata", str(self._data), "--username", "fleetcast", "--auth", "trust", "--no-sync",
            "--encoding", "UTF8", "--no-locale",
        )  # fmt: skip
        self.start()

    def url(self, name: str) -> str:
        """Of a database in it."""
        return f"postgresql://fleetcast@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = (*self._settings, f"port={self.port}", "listen_addresses=127.0.0.1",
                    f"unix_socket_directories={self.directory}")  # fmt: skip
        options = " ".join(f"-c {each}" for each in settings)
        log = self.directory / "log"
        self._run("pg_ctl", "--pgdata", str(self._data), "--log", str(log), "--options", options, "--wait", "start")

    def stop(self, *, mode: str = "fast") -> None:
        """Stop it: `fast` throws everybody out, `immediate` is as good as a crash."""
        self._run("pg_ctl", "--pgdata", str(self._data), "--mode", mode, "--wait", "stop")

    def remove(self) -> None:
        """Stop it for good and take everything away."""
        self.stop(mode="immediate")
        shutil.rmtree(self.directory, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command: Sequence[str] = (str(self._binaries / program), *arguments)
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            command = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command)
        done = subprocess.run(  # noqa: S603 - the program is PostgreSQL's own
            command, cwd=self.directory, stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if program == "initdb" else subprocess.DEVNULL, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            log = self.directory / "log"
            raise RuntimeError(f"{program} failed: {done.stdout or (log.read_text() if log.exists() else '')}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
