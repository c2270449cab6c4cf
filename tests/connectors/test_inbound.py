"""Whoever sends something is told that it is safe when it is, and not before; what waits is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from fleetcast.clock import SystemClock
from fleetcast.connectors.inbound import Inbound
from fleetcast.connectors.port import Cause, ConnectorError, Joined, LinkState, Told
from fleetcast.identifiers import DevEui

HEARD = Joined(DevEui.from_int(1), 5)


def run(what: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(what(), 10))  # type: ignore[arg-type]


async def take(inbound: Inbound, count: int) -> list[Told]:
    found: list[Told] = []
    async for told in inbound.told():
        found.append(told)
        if len(found) == count:
            break
    return found


def test_a_sender_is_answered_when_everything_it_sent_is_acknowledged() -> None:
    async def check() -> None:
        inbound = Inbound(SystemClock())
        sending = asyncio.create_task(inbound.safe([HEARD, HEARD]))
        first, second = await take(inbound, 2)
        first.acknowledge()
        await asyncio.sleep(0)  # noqa: TID251 - the other task begins
        assert not sending.done()
        second.acknowledge()
        assert await sending

    run(check)


def test_when_too_much_waits_the_next_one_is_asked_to_come_again() -> None:
    async def check() -> None:
        inbound = Inbound(SystemClock(), most=2)
        sending = asyncio.create_task(inbound.safe([HEARD, HEARD]))
        await asyncio.sleep(0)  # noqa: TID251 - the other task begins
        assert not await inbound.safe([HEARD])
        for told in await take(inbound, 2):
            told.acknowledge()
        assert await sending
        again = asyncio.create_task(inbound.safe([HEARD]))
        (told,) = await take(inbound, 1)
        told.acknowledge()
        assert await again

    run(check)


def test_what_nobody_keeps_in_time_is_asked_for_again_and_still_told() -> None:
    async def check() -> None:
        inbound = Inbound(SystemClock(), within_s=0.01)
        assert not await inbound.safe([HEARD])
        (told,) = await take(inbound, 1)
        told.acknowledge()
        assert not await inbound.safe([HEARD])  # the timer runs for later ones too

    run(check)


def test_closing_answers_everybody_and_ends_what_is_told() -> None:
    async def check() -> None:
        inbound = Inbound(SystemClock())
        sending = asyncio.create_task(inbound.safe([HEARD]))
        await asyncio.sleep(0)  # noqa: TID251 - the other task begins
        inbound.close()
        assert not await sending
        assert not await inbound.safe([HEARD])
        assert [told async for told in inbound.told()] == []

    run(check)


def test_a_failure_is_raised_after_what_came_before_it() -> None:
    async def check() -> None:
        inbound = Inbound(SystemClock())
        inbound.tell(LinkState(up=False))
        inbound.fail(ConnectorError(Cause.UNKNOWN, "it broke"))
        told = inbound.told()
        first = await anext(told)
        assert first.heard == LinkState(up=False)
        with pytest.raises(ConnectorError, match="it broke"):
            await anext(told)

    run(check)
