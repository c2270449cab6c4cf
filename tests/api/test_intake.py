"""The intake: what is POSTed below /intake/ goes to whoever takes it in; what can't be a report goes no further."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from fleetcast.api.intake import MOST_BYTES, Intake
from fleetcast.connectors.port import HttpAnswer

JSON = (b"content-type", b"application/json; charset=utf-8")


@dataclass
class Answer:
    """What was sent back."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""


def post(
    deliver: Any,
    *,
    path: str = "/intake/7/secret",
    method: str = "POST",
    headers: tuple[tuple[bytes, bytes], ...] = (JSON,),
    body: tuple[bytes, ...] = (b"{}",),
) -> Answer:
    """One request to an intake, in pieces."""
    pieces = [
        {"type": "http.request", "body": piece, "more_body": number + 1 < len(body)}
        for number, piece in enumerate(body)
    ]
    answer = Answer()

    async def receive() -> Any:
        return pieces.pop(0)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], dict(message["headers"])
        answer.body += message.get("body", b"")

    async def inner(_scope: Any, _receive: Any, send_: Any) -> None:
        await send_({"type": "http.response.start", "status": 299, "headers": []})
        await send_({"type": "http.response.body", "body": b"inner"})

    scope = {"type": "http", "method": method, "path": path, "query_string": b"a=%2B&b=+", "headers": list(headers)}
    asyncio.run(Intake(inner, deliver)(scope, receive, send))
    return answer


def taking(answer: HttpAnswer, taken: list[Any]) -> Any:
    async def deliver(connection: int, path: str, query: bytes, body: bytes) -> HttpAnswer:
        taken.append((connection, path, query, body))
        return answer

    return deliver


def test_a_report_is_passed_on_as_it_came_and_answered_without_a_body() -> None:
    taken: list[Any] = []
    answer = post(taking(HttpAnswer(200), taken), body=(b'{"a"', b": 1}"))
    assert taken == [(7, "secret", b"a=%2B&b=+", b'{"a": 1}')]
    assert (answer.status, answer.body) == (200, b"")


def test_what_is_sent_elsewhere_goes_to_the_application_behind() -> None:
    assert post(None, path="/api/v1/devices").body == b"inner"


def test_who_is_asked_to_come_again_is_told_when() -> None:
    answer = post(taking(HttpAnswer(503, "too much", 5), []))
    assert (answer.status, answer.headers[b"retry-after"]) == (503, b"5")
    assert json.loads(answer.body)["detail"] == "too much"


def test_a_process_without_connections_says_where_reports_go() -> None:
    answer = post(None)
    assert answer.status == 503
    assert answer.headers[b"retry-after"]
    assert "worker" in json.loads(answer.body)["detail"]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"method": "GET"}, 405),
        ({"headers": ((b"content-type", b"application/xml"),)}, 415),
        ({"headers": ()}, 415),
        ({"path": "/intake/"}, 404),
        ({"path": "/intake/x/1"}, 404),
        ({"path": "/intake/-1"}, 404),
        ({"path": "/intake/" + "9" * 40}, 404),
        ({"headers": (JSON, (b"content-length", b"%d" % (MOST_BYTES + 1)))}, 413),
        ({"headers": (JSON, (b"content-length", b"many"))}, 413),
        ({"body": (b"x" * MOST_BYTES, b"x")}, 413),
        ({"body": (b"x" * (MOST_BYTES + 1),)}, 413),
    ],
)
def test_what_cannot_be_a_report_goes_no_further(request_: dict[str, Any], status: int) -> None:
    taken: list[Any] = []
    answer = post(taking(HttpAnswer(200), taken), **request_)
    assert (answer.status, taken) == (status, [])
    assert json.loads(answer.body)["status"] == status
