"""Starts `fleetcast serve` in a process of its own, on a free port, with SQLite in a folder of the test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx


class ServerProcess:
    """A running server; as a context it is stopped at the end, cleanly."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self._log = (directory / "server.log").open("a+")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FLEETCAST_")}
        command = [sys.executable, "-m", "fleetcast", "serve", "--port", "0", "--json", "--log-format", "json"]
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            [*command, "--data", str(directory / "data"), *arguments],
            stdout=subprocess.PIPE, stderr=self._log, env=environment, text=True,
        )  # fmt: skip
        self.first: dict[str, str] | None = None
        self.url = ""
        while not self.url:
            told = self._line()
            self.first = told.get("first_start", self.first)
            self.url = told.get("url", "")

    def get(self, path: str, **how: Any) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=30, **how)

    def post(self, path: str, **how: Any) -> httpx.Response:
        return httpx.post(f"{self.url}{path}", timeout=30, **how)

    def put(self, path: str, **how: Any) -> httpx.Response:
        return httpx.put(f"{self.url}{path}", timeout=30, **how)

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()
        return code

    def log(self) -> list[dict[str, Any]]:
        """Every line of its log."""
        return [json.loads(line) for line in Path(self._log.name).read_text().splitlines()]

    def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"it ended: {Path(self._log.name).read_text()}"
        told: dict[str, Any] = json.loads(line)
        return told

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.stop()
