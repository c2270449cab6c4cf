"""Loops that fail are begun again, and health knows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fleetcast.clock import pause
from fleetcast.errors import Unavailable
from fleetcast.runtime.health import Health
from fleetcast.runtime.supervisor import Supervisor


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await pause(0.001)


def test_a_loop_that_fails_is_begun_again_until_it_is_well() -> None:
    async def run() -> None:
        health, begun = Health(), []
        supervisor = Supervisor(health, first_pause_s=0.001)

        async def loop() -> None:
            begun.append(1)
            if len(begun) == 1:
                raise Unavailable("the database is away")
            if len(begun) == 2:
                raise ValueError("a bug")
            await asyncio.Event().wait()

        supervisor.start("loop", loop)
        await until(lambda: len(begun) == 3)
        (part,) = health.report().parts
        assert (part.well, part.restarts) == (True, 2)
        await supervisor.end_all()
        assert health.report().parts == ()

    asyncio.run(run())


def test_a_loop_that_is_down_makes_the_process_unwell() -> None:
    async def run() -> None:
        health = Health()
        supervisor = Supervisor(health, first_pause_s=5.0)

        async def loop() -> None:
            raise Unavailable("no answer")

        supervisor.start("loop", loop)
        await until(lambda: not health.report().well and "no answer" in health.report().parts[0].detail)
        await supervisor.end("loop")
        assert not supervisor.running("loop")

    asyncio.run(run())


def test_a_loop_that_returns_is_over() -> None:
    async def run() -> None:
        health, begun = Health(), []
        supervisor = Supervisor(health)

        async def loop() -> None:
            begun.append(1)

        supervisor.start("once", loop)
        await until(lambda: not supervisor.running("once"))
        assert begun == [1]
        assert health.report().well

    asyncio.run(run())
