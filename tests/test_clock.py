"""Accelerated time passes only while everybody waits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from fleetcast.clock import AcceleratedClock, Signal, SystemClock, pause

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_time_jumps_to_what_is_waited_for() -> None:
    async def run() -> datetime:
        clock = AcceleratedClock(NOON)
        with clock.join() as part:
            await part.wait(until=NOON + 48 * HOUR)
            return clock.now()

    assert asyncio.run(run()) == NOON + 48 * HOUR


def test_time_stands_still_while_one_works() -> None:
    async def run() -> list[datetime]:
        clock = AcceleratedClock(NOON)
        seen = []

        async def waits() -> None:
            with clock.join() as part:
                await part.wait(until=NOON + HOUR)

        with clock.join() as part:
            other = asyncio.create_task(waits())
            await pause(0.02)
            seen.append(clock.now())
            await part.wait(until=NOON + 2 * HOUR)
            seen.append(clock.now())
            await other
        return seen

    assert asyncio.run(run()) == [NOON, NOON + 2 * HOUR]


def test_a_hold_stops_time_until_it_is_released() -> None:
    async def run() -> list[datetime]:
        clock = AcceleratedClock(NOON)
        hold = clock.hold()

        async def waits() -> None:
            with clock.join() as part:
                await part.wait(until=NOON + HOUR)

        other = asyncio.create_task(waits())
        await pause(0.02)
        seen = [clock.now()]
        hold.release()
        hold.release()
        await other
        return [*seen, clock.now()]

    assert asyncio.run(run()) == [NOON, NOON + HOUR]


def test_a_signal_wakes_before_its_time_and_is_clear_afterwards() -> None:
    async def run() -> tuple[datetime, bool]:
        clock, signal = AcceleratedClock(NOON), Signal()

        async def sets() -> None:
            with clock.join() as part:
                await part.wait(until=NOON + HOUR)
                signal.set()

        other = asyncio.create_task(sets())
        with clock.join() as part:
            await part.wait(signal, NOON + 5 * HOUR)
            found = clock.now(), signal.is_set
        await other
        return found

    assert asyncio.run(run()) == (NOON + HOUR, False)


def test_a_signal_that_was_set_before_is_not_missed() -> None:
    async def run() -> datetime:
        clock, signal = AcceleratedClock(NOON), Signal()
        signal.set()
        with clock.join() as part:
            await part.wait(signal, NOON + HOUR)
        return clock.now()

    assert asyncio.run(run()) == NOON


def test_a_factor_limits_how_fast_time_goes() -> None:
    async def run() -> timedelta:
        clock = AcceleratedClock(NOON, factor=1000)
        with clock.join() as part:
            await part.wait(until=NOON + timedelta(seconds=20))
        return clock.now() - NOON

    assert asyncio.run(run()) >= timedelta(seconds=20)


def test_real_time_waits_for_a_signal_or_an_instant() -> None:
    async def run() -> None:
        clock, signal = SystemClock(), Signal()
        with clock.join() as part:
            await part.wait(until=clock.now() + timedelta(milliseconds=5))
            asyncio.get_running_loop().call_soon(signal.set)
            await part.wait(signal, clock.now() + HOUR)
            assert not signal.is_set

    asyncio.run(asyncio.wait_for(run(), 10))
