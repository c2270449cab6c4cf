"""Sends requests to ThingPark, no more than it wants, and knows whether it can be reached."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from fleetcast.clock import WorkingClock, pause, pause_for, steady_s
from fleetcast.connectors.port import Cause, LinkState, Throttled
from fleetcast.connectors.thingpark.requests import Downlink, Refused, query, refusal
from fleetcast.connectors.thingpark.settings import Options
from fleetcast.errors import Invalid
from fleetcast.instants import InstantMs, from_datetime

TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)
_BURST_S: Final = 4.0
"""What was not used of the rate for so long may be used at once."""
_LONGEST_WAIT_S: Final = 20.0
_FAILURES: Final = 3
"""In a row, until the link counts as lost."""
_IDLE_S: Final = 30.0
"""In real time: after so long without an answer it is asked for one, so that an outage shows when nothing is sent."""
_FIRST_PROBE_S: Final = 1.0
_LONGEST_PROBE_S: Final = 30.0
_HEADERS: Final = {"Content-Type": "application/x-www-form-urlencoded"}


class Limiter:
    """So many a second over a longer time, and some at once after a pause; by real time."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._most = max(1.0, per_second * _BURST_S)
        self._left = self._most
        self._at = steady_s()

    async def turn(self, longest_s: float) -> None:
        """Wait for one's turn; raises Refused where that would take too long."""
        now = steady_s()
        self._left = min(self._most, self._left + max(0.0, now - self._at) * self._per_second)
        self._at = max(self._at, now)
        wait_s = (1.0 - self._left) / self._per_second + self._at - now
        if wait_s > longest_s:
            detail = f"ThingPark is sent {self._per_second:g} requests a second at most"
            raise Refused(Cause.RATE_LIMITED, detail, retry_after_s=wait_s)
        self._left -= 1.0
        if wait_s > 0:
            await pause(wait_s)

    def rest(self, seconds: float) -> None:
        """Nothing is sent for a while."""
        self._left = min(self._left, 0.0)
        self._at = max(self._at, steady_s() + seconds)


@dataclass(frozen=True, slots=True)
class Taken:
    """A request was taken."""

    clock_ahead_s: float | None
    """By how much ThingPark's clock is ahead of ours; None: it didn't tell."""


class Sender:
    """The way out of one open connection."""

    def __init__(self, options: Options, clock: WorkingClock, tell: Callable[[LinkState | Throttled], None]) -> None:
        self._options = options
        self._clock = clock
        self._tell = tell
        self._limiter = Limiter(options.requests_per_second)
        self._client = httpx.AsyncClient(verify=options.tls, timeout=TIMEOUT, headers=_HEADERS)
        self._failures = 0
        self._lost = False
        self._answered_at_s = steady_s()
        self._news = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Let go."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._client.aclose()

    async def send(self, downlink: Downlink, *, limited: bool = True, longest_s: float = _LONGEST_WAIT_S) -> Taken:
        """Send one request; raises Refused, which says whether it was perhaps taken all the same."""
        if limited:
            await self._limiter.turn(longest_s)
        hold = self._clock.hold()
        try:
            now = from_datetime(self._clock.now())
            answer = await self._post(downlink, now)
        finally:
            hold.release()
        refused = refusal(answer.status_code, answer.headers, answer.text)
        if refused is not None and refused.cause is Cause.UNREACHABLE:
            raise self._failed(refused.detail, maybe_taken=refused.maybe_taken)
        self._reached()
        ahead_s = _ahead_s(answer.headers.get("date"), now)
        if refused is not None:
            if refused.cause is Cause.RATE_LIMITED and refused.retry_after_s is not None:
                self._limiter.rest(refused.retry_after_s)
                self._tell(Throttled(now + round(1000 * refused.retry_after_s)))
            refused.clock_ahead_s = ahead_s
            raise refused
        return Taken(ahead_s)

    async def _post(self, downlink: Downlink, now: InstantMs) -> httpx.Response:
        url = f"{self._options.downlink_url}?{query(downlink, self._options.as_id, self._options.as_key, now)}"
        try:
            return await self._client.post(url)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise self._failed(_said(error), maybe_taken=False) from None
        except httpx.TransportError as error:
            raise self._failed(_said(error), maybe_taken=True) from None

    def watch(self, probe: Callable[[], Downlink]) -> None:
        """From now on a link that is lost is told, and tried until it is back."""
        self._watching = asyncio.create_task(self._watch(probe))

    def _failed(self, why: str, *, maybe_taken: bool) -> Refused:
        self._failures += 1
        if self._failures >= _FAILURES and not self._lost and self._watching is not None:
            self._lost = True
            self._tell(LinkState(up=False, reason=why))
            self._news.set()
        return Refused(Cause.UNREACHABLE, why, maybe_taken=maybe_taken)

    def _reached(self) -> None:
        self._failures = 0
        self._answered_at_s = steady_s()
        if self._lost:
            self._lost = False
            self._tell(LinkState(up=True))

    async def _watch(self, probe: Callable[[], Downlink]) -> None:
        """Ask for an answer where there was none for long; oftener while it seems to be gone."""
        pause_s = _FIRST_PROBE_S
        while True:
            if self._failures:
                await pause(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PROBE_S)
            else:
                pause_s = _FIRST_PROBE_S
                self._news.clear()
                await pause_for(self._news, _IDLE_S)
                if steady_s() - self._answered_at_s < _IDLE_S:
                    continue
            try:
                await self.send(probe(), limited=False)
            except Refused:
                continue  # any answer is one: then it is not lost


def _ahead_s(date: str | None, now: InstantMs) -> float | None:
    """From an HTTP Date, which has whole seconds."""
    try:
        return None if date is None else (from_datetime(parsedate_to_datetime(date)) + 500 - now) / 1000
    except (ValueError, TypeError, Invalid):
        return None


def _said(error: httpx.TransportError) -> str:
    """Its kind and words; no address, since that has the token in it."""
    words = str(error)
    return f"{type(error).__name__}: {words}" if words and "://" not in words else type(error).__name__
