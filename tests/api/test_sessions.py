"""Sessions of browsers: the cookie, its token for changes, and every way it ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.api.conftest import NOON, Api, Server

PASSWORD = "a long enough sentence"  # noqa: S105 - of a test


class Browser:
    """Sends cookies by itself, and nothing else."""

    def __init__(self, server: Server, login: str = "ada") -> None:
        self._client = server.api.client
        self.login = login
        self.cookies: dict[str, str] = {}
        self.csrf = ""
        self.set_cookie = ""

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        self._client.cookies.clear()
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"Cookie": cookie, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self._client.request(method, f"/api/v1{path}", json=body, headers=sent)

    def enter(self, password: str = PASSWORD, base: str = "") -> httpx.Response:
        self._client.cookies.clear()
        body = {"login": self.login, "password": password}
        answer = self._client.post(f"{base}/api/v1/session", json=body)
        if answer.status_code == 201:
            self.set_cookie = answer.headers["set-cookie"]
            name, _, value = self.set_cookie.partition(";")[0].partition("=")
            self.cookies, self.csrf = {name: value}, answer.json()["csrf_token"]
        return answer


@pytest.fixture
def browser(server: Server) -> Browser:
    server.api.post("/users", {"login": "ada", "role": "admin", "password": PASSWORD})
    made = Browser(server)
    assert made.enter().status_code == 201
    return made


def test_the_cookie_opens_what_its_user_may_see(browser: Browser) -> None:
    answer = browser.ask("GET", "/me")
    assert (answer.status_code, answer.json()["login"]) == (200, "ada")
    shown = browser.ask("GET", "/session").json()
    assert (shown["csrf_token"], shown["role"]) == (browser.csrf, "admin")


def test_the_cookie_is_closed_to_scripts_and_other_sites(browser: Browser) -> None:
    attributes = {each.strip().lower() for each in browser.set_cookie.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= attributes
    assert "secure" not in attributes
    browser.enter(base="https://testserver")
    attributes = {each.strip().lower() for each in browser.set_cookie.split(";")[1:]}
    assert browser.set_cookie.startswith("__Host-fleetcast=")
    assert {"httponly", "samesite=strict", "path=/", "secure"} <= attributes


def test_a_change_through_a_cookie_needs_the_sessions_token(browser: Browser) -> None:
    body = {"name": "practice", "kind": "simulated"}
    assert browser.ask("POST", "/connections", body).status_code == 403
    assert browser.ask("POST", "/connections", body, X_CSRF_Token="0" * 64).status_code == 403
    assert browser.ask("POST", "/connections", body, X_CSRF_Token=browser.csrf).status_code == 201


def test_the_token_of_another_session_changes_nothing(browser: Browser, server: Server) -> None:
    other = Browser(server)
    other.enter()
    assert browser.ask("DELETE", "/session", X_CSRF_Token=other.csrf).status_code == 403
    assert browser.ask("GET", "/me").status_code == 200


def test_a_logout_ends_it_for_good(browser: Browser) -> None:
    assert browser.ask("DELETE", "/session").status_code == 403
    assert browser.ask("DELETE", "/session", X_CSRF_Token=browser.csrf).status_code == 204
    assert browser.ask("GET", "/me").status_code == 401


def test_it_ends_when_it_is_not_used_for_an_hour(browser: Browser, server: Server) -> None:
    for minutes in (50, 100, 150):
        server.clock.advance_to(NOON + timedelta(minutes=minutes))
        assert browser.ask("GET", "/me").status_code == 200
    server.clock.advance_to(NOON + timedelta(minutes=215))
    assert browser.ask("GET", "/me").status_code == 401


def test_it_ends_after_twelve_hours_however_it_is_used(browser: Browser, server: Server) -> None:
    for half_hours in range(1, 24):
        server.clock.advance_to(NOON + timedelta(minutes=30 * half_hours))
        assert browser.ask("GET", "/me").status_code == 200
    server.clock.advance_to(NOON + timedelta(hours=12, seconds=1))
    assert browser.ask("GET", "/me").status_code == 401


def test_a_new_password_ends_all_sessions(browser: Browser, server: Server) -> None:
    other = Browser(server)
    other.enter()
    number = browser.ask("GET", "/me").json()["user_id"]
    path, new = f"/users/{number}/password", "quite another long sentence"
    for wrong in ({"password": new}, {"password": new, "current_password": "wrong wrong wrong"}):
        assert browser.ask("PUT", path, wrong, X_CSRF_Token=browser.csrf).status_code == 403
    right = {"password": new, "current_password": PASSWORD}
    assert browser.ask("PUT", path, right, X_CSRF_Token=browser.csrf).status_code == 204
    assert {each.ask("GET", "/me").status_code for each in (browser, other)} == {401}
    assert other.enter().status_code == 401
    assert other.enter(new).status_code == 201


def test_an_archived_user_has_no_session(browser: Browser, server: Server) -> None:
    number = browser.ask("GET", "/me").json()["user_id"]
    server.api.post(f"/users/{number}/archive", status=200)
    assert browser.ask("GET", "/me").status_code == 401
    server.api.post(f"/users/{number}/restore", status=200)
    assert browser.ask("GET", "/me").status_code == 401


@pytest.mark.parametrize("cookie", ["", "x", "A" * 43, "ä", "A" * 5000])
def test_what_is_no_session_opens_nothing(server: Server, cookie: str) -> None:
    client = server.api.client
    client.cookies.clear()
    answer = client.get("/api/v1/me", headers={b"Cookie": f"fleetcast={cookie}".encode("latin-1")})
    assert answer.status_code == 401


def test_login_and_logout_are_in_the_audit_journal(browser: Browser, api: Api) -> None:
    browser.ask("DELETE", "/session", X_CSRF_Token=browser.csrf)
    found = api.get("/audit?filter=kind~user.logged")["items"]
    assert [(each["kind"], each["who"]) for each in found] == [("user.logged-out", "ada"), ("user.logged-in", "ada")]
    assert found[0]["through"].startswith("session ")
    assert found[0]["address"] == "testclient"
