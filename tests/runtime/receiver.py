"""A real HTTP server that receives webhooks, and behaves as badly as it is told to."""

from __future__ import annotations

import json
import ssl
import threading
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes
    answer: str

    @property
    def said(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """Answers 204, or what stands next in `behaviour`: a status, `hang` (until it is closed), or `drop`."""

    def __init__(self, certificate: Path | None = None) -> None:
        """With a certificate and its key in one file it speaks TLS."""
        self.behaviour: deque[str] = deque()
        self.received: list[Received] = []
        self.headers: dict[str, str] = {}
        self._closing = threading.Event()
        self._arrived = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def taken(self) -> list[Received]:
        """What was answered well."""
        return [each for each in self.received if each.answer == "204"]

    def wait_for(self, count: int, *, taken: bool = False, longest_s: float = 30) -> None:
        """Until so many requests have come, or were taken."""
        with self._arrived:
            enough = self._arrived.wait_for(
                lambda: len(self.taken() if taken else self.received) >= count, timeout=longest_s
            )
        assert enough, f"{len(self.received)} requests came, {len(self.taken())} were taken"

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                answer = receiver.behaviour.popleft() if receiver.behaviour else "204"
                with receiver._arrived:
                    receiver.received.append(
                        Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body, answer)
                    )
                    receiver._arrived.notify_all()
                if answer == "hang":
                    receiver._closing.wait(60)
                if answer in ("hang", "drop"):
                    self.close_connection = True
                    return
                self.send_response(int(answer))
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        return Handler

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
