"""Live events: resumed by number, nothing passed over, a beat while it is quiet, nothing left behind."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from fleetcast.access import Identity, Role
from fleetcast.api import events
from fleetcast.instants import rfc3339
from fleetcast.queries import activity
from fleetcast.store import journal
from tests.api.conftest import Server
from tests.api.test_sessions import Browser
from tests.api.test_users import PASSWORD, basic


def viewer(server: Server) -> Identity:
    return Identity(subscriber_id=server.subscriber_id, user_id=1, login="ada", role=Role.VIEWER)


def always() -> bool:
    return True


def write(server: Server, *texts: str, campaign: int | None = None, subscriber: int | None = None) -> None:
    lines = [journal.Line(kind="campaign.status", text=each, campaign_id=campaign) for each in texts]
    with server.parts.database.write() as connection:
        journal.write(connection, subscriber or server.subscriber_id, lines, server.parts.now())


async def some(stream: AsyncIterator[str], count: int) -> list[dict[str, Any]]:
    """The next events, whatever else comes between."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            said = await anext(stream)
            if said.startswith("id: "):
                found.append(json.loads(said.partition("data: ")[2]))
    return found


def follow(server: Server, do: Callable[[Any], Awaitable[None]], after: int = 0, campaign: int | None = None) -> None:
    async def run() -> None:
        stream = events._follow(server.parts, viewer(server), always, after, campaign)
        try:
            await do(stream)
        finally:
            await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(run())


def last(server: Server) -> int:
    return activity.last(server.parts.database, viewer(server))


def test_a_stream_goes_on_after_the_last_line_that_was_seen(server: Server) -> None:
    before = last(server)
    write(server, "one", "two", "three")
    seen: list[dict[str, Any]] = []

    async def first(stream: Any) -> None:
        seen.extend(await some(stream, 2))

    async def second(stream: Any) -> None:
        rest = await some(stream, 1)
        await asyncio.to_thread(write, server, "four")
        rest += await some(stream, 1)
        assert [each["text"] for each in rest] == ["three", "four"]

    follow(server, first, before)
    assert [each["text"] for each in seen] == ["one", "two"]
    follow(server, second, seen[-1]["id"])


def test_a_browser_that_comes_back_goes_on_where_it_was(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int | None]] = []

    async def nothing(_parts: Any, _who: Any, _still: Any, after: int, campaign_id: int | None) -> AsyncIterator[str]:
        asked.append((after, campaign_id))
        yield "retry: 1\n\n"

    monkeypatch.setattr(events, "_follow", nothing)
    server.api.get("/events", headers={"Last-Event-ID": "7"})
    server.api.get("/events?after=5")
    server.api.get("/events?after=5", headers={"Last-Event-ID": "7"})
    server.api.get("/events?after=5", headers={"Last-Event-ID": "nonsense"})
    server.api.get("/events")
    assert [after for after, _ in asked] == [7, 5, 7, 5, last(server)]
    server.api.get("/campaigns/99/events", status=404)


def test_a_line_that_is_committed_late_is_not_passed_over(server: Server) -> None:
    database, before = server.parts.database, last(server)
    if database.is_sqlite:
        pytest.skip("an embedded database has one writer at a time: no line is committed late")

    async def overlap(stream: Any) -> None:
        with database.write() as late:
            # The first transaction has its number, but is committed after the second.
            lines = [journal.Line(kind="campaign.status", text="late")]
            journal.write(late, server.subscriber_id, lines, server.parts.now())
            await asyncio.to_thread(write, server, "early")
            waiting = asyncio.create_task(some(stream, 2))
            await asyncio.sleep(0.3)  # noqa: TID251 - as long as a reader that is in too much of a hurry would need
            assert not waiting.done()
        said = await waiting
        assert [each["text"] for each in said] == ["late", "early"]
        assert said[0]["id"] < said[1]["id"]

    follow(server, overlap, before)


def test_many_writers_at_once_and_each_line_comes_once_in_order(server: Server) -> None:
    before = last(server)

    async def watch(stream: Any) -> None:
        writers = [asyncio.to_thread(write, server, f"{w}.{n}") for w in range(4) for n in range(10)]
        _, said = await asyncio.gather(asyncio.gather(*writers), some(stream, 40))
        assert len({each["text"] for each in said}) == 40
        assert [each["id"] for each in said] == sorted(each["id"] for each in said)

    follow(server, watch, before)


def test_a_stream_of_one_campaign_and_one_subscriber_tells_of_nothing_else(server: Server) -> None:
    before = last(server)
    write(server, "other campaign", campaign=2)
    write(server, "other subscriber", campaign=1, subscriber=server.subscriber_id + 1)
    write(server, "mine", campaign=1)

    async def watch(stream: Any) -> None:
        assert [each["text"] for each in await some(stream, 1)] == ["mine"]

    follow(server, watch, before, 1)


def test_while_it_is_quiet_there_is_a_beat(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK_S", 0.01)

    async def watch(stream: Any) -> None:
        async with asyncio.timeout(20):
            assert (await anext(stream)).startswith("retry:")
            assert [await anext(stream) for _ in range(2)] == [": still here\n\n"] * 2

    follow(server, watch, last(server))


def test_whoever_goes_away_leaves_nothing_behind(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    database, listening = server.parts.database, 0
    listen = database.listen

    def counted(channel: str, woken: Callable[[str], None]) -> Callable[[], None]:
        nonlocal listening
        end, listening = listen(channel, woken), listening + 1

        def ended() -> None:
            nonlocal listening
            listening -= 1
            end()

        return ended

    monkeypatch.setattr(database, "listen", counted)

    async def run() -> None:
        streams = [events._follow(server.parts, viewer(server), always, last(server), None) for _ in range(20)]
        waiting = []
        for each in streams:
            await anext(each)
            waiting.append(asyncio.create_task(anext(each)))  # type: ignore[arg-type]
        await asyncio.sleep(0.1)  # noqa: TID251 - until they wait for news
        assert listening == 20
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for each in streams:
            await each.aclose()  # type: ignore[attr-defined]

    asyncio.run(run())
    assert listening == 0


@pytest.mark.parametrize("how", ["token withdrawn", "token over", "logged out", "user archived"])
def test_a_stream_ends_with_what_opened_it(server: Server, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(events, "LOOK_S", 0.01)
    admin, looked, following = server.api, threading.Semaphore(0), activity.following

    def counted(*args: Any, **more: Any) -> Any:
        looked.release()
        return following(*args, **more)

    monkeypatch.setattr(activity, "following", counted)
    user = admin.post("/users", {"login": "eve", "password": PASSWORD, "role": "viewer"})
    over_at = rfc3339(server.parts.real_now() + 3_600_000)
    asked = {"name": "t", "expires_at": over_at if how == "token over" else None}
    token = admin.client.post("/api/v1/tokens", json=asked, headers=basic("eve", PASSWORD)).json()
    headers, browser = {"Authorization": f"Bearer {token['token']}"}, Browser(server, "eve")
    if how == "logged out":
        assert browser.enter().status_code == 201
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}

    with ThreadPoolExecutor(1) as beside:
        stream = beside.submit(admin.client.get, "/api/v1/events", headers=headers)
        for _ in range(5):
            assert looked.acquire(timeout=30)
        assert not stream.done()
        match how:
            case "token withdrawn":
                admin.ask("DELETE", f"/tokens/{token['id']}", status=204)
            case "token over":
                server.clock.advance(timedelta(hours=1))
            case "logged out":
                browser.ask("DELETE", "/session", X_CSRF_Token=browser.csrf)
            case _:
                admin.post(f"/users/{user['id']}/archive", status=200)
        answer = stream.result(timeout=30)
    assert answer.status_code == 200
    assert "retry:" in answer.text
