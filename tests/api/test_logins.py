"""Guessing passwords slows down, for a login and for an address, and leaves entries in the audit journal."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from fleetcast.actions.authentication import neighbourhood
from fleetcast.store.login_failures import Counted
from tests.api.conftest import NOON, Server

PASSWORD = "a long enough sentence"  # noqa: S105 - of a test


def guess(server: Server, password: str = "not this one here", login: str = "ada") -> httpx.Response:  # noqa: S107
    return server.api.client.get("/api/v1/me", auth=(login, password))


@pytest.fixture
def ada(server: Server) -> Server:
    server.api.post("/users", {"login": "ada", "role": "viewer", "password": PASSWORD})
    return server


def at(server: Server, seconds: float) -> None:
    server.clock.advance_to(NOON + timedelta(seconds=seconds))


def test_after_ten_failures_each_further_guess_waits_twice_as_long(ada: Server) -> None:
    for _ in range(11):
        assert guess(ada).status_code == 401
    now, waits = 0.0, []
    for _ in range(8):
        answer = guess(ada)
        assert answer.status_code == 429
        assert guess(ada, PASSWORD).status_code == 429, "the right one isn't looked at either"
        waits.append(int(answer.headers["retry-after"]))
        now += waits[-1]
        at(ada, now)
        assert guess(ada).status_code == 401
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    at(ada, now + 60)
    assert guess(ada, PASSWORD).status_code == 200
    assert guess(ada).status_code == 401, "whoever knew it begins anew"


def test_an_address_slows_down_whatever_the_logins(ada: Server) -> None:
    statuses = [guess(ada, login=f"user{number}").status_code for number in range(30)]
    assert statuses == [401] * 21 + [429] * 9
    assert ada.api.get("/me")["login"] == "admin", "tokens go on"


def test_failures_are_forgotten_after_half_an_hour(ada: Server) -> None:
    for _ in range(11):
        guess(ada)
    assert guess(ada).status_code == 429
    at(ada, 31 * 60)
    assert [guess(ada).status_code for _ in range(10)] == [401] * 10


def test_failures_are_in_the_audit_journal_and_an_unknown_login_is_not_repeated(ada: Server) -> None:
    guess(ada)
    guess(ada, login="my-secret-password")
    found = ada.api.get("/audit?filter=kind=user.login-failed")["items"]
    assert [(each["name"], each["more"]) for each in found] == [("ada", {"login": "known"})]
    assert found[0]["address"] == "testclient"
    system = {"login": "system", "password": ada.first.system_password.reveal().decode()}
    headers = {"Authorization": f"Basic {_basic(system)}"}
    theirs = ada.api.get("/audit?filter=kind=user.login-failed", headers=headers)["items"]
    assert [(each["name"], each["more"]) for each in theirs] == [("", {"login": "unknown"})]


def _basic(login: dict[str, str]) -> str:
    import base64

    return base64.b64encode(f"{login['login']}:{login['password']}".encode()).decode()


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("testclient", "testclient"), ("", ""),
    ],
)  # fmt: skip
def test_one_machine_is_one_address(address: str, counted: str) -> None:
    assert neighbourhood(address) == counted


def test_a_wait_never_passes_its_limit() -> None:
    counted = Counted("x", 10, 60_000)
    assert [counted.wait_ms(failures) for failures in (0, 10, 11, 12, 17, 10_000)] == [0, 0, 1000, 2000, 60_000, 60_000]
