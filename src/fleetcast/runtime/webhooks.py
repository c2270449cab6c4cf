"""Tells webhooks what happens: journal → deliveries → signed posts, tried again until they are taken.

Everything is in the database before it is posted, so each message arrives at least once, whoever dies meanwhile; those
of one webhook in the order of the journal. Several workers share the work. This goes by real time: receivers are real.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Final

import structlog

from fleetcast.access import webhook_signature
from fleetcast.clock import Clock, SystemClock, WorkingClock, pause, pause_for
from fleetcast.errors import Damaged, NotFound, Unavailable
from fleetcast.instants import from_datetime
from fleetcast.runtime.health import Health
from fleetcast.runtime.key_source import KeySource
from fleetcast.runtime.webhook_post import Answer, Poster
from fleetcast.store import webhooks
from fleetcast.store.database import Database
from fleetcast.store.webhooks import Delivery, Failure

MOST_UNDER_WAY: Final = 64
LOOK_S: Final = 1.0
GONE: Final = 410
_SETTLE_S: Final = 2.0

_log = structlog.get_logger("fleetcast.webhooks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long deliveries are tried."""

    within_s: float = 10.0
    """An attempt takes no longer."""
    first_s: float = 1.0
    longest_s: float = 3600.0
    """Pause after the first failure, and at most; each is twice the one before, less up to a half by chance."""
    attempts: int = 24
    """Then one is given up (after about half a day), and the next is tried."""
    switch_off_after_s: float = 3 * 86_400.0
    """A webhook that took nothing for so long is switched off."""
    claim_s: float = 30.0
    """What a dead worker was at is tried again after this."""


PATIENCE: Final = Patience()


class Webhooks:
    """The webhooks, as one worker serves them."""

    def __init__(
        self,
        database: Database,
        clock: WorkingClock,
        keys: KeySource,
        health: Health,
        chance: random.Random,
        patience: Patience,
        *,
        private_addresses: bool = False,
        wall: Clock | None = None,
    ) -> None:
        """`clock`: the fleet's, for the journal. `chance` spreads attempts. `wall`: real time, for timestamps."""
        self._database = database
        self._clock = clock
        self._wall = wall or SystemClock()
        self._keys = keys
        self._health = health
        self._chance = chance
        self._patience = patience
        self._private_addresses = private_addresses
        self._tasks: set[asyncio.Task[None]] = set()
        self.news = asyncio.Event()
        """The journal has grown, or an attempt is over."""

    async def run(self, worker_id: int) -> None:
        """Follow the journal and post, for ever. Raises Unavailable."""
        pulse = self._health.part("webhooks")
        poster = Poster(private_addresses=self._private_addresses, within_s=self._patience.within_s)
        try:
            while True:
                self.news.clear()
                with pulse.at_work():
                    more = await asyncio.to_thread(self._follow)
                    claimed = await asyncio.to_thread(self._claim, worker_id)
                for each in claimed:
                    task = asyncio.create_task(self._deliver(poster, worker_id, each))
                    self._tasks.add(task)
                    task.add_done_callback(self._over)
                if not (more or claimed):
                    await pause_for(self.news, LOOK_S)
        finally:
            if self._tasks:
                # What is nearly over is settled: it need not be posted a second time.
                await asyncio.wait(self._tasks, timeout=_SETTLE_S)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await poster.close()

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.news.set()

    async def _deliver(self, poster: Poster, worker_id: int, delivery: Delivery) -> None:
        try:
            answer = await self._attempt(poster, delivery)
            if answer.error:
                await asyncio.to_thread(self._failed, worker_id, delivery, answer)
            else:
                await asyncio.to_thread(self._taken, worker_id, delivery, answer)
        except Unavailable as error:
            # What came of it can't be written down: it is posted again once the claim is over.
            _log.warning("webhook.not_settled", webhook=delivery.webhook_id, delivery=delivery.id, why=str(error))
            await pause(LOOK_S)

    async def _attempt(self, poster: Poster, delivery: Delivery) -> Answer:
        try:
            secret = await asyncio.to_thread(self._keys.webhook_secret, delivery.webhook_id)
        except (NotFound, Damaged) as error:
            return Answer(None, str(error))
        body, now_s = delivery.body.encode(), from_datetime(self._wall.now()) // 1000
        return await poster.post(
            delivery.url, body, webhook_signature.headers(secret, delivery.message_id, now_s, body)
        )

    # In threads

    def _follow(self) -> int:
        with self._database.read() as connection:
            if not webhooks.behind(connection):
                return 0
        with self._database.write() as connection:
            return webhooks.follow(connection)

    def _claim(self, worker_id: int) -> list[Delivery]:
        room = MOST_UNDER_WAY - len(self._tasks)
        if room <= 0:
            return []
        with self._database.read() as connection:
            if not webhooks.any_due(connection):
                return []
        lease_ms = round((self._patience.within_s + self._patience.claim_s) * 1000)
        with self._database.write() as connection:
            return webhooks.claim(connection, worker_id, lease_ms, room)

    def _taken(self, worker_id: int, delivery: Delivery, answer: Answer) -> None:
        with self._database.write() as connection:
            webhooks.taken(connection, worker_id, delivery, answer.status or 0)

    def _failed(self, worker_id: int, delivery: Delivery, answer: Answer) -> None:
        tried = delivery.attempts + 1
        failure = Failure(answer.status, answer.error, self._pause_ms(tried, answer), tried >= self._patience.attempts)
        with self._database.write() as connection:
            failing_ms = webhooks.failed(connection, worker_id, delivery, failure)
            if answer.status == GONE:
                why = "its receiver says that it is gone for good (410)"
            elif failing_ms >= self._patience.switch_off_after_s * 1000:
                why = f"nothing was taken for {failing_ms / 3_600_000:.1f} h, last: {answer.error}"
            else:
                return
            webhooks.switch_off(connection, delivery, why, from_datetime(self._clock.now()))
        _log.warning("webhook.switched_off", webhook=delivery.webhook_id, why=why)

    def _pause_ms(self, tried: int, answer: Answer) -> int:
        longest_s = self._patience.longest_s
        pause_s = min(self._patience.first_s * 2.0 ** min(tried - 1, 40), longest_s) * self._chance.uniform(0.5, 1.0)
        return round(1000 * max(pause_s, min(answer.again_in_s or 0.0, longest_s)))
