"""/intake/{connection}/...: where network servers POST what they have to tell. A plain application beside the API.

It reads a body of bounded size and hands it to whoever takes it in, unread; there it is checked who sends it. No
routing, no validation, no login: thousands of messages a second pass here, each of them answered once it is committed.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Protocol, TypeAlias

from starlette.types import ASGIApp, Receive, Scope, Send

from fleetcast.metrics import INTAKE_REPORTS

PREFIX: Final = "/intake/"
MOST_BYTES: Final = 65_536
"""A report has some thousand bytes."""
_JSON: Final = b"application/json"
_ELSEWHERE: Final = "this process takes in no reports: have them sent to a process with the role worker, or all"
_RETRY_AFTER_S: Final = 30
_TAKEN_IN: Final = INTAKE_REPORTS.labels("200")
_START: Final = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
_END: Final = {"type": "http.response.body", "body": b""}


class Answered(Protocol):
    """What a network server is answered."""

    @property
    def status(self) -> int: ...

    @property
    def text(self) -> str: ...

    @property
    def retry_after_s(self) -> int | None: ...


Deliver: TypeAlias = Callable[[int, str, bytes, bytes], Awaitable[Answered]]
"""Connection, rest of the path, raw query, body → what to answer."""


class Intake:
    """An application with the intake in front of it."""

    def __init__(self, inner: ASGIApp, deliver: Deliver | None) -> None:
        """`deliver` None: this process takes in nothing, and says so."""
        self._inner = inner
        self._deliver = deliver

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take in what is POSTed below /intake/; everything else is passed on."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._inner(scope, receive, send)
            return
        if scope["method"] != "POST":
            await _answer(send, 405, "reports are sent by POST", ((b"allow", b"POST"),))
            return
        if self._deliver is None:
            await _again(send, _ELSEWHERE, _RETRY_AFTER_S)
            return
        number, _, rest = scope["path"].removeprefix(PREFIX).partition("/")
        if not (number.isascii() and number.isdigit() and len(number) < 19):
            await _answer(send, 404, "there is no such connection: reports go to /intake/{number of the connection}")
            return
        if (wrong := _wrong(scope["headers"])) is not None:
            await _answer(send, *wrong)
            return
        body = await _body(receive)
        if body is None:
            await _answer(send, 413, f"the body is larger than {MOST_BYTES} bytes", ((b"connection", b"close"),))
            return
        answer = await self._deliver(int(number), rest, scope["query_string"], body)
        if answer.status == 200:
            _TAKEN_IN.inc()
            await send(_START)
            await send(_END)
        elif answer.retry_after_s is not None:
            await _again(send, answer.text, answer.retry_after_s, answer.status)
        else:
            await _answer(send, answer.status, answer.text)


def _wrong(headers: Iterable[tuple[bytes, bytes]]) -> tuple[int, str] | None:
    """What is wrong before the body was read."""
    kind = b""
    for name, value in headers:
        if name == b"content-type":
            kind = value.partition(b";")[0].strip().lower()
        elif name == b"content-length" and not (value.isdigit() and int(value) <= MOST_BYTES):
            return 413, f"the body is larger than {MOST_BYTES} bytes"
    if kind != _JSON:
        return 415, "reports are read as JSON (Content-Type application/json): choose that at the network server"
    return None


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None: it is too large, or whoever sends it went away."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            return None
    return body if len(body) <= MOST_BYTES else None


async def _again(send: Send, text: str, after_s: int, status: int = 503) -> None:
    await _answer(send, status, text, ((b"retry-after", b"%d" % after_s),))


async def _answer(send: Send, status: int, text: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    INTAKE_REPORTS.labels(str(status)).inc()
    body = json.dumps({"title": "not taken in", "status": status, "detail": text}).encode()
    all_headers = [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": all_headers})
    await send({"type": "http.response.body", "body": body})
